"""The contract of the tables: what may stand in them, and that files give back what was written."""

import example_tables as example
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.errors import StudyError
from universality.views import tables

NAMES = list(tables.COLUMNS)


def test_columns_are_those_of_the_design() -> None:
    saes = "model layer dictionary d_in d_sae l0 fvu alive tokens rows_dropped passed"
    comparison = "comparison kind model_a layer_a dictionary_a model_b layer_b dictionary_b"
    scores = (
        "protocol method filter subspace metric n k_a k_b value null_mean null_sd null_quantile m"
        " p p_maxt q_bh effect ci_low ci_high reason null"
    )
    matches = "method a b correlation_fit correlation_heldout kept"
    assert list(tables.COLUMNS["saes"]) == saes.split()
    assert list(tables.COLUMNS["scores"]) == f"{comparison} {scores}".split()
    assert list(tables.COLUMNS["matches"]) == f"{comparison} {matches}".split()


@pytest.mark.parametrize("table", NAMES)
def test_example_and_empty_tables_are_valid(table: str) -> None:
    tables.validate(example.TABLES[table](), table)
    tables.validate(tables.empty(table), table)
    assert list(tables.empty(table).columns) == list(tables.COLUMNS[table])


@pytest.mark.parametrize("table", NAMES)
def test_both_files_give_back_the_table(table: str, tmp_path) -> None:
    frame = example.TABLES[table]()
    tables.write(frame, table, tmp_path / table)
    parquet = tables.read(tmp_path / f"{table}.parquet", table)
    csv = tables.read(tmp_path / f"{table}.csv", table)
    pd.testing.assert_frame_equal(parquet, csv)
    keys = tables.KEYS[table]
    expected = frame.sort_values(keys, ignore_index=True).astype(csv.dtypes)
    pd.testing.assert_frame_equal(csv, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{table}.csv", f"{table}.parquet"]


@pytest.mark.parametrize("table", NAMES)
def test_an_empty_table_keeps_its_dtypes(table: str, tmp_path) -> None:
    tables.write(tables.empty(table), table, tmp_path / table)
    for suffix in ("parquet", "csv"):
        read = tables.read(tmp_path / f"{table}.{suffix}", table)
        pd.testing.assert_frame_equal(read, tables.empty(table))


def test_bytes_do_not_depend_on_the_order_of_rows(tmp_path) -> None:
    frame = example.scores()
    tables.write(frame, "scores", tmp_path / "a")
    tables.write(frame.sample(frac=1, random_state=1), "scores", tmp_path / "b")
    for suffix in ("parquet", "csv"):
        a, b = ((tmp_path / f"{stem}.{suffix}").read_bytes() for stem in "ab")
        assert a == b


@settings(max_examples=40, deadline=None)
@given(value=st.floats(-1, 1), model=st.text(st.characters(exclude_categories=("C",)), min_size=1))
def test_csv_gives_back_every_float_and_name(value: float, model: str, tmp_path_factory) -> None:
    stem = tmp_path_factory.mktemp("csv") / "scores"
    frame = example.scores().head(1).assign(value=value, model_a=model)
    tables.write(frame, "scores", stem)
    read = tables.read(stem.with_suffix(".csv"), "scores")
    assert read["value"].item() == value
    assert read["model_a"].item() == model


def test_names_that_look_like_missing_values_survive(tmp_path) -> None:
    models = example.models().assign(model=["NA", "null", "nan"])
    tables.write(models, "models", tmp_path / "models")
    assert set(tables.read(tmp_path / "models.csv", "models")["model"]) == {"NA", "null", "nan"}


def test_numpy_values_none_and_empty_reasons_are_accepted(tmp_path) -> None:
    row = example.scores().iloc[[2]].astype(object)
    row = row.assign(layer_a=np.int32(7), p=np.float32(0.5), k_a=None, reason="")
    tables.write(row, "scores", tmp_path / "scores")
    read = tables.read(tmp_path / "scores.parquet", "scores").iloc[0]
    assert (read["layer_a"], read["p"]) == (7, 0.5)
    assert pd.isna(read["k_a"])
    assert pd.isna(read["reason"])


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("scores", "p", 1.5, r"scores, column p: found 1.5, valid is between 0 and 1"),
        ("scores", "value", -1.01, r"column value: found -1.01, valid is between -1 and 1"),
        ("scores", "null_sd", float("inf"), r"column null_sd: found inf"),
        ("scores", "kind", "roof", r"column kind: found 'roof', valid is one of \['cross'"),
        ("scores", "protocol", "mine", r"column protocol: found 'mine'"),
        ("scores", "filter", "all", r"column filter: found 'all', valid is one of \['none'"),
        ("scores", "layer_a", 7.5, r"column layer_a: found 7.5, valid is a value of type int"),
        ("scores", "n", None, r"column n: a value is missing in 1 rows"),
        ("matches", "kept", 2, r"column kept: found 2, valid is a value of type bool"),
        ("matches", "method", "", r"column method: a value is missing"),
        ("saes", "alive", 1022, r"saes, column alive: found 1022, valid is between 0 and 1"),
        ("saes", "fvu", -0.1, r"column fvu: found -0.1, valid is between 0 and inf"),
        ("saes", "l0", "many", r"column l0: found 'many', valid is a value of type float"),
        ("models", "model", 3, r"column model: found 3, valid is a value of type str"),
        ("alignments", "share_a", True, r"column share_a: found True"),
    ],
)
def test_a_bad_value_is_named(table: str, column: str, value: object, message: str) -> None:
    frame = example.TABLES[table]().astype(object)
    frame.iloc[0, frame.columns.get_loc(column)] = value
    with pytest.raises(StudyError, match=message):
        tables.validate(frame, table)


def test_missing_unexpected_and_misplaced_columns_are_named() -> None:
    frame = example.models()
    with pytest.raises(
        StudyError, match=r"missing columns \['license'\], unexpected \['licence'\]"
    ):
        tables.validate(frame.rename(columns={"license": "licence"}), "models")
    with pytest.raises(StudyError, match="columns are in the order"):
        tables.validate(frame[frame.columns[::-1]], "models")
    with pytest.raises(StudyError, match=r"table 'other' is unknown, valid are \['alignments'"):
        tables.validate(frame, "other")


def test_a_repeated_key_is_an_error() -> None:
    models = pd.concat([example.models(), example.models().head(1)])
    with pytest.raises(StudyError, match=r"more than one row has the key .*smollm2-135m"):
        tables.validate(models, "models")


def test_a_missing_score_must_give_its_reason() -> None:
    scores = example.scores()
    scores.loc[scores["value"].isna(), "reason"] = None
    with pytest.raises(StudyError, match=r"column reason: missing where value is.*mutual_nearest"):
        tables.validate(scores, "scores")


def test_an_invalid_table_leaves_the_old_file(tmp_path) -> None:
    tables.write(example.models(), "models", tmp_path / "models")
    before = (tmp_path / "models.csv").read_bytes()
    with pytest.raises(StudyError, match="column layers"):
        tables.write(example.models().assign(layers=0), "models", tmp_path / "models")
    assert (tmp_path / "models.csv").read_bytes() == before


def test_another_suffix_is_an_error(tmp_path) -> None:
    with pytest.raises(StudyError, match=r"found suffix '.pkl', valid are '.parquet' and '.csv'"):
        tables.read(tmp_path / "models.pkl", "models")
