"""Scores of one metric and one matching method, cell by cell of a pair's grid of layers."""

import re
from collections.abc import Iterable

import pandas as pd

from universality.views.roles import Pair, beside

METHOD = "hungarian"
CORRELATION = "correlation_heldout"
HEADLINES = ("rsa", "svcca")  # the source's two measures
SIGNIFICANT = 0.05
# A geometry's value depends on the number of pairs: beside a cell stand only those of at least this
# share of its number.
COMPARABLE = 0.5

# Means over matched pairs or over features: they do not depend on how many there are. All other
# metrics compare the geometry of the kept pairs, of decoder rows or of activations.
_MEANS = re.compile(
    r"correlation_(fit|heldout(_q\d+)?)|(share|features_[ab])_above_[\d.]+|shared_fraction"
)
_GRID = ["kind", "model_a", "dictionary_a", "model_b", "dictionary_b", "method", "metric"]
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")


def is_geometry(metric: str) -> bool:
    """Return whether `metric` compares all matched features at once, not pair by pair."""
    return not _MEANS.fullmatch(metric)


def of_geometry(frame: pd.DataFrame) -> pd.Series:
    """Return which rows of a table are of a metric of geometry."""
    return pd.Series(map(is_geometry, frame["metric"]), index=frame.index, dtype=bool)


def geometries(scores: pd.DataFrame) -> list[str]:
    """Return the metrics of geometry that a study scored over all features, `ordered`."""
    shown = scores[(scores["protocol"] == "calibrated") & (scores["subspace"] == "all")]
    return ordered(shown.loc[of_geometry(shown), "metric"])


def ordered(metrics: Iterable[str]) -> list[str]:
    """Return metrics as they are shown: the correlation, the source's, others, of activations."""
    first = (CORRELATION, *HEADLINES)
    return sorted(set(metrics), key=lambda m: (m not in first, m.startswith("activation_"), m))


def headlines(metrics: list[str]) -> list[str]:
    """Return the metrics to tell of at length: the source's, else the first two there are."""
    return [metric for metric in metrics if metric in HEADLINES] or metrics[:2]


def default_method(frame: pd.DataFrame) -> str:
    """Return the matching method to show when only one is: hungarian, else the first by name."""
    methods = sorted(frame["method"].unique())
    return METHOD if METHOD in methods or not methods else methods[0]


def select(scores: pd.DataFrame, metric: str, method: str | None = None) -> pd.DataFrame:
    """Return the calibrated rows of `metric` over all features, of one method or of each.

    Correlations and shares are shown of all matched pairs, because a filter on the correlation
    would lift floors with it; geometry of the kept pairs. Where a study scored only under the
    other filter, that one is shown.
    """
    chosen = scores[
        (scores["metric"] == metric)
        & (scores["protocol"] == "calibrated")
        & (scores["subspace"] == "all")
    ]
    if method is not None:
        chosen = chosen[chosen["method"] == method]
    preferred = "kept" if is_geometry(metric) else "none"
    if (chosen["filter"] == preferred).any():
        chosen = chosen[chosen["filter"] == preferred]
    return chosen


def categories(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of categories, of the method to show, with a column `q`.

    q is p after Benjamini and Hochberg over the categories and the cells of one grid: `q_bh` is
    over the cells of one category, and there are many categories.
    """
    rows = scores[(scores["protocol"] == "calibrated") & (scores["subspace"] != "all")]
    rows = rows[rows["method"] == default_method(rows)]
    return rows.assign(q=rows.groupby(_GRID)["p"].transform(_benjamini_hochberg))


def _benjamini_hochberg(p: pd.Series) -> pd.Series:
    """Return q_(i) = min over j >= i of p_(j) c / j; missing p stay so and do not count."""
    falling = p.dropna().sort_values(ascending=False)
    places = pd.Series(range(len(falling), 0, -1), index=falling.index)
    return (falling * len(falling) / places).cummin().reindex(p.index)


def shown_pairs(selected: pd.DataFrame) -> str:
    """Return which matched pairs the rows of `select` scored: `all pairs` or `kept pairs`."""
    return "kept pairs" if (selected["filter"] == "kept").all() else "all pairs"


def span(counts: pd.Series) -> str:
    """Return the range of `counts` as text: `812`, or `640 to 812`."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def reasons(refused: pd.DataFrame) -> pd.Series:
    """Return the reason of each refused score; those that differ in numbers only become one.

    A number in which they differ becomes `…`.
    """
    given = refused["reason"]
    parts = given.map(_NUMBER.split)
    templates = parts.map(lambda words: tuple(words[::2]))

    def merged(alike: pd.Series) -> str:
        columns = zip(*alike, strict=True)
        return "".join(words[0] if len(set(words)) == 1 else "…" for words in columns)

    return templates.map(parts.groupby(templates).agg(merged))


def cells(
    scores: pd.DataFrame, pair: Pair, metric: str, method: str, column: str = "value"
) -> pd.DataFrame:
    """Return one row for each cross cell of `pair`, sorted by layers.

    Beside the columns of `scores` it has one column for each role that `beside` finds, with the
    `column` of that role at the same layers: a ceiling depends on its own model's layer only.
    Where a role has several comparisons at a cell, their mean stands; where none, NaN. Geometries
    of too few pairs to be compared (`incomparable`) are left out.
    """
    rows = beside(select(scores, metric, method), pair)
    cross = rows[rows["role"] == "cross"].sort_values(["layer_a", "layer_b"], ignore_index=True)
    rows = rows.drop(incomparable(rows).index)
    for role in sorted(set(rows["role"]) - {"cross"}):
        on = {"ceiling a": ["layer_a"], "ceiling b": ["layer_b"]}.get(role, ["layer_a", "layer_b"])
        means = rows[rows["role"] == role].groupby(on, as_index=False)[column].mean()
        cross = cross.merge(means.rename(columns={column: role}), on=on, how="left")
    return cross


def incomparable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of ceilings and floors, of the `rows` of `beside`, on too few pairs.

    A filter leaves few pairs where little corresponds, and what few pairs score must not be read
    beside what many do. Correlations and shares are means and do not depend on the number of pairs.
    """
    usual = rows.loc[rows["role"] == "cross", "n"].median()
    few = (rows["role"] != "cross") & (rows["n"] < COMPARABLE * usual) & rows["value"].notna()
    return rows[few & ~rows["metric"].str.fullmatch(_MEANS.pattern)]
