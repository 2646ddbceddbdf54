"""The page's sections on one pair, and how numbers and names are written."""

import html
import math
import re

import example_tables as example
import pandas as pd
import pytest

from universality.views import roles, sections, summary, tables, wording

PAIR = roles.Pair(example.A, "topk-s0", example.B, "topk-s0")
HOSTILE = "$c_1$ <b>|*`"


def _all(**changed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return example.everything() | changed


def _section(page: str, title: str) -> str:
    return page.split(f"### {title}\n")[1].split("\n#")[0]


def test_positions_stand_in_a_table() -> None:
    part = _section(summary.markdown(_all(), "s"), "Between floor and ceiling")
    assert "| layer a | layer b | Mean held-out correlation | RSA | SVCCA |" in part
    assert "| 14 | 8 | 0.84 (0.79 to 0.88) | 0.40 (0.28 to 0.51) | 0.42 (0.34 to 0.49) |" in part
    assert len(re.findall(r"^\| \d", part, re.MULTILINE)) == 9


def test_steps_and_comparisons_of_the_published_protocol_stand_in_tables() -> None:
    page = summary.markdown(_all(), "s")
    part = _section(page, "The published protocol, corrected step by step")
    assert "| 0 | as published | 0.500 | 9 of 9 | 6 of 6 | 0.300 | 9 of 9 | 6 of 6 |" in part
    # 0.22 + 0.01 i and 0.08 + 0.01 i over the cells 0 to 8.
    assert "| 3 | p never 0 | 0.260 | 8 of 9 | 6 of 6 | 0.120 | 8 of 9 | 6 of 6 |" in part
    assert "| cross 7 – 4 | 0.900 (0) | 0.220 (0.3) | 0.300 (0) | 0.080 (0.3) |" in part
    assert "| ceiling a 7 | 0.900 (0) | 0.530 (0.001) | 0.300 (0) | 0.290 (0.001) |" in part


def test_categories_stand_in_a_table() -> None:
    part = _section(summary.markdown(_all(), "s"), "Categories of features")
    assert "| category | pairs | RSA | SVCCA |" in part
    assert "| Time | 86 | 9 of 9, 0.150 | refused |" in part
    assert "| Biology | 29 | 0 of 9, 0.010 | refused |" in part
    assert "| Emotions | 7 | refused | refused |" in part


def test_nulls_and_intervals_stand_in_tables() -> None:
    page = summary.markdown(_all(), "s")
    part = _section(page, "Other nulls")
    row = "0.220 | 0.085 (9 of 9) | 0.086 (9 of 9) | 0.087 (9 of 9) | 0.150 (9 of 9)"
    assert f"| SVCCA | {row} |" in part
    assert (
        "| RSA | 0.080 | 0.000 (9 of 9) | 0.001 (9 of 9) | 0.080 (0 of 9) | 0.070 (0 of 9) |"
        in part
    )
    assert "| Mean held-out correlation | 0.450 | – | – | – | 0.030 (9 of 9) |" in part
    part = _section(page, "Intervals")
    assert "| Mean held-out correlation | 0.430 to 0.470 | 0.410 to 0.490 | – |" in part
    assert "| RSA | – | – | 0.060 to 0.100 |" in part


def test_the_numbers_of_the_source_stand_on_the_page() -> None:
    page = summary.markdown(_all(), "s")
    part = page.split("## The numbers that the source stored\n")[1].split("\n#")[0]
    assert "lies between 1.01 and 1.01 over 1 table." in part
    assert r"| pythia70m\_160m\_1to1 | 60 | 24 to 1500 | 1.01 (0.97 to 1.03) | 40% |  |" in part
    assert r"| ui\_hungarian | 0 | – | – | – | no null means are stored |" in part


def test_a_large_grid_shows_its_best_cells() -> None:
    layers = {example.A: tuple(range(8)), example.B: tuple(range(6))}
    made = {name: make(layers=layers) for name, make in example.DETAILS.items()}
    made |= {"scores": example.scores(layers=layers), "positions": example.positions(layers=layers)}
    page = summary.markdown(_all(**made), "large")
    part = _section(page, "Between floor and ceiling")
    rows = re.findall(r"^\| (\d+) \| (\d+) ", part, re.MULTILINE)
    assert len(rows) == sections.LONGEST
    assert rows[0] == ("7", "0")
    assert "the 24 highest of 48 cells" in part
    part = _section(page, "The published protocol, corrected step by step")
    assert len(re.findall(r"^\| cross ", part, re.MULTILINE)) == sections.LONGEST
    assert "the first 24 of 62" in part


def test_a_study_without_details_has_no_sections() -> None:
    nothing = {name: tables.empty(name) for name in tables.COLUMNS}
    assert sections.sections(nothing | {"scores": example.scores()}, PAIR) == []
    page = summary.markdown(_all(**{**nothing, "scores": example.scores()}), "s")
    assert "###" not in page
    assert "source stored" not in page


@pytest.mark.parametrize("kind", ["cross", "floor"])
def test_a_study_without_ceilings_or_cross_cells_has_a_page(kind: str) -> None:
    made = _all()
    made = {
        name: frame[frame["kind"] == kind] if "kind" in frame else frame
        for name, frame in made.items()
    }
    page = summary.markdown(made, "s")
    assert ("### The published" in page) == (kind == "cross")
    assert "ceilings" not in _section(page, "Other nulls") if kind == "cross" else True


def test_scores_that_are_all_missing_give_a_page() -> None:
    missing = {}
    for name, frame in _all().items():
        numbers = [c for c in ("value", "null_mean", "p", "q_bh", "low", "position") if c in frame]
        missing[name] = frame.assign(**dict.fromkeys(numbers, math.nan), reason="n = 0 pairs")
    missing |= {name: example.TABLES[name]() for name in ("saes", "alignments", "models")}
    page = summary.markdown(missing, "s")
    assert "refused in each of 9 cross cells" in page
    assert "nan" not in page


def test_hostile_categories_metrics_and_experiments_are_shown_literally() -> None:
    scores = pd.concat([example.scores(), example.subspaces({HOSTILE: 20})])
    scores["metric"] = scores["metric"].replace("rsa", HOSTILE)
    positions = _all()["positions"].replace({"rsa": HOSTILE})
    nulls = example.nulls().replace({"rsa": HOSTILE})
    source = example.source_nulls().assign(experiment=[HOSTILE, "x"])
    made = _all(scores=scores, positions=positions, nulls=nulls, source_nulls=source)
    page = summary.markdown(made, "s")
    escaped = wording.escape(HOSTILE)
    assert html.unescape(re.sub(r"\\(.)", r"\1", escaped)) == HOSTILE
    assert page.count(escaped) > 5
    assert HOSTILE not in page
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_wording() -> None:
    assert [wording.count(1, "cell"), wording.count(2, "cell")] == ["1 cell", "2 cells"]
    assert wording.listed([]) == ""
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.number(-0.0001) == "0.000"
    assert wording.number(None) == wording.number(math.nan) == "–"
    assert [wording.chance(0.0), wording.chance(1 / 1001), wording.chance(None)] == [
        "0",
        "0.001",
        "–",
    ]
    assert wording.ranged(0.5, 0.4, 0.6) == "0.50 (0.40 to 0.60)"
    assert wording.ranged(0.5, math.nan, math.nan) == "0.50"
    assert wording.ranged(math.nan, 0.4, 0.6) == "–"
    assert wording.reached(pd.Series([0.01, 0.05, 0.06, None]), 0.05, "cell") == "2 of 3 cells"
