"""The sentences on positions, other nulls, protocols and categories say what the tables say."""

import math

import example_tables as example
import pandas as pd
import pytest

from universality.views import cells, roles, tables
from universality.views.answers import answers, rank_correlation
from universality.views.gaps import unresolved

PAIR = roles.Pair(example.A, "topk-s0", example.B, "topk-s0")


def _all(**changed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return example.everything() | changed


def _said(said: list[str], start: str) -> str:
    (sentence,) = [sentence for sentence in said if sentence.startswith(start)]
    return sentence


def _shared(value: float = 0.6) -> pd.DataFrame:
    """Rows with the estimated share of counterparts."""
    scores = example.scores()
    rows = scores[(scores["metric"] == "correlation_heldout") & (scores["kind"] == "cross")]
    return rows.assign(metric="shared_fraction", value=value, ci_low=0.5, ci_high=0.66)


def test_there_are_at_most_eight_for_one_pair_and_the_first_names_it() -> None:
    scores = pd.concat([_all()["scores"], _shared(), _cka()])
    said = answers(_all(scores=scores))
    assert len(said) == 8
    assert str(PAIR) in said[0]
    assert not any(str(PAIR) in sentence for sentence in said[1:])


def test_where_there_are_several_pairs_each_sentence_names_its_own() -> None:
    layers = example.LAYERS | {"third": (2, 5)}
    other = {"a": example.B, "b": "third", "layers": layers}
    made = {
        name: pd.concat([make(), make(**other)], ignore_index=True)
        for name, make in (example.DETAILS | {"scores": example.scores}).items()
    }
    made["positions"] = example.places.positions(made["scores"])
    said = answers(_all(**made))
    pairs = [str(PAIR), "gemma3-270m (topk-s0) and third (topk-s0)"]
    told = [sentence for sentence in said if not sentence.startswith("Most alike")]
    assert [[pair in sentence for pair in pairs] for sentence in told] == (
        [[False, True]] * 4 + [[True, False]] * 4
    )


def _cka() -> pd.DataFrame:
    scores = example.scores()
    rows = scores[scores["metric"] == "rsa"].assign(metric="cka")
    return rows.assign(value=rows["value"] + 0.5, ci_low=rows["ci_low"] + 0.5, null_mean=0.01)


def test_positions_are_means_over_the_cells() -> None:
    places = _all()["positions"]
    these = places[(places["metric"] == "rsa") & (places["method"] == "hungarian")]
    position, low, high = (these[column].mean() for column in ("position", "low", "high"))
    said = _said(answers(_all()), "RSA")
    assert f"{position:.2f} ({low:.2f} to {high:.2f}) of the way from floor to ceiling" in said


def test_a_position_without_intervals_has_none_and_one_that_is_missing_is_not_told() -> None:
    places = _all()["positions"]
    some = places.copy()
    some.loc[(some["metric"] == "rsa") & (some["layer_a"] == 7), ["low", "high"]] = math.nan
    mean = places[(places["metric"] == "rsa") & (places["method"] == "hungarian")][
        "position"
    ].mean()
    assert f"; {mean:.2f} of the way" in _said(answers(_all(positions=some)), "RSA")
    none = tables.empty("positions")
    assert "of the way" not in " ".join(answers(_all(positions=none)))


def test_the_rematched_null_stands_beside_the_permuted_one() -> None:
    said = answers(_all())
    what = "null of matchings redone where nothing corresponds"
    assert f"{what} 0.030, above it 9 of 9 cells by p <= 0.05" in said[0]
    assert f"{what} 0.070, above it 0 of 9 cells by p <= 0.05" in _said(said, "RSA")
    assert f"{what} 0.150, above it 9 of 9 cells by p <= 0.05" in _said(said, "SVCCA")


def test_too_few_rematchings_for_a_p_are_told() -> None:
    nulls = example.nulls()
    nulls.loc[nulls["null"] == "rematched", "m"] = 18
    said = answers(_all(nulls=nulls))
    assert "corresponds 0.070 (18 are too few for p <= 0.05); ceiling" in _said(said, "RSA")


def test_significant_cells_before_and_after_are_compared() -> None:
    steps = example.published_vs_calibrated()
    svcca = steps["metric"] == "svcca"
    second = steps["comparison"] == steps["comparison"].unique()[1]
    steps.loc[svcca & second & (steps["step"] == 0), "p"] = 0.2
    said = _said(answers(_all(published_vs_calibrated=steps)), "As published")
    assert "by SVCCA 8 of 9 cells (p = 0 in 8)" in said
    assert "with all corrections 8 of 9 cells, 7 of them the same" in said


def test_other_metrics_share_a_sentence() -> None:
    scores = pd.concat([example.scores(), _cka()])
    places = example.places.positions(scores)
    said = _said(answers(_all(scores=scores, positions=places)), "Other metrics")
    cka = places[(places["metric"] == "cka") & (places["method"] == "hungarian")]["position"]
    value = example.scores().query("metric == 'rsa' and kind == 'cross'")["value"].mean() + 0.5
    assert f": CKA {value:.3f} (null 0.010, 9 of 9 cells, position {cka.mean():.2f}" in said


def test_the_shared_fraction_has_an_interval() -> None:
    scores = pd.concat([example.scores(), _shared()])
    said = _said(answers(_all(scores=scores)), "Share of matched pairs (hungarian)")
    assert said.endswith("estimated from below: 0.60 (0.50 to 0.66) over 9 cross cells.")


def test_published_conclusions_are_set_beside_what_remains_of_them() -> None:
    said = _said(answers(_all()), "As published, significant (p <= 0.05): by SVCCA")
    of_svcca, of_rsa = said.split(". And ")
    counts = "9 of 9 cells (p = 0 in 9) and 6 of 6 ceilings; with all corrections 8 of 9 cells, 8"
    assert f"by SVCCA {counts} of them the same and 6 of 6 ceilings (rank" in of_svcca
    assert of_rsa == f"by RSA {counts} of them the same and 6 of 6 ceilings."
    # In the example the published SVCCA falls from cell to cell and the corrected one rises.
    assert of_svcca.endswith("(rank correlation of the cells before and after -1.00)")
    none = answers(_all(published_vs_calibrated=tables.empty("published_vs_calibrated")))
    assert not any(sentence.startswith("As published") for sentence in none)


def test_a_protocol_without_any_correction_says_nothing() -> None:
    steps = example.published_vs_calibrated().query("step == 0")
    said = answers(_all(published_vs_calibrated=steps))
    assert not any(sentence.startswith("As published") for sentence in said)


def test_categories_are_counted_after_the_correction_for_all_of_them() -> None:
    said = _said(answers(_all()), "More alike than as many random pairs by RSA")
    assert said.endswith("): Time at 9 of 9 cells; refused in 9 of 27.")
    none = example.subspaces().assign(p=0.2)
    scores = pd.concat([example.scores(), none])
    said = _said(answers(_all(scores=scores)), "More alike")
    assert said.endswith("): no category of 9 cells; refused in 9 of 27.")
    without = answers(_all(scores=example.scores()))
    assert not any(sentence.startswith("More alike") for sentence in without)


def test_categories_that_are_all_refused_are_told() -> None:
    rows = example.subspaces()
    refused = rows[rows["metric"] == "svcca"]
    said = answers(_all(scores=pd.concat([example.scores(), refused])))
    assert "Categories: refused in all 9 cells." in said


def test_q_is_over_the_categories_and_cells_of_one_grid() -> None:
    rows = example.subspaces(categories={"a": 20, "b": 20, "c": 20})
    rows = rows[rows["metric"] == "rsa"].reset_index(drop=True)
    p = pd.Series([0.001 * (i + 1) for i in range(len(rows))])
    p[rows["kind"] == "ceiling"] = 0.5
    found = cells.categories(rows.assign(p=p))
    cross = found[found["kind"] == "cross"].sort_values("p")
    n = len(cross)
    assert n == 27
    # Benjamini and Hochberg as they write it: the largest rank at which p_i <= i q / n.
    for level in (0.02, 0.03, 0.2):
        ranks = [i + 1 for i, p_i in enumerate(cross["p"]) if p_i <= (i + 1) * level / n]
        assert (cross["q"] <= level).sum() == max(ranks, default=0)
    assert (found.loc[found["kind"] == "ceiling", "q"] == 0.5).all()


def test_missing_p_do_not_count() -> None:
    rows = example.subspaces()
    found = cells.categories(rows)
    known = found[(found["metric"] == "rsa") & (found["kind"] == "cross")]
    assert known["q"].notna().sum() == 18
    assert known.loc[known["subspace"] == "Time", "q"].tolist() == pytest.approx([0.002] * 9)
    assert found.loc[found["metric"] == "svcca", "q"].isna().all()


def test_rank_correlation() -> None:
    x = pd.Series([1.0, 2.0, 3.0, 4.0], index=list("abcd"))
    assert rank_correlation(x, x**3) == pytest.approx(1)
    assert rank_correlation(x, -x) == pytest.approx(-1)
    assert rank_correlation(x, pd.Series([4.0, 1.0, 3.0], index=list("bac"))) == pytest.approx(0.5)
    assert math.isnan(rank_correlation(x.head(2), x))
    assert math.isnan(rank_correlation(x, x * 0))
    assert math.isnan(rank_correlation(x, pd.Series(dtype=float)))


def test_gaps_tell_of_categories_the_published_protocol_and_positions() -> None:
    steps = example.published_vs_calibrated()
    steps.loc[steps.index[:2], "value"] = math.nan
    steps.loc[steps.index[:2], "reason"] = "2 pairs, but the published scores need at least 3"
    gaps = unresolved(_all(published_vs_calibrated=steps))
    assert (
        "Refused: RSA of 9 cross scores of categories: 7 pairs of the category are fewer than 10."
        in gaps
    )
    assert "Refused: SVCCA of 27 cross scores of categories: n = … is below 20 k = 200." in gaps
    assert (
        "Refused: RSA and SVCCA of 1 cross score of the published protocol and its corrections: "
        "2 pairs, but the published scores need at least 3." in gaps
    )
    places = _all()["positions"]
    places.loc[places["layer_a"] == 7, ["position", "low", "high"]] = math.nan
    places.loc[places["layer_a"] == 7, "reason"] = "the ceiling 0.1 is not above the floor 0.2"
    gaps = unresolved(_all(positions=places))
    assert (
        "No position between floor and ceiling by Mean held-out correlation, RSA and SVCCA at 3 "
        "cross cells: the ceiling 0.1 is not above the floor 0.2." in gaps
    )


def test_many_metrics_with_one_reason_are_one_sentence() -> None:
    scores = example.scores()
    floor = scores[(scores["metric"] == "rsa") & (scores["dictionary_a"] == "neurons")]
    refused = floor.assign(value=math.nan, reason="no decoder")
    more = [refused.assign(metric=metric) for metric in ("cka", "pwcca", "a", "b", "c", "d")]
    gaps = unresolved(_all(scores=pd.concat([scores, *more])))
    (said,) = [gap for gap in gaps if "no decoder" in gap]
    assert said.startswith("Refused: a, b, c, CKA and 2 more metrics of 45 floor matchings (")
