"""RSA against known answers and against scipy."""

from itertools import permutations as orders

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group, spearmanr

from universality.similarity.metrics import Refused, Rsa
from universality.similarity.metrics import rsa as module
from universality.similarity.nulls import permutations


def by_scipy(a, b):
    # Rounded, because pdist gives the same distance with different last bits, which breaks ties.
    distances = [np.round(pdist(side, metric="correlation"), 10) for side in (a, b)]
    return spearmanr(*distances).statistic


def on_a_circle(degrees):
    """Rows of mean 0 whose Pearson correlations are the cosines of their angles' differences."""
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    angles = np.radians(degrees)[:, None]
    return np.cos(angles) * plane[0] + np.sin(angles) * plane[1]


def test_known_answer():
    a, b = on_a_circle([0, 10, 30, 70]), on_a_circle([0, 70, 30, 10])
    # Dissimilarities (01, 02, 03, 12, 13, 23): ranks 1 3 6 2 5 4 against 6 3 1 4 5 2.
    assert Rsa(a, b).value() == pytest.approx(1 - 6 * 58 / (6 * 35), abs=1e-7)


def test_sees_only_the_order_of_the_dissimilarities():
    a, b = on_a_circle([0, 10, 30, 70]), on_a_circle([0, 11, 30, 90])
    assert Rsa(a, b).value() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("n", [4, 5, 37, 150, 400])  # one block, and several
def test_equals_scipy(n):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((n, 30))
    b = a[:, :20] + 2 * rng.standard_normal((n, 20)) + rng.standard_normal((n, 1))
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


def test_equals_scipy_when_there_are_ties():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, (60, 7)) + np.array([0, 0, 0, 0, 0, 0, 3])
    b = a[:, :7] + rng.integers(0, 3, (60, 7)) * np.array([1, 1, 1, 0, 0, 0, 0])
    a, b = a.astype(float), b.astype(float)
    assert len(np.unique(np.round(pdist(a, metric="correlation"), 10))) < 200  # of 1770
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


def test_repeated_rows_tie_whatever_their_scale():
    rng = np.random.default_rng(0)
    a, b = np.repeat(rng.standard_normal((2, 20, 9)), 2, axis=1)
    scaled = a * rng.uniform(0.1, 10, (40, 1)) + rng.standard_normal((40, 1))
    assert Rsa(scaled, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


@pytest.mark.parametrize("block", [1, 100, 199, 200, 1000, 39_999, 40_000, 10**9])
def test_the_size_of_the_blocks_does_not_matter(block, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 8)), rng.standard_normal((200, 8))
    order = rng.permutation(200)
    monkeypatch.setattr(module, "BLOCK", block)
    assert Rsa(a, b).permuted(order) == pytest.approx(by_scipy(a, b[order]), abs=1e-7)


def test_single_precision_sums_are_accurate_at_a_usual_size():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 64))
    b = a + 0.5 * rng.standard_normal((1000, 64))
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)
    assert Rsa(a, a).value() == pytest.approx(1, abs=1e-7)


def test_random_unit_vectors_score_0():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 500, 64))
    metric = Rsa(a / np.linalg.norm(a, axis=1)[:, None], b / np.linalg.norm(b, axis=1)[:, None])
    null = metric.null(permutations(rng, 500, 200))
    assert abs(metric.value()) < 0.012
    assert abs(null.mean()) < 4 * null.std() / np.sqrt(200)
    # As if all n (n - 1) / 2 dissimilarities were independent.
    assert null.std() == pytest.approx(np.sqrt(2 / (500 * 499)), rel=0.2)


def test_the_null_over_all_pairings_has_mean_0():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 5, 6))
    null = Rsa(a, b).null(np.array(order) for order in orders(range(5)))
    assert len(null) == 120
    assert null.mean() == pytest.approx(0, abs=1e-7)


def test_a_rotation_that_moves_the_mean_direction_changes_little():
    rng = np.random.default_rng(3)
    a = rng.standard_normal((300, 64))
    b = a + rng.standard_normal((300, 64))
    turned = Rsa(a, b @ ortho_group.rvs(64, random_state=0)).value()
    assert turned != pytest.approx(Rsa(a, b).value(), abs=1e-4)
    assert turned == pytest.approx(Rsa(a, b).value(), abs=0.05)


@pytest.mark.parametrize(("n", "words"), [(1, "n = 1 pair,"), (3, "n = 3 pairs,")])
def test_refuses_fewer_than_4_pairs(n, words):
    with pytest.raises(Refused, match=f"^{words} but rsa needs at least 4$"):
        Rsa(np.eye(n), np.eye(n))


def test_refuses_constant_rows_and_counts_them():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 20, 9))
    a[3], a[5] = 0, 0.9  # the mean of nine times 0.9 is not 0.9
    with pytest.raises(Refused, match="2 of 20 rows of side a are constant"):
        Rsa(a, b)
    with pytest.raises(Refused, match="20 of 20 rows of side b are constant"):
        Rsa(b, b[:, :1])


def test_refuses_a_side_with_nothing_to_rank():
    rng = np.random.default_rng(0)
    with pytest.raises(Refused, match="all 190 dissimilarities of side a are equal"):
        Rsa(np.eye(20, 576), rng.standard_normal((20, 9)))
