"""Statistics of features: sparse equals dense equals a naive count, whatever the blocks."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from universality.documents import SPLITS
from universality.features.statistics import Statistics

reproducible = settings(deadline=None, derandomize=True)
NAMES = ("firings", "documents", "mean", "std", "max")


def naive(values, document, split):
    """Count one feature of one split at a time."""
    found = {name: np.full((len(SPLITS), values.shape[1]), np.nan) for name in NAMES}
    for s in range(len(SPLITS)):
        rows = [i for i in range(len(values)) if split[i] == s]
        for j in range(values.shape[1]):
            column = [float(values[i, j]) for i in rows]
            found["firings"][s, j] = sum(v != 0 for v in column)
            found["documents"][s, j] = len({document[i] for i in rows if values[i, j] != 0})
            if rows:
                found["mean"][s, j] = np.mean(column)
                found["std"][s, j] = np.std(column)
                found["max"][s, j] = max(column)
    return found


@st.composite
def corpora(draw):
    """Values [rows, 3], the document and split of each row, and where blocks of documents end."""
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    splits = draw(st.lists(st.integers(0, 2), min_size=len(lengths), max_size=len(lengths)))
    document = np.repeat(np.arange(len(lengths)) * 2, lengths)  # some documents have no rows
    split = np.repeat(splits, lengths)
    cell = st.sampled_from([0, 0, 0, 1.5, 4, -2])
    cells = draw(st.lists(cell, min_size=3 * len(document), max_size=3 * len(document)))
    ends = np.cumsum(lengths)
    chosen = draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends)))
    bounds = [0, *ends[:-1][chosen[:-1]], ends[-1]]
    return np.array(cells, np.float32).reshape(-1, 3), document, split, bounds


@reproducible
@given(corpora())
def test_sparse_equals_dense_equals_naive(corpus):
    values, document, split, bounds = corpus
    expected = naive(values, document, split)
    for layout in (np.asarray, sparse.csr_matrix):
        statistics = Statistics(3)
        for start, stop in pairwise(bounds):
            rows = slice(start, stop)
            statistics.update(layout(values[rows]), document[rows], split[rows])
        found = statistics.arrays()
        assert set(found) == set(NAMES)
        for name in NAMES:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-7, err_msg=name)
        assert statistics.rows.tolist() == [(split == s).sum() for s in range(3)]


def test_stored_zeros_do_not_fire():
    stored = sparse.csr_matrix((np.array([0.0, 2.0], np.float32), [0, 0], [0, 1, 2]), shape=(2, 1))
    statistics = Statistics(1)
    statistics.update(stored, np.array([0, 1]), np.array([1, 1]))
    found = statistics.arrays()
    assert (found["firings"][1, 0], found["documents"][1, 0]) == (1, 1)


def test_a_maximum_below_zero():
    statistics = Statistics(1)
    statistics.update(sparse.csr_matrix([[-3.0], [-2.0]]), np.array([0, 0]), np.array([2, 2]))
    assert statistics.arrays()["max"][2, 0] == -2


def test_without_rows_there_is_no_mean_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Statistics(2).arrays()
    assert found["firings"].tolist() == [[0, 0]] * 3
    assert all(np.isnan(found[name]).all() for name in ("mean", "std", "max"))


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
def test_sums_are_kept_in_float64(layout):
    rng = np.random.default_rng(0)
    values = (1000 + rng.standard_normal((20000, 1))).astype(np.float32)
    statistics = Statistics(1)
    statistics.update(layout(values), np.zeros(20000, int), np.zeros(20000, int))
    found = statistics.arrays()
    assert found["mean"][0, 0] == pytest.approx(values.astype(np.float64).mean(), rel=1e-13)
    assert found["std"][0, 0] == pytest.approx(values.astype(np.float64).std(), rel=1e-6)


def test_participation_needs_every_split():
    statistics = Statistics(4)
    # Firings per document (rows) of each feature (columns); 3 documents of 2 rows in each split.
    enough, few_firings, few_documents = [[1, 1], [1, 0], [1, 0]], [[1, 0]] * 3, [[1, 1]] * 2
    few_documents = [*few_documents, [0, 0]]
    features = [
        [enough, enough, enough],
        [enough, few_firings, enough],
        [few_documents, enough, enough],
        [enough, enough, few_documents],
    ]
    values = np.array(features, np.float32).reshape(4, 18).T
    document, split = np.repeat(np.arange(9), 2), np.repeat(np.arange(3), 6)
    statistics.update(values, document, split)
    assert statistics.participates(4, 3).tolist() == [True, False, False, False]
    assert statistics.participates(3, 3).tolist() == [True, True, False, False]
    assert statistics.participates(4, 2).tolist() == [True, False, True, True]
    assert statistics.participates(5, 1).tolist() == [False] * 4
