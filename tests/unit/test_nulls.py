"""Random pairings, and p-values that are honest about how many were drawn."""

from itertools import permutations as orders

import numpy as np
import pytest
from scipy.stats import chisquare, permutation_test

from universality.similarity.metrics import Rsa
from universality.similarity.nulls import p_value, permutations


def test_permutations_are_permutations_and_follow_the_generator():
    first = list(permutations(np.random.default_rng(7), 11, 5))
    again = list(permutations(np.random.default_rng(7), 11, 5))
    other = list(permutations(np.random.default_rng(8), 11, 5))
    assert len(first) == 5
    assert all(np.array_equal(np.sort(p), np.arange(11)) for p in first)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize("m", [5, 128, 129, 300])
def test_more_permutations_begin_with_the_same_ones(m):
    few = list(permutations(np.random.default_rng(7), 11, m))
    many = list(permutations(np.random.default_rng(7), 11, 400))
    assert len(many) == 400
    assert np.array_equal(few, many[:m])


def test_every_permutation_is_equally_likely():
    drawn = [tuple(p) for p in permutations(np.random.default_rng(0), 4, 4800)]
    counts = [drawn.count(order) for order in orders(range(4))]
    assert chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_smaller_permutations_of_the_same_stream_are_uniform_too(size):
    drawn = [tuple(p) for p in permutations(np.random.default_rng(1), size, 4800)]
    counts = [drawn.count(order) for order in orders(range(size))]
    assert sum(counts) == 4800
    assert size == 1 or chisquare(counts).pvalue > 0.001


def cycles_without(permutation, n):
    """Leave the items from n on out of their cycles: each item's successor is the next below n."""
    shortened = []
    for item in range(n):
        successor = permutation[item]
        while successor >= n:
            successor = permutation[successor]
        shortened.append(successor)
    return shortened


@pytest.mark.parametrize("n", [0, 1, 7, 39, 40])
def test_a_smaller_draw_is_a_larger_one_without_its_last_items(n):
    small = list(permutations(np.random.default_rng(7), n, 300))
    large = permutations(np.random.default_rng(7), 40, 300)
    assert [p.tolist() for p in small] == [cycles_without(p, n) for p in large]


def test_draws_of_nearly_equal_n_share_nearly_all_pairings():
    small = permutations(np.random.default_rng(3), 990, 50)
    large = permutations(np.random.default_rng(3), 1000, 50)
    shared = [int((p == q[:990]).sum()) for p, q in zip(small, large, strict=True)]
    assert min(shared) >= 980


@pytest.mark.parametrize(
    ("observed", "expected"), [(5, 1 / 5), (4, 2 / 5), (2.5, 3 / 5), (1, 1), (-3, 1)]
)
def test_p_counts_the_observed_score_itself(observed, expected):
    assert p_value(np.array([1.0, 3.0, 2.0, 4.0]), observed) == expected


def test_p_without_a_null_is_1_and_without_a_score_is_nan():
    assert p_value(np.empty(0), 0.3) == 1
    assert np.isnan(p_value(np.zeros(3), np.nan))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_scores_that_differ_by_rounding_are_ties(scale):
    null = scale * np.array([0.2, 0.3 - 1e-8, 0.1, -0.4 - 1e-8])
    assert p_value(null, scale * 0.3) == 2 / 5
    assert p_value(null, scale * 0.30001) == 1 / 5
    assert p_value(null, scale * -0.4) == 1
    assert p_value(null, scale * -0.39999) == 4 / 5


def test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 30))
    result = permutation_test(
        (y,),
        lambda z: np.corrcoef(x, z)[0, 1],
        permutation_type="pairings",
        alternative="greater",
        n_resamples=200,
        rng=rng,
    )
    assert p_value(result.null_distribution, result.statistic) == pytest.approx(result.pvalue)


def test_pairings_that_tie_by_symmetry_all_count():
    """Items at the corners of a hexagon: 720 pairings, few different scores."""
    corners = np.arange(6) * np.pi / 3
    a = np.outer(np.cos(corners), [1, -1, 0]) / np.sqrt(2)
    a += np.outer(np.sin(corners), [1, 1, -2]) / np.sqrt(6)
    place = np.array([1, 0, 2, 3, 4, 5])  # the corner of each item of b
    pairings = [np.array(order) for order in orders(range(6))]
    metric = Rsa(a, a[place])

    # The same in whole numbers: twice the average ranks of 6 sides, 6 short and 3 long diagonals.
    twice_rank = {1: 7, 2: 19, 3: 28}

    def product_of_ranks(corner_of):
        def rank(i, j):
            return twice_rank[min((i - j) % 6, (j - i) % 6)]

        return sum(
            rank(i, j) * rank(corner_of[i], corner_of[j]) for i in range(6) for j in range(i)
        )

    exact = [product_of_ranks(place[order]) for order in pairings]
    at_least = sum(score >= product_of_ranks(place) for score in exact)
    assert len(set(exact)) < 30
    assert p_value(metric.null(pairings), metric.value()) == (1 + at_least) / 721
