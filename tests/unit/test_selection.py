"""Filters of matched pairs."""

import numpy as np
import pytest

from universality.features.selection import select

A, B = np.array([4, 0, 4, 7]), np.array([1, 1, 2, 9])
FIT = np.array([0.3, 0.1, 0.05, 0.9], np.float32)
WORDS_A = {4: {"the", "king"}, 0: {"queen"}, 7: ["."]}
WORDS_B = {1: {"king", "queen"}, 2: {"the"}}  # feature 9 has no words


def flags(**options):
    options = {"min_correlation": 0.1, "shared_label": False, "exclude_labels": []} | options
    found = select(A, B, FIT, WORDS_A, WORDS_B, options)
    assert all(flag.dtype == bool for flag in found.values())
    return {name: flag.tolist() for name, flag in found.items()}


def test_only_correlation():
    assert flags() == {
        "correlated": [True, False, False, True],  # 0.1 itself is not greater
        "no_junk": [True] * 4,
        "shared": [True, True, True, False],
        "kept": [True, False, False, True],
    }


@pytest.mark.parametrize(
    ("minimum", "kept"),
    [(-1, [True] * 4), (0.05, [True, True, False, True]), (0.9, [False] * 4)],
)
def test_minimum_correlation(minimum, kept):
    assert flags(min_correlation=minimum)["kept"] == kept


def test_a_shared_word_counts_only_when_asked_for():
    assert flags(shared_label=True)["kept"] == [True, False, False, False]
    assert flags(shared_label=True, min_correlation=-1)["kept"] == [True, True, True, False]


def test_junk_on_either_side():
    assert flags(exclude_labels=["."])["no_junk"] == [True, True, True, False]
    found = flags(exclude_labels=["the", "absent"], min_correlation=-1)
    assert found["no_junk"] == [False, True, False, True]
    assert found["kept"] == [False, True, False, True]
    assert flags(exclude_labels=["queen"])["no_junk"] == [False, False, True, True]


def test_all_filters_together():
    found = flags(min_correlation=-1, shared_label=True, exclude_labels=["queen"])
    assert found["kept"] == [False, False, True, False]


def test_a_shared_word_that_is_junk_is_still_shared():
    found = flags(exclude_labels=["king"], shared_label=True)
    assert (found["shared"][0], found["no_junk"][0], found["kept"][0]) == (True, False, False)


def test_no_pairs():
    none = np.zeros(0, np.int64)
    options = {"min_correlation": 0.1, "shared_label": True, "exclude_labels": ["the"]}
    found = select(none, none, np.zeros(0, np.float32), {}, {}, options)
    assert {name: (flag.dtype, flag.shape) for name, flag in found.items()} == {
        name: (np.dtype(bool), (0,)) for name in ("correlated", "no_junk", "shared", "kept")
    }


def test_a_missing_correlation_is_not_kept():
    found = select(
        np.array([0]),
        np.array([0]),
        np.array([np.nan], np.float32),
        {},
        {},
        {"min_correlation": -1, "shared_label": False, "exclude_labels": []},
    )
    assert not found["kept"].any()
