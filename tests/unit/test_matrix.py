"""Chosen rows of a store of features, sparse or dense."""

import example_stores as example
import numpy as np
import pytest
import torch
from scipy import sparse

from universality.errors import StudyError
from universality.features.matrix import Features

CHOICES = {
    "all": np.arange(12),
    "backwards": np.arange(12)[::-1],
    "repeated": np.array([3, 9, 3, 3, 0, 11, 9]),
    "one": np.array([7]),
    "only rows without activity": np.array([4, 5, 4]),
    "none": np.zeros(0, np.int64),
}


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((12, 6)) * (rng.random((12, 6)) < 0.4)
    dense[4:6] = 0
    dense[:, 2] = 0
    return dense.astype(np.float32)


@pytest.mark.parametrize("layout", ["csr", "float32", "bfloat16"])
@pytest.mark.parametrize("choice", CHOICES)
def test_rows_in_any_order(tmp_path, values, layout, choice):
    rows = CHOICES[choice]
    read = example.features(tmp_path / "features.zarr", values, layout=layout).rows(rows)
    assert sparse.issparse(read) == (layout == "csr")
    assert read.dtype == np.float32
    if layout == "bfloat16":
        values = torch.from_numpy(values).bfloat16().float().numpy()
    dense = read.toarray() if sparse.issparse(read) else read
    np.testing.assert_array_equal(dense, values[rows])


@pytest.mark.parametrize("layout", ["csr", "bfloat16"])
def test_rows_of_several_chunks(tmp_path, monkeypatch, values, layout):
    monkeypatch.setattr("universality.store._CHUNK_BYTES", 48)  # 4 rows of bfloat16
    rows = np.array([11, 0, 5, 4, 5, 10])
    features = example.features(tmp_path / "features.zarr", values, layout=layout)
    read = features.rows(rows)
    dense = read.toarray() if sparse.issparse(read) else read
    assert features.store["values" if layout == "csr" else "dense"].nchunks > 1
    np.testing.assert_allclose(dense, values[rows], rtol=2**-8)


def test_attributes(tmp_path, values):
    usable = np.arange(12) % 3 > 0
    example.features(tmp_path / "features.zarr", values, usable)
    opened = Features(tmp_path / "features.zarr")
    assert opened.n_features == 6
    assert opened.usable.tolist() == usable.tolist()


def test_no_store(tmp_path):
    with pytest.raises(StudyError, match="no readable features store"):
        Features(tmp_path / "none.zarr")
