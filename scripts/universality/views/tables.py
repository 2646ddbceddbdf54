"""The tables of a study: which columns they have, in which order, and what may stand in them.

Everything people look at is made from these tables alone. A table is long and tidy, one row
per fact. It is written twice with the same columns and rows: parquet (typed) and csv (a missing
value is an empty field; a float is the shortest decimal that reads back as the same float64).
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from universality.errors import StudyError
from universality.files import replacing

# Scores are computed in floating point: a correlation of 1 + 1e-12 is a 1.
TOLERANCE = 1e-9


class ColumnSpec(NamedTuple):
    """What may stand in a column; `low` and `high` are inclusive, `choices` are the only words."""

    dtype: Literal["str", "int", "float", "bool"]
    low: float | None
    high: float | None
    nullable: bool
    description: str
    choices: tuple[str, ...] = ()

    @property
    def pandas_dtype(self) -> Any:
        """The dtype of the column in a frame; only a nullable integer needs pandas' own."""
        if self.dtype == "int":
            return "Int64" if self.nullable else "int64"
        return {"str": "str", "float": "float64", "bool": "bool"}[self.dtype]


def _text(description: str, *choices: str, nullable: bool = False) -> ColumnSpec:
    return ColumnSpec("str", None, None, nullable, description, choices)


def _count(description: str, low: int = 0, nullable: bool = False) -> ColumnSpec:
    return ColumnSpec("int", low, None, nullable, description)


def _share(description: str, nullable: bool = False) -> ColumnSpec:
    return ColumnSpec("float", 0, 1, nullable, description)


def _correlation(description: str, nullable: bool = False) -> ColumnSpec:
    return ColumnSpec("float", -1, 1, nullable, description)


def _number(description: str) -> ColumnSpec:
    return ColumnSpec("float", None, None, True, description)


_COMPARISON = {
    "comparison": _text("subject a and subject b, `--permuted` added when rows are permuted"),
    "kind": _text("what is compared", "cross", "ceiling", "floor"),
    "model_a": _text("model of subject a"),
    "layer_a": _count("block of subject a, from 0"),
    "dictionary_a": _text("dictionary of subject a"),
    "model_b": _text("model of subject b"),
    "layer_b": _count("block of subject b, from 0"),
    "dictionary_b": _text("dictionary of subject b"),
}

# How the scores are drawn that a score is compared with; see similarity/nulls.py.
NULLS = (
    "permuted",
    "random_vectors",
    "rotated",
    "random_features",
    "random_pairs",
    "rematched",
)


def _null(what: str) -> dict[str, ColumnSpec]:
    return {
        "null_mean": _correlation(f"mean of {what} under the null", nullable=True),
        "null_sd": ColumnSpec("float", 0, None, True, "standard deviation of the same"),
        "null_quantile": _correlation("95 % quantile of the same", nullable=True),
        "m": _count("number of draws of the null", low=1, nullable=True),
        "p": _share("share of draws that reach the value", nullable=True),
    }


COLUMNS: dict[str, dict[str, ColumnSpec]] = {
    "saes": {
        "model": _text("model"),
        "layer": _count("block, from 0"),
        "dictionary": _text("dictionary"),
        "d_in": _count("width of the residual stream", low=1),
        "d_sae": _count("number of features", low=1),
        "l0": ColumnSpec("float", 0, None, False, "mean number of features that fire on a token"),
        "fvu": ColumnSpec("float", 0, None, False, "fraction of variance unexplained, held-out"),
        "alive": _share("share of the features that fire on at least one held-out token"),
        "tokens": _count("tokens that the quality is measured on"),
        "rows_dropped": _count("tokens dropped: special positions and massive norms"),
        "passed": ColumnSpec("bool", None, None, False, "whether fvu is within the study's gate"),
    },
    "matches": {
        **_COMPARISON,
        "method": _text("matching method"),
        "a": _count("feature of subject a"),
        "b": _count("feature of subject b"),
        "correlation_fit": _correlation("Pearson r over the tokens of the match split"),
        "correlation_heldout": _correlation("the same over the held-out split", nullable=True),
        "kept": ColumnSpec("bool", None, None, False, "whether the pair passes every filter"),
    },
    "scores": {
        **_COMPARISON,
        "protocol": _text("how the metric is computed", "calibrated", "published"),
        "method": _text("matching method"),
        "filter": _text(
            "which matched pairs are scored: all, the kept ones, those of the published filters",
            "none",
            "kept",
            "published",
        ),
        "subspace": _text("`all` or a category of features"),
        "metric": _text("similarity of the paired matrices"),
        "n": _count("number of scored pairs"),
        "k_a": _count("components kept of side a", low=1, nullable=True),
        "k_b": _count("components kept of side b", low=1, nullable=True),
        "value": _correlation("the score; missing when refused", nullable=True),
        **_null("the score"),
        "p_maxt": _share("the same against the maximum over the grid", nullable=True),
        "q_bh": _share("p after Benjamini-Hochberg over the grid", nullable=True),
        "effect": ColumnSpec(
            "float", None, 1, True, "calibrated effect size (s - tau) / (s_max - tau)"
        ),
        "ci_low": _correlation("lower end of the 95 % interval, see `intervals`", nullable=True),
        "ci_high": _correlation("upper end of the same", nullable=True),
        "reason": _text("why a value, or its null, is missing", nullable=True),
        "null": _text("how the null is drawn; missing where there is none", *NULLS, nullable=True),
    },
    "nulls": {
        **_COMPARISON,
        "method": _text("matching method"),
        "subspace": _text("`all` or a category of features"),
        "metric": _text("similarity of the paired matrices"),
        "null": _text("how the null is drawn", *NULLS),
        "n": _count("number of scored pairs"),
        "value": _correlation("the score; missing when refused", nullable=True),
        **_null("the score"),
        "reason": _text("why a value, or its null, is missing", nullable=True),
    },
    "intervals": {
        **_COMPARISON,
        "method": _text("matching method"),
        "filter": _text("which matched pairs are scored", "none", "kept"),
        "metric": _text("similarity of the paired matrices"),
        "resampled": _text(
            "drawn anew: documents, with the matching as it is or made again; pairs",
            "documents",
            "documents_refit",
            "pairs",
        ),
        "draws": _count("number of draws"),
        "low": _correlation("lower end of the 95 % interval", nullable=True),
        "high": _correlation("upper end of the 95 % interval", nullable=True),
        "reason": _text("why there is no interval", nullable=True),
    },
    "sensitivity": {
        **_COMPARISON,
        "method": _text("matching method"),
        "filter": _text(
            "the one filter applied", "none", "min_correlation", "junk_labels", "shared_label"
        ),
        "threshold": _correlation("of min_correlation", nullable=True),
        "metric": _text("similarity of the paired matrices"),
        "n": _count("number of pairs that survive"),
        "share": _share("share of the matched pairs that survive", nullable=True),
        "value": _correlation("the score; missing when refused", nullable=True),
        "null_mean": _correlation("mean of the score under random pairing", nullable=True),
        "null_quantile": _correlation("95 % quantile of the same", nullable=True),
        "m": _count("number of permutations", low=1, nullable=True),
        "reason": _text("why a value, or its null, is missing", nullable=True),
    },
    "published_vs_calibrated": {
        **_COMPARISON,
        "step": _count("0: as published; each step corrects one choice more"),
        "correction": _text("what this step corrects"),
        "metric": _text("similarity of the paired decoder rows"),
        "n": _count("number of scored pairs"),
        "k": _count("components kept of each side", low=1, nullable=True),
        "value": _correlation("the score; missing when refused", nullable=True),
        "null_mean": _correlation("mean of the score under random pairing", nullable=True),
        "m": _count("number of permutations", low=1, nullable=True),
        "p": _share("p of this step; as published it can be 0", nullable=True),
        "reason": _text("why a value is missing", nullable=True),
    },
    "positions": {
        **_COMPARISON,
        "method": _text("matching method"),
        "metric": _text("similarity of the paired matrices"),
        "filter": _text("which matched pairs are scored", "none", "kept"),
        "value": _correlation("the score; missing when refused", nullable=True),
        "floor": _correlation("the score of the floor at the same layers", nullable=True),
        "floor_of": _text(
            "what the floor is", "re-initialised model", "permuted rows", "null", nullable=True
        ),
        "ceiling": _correlation("mean score of the ceilings at the same layers", nullable=True),
        "position": _number("(value - floor) / (ceiling - floor)"),
        "low": _number("lower end of its 95 % interval"),
        "high": _number("upper end of its 95 % interval"),
        "reason": _text("why a position, or its interval, is missing", nullable=True),
    },
    "source_nulls": {
        "experiment": _text("a stored table of the source"),
        "rows": _count("rows with a null mean and a number of pairs"),
        "n_low": _count("fewest pairs of a row", nullable=True),
        "n_high": _count("most pairs of a row", nullable=True),
        "ratio": _number("mean over rows of stored null mean over sqrt(2 / (pi n)), n pairs"),
        "ratio_low": _number("lower end of its 95 % interval over rows"),
        "ratio_high": _number("upper end of the same"),
        "ratio_exact": _number("as ratio, with the mean that holds exactly for normal values"),
        "p_zero": _share("share of rows whose stored p is 0", nullable=True),
        "reason": _text("why there is no ratio", nullable=True),
    },
    "alignments": {
        "model_a": _text("first model"),
        "model_b": _text("second model"),
        "documents": _count("documents read by both"),
        "tokens_a": _count("tokens of the first model"),
        "tokens_b": _count("tokens of the second model"),
        "aligned": _count("positions at which both have read the same text"),
        "share_a": _share("aligned / tokens_a"),
        "share_b": _share("aligned / tokens_b"),
        "train": _count("aligned positions in the train split"),
        "match": _count("aligned positions in the match split"),
        "heldout": _count("aligned positions in the held-out split"),
    },
    "models": {
        "model": _text("model"),
        "source": _text("where it comes from, pinned"),
        "license": _text("its licence; missing when the source states none", nullable=True),
        "architecture": _text("transformers class"),
        "layers": _count("number of blocks", low=1),
        "d_model": _count("width of the residual stream", low=1),
        "vocabulary": _count("number of tokens in the vocabulary", low=1),
        "parameters": _count("number of parameters", low=1),
    },
}

# What names a row: rows are sorted by it, and no two rows share it.
KEYS: dict[str, list[str]] = {
    "saes": ["model", "layer", "dictionary"],
    "matches": ["comparison", "method", "a", "b"],
    "scores": ["comparison", "protocol", "method", "filter", "subspace", "metric"],
    "nulls": ["comparison", "method", "subspace", "metric", "null"],
    "intervals": ["comparison", "method", "filter", "metric", "resampled"],
    "sensitivity": ["comparison", "method", "filter", "threshold", "metric"],
    "published_vs_calibrated": ["comparison", "step", "metric"],
    "positions": ["comparison", "method", "metric", "filter"],
    "source_nulls": ["experiment"],
    "alignments": ["model_a", "model_b"],
    "models": ["model"],
}


def empty(table: str) -> pd.DataFrame:
    """Return `table` with no rows: every column, in order, with its dtype."""
    columns = _columns(table)
    return pd.DataFrame({c: pd.Series(dtype=s.pandas_dtype) for c, s in columns.items()})


def validate(frame: pd.DataFrame, table: str) -> None:
    """Check every column and value of `frame` against `COLUMNS[table]`.

    Raises:
        StudyError: a column is missing, unexpected or out of order; a value is of another type,
            missing, or out of range; two rows have one key; a missing score gives no reason.
    """
    _typed(frame, table)


def write(frame: pd.DataFrame, table: str, stem: Path) -> None:
    """Validate `frame` and write `<stem>.parquet` and `<stem>.csv`, rows sorted by key.

    The bytes are a function of the set of rows (and of the pyarrow release, for parquet).

    Raises:
        StudyError: as `validate`.
    """
    ordered = _typed(frame, table).sort_values(KEYS[table], kind="stable", ignore_index=True)
    with replacing(stem.with_name(stem.name + ".parquet")) as path:
        ordered.to_parquet(path, index=False)
    with replacing(stem.with_name(stem.name + ".csv")) as path:
        ordered.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def read(path: Path, table: str) -> pd.DataFrame:
    """Read `table` from a `.parquet` or `.csv` file that `write` made; both give the same frame.

    Raises:
        StudyError: the suffix is another one, or as `validate`.
    """
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    elif path.suffix == ".csv":
        # As text: pandas' guesses would take a model named "NA" for a missing value.
        frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    else:
        raise StudyError(f"{path}: found suffix {path.suffix!r}, valid are '.parquet' and '.csv'")
    return _typed(frame, table)


def _columns(table: str) -> dict[str, ColumnSpec]:
    if table not in COLUMNS:
        raise StudyError(f"table {table!r} is unknown, valid are {sorted(COLUMNS)}")
    return COLUMNS[table]


def _typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return a valid `frame` with each column in its dtype."""
    columns = _columns(table)
    found = list(frame.columns)
    missing = [c for c in columns if c not in found]
    unexpected = [c for c in found if c not in columns]
    if missing or unexpected:
        raise StudyError(f"table {table}: missing columns {missing}, unexpected {unexpected}")
    if found != list(columns):
        raise StudyError(f"table {table}: columns are in the order {found}, not {list(columns)}")
    typed = pd.DataFrame(
        {
            column: _typed_column(
                frame[column].reset_index(drop=True), f"table {table}, column {column}", spec
            )
            for column, spec in columns.items()
        }
    )
    repeated = typed[typed.duplicated(KEYS[table])]
    if len(repeated):
        key = repeated[KEYS[table]].iloc[0].to_dict()
        raise StudyError(f"table {table}: more than one row has the key {key}")
    if "value" in columns and "reason" in columns:
        silent = typed[typed["value"].isna() & typed["reason"].isna()]
        if len(silent):
            key = silent[KEYS[table]].iloc[0].to_dict()
            raise StudyError(f"table {table}, column reason: missing where value is, at {key}")
    return typed


def _typed_column(values: pd.Series, where: str, spec: ColumnSpec) -> pd.Series:
    absent = values.isna() | (values == "")
    if not spec.nullable and absent.any():
        raise StudyError(f"{where}: a value is missing in {int(absent.sum())} rows")
    present = values[~absent]
    typed = present.map(lambda value: _parse(value, where, spec.dtype))
    if spec.dtype in ("int", "float"):
        typed = typed.astype(spec.pandas_dtype)
        low = -float("inf") if spec.low is None else spec.low
        high = float("inf") if spec.high is None else spec.high
        inside = typed.between(low - TOLERANCE, high + TOLERANCE) & np.isfinite(typed)
        outside = present[~inside]
        valid = f"between {low} and {high}"
    elif spec.choices:
        outside = present[~typed.isin(spec.choices)]
        valid = f"one of {list(spec.choices)}"
    else:
        outside = present.iloc[:0]
        valid = ""
    if len(outside):
        raise StudyError(f"{where}: found {outside.iloc[0]!r}, valid is {valid}")
    return typed.reindex(values.index).astype(spec.pandas_dtype)


def _parse(value: object, where: str, dtype: str) -> str | int | float | bool:
    text = str(value)
    try:
        if dtype == "str" and isinstance(value, str):
            return text
        if dtype == "float" and not isinstance(value, bool):
            return float(text)
        if dtype == "int" and not isinstance(value, bool) and float(text).is_integer():
            return int(float(text))
        if dtype == "bool" and text in ("True", "False"):
            return text == "True"
    except ValueError:
        pass
    raise StudyError(f"{where}: found {value!r}, valid is a value of type {dtype}")
