"""Which rows of two subjects correspond, and their order in a floor of permuted rows."""

import example_stores as example
import numpy as np
import pytest

from universality import seeds
from universality.features.aligned import aligned_rows, row_order

ROW_A, ROW_B = np.array([0, 2, 3, 5, 6, 8]), np.array([1, 2, 4, 5, 7, 8])
DOCUMENT, SPLIT = np.array([0, 0, 1, 2, 2, 3]), np.array([1, 1, 2, 1, 1, 0])


def aligned(tmp_path, unusable_a=(), unusable_b=()):
    sides = []
    for name, unusable in (("a", unusable_a), ("b", unusable_b)):
        usable = np.ones(9, bool)
        usable[list(unusable)] = False
        sides.append(example.features(tmp_path / f"{name}.zarr", np.ones((9, 2)), usable))
    path = tmp_path / "alignment.zarr"
    return aligned_rows(*sides, example.alignment(path, ROW_A, ROW_B, DOCUMENT, SPLIT))


def lists(rows):
    return rows.a.tolist(), rows.b.tolist(), rows.document.tolist()


def test_rows_come_by_split_in_the_order_of_the_text(tmp_path):
    found = aligned(tmp_path)
    assert list(found) == ["train", "match", "heldout"]
    assert lists(found["train"]) == ([8], [8], [3])
    assert lists(found["match"]) == ([0, 2, 5, 6], [1, 2, 5, 7], [0, 0, 2, 2])
    assert lists(found["heldout"]) == ([3], [4], [1])


def test_rows_that_a_side_cannot_use_are_left_out_on_both(tmp_path):
    found = aligned(tmp_path, unusable_a=[2, 3], unusable_b=[3, 7])
    assert lists(found["match"]) == ([0, 5], [1, 5], [0, 2])
    assert lists(found["heldout"]) == ([], [], [])


@pytest.mark.parametrize("n", [0, 1, 50])
def test_rows_keep_their_order_unless_they_are_permuted(n):
    assert row_order(n, "match", None).tolist() == list(range(n))
    permuted = row_order(n, "match", 3)
    assert sorted(permuted) == list(range(n))
    assert np.array_equal(permuted, row_order(n, "match", 3))
    # The stream of the name; results of earlier versions stay as they are.
    assert np.array_equal(permuted, seeds.generator(3, "permuted rows", "match").permutation(n))


def test_each_split_and_seed_has_an_order_of_its_own():
    orders = [row_order(50, split, seed) for split in ("match", "heldout") for seed in (3, 4)]
    assert len({tuple(order) for order in orders}) == 4
