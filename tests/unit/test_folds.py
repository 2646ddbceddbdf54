"""Folds that follow the rows."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from universality.similarity.metrics import Refused
from universality.similarity.metrics.folds import folds


def rows(n=101, d=7):
    matrix = np.random.default_rng(0).standard_normal((n, d)) * np.arange(1, d + 1)
    return matrix - matrix.mean(axis=0)


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_every_fold_has_its_share(count):
    sizes = np.bincount(folds(rows(), count, "a"))
    assert len(sizes) == count
    assert np.ptp(sizes) <= 1


def test_folds_follow_the_rows_and_not_rotation_or_scale():
    expected = folds(rows(), 5, "a")
    order = np.random.default_rng(1).permutation(101)
    assert np.array_equal(folds(rows()[order], 5, "a"), expected[order])
    turned = 1e3 * rows() @ ortho_group.rvs(7, random_state=2)
    assert np.array_equal(folds(turned, 5, "a"), expected)


def test_neighbours_in_the_order_of_the_key_go_to_different_folds():
    matrix = rows()
    key = ((matrix @ matrix.T) ** 2).sum(axis=1)
    assert np.array_equal(folds(matrix, 5, "a")[np.argsort(key)], np.arange(101) % 5)


def test_equal_rows_share_a_fold_and_the_folds_stay_as_even_as_they_can():
    matrix = rows()
    matrix[3:33] = matrix[3]
    matrix[40:45] = matrix[40]
    found = folds(matrix - matrix.mean(axis=0), 4, "a")
    assert len(set(found[3:33])) == 1
    assert len(set(found[40:45])) == 1
    assert sorted(np.bincount(found))[0] >= 20
    order = np.random.default_rng(1).permutation(101)
    centred = matrix - matrix.mean(axis=0)
    assert np.array_equal(folds(centred[order], 4, "a"), found[order])


def test_refuses_fewer_different_rows_than_folds():
    matrix = np.repeat(rows(4), 10, axis=0)
    with pytest.raises(Refused, match=r"^side b has 4 kinds of rows, too few for 5 folds$"):
        folds(matrix, 5, "b")
    assert set(folds(matrix, 4, "b")) == {0, 1, 2, 3}
