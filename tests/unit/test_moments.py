"""Correlations from sums over documents, against numpy on rows that are really repeated."""

import warnings

import example_stores as example
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from universality import store
from universality.features.aligned import aligned_rows, row_order
from universality.features.correlation import correlate, pearson
from universality.features.moments import Sums, correlations, document_sums, mean_correlations

reproducible = settings(deadline=None, derandomize=True)
LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_matrix}
layout_a = pytest.mark.parametrize("layout_a", LAYOUTS.values(), ids=LAYOUTS)
layout_b = pytest.mark.parametrize("layout_b", LAYOUTS.values(), ids=LAYOUTS)
DOCUMENT = np.repeat([3, 4, 9, 12], [5, 1, 9, 5])
PAIRS_A, PAIRS_B = np.array([0, 2, 2, 1, 0]), np.array([1, 0, 1, 1, 1])


def activity(rng, features, share=0.5):
    values = rng.gamma(2, size=(20, features)) * (rng.random((20, features)) < share)
    return values.astype(np.float32)


def whole(blocks):
    """Put the blocks of pairs together."""
    blocks = list(blocks)
    assert [i for part, _ in blocks for i in range(part.start, part.stop)] == list(range(5))
    parts = [np.concatenate([sums[k] for _, sums in blocks], axis=1) for k in range(1, 6)]
    return Sums(blocks[0][1].rows, *parts)


def pearsons(a, b):
    """Return the correlation of each pair by numpy; NaN where one is constant."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = [np.corrcoef(a[:, i], b[:, j])[0, 1] for i, j in zip(PAIRS_A, PAIRS_B, strict=True)]
    constant = [
        np.ptp(a[:, i]) == 0 or np.ptp(b[:, j]) == 0 for i, j in zip(PAIRS_A, PAIRS_B, strict=True)
    ]
    return np.where(constant, np.nan, r)


@pytest.mark.parametrize("block", [1, 2, 100])
def test_sums_of_a_document_are_sums_over_its_rows(block):
    rng = np.random.default_rng(0)
    a, b = activity(rng, 3), activity(rng, 2)
    sides = sparse.csr_matrix(a), sparse.csr_matrix(b)
    sums = whole(document_sums(*sides, DOCUMENT, PAIRS_A, PAIRS_B, block))
    assert sums.rows.tolist() == [5, 1, 9, 5]
    last = a[15:, PAIRS_A].astype(float), b[15:, PAIRS_B].astype(float)
    for name, expected in (
        ("a", last[0]),
        ("b", last[1]),
        ("aa", last[0] ** 2),
        ("bb", last[1] ** 2),
        ("ab", last[0] * last[1]),
    ):
        np.testing.assert_allclose(getattr(sums, name)[3], expected.sum(0))


@layout_a
@layout_b
@reproducible
@given(
    a=arrays(np.float32, (20, 3), elements=st.sampled_from([0, 0, 0, 1, 2.5, -3, 100])),
    b=arrays(np.float32, (20, 2), elements=st.sampled_from([0, 0, 1, 4])),
    weights=arrays(np.int64, (2, 4), elements=st.integers(0, 3)),
)
def test_weighted_documents_are_repeated_documents(layout_a, layout_b, a, b, weights):
    sums = whole(document_sums(layout_a(a), layout_b(b), DOCUMENT, PAIRS_A, PAIRS_B))
    found = correlations(weights, sums)
    for r, times in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(20), np.repeat(times, [5, 1, 9, 5]))
        expected = pearsons(a[rows], b[rows]) if len(rows) else np.full(5, np.nan)
        np.testing.assert_allclose(r, expected, atol=1e-9)


@layout_a
@layout_b
def test_all_documents_once_give_the_correlations_that_are_matched_by(layout_a, layout_b):
    rng = np.random.default_rng(1)
    a, b = layout_a(activity(rng, 3, 0.2)), layout_b(activity(rng, 2, 0.9))
    sums = whole(document_sums(a, b, DOCUMENT, PAIRS_A, PAIRS_B))
    ((_, r),) = pearson(a, b)
    np.testing.assert_allclose(
        correlations(np.ones((1, 4)), sums)[0], r[PAIRS_A, PAIRS_B], atol=1e-12
    )


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_large_offsets_of_dense_features(offset):
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((20, 3)) + offset, rng.standard_normal((20, 2)) - offset
    sums = whole(document_sums(a, b, DOCUMENT, PAIRS_A, PAIRS_B))
    np.testing.assert_allclose(correlations(np.ones((1, 4)), sums)[0], pearsons(a, b), atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_what_does_not_vary_in_a_draw_has_no_correlation(layout):
    a = np.zeros((20, 3))
    a[:, 0], a[15:, 1], a[:, 2] = 0.1, [1, 2, 3, 4, 5], np.arange(20)
    b = np.stack([np.arange(20) ** 2, np.arange(20)], axis=1).astype(float)
    sums = whole(document_sums(layout(a), layout(b), DOCUMENT, PAIRS_A, PAIRS_B))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        r = correlations(np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]), sums)
    assert np.isnan(r).tolist() == [
        [True, False, False, False, True],
        [True, False, False, True, True],  # feature 1 fires in the last document alone
        [True] * 5,  # one row
        [True] * 5,  # none
    ]


def test_means_leave_out_what_does_not_vary():
    rng = np.random.default_rng(3)
    a, b = activity(rng, 3), activity(rng, 2)
    a[:15, 1] = 0
    sides = sparse.csr_matrix(a), sparse.csr_matrix(b)
    weights = np.array([[1, 1, 1, 1], [2, 0, 1, 0]])
    chosen = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
    blocks = document_sums(*sides, DOCUMENT, PAIRS_A, PAIRS_B, block=2)
    found = mean_correlations(weights, blocks, chosen)
    r = correlations(weights, whole(document_sums(*sides, DOCUMENT, PAIRS_A, PAIRS_B)))
    assert np.isnan(r[1, 3])
    np.testing.assert_allclose(found[0], np.nanmean(r, axis=1))
    np.testing.assert_allclose(found[1], [r[0, 3], np.nan])
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_no_rows_and_no_pairs(layout):
    empty = np.zeros(0, np.int64)
    side = layout(np.zeros((0, 3), np.float32))
    sums = whole(document_sums(side, side, empty, PAIRS_A, PAIRS_A))
    assert sums.ab.shape == (0, 5)
    assert np.isnan(correlations(np.zeros((2, 0)), sums)).all()
    full = layout(np.ones((20, 3), np.float32))
    assert list(document_sums(full, full, DOCUMENT, empty, empty)) == []
    none = mean_correlations(np.ones((6, 4)), [], np.zeros((2, 0), bool))
    assert none.shape == (2, 6)
    assert np.isnan(none).all()


@pytest.mark.parametrize("permute_rows", [None, 5])
@pytest.mark.parametrize("layout", ["csr", "float32", "bfloat16"])
def test_rows_give_the_correlations_of_the_store(tmp_path, layout, permute_rows):
    rng = np.random.default_rng(4)
    document = np.repeat(np.arange(12), rng.integers(5, 12, 12))
    n = len(document)
    a = rng.gamma(2, size=(n + 9, 4)) * (rng.random((n + 9, 4)) < 0.4)
    b = rng.gamma(2, size=(n, 5)) * (rng.random((n, 5)) < 0.4)
    b[:, :3] += a[9:, :3]
    usable = rng.random(n) < 0.9
    sides = (
        example.features(tmp_path / "a.zarr", a, layout=layout),
        example.features(tmp_path / "b.zarr", b, usable, layout),
    )
    rows = np.arange(n) + 9, np.arange(n)
    alignment = example.alignment(tmp_path / "alignment.zarr", *rows, document, document % 3)
    correlate(*sides, alignment, tmp_path / "correlation.zarr", 1, 1, permute_rows, {})
    stored = store.open_store(tmp_path / "correlation.zarr", "correlation")
    assert stored["fit"].shape == (4, 5)
    pairs = np.repeat(np.arange(4), 5), np.tile(np.arange(5), 4)
    for split, name in (("match", "fit"), ("heldout", "heldout")):
        here = aligned_rows(*sides, alignment)[split]
        order = row_order(len(here.b), split, permute_rows)
        values = sides[0].rows(here.a), sides[1].rows(here.b[order])
        ((_, sums),) = document_sums(*values, here.document, *pairs)
        assert len(sums.rows) == 4
        r = correlations(np.ones((1, 4)), sums)[0]
        np.testing.assert_allclose(r.reshape(4, 5), stored.read(name), rtol=0, atol=1e-7)
