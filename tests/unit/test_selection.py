"""Filters of matched pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.features.labels import word
from universality.features.selection import JUNK, no_junk, select, shares_label, top_words

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


def test_top_words_are_the_labels_of_each_feature():
    table = pd.DataFrame({"feature": [3, 3, 3, 0], "word": ["a", "b", "a", "c"]})
    found = top_words(table["feature"].to_numpy(), table["word"])
    assert found == {3: {"a", "b"}, 0: {"c"}}
    assert top_words(np.zeros(0, np.int64), []) == {}


def test_each_filter_by_itself():
    assert no_junk(A, B, WORDS_A, WORDS_B, ["."]).tolist() == [True, True, True, False]
    assert no_junk(A, B, WORDS_A, WORDS_B, []).tolist() == [True] * 4
    assert shares_label(A, B, WORDS_A, WORDS_B).tolist() == [True, True, True, False]
    assert shares_label(A, B, WORDS_A, {}).tolist() == [False] * 4


top = st.dictionaries(st.integers(0, 3), st.sets(st.sampled_from("abcd")))


@settings(deadline=None, derandomize=True)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6),
    left=top,
    right=top,
    junk=st.sets(st.sampled_from("abcd")),
)
def test_filters_look_at_each_pair_and_at_both_sides(pairs, left, right, junk):
    a, b = np.array(pairs, np.int64).reshape(-1, 2).T
    clean = no_junk(a, b, left, right, junk)
    shared = shares_label(a, b, left, right)
    assert clean.dtype == shared.dtype == bool
    for (i, j), is_clean, is_shared in zip(pairs, clean, shared, strict=True):
        mine, others = left.get(i, set()), right.get(j, set())
        assert is_clean == (not junk & (mine | others))
        assert is_shared == bool(mine & others)
    assert np.array_equal(no_junk(b, a, right, left, junk), clean)
    assert np.array_equal(shares_label(b, a, right, left), shared)


def test_junk_is_the_sources():
    """Of `run_pipeline`, and what its notebooks have besides."""
    pipeline = {".", "\\n", "\n", "", " ", "-", ",", "!", "?", "<|endoftext|>", "<bos>", "|bos|"}
    assert set(JUNK) == pipeline | {"<pad>", " \\n"}


@pytest.mark.parametrize("token", [".", ",", "!", "?", "-", " ", "\n", " \n", " ."])
def test_labels_of_punctuation_and_white_space_are_junk(token):
    assert word(f"one {token} two", 4, 4 + len(token)) in JUNK


@pytest.mark.parametrize("token", ["one", "\t", ";", "n"])
def test_other_labels_are_not_junk(token):
    assert word(f"a {token} b", 2, 2 + len(token)) not in JUNK
