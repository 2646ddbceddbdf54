"""Two versions of a study's tables, cell by cell."""

import pandas as pd
import pytest

from universality.errors import StudyError
from universality.views import agreement, tables

ROW = {
    "model": "llama",
    "layer": "1",
    "dictionary": "topk",
    "d_in": "32",
    "d_sae": "96",
    "l0": "8.0",
    "fvu": "0.25",
    "alive": "0.5",
    "tokens": "5689",
    "rows_dropped": "360",
    "passed": "True",
}
ALLOWED = {"measured": 0.05, "p": 0.05, "counted": 0.1}


def saes(*changes: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame([ROW | change for change in changes])


def verdicts(found: pd.DataFrame, committed: pd.DataFrame | None = None) -> dict[str, int]:
    committed = saes({}) if committed is None else committed
    cells = agreement.compare(committed, found, "saes", ALLOWED)
    return dict(cells["verdict"].value_counts())


def test_the_same_tables_are_equal() -> None:
    assert verdicts(saes({})) == {"equal": len(ROW)}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"fvu": "0.29"}, "within"),
        ({"fvu": "0.31"}, "outside"),
        ({"l0": "8.3"}, "within"),  # above 1 the tolerance is relative
        ({"l0": "8.5"}, "outside"),
        ({"tokens": "5690"}, "outside"),
        ({"passed": "False"}, "outside"),
        ({"fvu": ""}, "outside"),
        ({"fvu": "nan"}, "outside"),
        ({"fvu": "0.250"}, "within"),
    ],
)
def test_one_cell(change: dict[str, str], verdict: str) -> None:
    assert verdicts(saes(change)) == {"equal": len(ROW) - 1, verdict: 1}


@pytest.mark.parametrize(
    ("column", "committed", "found", "verdict"),
    [
        ("p", "0.001", "0.05", "within"),
        ("p", "0.001", "0.06", "outside"),
        ("p_maxt", "0.08", "0.9", "within"),  # nothing was found, now and then
        ("q_bh", "0.01", "0.9", "outside"),
        ("n", "900", "980", "within"),
        ("n", "900", "1000", "outside"),
        ("m", "99", "100", "outside"),
    ],
)
def test_a_cell_of_the_scores(column: str, committed: str, found: str, verdict: str) -> None:
    row = dict.fromkeys(tables.COLUMNS["scores"], "x")
    old, new = (pd.DataFrame([row | {column: value}]) for value in (committed, found))
    cells = agreement.compare(old, new, "scores", ALLOWED).set_index("column")
    assert cells["verdict"][column] == verdict
    assert list(cells["verdict"]).count("equal") == len(row) - 1


def test_a_tolerance_of_zero_asks_for_the_same_text() -> None:
    exact = ALLOWED | {"measured": 0.0}
    cells = agreement.compare(saes({}), saes({"fvu": "0.250"}), "saes", exact)
    assert list(cells["verdict"]).count("outside") == 1


def test_rows_are_found_by_their_key() -> None:
    two = saes({}, {"layer": "2"})
    assert verdicts(two[::-1], two) == {"equal": 2 * len(ROW)}
    assert verdicts(saes({}), two) == {"equal": len(ROW), "missing row": 1}
    assert verdicts(two, saes({})) == {"equal": len(ROW), "extra row": 1}


def test_other_columns_are_refused() -> None:
    with pytest.raises(StudyError, match=r"table saes: the new one has the columns model"):
        agreement.compare(saes({}), saes({}).drop(columns="fvu"), "saes", ALLOWED)


def test_what_is_given_or_counted_before_training_must_be_equal() -> None:
    exact = {(t, c) for t in tables.COLUMNS for c in tables.COLUMNS[t] if not agreement.kind(t, c)}
    assert {("alignments", c) for c in tables.COLUMNS["alignments"]} <= exact
    assert {("saes", "tokens"), ("scores", "m"), ("scores", "reason"), ("matches", "a")} <= exact
    assert not {("saes", "fvu"), ("scores", "value"), ("scores", "n"), ("scores", "p")} & exact


def test_tolerances() -> None:
    assert agreement.tolerances({"p": 0.0}) == agreement.TOLERANCES | {"p": 0.0}
    with pytest.raises(StudyError, match=r"tolerance q=0.1: valid are .* measured, p, counted"):
        agreement.tolerances({"q": 0.1})
    with pytest.raises(StudyError, match=r"tolerance p=-1"):
        agreement.tolerances({"p": -1.0})


def test_the_summary_shows_the_first_cells_outside() -> None:
    changed = {"tokens": "1", "layer": "1", "rows_dropped": "2", "passed": "False"}
    cells = agreement.compare(saes({}), saes(changed), "saes", ALLOWED)
    assert not agreement.agree(cells)
    text = agreement.summary(cells, ALLOWED, 2)
    assert "saes, llama 1 topk: outside, tokens was '5689', is '1'" in text
    assert "... and 1 more\nThe tables do not agree." in text
    same = agreement.compare(saes({}), saes({}), "saes", ALLOWED)
    assert agreement.agree(same)
    assert agreement.summary(same, ALLOWED, 2).endswith("The tables agree.")
