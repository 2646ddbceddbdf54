"""Positions between floor and ceiling: known answers, intervals against simulation, and gaps."""

import math

import example_tables as example
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.views import positions as places
from universality.views import tables
from universality.views.positions import Estimate, between, positions

SHARE = st.floats(-3, 3)
ERROR = st.floats(0, 0.2)


def _at(frame: pd.DataFrame, layer_a: int, layer_b: int, metric: str, method: str = "hungarian"):
    """Return the one row of a cell."""
    chosen = (frame["layer_a"] == layer_a) & (frame["layer_b"] == layer_b)
    (row,) = frame[chosen & (frame["metric"] == metric) & (frame["method"] == method)].to_dict(
        "records"
    )
    return row


def _where(scores: pd.DataFrame, metric: str, **columns: object) -> pd.Series:
    chosen = (scores["metric"] == metric) & (scores["method"] == "hungarian")
    for column, value in columns.items():
        chosen &= scores[column] == value
    return chosen


@pytest.mark.parametrize(
    ("value", "floor", "ceiling", "expected"),
    [
        (0.5, 0.2, 0.8, 0.5),
        (0.2, 0.2, 0.8, 0.0),
        (0.8, 0.2, 0.8, 1.0),
        (0.0, 0.2, 0.4, -1.0),
        (0.6, 0.2, 0.4, 2.0),
        (0.0, -0.1, 0.1, 0.5),
    ],
)
def test_known_positions(value: float, floor: float, ceiling: float, expected: float) -> None:
    found = between(Estimate(value, 0.0), Estimate(floor, 0.0), Estimate(ceiling, 0.0))
    np.testing.assert_allclose(found[:3], (expected,) * 3, atol=1e-12)
    assert found.reason is None


def test_only_the_score_varies() -> None:
    found = between(Estimate(0.5, 0.01), Estimate(0.2, 0.0), Estimate(0.8, 0.0))
    assert found.low == pytest.approx(0.5 - 1.959964 * 0.01 / 0.6, rel=1e-6)
    assert found.high == pytest.approx(0.5 + 1.959964 * 0.01 / 0.6, rel=1e-6)
    assert found.reason is None


@pytest.mark.parametrize("errors", [(0.02, 0.0, 0.0), (0.02, 0.02, 0.02), (0.01, 0.03, 0.05)])
def test_intervals_hold_the_truth_as_often_as_they_say(errors: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.3, 0.1, 0.4])
    drawn = truth + rng.standard_normal((4000, 3)) * errors
    held = [
        found.low <= 2 / 3 <= found.high
        for row in drawn
        for found in [between(*map(Estimate, row, errors))]
        if found.reason is None
    ]
    assert len(held) > 3900
    # 2.5 standard errors of a share of 95 % among 4000.
    assert np.mean(held) == pytest.approx(0.95, abs=0.009)


@settings(max_examples=200, deadline=None)
@given(value=SHARE, floor=SHARE, distance=st.floats(0.01, 3), errors=st.tuples(ERROR, ERROR, ERROR))
def test_the_interval_is_where_the_difference_is_within_its_error(
    value: float, floor: float, distance: float, errors: tuple[float, float, float]
) -> None:
    ceiling = floor + distance
    found = between(*map(Estimate, (value, floor, ceiling), errors))
    assert found.position == pytest.approx((value - floor) / (ceiling - floor))
    if found.reason:
        return
    assert found.low <= found.position + 1e-9
    assert found.high >= found.position - 1e-9
    for x in (found.low, found.high):
        difference = value - (1 - x) * floor - x * ceiling
        error = math.hypot(errors[0], (1 - x) * errors[1], x * errors[2])
        assert abs(difference) == pytest.approx(places.Z * error, abs=1e-6 * (1 + abs(x)))


@settings(max_examples=100, deadline=None)
@given(scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_scale_and_shift_of_the_score_do_not_matter(scale: float, shift: float) -> None:
    given_ = [Estimate(0.3, 0.02), Estimate(0.1, 0.01), Estimate(0.5, 0.03)]
    moved = [Estimate(scale * e.value + shift, scale * e.error) for e in given_]
    np.testing.assert_allclose(between(*moved)[:3], between(*given_)[:3], rtol=1e-6)


def test_what_has_no_position_or_no_interval_says_why() -> None:
    one, two, nan = Estimate(0.1, 0.01), Estimate(0.2, 0.01), float("nan")
    same = between(two, one, one)
    assert math.isnan(same.position)
    assert same.reason == "the ceiling 0.100 is not above the floor 0.100"
    assert math.isnan(between(one, two, one).position)
    unknown = between(Estimate(0.15, nan), one, Estimate(0.2, nan))
    assert unknown.position == pytest.approx(0.5)
    assert math.isnan(unknown.low)
    assert unknown.reason == "no interval of score, ceiling"
    close = between(Estimate(0.15, 0.01), Estimate(0.1, 0.05), Estimate(0.2, 0.05))
    assert close.position == pytest.approx(0.5)
    assert math.isnan(close.high)
    assert close.reason == "floor and ceiling are no further apart than they vary"


def test_floor_and_ceiling_are_of_the_same_layers() -> None:
    scores = example.scores()
    scores.loc[_where(scores, "rsa", kind="ceiling", layer_a=21), "value"] = 0.4
    found = positions(scores)
    tables.validate(found, "positions")
    row = _at(found, 21, 4, "rsa")
    assert row["filter"] == "kept"
    assert row["value"] == 0.098
    assert row["ceiling"] == pytest.approx((0.4 + 0.21) / 2)
    assert (row["floor"], row["floor_of"]) == (0.001, "permuted rows")
    assert row["position"] == pytest.approx((0.098 - 0.001) / (0.305 - 0.001))
    assert _at(found, 14, 4, "rsa")["ceiling"] == pytest.approx((0.2 + 0.21) / 2)
    middle = _at(found, 14, 8, "correlation_heldout")
    assert middle["filter"] == "none"
    assert (middle["floor"], middle["floor_of"]) == (0.011, "re-initialised model")
    assert middle["position"] == pytest.approx((0.45 - 0.011) / (0.535 - 0.011))


def test_the_errors_are_those_of_the_intervals() -> None:
    row = _at(positions(example.scores()), 14, 8, "rsa")
    error = 0.02 / places.Z
    expected = between(
        Estimate(0.08, error), Estimate(-0.002, error), Estimate(0.205, error / math.sqrt(2))
    )
    np.testing.assert_allclose([row["position"], row["low"], row["high"]], expected[:3])


def test_one_ceiling_is_enough_and_several_floors_are_averaged() -> None:
    scores = example.scores()
    only_a = scores[(scores["kind"] != "ceiling") | (scores["model_a"] == example.A)]
    assert _at(positions(only_a), 7, 4, "rsa")["ceiling"] == 0.2
    again = scores[_where(scores, "rsa", kind="floor", model_a=example.RANDOM)]
    again = again.assign(comparison="another seed", value=0.008)
    row = _at(positions(pd.concat([scores, again])), 14, 8, "rsa")
    assert row["floor"] == pytest.approx(0.003)


def test_a_floor_of_too_few_pairs_gives_way_to_the_next() -> None:
    scores = example.scores()
    random = _where(scores, "svcca", kind="floor", model_a=example.RANDOM)
    scores.loc[random, "n"] = 300
    row = _at(positions(scores), 14, 8, "svcca")
    assert (row["floor"], row["floor_of"]) == (0.086, "permuted rows")
    permuted = scores["comparison"].str.endswith("--permuted")
    scores.loc[permuted & (scores["metric"] == "svcca"), ["value", "n"]] = None, 0
    row = _at(positions(scores), 14, 8, "svcca")
    assert (row["floor"], row["floor_of"]) == (0.085, "null")
    error = Estimate(0.085, 0.005 / math.sqrt(1000))
    score = Estimate(0.22, 0.02 / places.Z)
    ceiling = Estimate(0.41, 0.02 / places.Z / math.sqrt(2))
    np.testing.assert_allclose(
        [row["low"], row["high"]], between(score, error, ceiling)[1:3], rtol=1e-6
    )


def test_a_correlation_on_few_pairs_is_a_floor_all_the_same() -> None:
    scores = example.scores()
    random = _where(scores, "correlation_heldout", kind="floor", model_a=example.RANDOM)
    scores.loc[random, "n"] = 30
    assert _at(positions(scores), 14, 8, "correlation_heldout")["floor"] == 0.011


def test_missing_numbers_are_told() -> None:
    scores = example.scores()
    found = positions(scores)
    refused = _at(found, 7, 4, "svcca", "mutual_nearest")
    assert math.isnan(refused["position"])
    assert refused["reason"] == example.REFUSED
    assert refused["ceiling"] == pytest.approx(0.41)
    unranged = _at(found, 7, 4, "rsa", "one_to_one")
    assert unranged["position"] == pytest.approx((0.07 - 0.001) / 0.204)
    assert unranged["reason"] == "no interval of score, floor, ceiling"
    cross = scores[scores["kind"] == "cross"]
    alone = positions(cross)
    assert alone["position"].isna().all()
    told = "no ceiling and no floor at these layers to be read beside it"
    assert _at(alone, 7, 4, "correlation_heldout")["reason"] == told
    assert _at(alone, 7, 4, "rsa")["reason"] == "no ceiling at these layers to be read beside it"
    tables.validate(alone, "positions")


def test_one_row_for_each_cross_comparison_method_and_metric() -> None:
    scores = example.scores()
    found = positions(scores)
    assert len(found) == 9 * len(example.METHODS) * 3
    assert "correlation_fit" not in set(found["metric"])
    noise = [scores.assign(protocol="published"), scores.assign(subspace="Time")]
    pd.testing.assert_frame_equal(positions(pd.concat([scores, *noise])), found)
    pd.testing.assert_frame_equal(positions(tables.empty("scores")), tables.empty("positions"))


def test_the_same_models_the_other_way_round_are_a_pair_of_their_own() -> None:
    scores = example.scores()
    layers = {example.B: (4,), example.A: (7,)}
    other = example.scores(a=example.B, b=example.A, layers=layers)
    other = other[other["kind"] == "cross"]
    found = positions(pd.concat([scores, other]))
    tables.validate(found, "positions")
    assert len(found) == 10 * len(example.METHODS) * 3
    first = _at(found[found["model_a"] == example.B], 4, 7, "correlation_heldout")
    assert first["ceiling"] == pytest.approx(0.535)
    assert first["floor_of"] == "permuted rows"
