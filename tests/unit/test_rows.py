"""Which rows of a dump enter the analysis, and how they are read."""

from pathlib import Path

import example_stores as example
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from universality import documents
from universality.documents import Document
from universality.errors import StudyError
from universality.features.rows import Activations, open_activations, usable

reproducible = settings(deadline=None, derandomize=True)


def test_a_row_at_exactly_the_threshold_stays():
    norm = np.array([2, 2, 10, np.nextafter(np.float32(10), 11), 2], np.float32)
    kept = usable(norm, np.zeros(5, bool), massive=5)
    assert kept.tolist() == [True, True, True, False, True]


def test_special_rows_go_and_do_not_enter_the_median():
    norm = np.array([25000, 25000, 25000, 1, 2, 3, 11], np.float32)
    special = np.array([True, True, True, False, False, False, False])
    # The median of the others is 2.5.
    assert usable(norm, special, massive=4).tolist() == [False] * 3 + [True] * 3 + [False]
    assert usable(norm, special, massive=4.5).tolist() == [False] * 3 + [True] * 4


@pytest.mark.parametrize("rows", [0, 3])
def test_only_special_rows(rows):
    kept = usable(np.ones(rows, np.float32), np.ones(rows, bool), massive=5)
    assert kept.dtype == bool
    assert kept.tolist() == [False] * rows


@reproducible
@given(
    arrays(np.float32, 9, elements=st.integers(0, 64).map(float)),
    arrays(bool, 9),
    st.sampled_from([1.5, 2, 5]),
)
def test_usable_is_its_definition(norm, special, massive):
    ordinary = sorted(n for n, s in zip(norm, special, strict=True) if not s)
    kept = usable(norm, special, massive)
    for i in range(len(norm)):
        if special[i]:
            assert not kept[i]
        else:
            middle = len(ordinary) // 2
            median = (ordinary[middle] + ordinary[-middle - 1]) / 2
            assert kept[i] == (norm[i] <= massive * median)


@pytest.fixture
def resid() -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    values[5] *= 1e5  # a massive row
    return values


DOCUMENT, SPLIT = [0, 0, 1, 1, 1, 2, 2, 3], [2, 0, 1, 0]
SPECIAL = [True, False, True, False, False, False, False, False]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_are_read_as_they_were_dumped(tmp_path, resid, dtype):
    opened = example.activations(tmp_path, resid, DOCUMENT, SPLIT, SPECIAL, 5, dtype)
    expected = torch.from_numpy(resid).to(getattr(torch, dtype))
    assert opened.stored().dtype == expected.dtype
    assert torch.equal(opened.stored(), expected)
    assert torch.equal(opened.stored(2, 5), expected[2:5])
    assert opened.stored(8).shape == (0, 3)
    assert (len(opened), opened.d) == (8, 3)


def test_rows_of_a_split(tmp_path, resid):
    opened = example.activations(tmp_path, resid, DOCUMENT, SPLIT, SPECIAL, 5)
    assert opened.document.tolist() == DOCUMENT
    assert opened.split.tolist() == [2, 2, 0, 0, 0, 1, 1, 0]
    assert opened.usable.tolist() == [False, True, False, True, True, False, True, True]
    assert opened.rows_of("train").tolist() == [3, 4, 7]
    assert opened.rows_of("match").tolist() == [6]
    assert opened.rows_of("heldout").tolist() == [1]


def test_the_split_comes_from_the_corpus(tmp_path, resid):
    example.activations(tmp_path, resid, DOCUMENT, SPLIT)
    corpus = [Document(i, "s", documents.SPLITS[split], "text") for i, split in enumerate(SPLIT)]
    documents.write(corpus, tmp_path / "corpus.jsonl")
    stores = tmp_path / "activations.zarr", tmp_path / "tokens.zarr"
    opened = open_activations(*stores, tmp_path / "corpus.jsonl", massive=5)
    assert opened.split.tolist() == [2, 2, 0, 0, 0, 1, 1, 0]
    assert not opened.usable[5]


def test_stores_in_the_wrong_place(tmp_path: Path, resid):
    example.activations(tmp_path, resid, DOCUMENT, SPLIT)
    with pytest.raises(StudyError, match=r"tokens\.zarr: found a store of kind 'tokens'"):
        Activations(tmp_path / "tokens.zarr", tmp_path / "tokens.zarr", np.array(SPLIT), 5)
    with pytest.raises(StudyError, match=r"none\.zarr: no readable tokens store is here"):
        Activations(tmp_path / "activations.zarr", tmp_path / "none.zarr", np.array(SPLIT), 5)
