"""Mutual k-nearest-neighbour overlap against sets of scikit-learn's neighbours."""

import numpy as np
import pytest
from example_neighbours import ranked, repeated, sides

from universality.errors import StudyError
from universality.similarity.metrics import Refused
from universality.similarity.metrics.mutual_knn import MutualKnn
from universality.similarity.metrics.neighbours import nearest
from universality.similarity.nulls import permutations


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_equals_the_overlap_of_sets(distance, k):
    a, b = sides()
    of_a, of_b = ranked(a, k, distance), ranked(b, k, distance)
    expected = np.mean([len({*x} & {*y}) / k for x, y in zip(of_a, of_b, strict=True)])
    assert MutualKnn(a, b, k=k, distance=distance).value() == pytest.approx(expected, abs=1e-12)


def test_known_answer():
    # On a line: 0 1 2 3 ... 9; then with 0 and 9 exchanged.
    line = np.arange(10.0)
    swapped = line.copy()
    swapped[[0, 9]] = swapped[[9, 0]]
    value = MutualKnn(line[:, None] ** 1.01, swapped[:, None] ** 1.01, k=1, distance="euclidean")
    # Gaps grow with x: the nearest of x is x - 1, and 1 of 0. Sides agree on 2 to 8 alone.
    assert value.value() == pytest.approx(7 / 10)


def test_ties_count_the_part_on_which_both_sides_agree():
    a, b = repeated()
    first, second = nearest(a, 8, "cosine", "a"), nearest(b, 8, "cosine", "b")
    total = 0.0
    for i in range(len(a)):
        parts = [
            dict(
                zip(
                    found.item[found.first[i] : found.first[i + 1]],
                    found.part[found.first[i] : found.first[i + 1]],
                    strict=True,
                )
            )
            for found in (first, second)
        ]
        total += sum(min(parts[0][j], parts[1][j]) for j in {*parts[0]} & {*parts[1]})
    assert MutualKnn(a, b, k=8).value() == pytest.approx(total / (len(a) * 8), abs=1e-12)
    assert MutualKnn(a, a, k=8).value() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("make", [sides, repeated])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_permuted_is_the_metric_on_reordered_rows(make, distance):
    a, b = make()
    metric = MutualKnn(a, b, k=7, distance=distance)
    orders = list(permutations(np.random.default_rng(0), len(a), 10))
    slow = [MutualKnn(a, b[order], k=7, distance=distance).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-12)
    rows = np.random.default_rng(1).permutation(len(a))
    again = MutualKnn(a[rows], b[rows], k=7, distance=distance)
    assert again.value() == pytest.approx(metric.value(), abs=1e-12)
    assert MutualKnn(b, a, k=7, distance=distance).value() == pytest.approx(metric.value())


def test_random_pairings_share_a_neighbour_in_n():
    a, b = sides(400)
    null = MutualKnn(a, b).null(permutations(np.random.default_rng(0), 400, 300))
    assert null.mean() == pytest.approx(10 / 399, rel=0.02)


def test_single_precision_changes_nothing():
    a, b = sides()
    single = MutualKnn(a.astype(np.float32), b.astype(np.float32))
    assert single.value() == pytest.approx(MutualKnn(a, b).value(), abs=1e-12)


def test_more_ties_than_a_byte_counts():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 700, 5))
    b[:400] = b[0]
    metric = MutualKnn(a, b, k=3)
    assert metric.permuted(np.arange(700)[::-1]) == MutualKnn(a, b[::-1], k=3).value()
    assert MutualKnn(b, b, k=3).value() == pytest.approx(1, abs=1e-12)


def test_refuses_pairs_of_which_half_are_neighbours():
    reason = r"^n = 21 pairs, but mutual_knn with k = 10 needs at least 2 k \+ 2 = 22$"
    with pytest.raises(Refused, match=reason):
        MutualKnn(*sides(21))
    assert MutualKnn(*sides(22)).n == 22
    assert MutualKnn(*sides(21), k=9).k_a is None


@pytest.mark.parametrize("k", [0, -1, 2.5, "10", True, None])
def test_k_must_be_a_whole_number(k):
    with pytest.raises(StudyError, match="mutual_knn: k must be a whole number of at least 1"):
        MutualKnn(*sides(), k=k)


def test_the_distance_must_be_known():
    with pytest.raises(StudyError, match="distance must be cosine, euclidean, found 'pearson'"):
        MutualKnn(*sides(), distance="pearson")
