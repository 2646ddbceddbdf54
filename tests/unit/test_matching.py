"""Matchers: known answers, optimality, ties, and what each promises for any correlations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from universality.errors import StudyError
from universality.features import matching
from universality.features.matching import MATCHERS

reproducible = settings(deadline=None, derandomize=True)
every_matcher = pytest.mark.parametrize("method", MATCHERS)
BOTH_DIRECTIONS = ("max_correlation", "max_correlation_reverse")
ONE_TO_ONE = ("one_to_one", "mutual_nearest", "hungarian")

# Few values, so that there are many ties; float32 as they are stored.
correlations = arrays(
    np.float32,
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    elements=st.integers(-4, 4).map(lambda i: i / 4),
)

# Feature 0 of A is the best for features 0, 1 and 3 of B, but feature 3 of B has no other friend.
EXAMPLE = np.array(
    [
        [0.6, 0.9, 0.1, 0.3],
        [0.5, 0.8, 0.2, 0.2],
        [-0.1, 0.0, 0.4, -0.5],
    ]
)
KNOWN = {
    "max_correlation": [(0, 0), (0, 1), (2, 2), (0, 3)],
    "max_correlation_reverse": [(0, 1), (1, 1), (2, 2)],
    "one_to_one": [(0, 1), (2, 2)],
    "mutual_nearest": [(0, 1), (2, 2)],
    "hungarian": [(0, 0), (1, 1), (2, 2)],  # .6 + .8 and .9 + .5 tie; see below
}


def pairs(method, correlation):
    rows, columns = MATCHERS[method](correlation)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def total(correlation, matched):
    return sum(float(correlation[i, j]) for i, j in matched)


@every_matcher
def test_known_answers(method):
    # A little in favour of the first of the two best assignments.
    correlation = EXAMPLE + np.array([[0.01, 0, 0, 0], [0] * 4, [0] * 4])
    assert pairs(method, correlation) == KNOWN[method]


@every_matcher
def test_a_permutation_is_found_by_all(method):
    rng = np.random.default_rng(0)
    order = rng.permutation(7)
    correlation = rng.uniform(-0.3, 0.3, (7, 7))
    correlation[order, np.arange(7)] = rng.uniform(0.5, 1, 7)
    assert sorted(pairs(method, correlation)) == sorted(zip(order.tolist(), range(7), strict=True))


def test_one_to_one_keeps_the_best_pair_and_not_the_first():
    correlation = np.array([[0.5, 0.9, 0.7], [0.1, 0.2, 0.3]])
    assert pairs("max_correlation", correlation) == [(0, 0), (0, 1), (0, 2)]
    assert pairs("one_to_one", correlation) == [(0, 1)]


def test_one_to_one_may_keep_a_pair_that_is_not_mutual():
    correlation = np.array([[0.5, 0.2], [0.1, 0.1], [0.4, 0.3]])
    # Feature 2 of A would rather have feature 0 of B.
    assert pairs("one_to_one", correlation) == [(0, 0), (2, 1)]
    assert pairs("mutual_nearest", correlation) == [(0, 0)]


def test_negative_correlations_are_compared_with_their_sign():
    correlation = np.array([[-0.9, -0.2], [-0.3, -0.8]])
    for method in MATCHERS:
        assert sorted(pairs(method, correlation)) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("max_correlation", [(0, 0), (0, 1), (0, 2)]),
        ("max_correlation_reverse", [(0, 0), (1, 0)]),
        ("one_to_one", [(0, 0)]),
        ("mutual_nearest", [(0, 0)]),
    ],
)
def test_ties_go_to_the_lowest_index(method, expected):
    assert pairs(method, np.full((2, 3), 0.5)) == expected


def test_hungarian_of_ties_is_one_of_the_best():
    matched = pairs("hungarian", EXAMPLE)
    assert total(EXAMPLE, matched) == pytest.approx(1.8)
    assert len(pairs("hungarian", np.full((2, 3), 0.5))) == 2


@every_matcher
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_match(method, shape):
    rows, columns = MATCHERS[method](np.zeros(shape, np.float32))
    assert rows.shape == columns.shape == (0,)
    assert np.zeros(3)[rows].shape == (0,)  # they are indices


@every_matcher
@pytest.mark.parametrize("value", [0.4, 0.0, -1.0])
def test_one_feature_on_each_side(method, value):
    assert pairs(method, np.array([[value]])) == [(0, 0)]


@every_matcher
@reproducible
@given(correlation=correlations)
def test_indices_are_in_range_and_ordered(method, correlation):
    before = correlation.copy()
    matched = pairs(method, correlation)
    assert np.array_equal(correlation, before)
    assert len(set(matched)) == len(matched)
    assert all(0 <= i < len(correlation) and 0 <= j < correlation.shape[1] for i, j in matched)
    in_b = method in ("max_correlation", "one_to_one", "mutual_nearest")
    assert matched == sorted(matched, key=lambda pair: pair[::-1] if in_b else pair)
    assert matched == pairs(method, np.asfortranarray(correlation))


@pytest.mark.parametrize("method", ONE_TO_ONE)
@reproducible
@given(correlation=correlations)
def test_one_to_oneness(method, correlation):
    rows, columns = MATCHERS[method](correlation)
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(columns.tolist())) == len(columns)


@reproducible
@given(correlation=correlations)
def test_max_correlation_is_the_first_maximum_for_each_feature_of_b(correlation):
    expected = [
        (max(range(len(correlation)), key=lambda i: (correlation[i, j], -i)), j)
        for j in range(correlation.shape[1])
        if len(correlation)
    ]
    assert pairs("max_correlation", correlation) == expected


@reproducible
@given(correlation=correlations)
def test_the_other_direction_is_that_of_the_transpose(correlation):
    swapped = [(j, i) for i, j in pairs("max_correlation", correlation.T)]
    assert pairs("max_correlation_reverse", correlation) == swapped


@reproducible
@given(correlation=correlations)
def test_mutual_pairs_are_those_of_both_directions(correlation):
    forth, back = (set(pairs(method, correlation)) for method in BOTH_DIRECTIONS)
    assert set(pairs("mutual_nearest", correlation)) == forth & back
    assert forth & back <= set(pairs("one_to_one", correlation)) <= forth


@reproducible
@given(correlation=correlations)
def test_one_to_one_has_the_best_partner_of_each_chosen_feature(correlation):
    forth = pairs("max_correlation", correlation)
    expected = [
        (i, max((j for k, j in forth if k == i), key=lambda j: (correlation[i, j], -j)))
        for i in {i for i, _ in forth}
    ]
    assert sorted(pairs("one_to_one", correlation)) == sorted(expected)


@reproducible
@given(correlation=correlations)
def test_hungarian_beats_every_assignment(correlation):
    short = correlation if len(correlation) <= correlation.shape[1] else correlation.T
    orders = permutations(range(short.shape[1]), len(short))
    best = max(total(short, enumerate(order)) for order in orders)
    matched = pairs("hungarian", correlation)
    assert len(matched) == min(correlation.shape)
    assert total(correlation, matched) == pytest.approx(best)
    for method in ONE_TO_ONE:
        if len(pairs(method, correlation)) == len(matched):
            assert total(correlation, pairs(method, correlation)) <= best + 1e-6


@pytest.mark.parametrize("shape", [(40, 40), (25, 60), (60, 25)])
def test_hungarian_agrees_with_scipy(shape):
    correlation = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    rows, columns = linear_sum_assignment(1 - correlation.astype(np.float64))
    assert pairs("hungarian", correlation) == list(zip(rows, columns, strict=True))


def test_correlations_that_cannot_be_ranked_are_named() -> None:
    correlation = np.full((2, 3), 0.5, np.float32)
    matching.finite(correlation, "fit")
    matching.finite(correlation[:0], "fit")
    correlation[1, 2] = np.nan
    with pytest.raises(StudyError, match=r"^x\.zarr, array 'fit': 1 of 6 correlations are not fin"):
        matching.finite(correlation, "x.zarr, array 'fit'")
