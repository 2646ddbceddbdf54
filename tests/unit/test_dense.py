"""Correlations and top rows of dense features against numpy, in any blocks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from universality.features import dense, saes
from universality.features.labels import top_rows

CPU = torch.device("cpu")
BLOCKS = pytest.mark.parametrize("numbers", [1, 130, 1 << 26])


def of(values: np.ndarray, rows: np.ndarray | None = None) -> dense.Dense:
    """Return an array [all rows, F] as features."""
    block = dense.of_sparse(sparse.csr_matrix(values.astype(np.float32)), CPU)
    chosen = np.arange(len(values)) if rows is None else rows
    return dense.Dense(values.shape[1], block, torch.from_numpy(chosen))


def expected(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return numpy's correlations with the source's mix of n and n - 1."""
    r = np.corrcoef(a.T.astype(np.float64), b.T.astype(np.float64))
    return r[: a.shape[1], a.shape[1] :] * (len(a) - 1) / len(a)


@BLOCKS
def test_correlations(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    monkeypatch.setattr(dense, "_NUMBERS", numbers)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((60, 7)), rng.standard_normal((60, 5)) * 100 + 3000
    a[:, 3] = b[:, 2] + rng.standard_normal(60)
    a = np.maximum(a, 0)
    found = dense.correlations(of(a), of(b))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(a, b), atol=2e-5)


@BLOCKS
def test_only_the_rows_that_count(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    monkeypatch.setattr(dense, "_NUMBERS", numbers)
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((60, 4)), rng.standard_normal((80, 3))
    rows_a, rows_b = rng.permutation(60)[:40], rng.permutation(80)[:40]
    found = dense.correlations(of(a, rows_a), of(b, rows_b))
    np.testing.assert_allclose(found, expected(a[rows_a], b[rows_b]), atol=1e-5)


def test_an_odd_factor_is_the_source_s() -> None:
    """A feature with itself correlates (n - 1) / n: the deviation is of a sample, the mean not."""
    x = np.random.default_rng(2).standard_normal((10, 1))
    assert dense.correlations(of(x), of(x))[0, 0] == pytest.approx(0.9)


@pytest.mark.parametrize("constant", [0, 1e-30, 1.1, 12345.678, -3e7])
def test_a_constant_feature_correlates_with_nothing(constant: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((101, 3)), rng.standard_normal((101, 2))
    a[:, 1] = b[:, 0] = constant
    found = dense.correlations(of(a), of(b))
    assert (found[1] == 0).all()
    assert (found[:, 0] == 0).all()
    assert (found[[0, 2], 1] != 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite(value: float) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((30, 3)), rng.standard_normal((30, 2))
    clean = dense.correlations(of(a), of(b))
    a[7, 1] = value
    found = dense.correlations(of(a), of(b))
    assert (found[1] == 0).all()
    assert np.array_equal(found[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows(n: int) -> None:
    values = np.ones((n, 3))
    assert np.array_equal(dense.correlations(of(values), of(values)), np.zeros((3, 3)))


def test_no_features() -> None:
    values = np.ones((5, 3))
    assert dense.correlations(of(values[:, :0]), of(values)).shape == (0, 3)


@BLOCKS
def test_top_rows_are_those_of_the_labels(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    monkeypatch.setattr(dense, "_NUMBERS", numbers)
    values = np.random.default_rng(5).standard_normal((50, 6)).astype(np.float32)
    values[:, 2] = -1  # never positive
    values[:, 4] = np.where(np.arange(50) == 9, 2, 0)
    found = dense.top_rows(of(values), 5)
    for ours, theirs in zip(found, top_rows(sparse.csr_matrix(values), 5), strict=True):
        assert ours.tolist() == theirs.tolist()
    assert (found[0] == 2).sum() == 0
    assert found[1][found[0] == 4].tolist() == [9]


def test_top_rows_count_from_the_rows_that_count() -> None:
    values = np.array([[9.0], [1], [3], [2]])
    feature, row = dense.top_rows(of(values, np.array([3, 1, 2])), 2)
    assert (feature.tolist(), row.tolist()) == ([0, 0], [2, 0])
    assert [len(part) for part in dense.top_rows(of(values, np.zeros(0, int)), 2)] == [0, 0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 12), st.integers(1, 9), st.integers(1, 40))
def test_parts_cover_each_feature_once(n: int, features: int, numbers: int) -> None:
    values = np.random.default_rng(n).standard_normal((n, features)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense, "_NUMBERS", numbers)
        parts = list(of(values).parts())
    assert [i for part, _ in parts for i in range(part.start, part.stop)] == list(range(features))
    assert np.array_equal(torch.cat([block for _, block in parts]).numpy().T, values)
    assert all(block.numel() <= numbers or len(block) == 1 for _, block in parts)


SAE = saes.random(8, 20, 3, seed=0)
X = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))


def test_blocks_of_an_sae() -> None:
    block = dense.of_pre_activations(SAE, X)
    expected = SAE.pre_activations(X).numpy().T
    np.testing.assert_allclose(block(0, 20).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(block(5, 9).numpy(), expected[5:9], atol=1e-6)
    assert block(5, 9) is block(5, 9)


def test_outputs_of_an_sae(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = SAE.encode(X).numpy()
    for rows in (4096, 7):
        monkeypatch.setattr(dense, "_ROWS", rows)
        found = dense.outputs(SAE, X)
        assert found.nnz == (expected != 0).sum() <= 90
        np.testing.assert_allclose(found.toarray(), expected, atol=1e-6)
    assert dense.outputs(SAE, X[:0]).shape == (0, 20)


def test_what_correlates_is_not_changed() -> None:
    """The last block is kept for the labels; standardising it in place would spoil them."""
    block = dense.of_pre_activations(SAE, X)
    values = dense.Dense(20, block, torch.arange(30))
    before = block(0, 20).clone()
    dense.correlations(values, values)
    assert torch.equal(block(0, 20), before)
