"""The sentences and the page say what the tables say, and nothing else: scores, SAEs, gaps."""

import html
import re

import example_tables as example
import pandas as pd
import pytest

from universality.views import cells, roles, summary, tables

PAIR = roles.Pair(example.A, "topk-s0", example.B, "topk-s0")


def _with(**changed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the example's tables, those of details empty, with some changed."""
    made = {name: tables.empty(name) for name in tables.COLUMNS}
    names = {"scores", "saes", "alignments", "models"} - changed.keys()
    return made | {name: example.TABLES[name]() for name in names} | changed


def test_cells_put_ceilings_and_floors_of_the_same_layers_beside_the_cross() -> None:
    scores = example.scores()
    at_21 = (scores["kind"] == "ceiling") & (scores["layer_a"] == 21)
    scores.loc[at_21 & (scores["metric"] == "correlation_heldout"), "value"] = 0.6
    grid = cells.cells(scores, PAIR, "correlation_heldout", "hungarian")
    assert list(zip(grid["layer_a"], grid["layer_b"], strict=True)) == [
        (i, j) for i in (7, 14, 21) for j in (4, 8, 13)
    ]
    assert grid["ceiling a"].tolist() == [0.52] * 6 + [0.6] * 3
    assert grid["ceiling b"].tolist() == [0.55] * 9
    assert grid["permuted rows"].tolist() == [0.018] * 9
    assert grid["residual basis"].tolist() == [0.21] * 9
    random = grid.set_index(["layer_a", "layer_b"])["re-initialised model"].dropna()
    assert random.to_dict() == {(14, 8): 0.011}


def test_rows_that_name_the_models_the_other_way_round_are_turned() -> None:
    scores = example.scores()
    sides = {
        f"{c}_{s}": f"{c}_{t}" for c in ("model", "layer", "dictionary") for s, t in ("ab", "ba")
    }
    floor = scores["kind"] == "floor"
    turned = pd.concat([scores[~floor], scores[floor].rename(columns=sides)])
    for metric in ("correlation_heldout", "rsa"):
        pd.testing.assert_frame_equal(
            cells.cells(turned, PAIR, metric, "hungarian"),
            cells.cells(scores, PAIR, metric, "hungarian"),
        )


def test_cross_rows_of_the_turned_pair_stay_where_they_are() -> None:
    scores = example.scores()
    layers = {example.B: (4,), example.A: (7,)}
    other = example.scores(a=example.B, b=example.A, layers=layers)
    both = pd.concat([scores, other[other["kind"] == "cross"]])
    assert roles.cross_pairs(both) == [roles.Pair(example.B, "topk-s0", example.A, "topk-s0"), PAIR]
    pd.testing.assert_frame_equal(
        cells.cells(both, PAIR, "rsa", "hungarian"), cells.cells(scores, PAIR, "rsa", "hungarian")
    )


def test_cells_give_the_ends_of_the_intervals_beside_the_cross() -> None:
    grid = cells.cells(example.scores(), PAIR, "rsa", "hungarian", "ci_low")
    assert grid["ceiling a"].tolist() == [0.18] * 9
    assert grid["value"].tolist()[0] == 0.07


def test_published_rows_and_subspaces_do_not_enter() -> None:
    scores = example.scores()
    other = pd.concat(
        [
            scores,
            scores.assign(protocol="published", value=0.9),
            scores.assign(subspace="emotion", value=0.9),
            scores[scores["metric"] == "correlation_heldout"].assign(filter="kept", value=0.9),
        ]
    )
    answers = summary.answers(_with(scores=other))
    (of_categories,) = [a for a in answers if a.startswith("More alike")]
    assert "emotion at 9 of 9 cells" in of_categories
    assert [a for a in answers if a != of_categories] == summary.answers(_with())


def test_answers_give_the_means_beside_ceilings_floors_and_null() -> None:
    correlation, rsa, svcca, best = summary.answers(_with())
    mean = (
        sum(0.45 + 0.002 * (i - 14) - 0.001 * (j - 8) for i in (7, 14, 21) for j in (4, 8, 13)) / 9
    )
    assert f"{mean:.3f} over 9 cross cells" in correlation
    for part in (
        "ceiling of smollm2-135m 0.520",
        "ceiling of gemma3-270m 0.550",
        "floor of permuted rows 0.018",
        "floor of re-initialised model 0.011 (at 1 of these cells)",
        "floor of residual basis 0.210",
    ):
        assert part in correlation
    assert "null" not in correlation
    above = "above it 9 of 9 cells by q <= 0.05 and 9 by max-T p <= 0.05"
    assert f"null of random pairings 0.000, {above}" in rsa
    assert f"null of random pairings 0.085, {above}" in svcca
    assert "layer 21 of smollm2-135m and layer 4 of gemma3-270m, 0.468" in best


def test_answers_count_the_cells_that_are_significant() -> None:
    scores = example.scores()
    rsa = (scores["metric"] == "rsa") & (scores["kind"] == "cross") & (scores["layer_a"] == 7)
    scores.loc[rsa, "q_bh"] = 0.051
    scores.loc[rsa & (scores["layer_b"] == 4), "p_maxt"] = 0.051
    answer = summary.answers(_with(scores=scores))[1]
    assert "above it 6 of 9 cells by q <= 0.05 and 8 by max-T p <= 0.05" in answer


def test_without_ceilings_or_floors_none_is_claimed() -> None:
    scores = example.scores()
    scores = scores[scores["kind"] == "cross"]
    answers = " ".join(summary.answers(_with(scores=scores)))
    assert "ceiling" not in answers
    assert "floor" not in answers
    gaps = summary.unresolved(_with(scores=scores))
    for what in ("ceiling of smollm2-135m", "floor of permuted rows", "floor of residual basis"):
        assert any(gap.startswith(f"No {what} at 9 of 9 cross cells") for gap in gaps)


def test_refusals_are_listed_with_their_reasons() -> None:
    gaps = summary.unresolved(_with())
    assert f"Refused: SVCCA of 1 cross matching (mutual_nearest): {example.REFUSED}." in gaps


def test_reasons_that_differ_in_numbers_only_are_one() -> None:
    scores = example.scores()
    refused = (scores["metric"] == "rsa") & (scores["kind"] == "cross")
    scores.loc[refused, "value"] = float("nan")
    scores.loc[refused, "reason"] = [f"n = {i} is below 3" for i in range(refused.sum())]
    answers = summary.answers(_with(scores=scores))
    assert answers[1].endswith("refused in each of 9 cross cells.")
    assert any(
        gap.startswith("Refused: RSA of 45 cross matchings") and gap.endswith("n = … is below 3.")
        for gap in summary.unresolved(_with(scores=scores))
    )


def test_too_few_permutations_are_said() -> None:
    scores = example.scores()
    scores["m"] = scores["m"].where(scores["m"].isna(), 100)
    gaps = summary.unresolved(_with(scores=scores))
    assert any("100 permutations cannot resolve p over 9 cells; 180 would." in gap for gap in gaps)


def test_an_sae_that_fails_the_gate_is_named() -> None:
    saes = example.saes()
    saes.loc[3, "passed"] = False
    gaps = summary.unresolved(_with(saes=saes))
    assert any("SAE topk-s1 of smollm2-135m, layer 14, fails" in gap for gap in gaps)


def test_page_holds_each_cell_sae_alignment_and_licence() -> None:
    page = summary.markdown(_with(), "a study")
    assert page.startswith("# a study\n")
    row = "| 14 | 8 | 700 | 0.450 | 0.520 | 0.550 | 0.018 | 0.011 | 0.210 |"
    assert f"{row} 0.080 (0.000; 0.001) | 0.220 (0.085; 0.001) |" in page
    assert "| 7 | 4 | 700 | 0.440 | 0.520 | 0.550 | 0.018 | – | 0.210 |" in page
    assert "| gemma3-270m | 8 | topk-s1 | 1024 | 0.088 | 32.0 | 99.8% | yes |" in page
    assert "| 96.7% | 98.0% | 29400 |" in page
    assert "| Gemma Terms of Use |" in page
    assert "| not stated |" in page


def test_a_large_grid_shows_its_best_cells() -> None:
    layers = {example.A: tuple(range(8)), example.B: tuple(range(6))}
    page = summary.markdown(_with(scores=example.scores(layers=layers)), "large")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| 700 \|", page, re.MULTILINE)
    assert len(rows) == summary.LONGEST
    assert rows[0] == ("7", "0")
    assert "the 24 highest of 48 cells" in page


@pytest.mark.parametrize(
    "name", ["$x_1$", "<b>bold</b>", "a|b", "*s*", "`c`", "[l](u)", "two\nlines"]
)
def test_hostile_names_are_shown_literally(name: str) -> None:
    layers = {name: (1,), example.B: (4,)}
    models = example.models().replace({example.A: name})
    page = summary.markdown(
        _with(scores=example.scores(a=name, layers=layers), models=models), name
    )
    shown = " ".join(name.split())
    escaped = re.search(r"^# (.*)$", page, re.MULTILINE).group(1)
    assert html.unescape(re.sub(r"\\(.)", r"\1", escaped)) == shown
    assert f"\n| {escaped} |" in page
    assert shown == escaped or shown not in page
    columns = {line.count(" | ") for line in page.splitlines() if line.startswith("| 1 | 4")}
    assert columns == {10}


def test_empty_tables_give_a_page() -> None:
    nothing = {table: tables.empty(table) for table in tables.COLUMNS}
    page = summary.markdown(nothing, "empty")
    assert "- The study has no cross comparison." in page
    assert "- Everything: the study has no scores." in page


def test_a_geometry_of_few_pairs_is_not_read_beside_one_of_many() -> None:
    made = _with()
    scores = made["scores"]
    random = scores["model_a"].str.endswith("-random") & (scores["metric"] == "rsa")
    scores.loc[random, ["n", "value"]] = 21, 0.23
    answer = next(a for a in summary.answers(made) if a.startswith("RSA"))
    assert "re-initialised" not in answer
    said = [s for s in summary.unresolved(made) if s.startswith("RSA of the re-initialised")]
    assert "on 21 kept pairs: too few to be read beside the 7" in said[0]
    correlation = next(a for a in summary.answers(made) if a.startswith("Mean held-out"))
    assert "floor of re-initialised model 0.011" in correlation
