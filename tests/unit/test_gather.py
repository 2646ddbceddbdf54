"""The gathered inner product against the reordered matrices themselves."""

import numpy as np
import pytest

from universality.similarity.metrics import gather
from universality.similarity.metrics.gather import Gathered


def symmetric(n, seed):
    matrix = np.random.default_rng(seed).standard_normal((n, n))
    return (matrix + matrix.T).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 300, 600])  # one block, and several
def test_equals_the_sum_over_the_reordered_matrix(n):
    a, b = symmetric(n, 0), symmetric(n, 1)
    gathered = Gathered(a, b)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(n)
        expected = float((a.astype(float) * b[np.ix_(order, order)]).sum())
        assert gathered.inner(order) == pytest.approx(expected, abs=1e-7 * 2 * n**2)


def test_the_size_of_blocks_does_not_matter(monkeypatch):
    a, b = symmetric(40, 0), symmetric(40, 1)
    order = np.random.default_rng(0).permutation(40)
    expected = Gathered(a, b).inner(order)
    for size in (1, 79, 81, 400):  # one row, one, two, ten rows
        monkeypatch.setattr(gather, "BLOCK", size)
        assert Gathered(a, b).inner(order) == pytest.approx(expected, rel=1e-6)


def test_sums_of_many_equal_terms_keep_their_digits():
    ones = np.ones((1500, 1500), dtype=np.float32) / 1500
    assert Gathered(ones, ones).inner(np.arange(1500)) == pytest.approx(1, abs=1e-7)


def test_leaves_its_matrices_alone():
    a, b = symmetric(30, 0), symmetric(30, 1)
    before = a.copy(), b.copy()
    Gathered(a, b).inner(np.arange(30)[::-1])
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
