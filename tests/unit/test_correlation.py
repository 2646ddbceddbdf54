"""Correlations of features against numpy, and which features and rows take part."""

import warnings

import example_stores as example
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from universality import store
from universality.features.correlation import correlate, pearson
from universality.features.matching import MATCHERS

reproducible = settings(deadline=None, derandomize=True)
LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_matrix}
layout_a = pytest.mark.parametrize("layout_a", LAYOUTS.values(), ids=LAYOUTS)
layout_b = pytest.mark.parametrize("layout_b", LAYOUTS.values(), ids=LAYOUTS)


def all_blocks(a, b, *block):
    parts = list(pearson(a, b, *block))
    columns = [np.arange(a.shape[1])[part] for part, _ in parts]
    assert np.array_equal(np.concatenate(columns), np.arange(a.shape[1]))
    return np.concatenate([r for _, r in parts])


def numpys(a, b):
    """Return numpy's correlations, NaN for constant columns."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = np.corrcoef(a.astype(np.float64).T, b.astype(np.float64).T)
    r = np.atleast_2d(both)[: a.shape[1], a.shape[1] :]
    r[np.ptp(a, axis=0) == 0] = np.nan
    r[:, np.ptp(b, axis=0) == 0] = np.nan
    return r


def activity(rng, rows, features, share):
    values = rng.gamma(2, size=(rows, features)) * (rng.random((rows, features)) < share)
    return values.astype(np.float32)


@layout_a
@layout_b
@pytest.mark.parametrize("block", [1, 3, 100])
def test_agrees_with_numpy(layout_a, layout_b, block):
    rng = np.random.default_rng(0)
    a, b = activity(rng, 300, 7, 0.1), activity(rng, 300, 5, 0.3)
    a[:, 2] = 2 * b[:, 4]
    r = all_blocks(layout_a(a), layout_b(b), block)
    assert r.dtype == np.float64
    np.testing.assert_allclose(r, numpys(a, b), atol=1e-13)
    assert r[2, 4] == pytest.approx(1, abs=1e-13)


cells = st.sampled_from([0, 0, 0, 1, 2.5, -3, 100])


@layout_a
@layout_b
@reproducible
@given(
    a=arrays(np.float32, (6, 3), elements=cells),
    b=arrays(np.float32, (6, 2), elements=cells),
    block=st.integers(1, 4),
)
def test_agrees_with_numpy_on_any_columns(layout_a, layout_b, a, b, block):
    r = all_blocks(layout_a(a), layout_b(b), block)
    np.testing.assert_allclose(r, numpys(a, b), atol=1e-12)
    assert np.all(np.isnan(r) | (np.abs(r) <= 1))


@layout_a
@layout_b
def test_constant_columns_have_no_correlation(layout_a, layout_b):
    rng = np.random.default_rng(1)
    a = activity(rng, 50, 3, 1)
    a[:, 0], a[:, 1] = 0, 0.1  # 0.1 has no exact sum
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        r = all_blocks(layout_a(a), layout_b(a))
    assert np.isnan(r[:2]).all()
    assert np.isnan(r[:, :2]).all()
    assert r[2, 2] == pytest.approx(1)


@pytest.mark.parametrize(("offset", "tolerance"), [(10, 1e-12), (1e4, 1e-11), (1e6, 1e-9)])
def test_large_offsets_of_dense_features(offset, tolerance):
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((400, 4)).astype(np.float32) + np.float32(offset) for _ in "ab")
    b[:, 1] += 3 * (a[:, 1] - np.float32(offset))
    np.testing.assert_allclose(all_blocks(a, b), numpys(a, b), atol=tolerance)


@layout_a
@layout_b
def test_offsets_of_features_that_nearly_always_fire(layout_a, layout_b):
    """A sum in float32 would be off by 1e-2 here."""
    rng = np.random.default_rng(3)
    a, b = ((1000 + rng.standard_normal((2000, 3))).astype(np.float32) for _ in "ab")
    r = all_blocks(layout_a(a), layout_b(b))
    np.testing.assert_allclose(r, numpys(a, b), atol=1e-7)


@layout_a
@layout_b
@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
def test_nothing_to_correlate(layout_a, layout_b, shape):
    a, b = np.zeros(shape, np.float32), np.zeros((shape[0], 2), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forth = [(part, r.shape) for part, r in pearson(layout_a(a), layout_b(b))]
        back = [(part, r.shape) for part, r in pearson(layout_a(b), layout_b(a))]
    assert forth == ([(slice(0, 3), (3, 2))] if shape[1] else [])
    assert back == [(slice(0, 2), (2, shape[1]))]


# End to end: 3 splits of 4 documents of 5 aligned rows. The two sides have other rows between.
SPLIT_OF_DOCUMENT = np.tile([0, 1, 2], 4)
DOCUMENT = np.repeat(np.arange(12), 5)
SPLIT = SPLIT_OF_DOCUMENT[DOCUMENT]
ROW_A, ROW_B = 2 * np.arange(60) + 1, np.arange(60) + 7
DENSE = ("float32", "bfloat16")


class Side:
    """The features of one side, with noise in the rows that are not aligned."""

    def __init__(self, aligned, rows):
        self.values = np.full((rows[-1] + 3, aligned.shape[1]), 50, np.float32)
        self.values[rows] = aligned
        self.usable = np.ones(len(self.values), bool)


@pytest.fixture
def sides():
    """Three features on each side; the second of a is nearly the first of b."""
    rng = np.random.default_rng(4)
    a, b = activity(rng, 60, 3, 0.6), activity(rng, 60, 3, 0.6)
    b[:, 0] = a[:, 1] * rng.uniform(0.8, 1.2, 60)
    return Side(a, ROW_A), Side(b, ROW_B)


def correlated(folder, a, b, min_firings=1, min_documents=1, permute_rows=None, layout="csr"):
    """Run `correlate` on two sides and return its store."""
    correlate(
        example.features(folder / "a.zarr", a.values, a.usable, layout),
        example.features(folder / "b.zarr", b.values, b.usable, layout),
        example.alignment(folder / "alignment.zarr", ROW_A, ROW_B, DOCUMENT, SPLIT),
        folder / "correlation.zarr",
        min_firings,
        min_documents,
        permute_rows,
        {"comparison": "a--b"},
    )
    return store.open_store(folder / "correlation.zarr", "correlation")


def expected(a, b, split):
    rows = (split == SPLIT) & a.usable[ROW_A] & b.usable[ROW_B]
    return numpys(a.values[ROW_A[rows]], b.values[ROW_B[rows]])


@pytest.mark.parametrize("layout", ["csr", *DENSE])
def test_match_rows_make_fit_and_heldout_rows_make_heldout(tmp_path, sides, layout):
    if layout == "bfloat16":
        for side in sides:
            side.values = np.round(side.values)  # whole numbers are exact in bfloat16
    found = correlated(tmp_path, *sides, layout=layout)
    assert found.read("a").tolist() == found.read("b").tolist() == [0, 1, 2]
    assert found.read("rows").tolist() == [20, 20, 20]
    np.testing.assert_allclose(found.read("fit"), expected(*sides, split=1), atol=1e-6)
    np.testing.assert_allclose(found.read("heldout"), expected(*sides, split=2), atol=1e-6)
    assert found["fit"].dtype == found["heldout"].dtype == np.float32
    assert found.attributes["comparison"] == "a--b"


def test_other_splits_leave_a_correlation_as_it_is(tmp_path, sides):
    before = correlated(tmp_path / "before", *sides)
    a, b = sides
    a.values[ROW_A[SPLIT == 0]] += 1  # train
    b.values[ROW_B[SPLIT == 2]] = b.values[ROW_B[SPLIT == 2]][::-1]
    after = correlated(tmp_path / "after", a, b)
    assert np.array_equal(before.read("fit"), after.read("fit"))
    assert not np.allclose(before.read("heldout"), after.read("heldout"))


def test_rows_that_are_not_usable_on_either_side_are_left_out(tmp_path, sides):
    a, b = sides
    for side, rows in ((a, ROW_A[[6, 7, 11]]), (b, ROW_B[[7, 8, 22]])):
        side.usable[rows] = False
        side.values[rows] = 1e4
    found = correlated(tmp_path, a, b)
    assert found.read("rows").tolist() == [20, 16, 19]
    np.testing.assert_allclose(found.read("fit"), expected(a, b, split=1), atol=1e-6)
    np.testing.assert_allclose(found.read("heldout"), expected(a, b, split=2), atol=1e-6)


def pattern(rng, firings):
    """Return activations that fire `firings[split][i]` times in the i-th document of a split."""
    values = np.zeros(60, np.float32)
    for split, counts in enumerate(firings):
        documents = np.flatnonzero(split == SPLIT_OF_DOCUMENT)
        for document, count in zip(documents, counts, strict=True):
            rows = np.flatnonzero(document == DOCUMENT)[:count]
            values[rows] = rng.uniform(1, 2, count)
    return values


@pytest.mark.parametrize("layout", ["csr", "float32"])
def test_participation(tmp_path, layout):
    """At least 6 firings in at least 3 documents, in each split."""
    rng = np.random.default_rng(5)
    enough, few_firings, few_documents = [2, 2, 2, 0], [3, 1, 1, 0], [3, 0, 3, 0]
    columns = {"just enough": [enough] * 3, "plenty": [[5, 5, 4, 5]] * 3}
    for split in range(3):
        for name, few in (("firings", few_firings), ("documents", few_documents)):
            counts = [few if s == split else enough for s in range(3)]
            columns[f"few {name} in {split}"] = counts
    values = [pattern(rng, counts) for counts in columns.values()]
    constant = np.ones(60)
    constant_in_heldout = np.where(SPLIT == 2, 1, rng.uniform(1, 2, 60))
    constant_in_train = np.where(SPLIT == 0, 1, rng.uniform(1, 2, 60))
    a = np.stack([constant, *values, constant_in_heldout, constant_in_train], axis=1)
    names = ["constant", *columns, "constant in heldout", "constant in train"]
    b = a[:, ::-1]
    found = correlated(tmp_path, Side(a, ROW_A), Side(b, ROW_B), 6, 3, layout=layout)
    taking_part = {"just enough", "plenty", "constant in train"}
    assert {names[i] for i in found.read("a")} == taking_part
    assert {names[::-1][i] for i in found.read("b")} == taking_part
    assert np.isfinite(found.read("fit")).all()
    assert np.isfinite(found.read("heldout")).all()
    np.testing.assert_allclose(np.diag(found.read("fit")[:, ::-1]), 1, atol=1e-6)


def test_firings_count_only_on_rows_that_both_sides_use(tmp_path):
    rng = np.random.default_rng(6)
    values = np.stack([pattern(rng, [[2, 2, 2, 0]] * 3), pattern(rng, [[3, 3, 3, 0]] * 3)], axis=1)
    a, b = Side(values, ROW_A), Side(values, ROW_B)
    b.usable[ROW_B[5]] = False  # the first row of the first document of the match split
    found = correlated(tmp_path, a, b, 6, 3)
    assert found.read("a").tolist() == found.read("b").tolist() == [1]


@pytest.mark.parametrize("layout", ["csr", *DENSE])
def test_nobody_takes_part(tmp_path, sides, layout):
    found = correlated(tmp_path, *sides, min_firings=100, layout=layout)
    assert found.read("a").shape == found.read("b").shape == (0,)
    assert found.read("fit").shape == found.read("heldout").shape == (0, 0)
    assert all(len(match(found.read("fit"))[0]) == 0 for match in MATCHERS.values())


@pytest.mark.parametrize("idle", [0, 1])
def test_nobody_of_one_side_takes_part(tmp_path, sides, idle):
    sides[idle].values[:] = 0
    found = correlated(tmp_path, *sides)
    assert found.read("fit").shape == found.read("heldout").shape == ((0, 3), (3, 0))[idle]


def test_a_split_without_rows(tmp_path, sides):
    sides[0].usable[ROW_A[SPLIT == 2]] = False
    found = correlated(tmp_path, *sides)
    assert found.read("rows").tolist() == [20, 20, 0]
    assert found.read("fit").shape == (0, 0)


@pytest.fixture
def twins():
    """Many equal features on both sides; feature 5 of b repeats feature 4."""
    values = activity(np.random.default_rng(7), 60, 30, 0.7)
    copy = values.copy()
    copy[:, 5] = copy[:, 4]
    return Side(values, ROW_A), Side(copy, ROW_B)


def test_permuted_rows_break_the_correspondence_alone(tmp_path, twins):
    plain = correlated(tmp_path / "plain", *twins)
    permuted = correlated(tmp_path / "permuted", *twins, permute_rows=3)
    for name in ("a", "b", "rows"):
        assert np.array_equal(plain.read(name), permuted.read(name))
    for name in ("fit", "heldout"):
        before, after = plain.read(name), permuted.read(name)
        own = np.delete(np.arange(30), 5)
        np.testing.assert_allclose(before[own, own], 1, atol=1e-6)
        # 20 rows: a standard deviation of 1 / sqrt(19) around 0.
        assert abs(np.diag(after).mean()) < 4 / np.sqrt(19 * 30)
        assert np.diag(after).std() < 2 / np.sqrt(19)
        # Whole rows are permuted, so columns of b still go together.
        assert np.array_equal(after[:, 4], after[:, 5])


def test_permutation_stays_within_the_split(tmp_path, twins):
    """All rows of a split being equal but one, any permutation within it gives one of 20 values."""
    a, b = twins
    b.values[ROW_B] = 1
    b.values[ROW_B[SPLIT == 0]] = np.linspace(5, 9, 20)[:, None]
    for split in (1, 2):
        b.values[ROW_B[np.flatnonzero(split == SPLIT)[0]]] = 3
    found = correlated(tmp_path, a, b, permute_rows=3)
    for name, split in (("fit", 1), ("heldout", 2)):
        values = a.values[ROW_A[split == SPLIT]].astype(np.float64)
        possible = (values - values.mean(0)) / values.std(0) / np.sqrt(19)
        distance = np.abs(found.read(name)[:, 0] - possible)
        assert (distance.max(1) < 1e-6).sum() == 1  # one and the same row for all features


def test_permutations_follow_the_seed(tmp_path, twins):
    first, again, other = (
        correlated(tmp_path / str(i), *twins, permute_rows=seed) for i, seed in enumerate((3, 3, 4))
    )
    assert first.attributes["sha256"] == again.attributes["sha256"]
    assert not np.allclose(first.read("fit"), other.read("fit"), atol=0.01)
    assert not np.allclose(first.read("heldout"), other.read("heldout"), atol=0.01)
