"""Rank similarity against its formula over scikit-learn's neighbours."""

import numpy as np
import pytest
from example_neighbours import ranked, repeated, sides

from universality.similarity.metrics import Refused
from universality.similarity.metrics.rank_neighbours import RankNeighbours
from universality.similarity.nulls import permutations


def by_formula(a, b, k, distance):
    values = []
    for first, second in zip(ranked(a, k, distance), ranked(b, k, distance), strict=True):
        common = {*first} & {*second}
        total = 0.0
        for j in common:
            r_a, r_b = first.index(j) + 1, second.index(j) + 1
            total += 2 / ((1 + abs(r_a - r_b)) * (r_a + r_b))
        values.append(total / sum(1 / r for r in range(1, len(common) + 1)) if common else 0.0)
    return np.mean(values)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 2, 5, 10, 40])
def test_equals_the_formula(distance, k):
    a, b = sides()
    value = RankNeighbours(a, b, k=k, distance=distance).value()
    assert value == pytest.approx(by_formula(a, b, k, distance), abs=1e-12)


def test_known_answer():
    # Two groups far apart, on a line; in the second side, the first group's order is reversed.
    near, far = np.array([0, 1, 2.5, 4.2]), 100 + np.array([0, 1, 2.5, 4.2])
    a = np.concatenate([near, far])[:, None]
    b = np.concatenate([near[::-1], far])[:, None]
    # k = 3: the group's other three, all in common. The far ones agree: 1 each. Ranks of the near:
    # a: 0: 1 2 3, 1: 0 2 3, 2: 1 3 0, 3: 2 1 0; b: 0: 1 2 3, 1: 2 0 3, 2: 3 1 0, 3: 2 1 0.
    swapped = (2 * 2 / (2 * 3) + 1 / 3) / (1 + 1 / 2 + 1 / 3)
    expected = (4 + 1 + swapped + swapped + 1) / 8
    metric = RankNeighbours(a, b, k=3, distance="euclidean")
    assert metric.value() == pytest.approx(expected, abs=1e-12)


def test_falls_when_the_order_of_the_same_neighbours_changes():
    rng = np.random.default_rng(0)
    centres = 100 * rng.standard_normal((20, 5))
    a, b = (np.repeat(centres, 6, axis=0) + rng.standard_normal((120, 5)) for _ in range(2))
    assert RankNeighbours(a, a, k=5).value() == pytest.approx(1, abs=1e-12)
    assert 0.3 < RankNeighbours(a, b, k=5, distance="euclidean").value() < 0.8


@pytest.mark.parametrize("make", [sides, repeated])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_permuted_is_the_metric_on_reordered_rows(make, distance):
    a, b = make()
    metric = RankNeighbours(a, b, k=7, distance=distance)
    orders = list(permutations(np.random.default_rng(0), len(a), 10))
    slow = [RankNeighbours(a, b[order], k=7, distance=distance).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-12)
    rows = np.random.default_rng(1).permutation(len(a))
    again = RankNeighbours(a[rows], b[rows], k=7, distance=distance)
    assert again.value() == pytest.approx(metric.value(), abs=1e-12)
    assert RankNeighbours(b, a, k=7, distance=distance).value() == pytest.approx(metric.value())


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_repeated_rows_against_themselves_score_1_and_others_less(k):
    a, b = repeated()
    assert RankNeighbours(a, a, k=k).value() == pytest.approx(1, abs=1e-12)
    assert 0 < RankNeighbours(a, b, k=k).value() < 0.9


def test_no_item_scores_above_1_when_ties_are_shared_out():
    rng = np.random.default_rng(0)
    for _ in range(30):
        a, b = rng.integers(0, 3, (2, 16, 2)) + np.array([1.0, 0.0])
        assert 0 <= RankNeighbours(a, b, k=3).value() <= 1 + 1e-12


def test_single_precision_changes_nothing():
    a, b = sides()
    single = RankNeighbours(a.astype(np.float32), b.astype(np.float32))
    assert single.value() == pytest.approx(RankNeighbours(a, b).value(), abs=1e-12)


def test_random_pairings_score_near_0():
    a, b = sides(400)
    null = RankNeighbours(a, b).null(permutations(np.random.default_rng(0), 400, 100))
    assert 0 < null.mean() < 0.05


def test_refuses_pairs_of_which_half_are_neighbours():
    reason = r"^n = 21 pairs, but rank_neighbours with k = 10 needs at least 2 k \+ 2 = 22$"
    with pytest.raises(Refused, match=reason):
        RankNeighbours(*sides(21))
