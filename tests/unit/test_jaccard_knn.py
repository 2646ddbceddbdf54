"""The Jaccard similarity of neighbourhoods against sets of scikit-learn's neighbours."""

import numpy as np
import pytest
from example_neighbours import ranked, repeated, sides
from scipy.stats import hypergeom

from universality.similarity.metrics import Refused
from universality.similarity.metrics.jaccard_knn import JaccardKnn
from universality.similarity.metrics.mutual_knn import MutualKnn
from universality.similarity.nulls import permutations


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_equals_the_similarity_of_sets(distance, k):
    a, b = sides()
    of_a, of_b = ranked(a, k, distance), ranked(b, k, distance)
    expected = np.mean(
        [len({*x} & {*y}) / len({*x} | {*y}) for x, y in zip(of_a, of_b, strict=True)]
    )
    assert JaccardKnn(a, b, k=k, distance=distance).value() == pytest.approx(expected, abs=1e-12)


def test_with_one_neighbour_it_is_the_overlap():
    a, b = sides()
    assert JaccardKnn(a, b, k=1).value() == pytest.approx(MutualKnn(a, b, k=1).value(), abs=1e-12)


def test_is_below_the_overlap():
    a, b = sides()
    overlap = MutualKnn(a, b).value()
    # Of equal overlaps o it would be o / (2 - o); it is convex, so more for unequal ones.
    assert overlap / (2 - overlap) < JaccardKnn(a, b).value() < overlap


@pytest.mark.parametrize("make", [sides, repeated])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_permuted_is_the_metric_on_reordered_rows(make, distance):
    a, b = make()
    metric = JaccardKnn(a, b, k=7, distance=distance)
    orders = list(permutations(np.random.default_rng(0), len(a), 10))
    slow = [JaccardKnn(a, b[order], k=7, distance=distance).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-12)
    rows = np.random.default_rng(1).permutation(len(a))
    again = JaccardKnn(a[rows], b[rows], k=7, distance=distance)
    assert again.value() == pytest.approx(metric.value(), abs=1e-12)


def test_repeated_rows_against_themselves_score_1():
    a, _ = repeated()
    assert JaccardKnn(a, a).value() == pytest.approx(1, abs=1e-12)


def test_random_pairings_share_neighbours_as_two_draws_of_k_do():
    a, b = sides(400)
    null = JaccardKnn(a, b).null(permutations(np.random.default_rng(0), 400, 300))
    common = np.arange(11)
    expected = (hypergeom.pmf(common, 399, 10, 10) * common / (20 - common)).sum()
    assert null.mean() == pytest.approx(expected, rel=0.02)


def test_single_precision_changes_nothing():
    a, b = sides()
    single = JaccardKnn(a.astype(np.float32), b.astype(np.float32))
    assert single.value() == pytest.approx(JaccardKnn(a, b).value(), abs=1e-12)


def test_refuses_pairs_of_which_half_are_neighbours():
    reason = r"^n = 21 pairs, but jaccard_knn with k = 10 needs at least 2 k \+ 2 = 22$"
    with pytest.raises(Refused, match=reason):
        JaccardKnn(*sides(21))
