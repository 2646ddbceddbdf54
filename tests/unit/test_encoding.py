"""Features of a dump against naive encoding, whatever the blocks; and the quality of an SAE."""

import example_stores as example
import numpy as np
import pytest
import torch
from scipy import sparse

from universality import store
from universality.features import encoding, saes
from universality.features.matrix import Features

CPU = torch.device("cpu")
D, F, K = 6, 24, 3
# Documents of 1 to 14 rows; the longest is longer than the small blocks below.
LENGTHS = [3, 1, 14, 5, 2, 2, 6, 4, 4, 1, 3]
SPLIT_OF_DOCUMENT = np.array([0, 1, 2, 0, 2, 1, 1, 0, 2, 1, 0])
DOCUMENT = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
SPECIAL = np.diff(DOCUMENT, prepend=-1) > 0
BLOCKS = pytest.mark.parametrize("rows", [1, 7, 9, 4096])


@pytest.fixture
def resid():
    values = np.random.default_rng(0).standard_normal((len(DOCUMENT), D)).astype(np.float32)
    values[[9, 30]] *= 1000  # massive
    return values


@pytest.fixture
def dump(tmp_path, resid):
    opened = example.activations(tmp_path, resid, DOCUMENT, SPLIT_OF_DOCUMENT, SPECIAL, massive=20)
    usable = ~SPECIAL
    usable[[9, 30]] = False
    assert opened.usable.tolist() == usable.tolist()
    return opened


@pytest.fixture
def sae():
    drawn = saes.random(D, F, K, seed=0)
    drawn.arrays["b_dec"][:] = torch.linspace(-1, 1, D)
    drawn.arrays["b_enc"][:] = 0.1
    drawn.arrays["W_enc"][:, 5] = 0
    drawn.arrays["b_enc"][5] = -1  # feature 5 never fires
    return drawn


def check_statistics(found, values, usable):
    """Compare the statistics of a store with those of usable rows, split by split."""
    for s in range(3):
        rows = usable & (SPLIT_OF_DOCUMENT[DOCUMENT] == s)
        chosen, document = values[rows].astype(np.float64), DOCUMENT[rows]
        fired = chosen != 0
        documents = [len(set(document[column])) for column in fired.T]
        assert found.read("firings")[s].tolist() == fired.sum(0).tolist()
        assert found.read("documents")[s].tolist() == documents
        for name in ("mean", "std", "max"):
            expected = getattr(chosen, name)(0)
            np.testing.assert_allclose(found.read(name)[s], expected, rtol=1e-5, atol=1e-6)


@BLOCKS
def test_features_are_those_of_all_rows_at_once(tmp_path, monkeypatch, dump, sae, resid, rows):
    monkeypatch.setattr(encoding, "_ROWS", rows)
    encoding.encode(dump, sae, tmp_path / "features.zarr", CPU, {"layer": 3})
    found = store.open_store(tmp_path / "features.zarr", "features")
    expected = sae.encode(torch.from_numpy(resid)).numpy()

    indptr, indices = found.read("indptr"), found.read("indices")
    csr = sparse.csr_matrix((found.read("values"), indices, indptr), shape=expected.shape)
    np.testing.assert_allclose(csr.toarray(), expected, rtol=1e-5, atol=1e-6)
    assert csr.has_canonical_format  # ascending in each row, nothing twice
    assert (found.read("values") != 0).all()
    assert np.diff(indptr).max() <= K
    dtypes = [str(found[name].dtype) for name in ("indptr", "indices", "values", "decoder")]
    assert dtypes == ["int64", "int32", "float32", "float32"]

    assert found.attributes["layout"] == "csr"
    assert found.attributes["layer"] == 3
    assert np.array_equal(found.read("usable"), dump.usable)
    assert np.array_equal(found.read("decoder"), sae.arrays["W_dec"].numpy())
    check_statistics(found, expected, dump.usable)


def test_rows_that_are_not_usable_are_encoded_and_flagged(tmp_path, dump, sae, resid):
    encoding.encode(dump, sae, tmp_path / "features.zarr", CPU, {})
    features = Features(tmp_path / "features.zarr")
    dropped = np.flatnonzero(~features.usable)
    assert dropped.tolist() == sorted([*np.flatnonzero(SPECIAL), 9, 30])
    expected = sae.encode(torch.from_numpy(resid[dropped])).numpy()
    np.testing.assert_allclose(features.rows(dropped).toarray(), expected, rtol=1e-5, atol=1e-6)
    assert (expected.sum(1) > 0).all()


def test_the_content_does_not_depend_on_the_blocks(tmp_path, monkeypatch, dump, sae):
    stores = []
    for rows in (5, 4096):
        monkeypatch.setattr(encoding, "_ROWS", rows)
        encoding.encode(dump, sae, tmp_path / f"{rows}.zarr", CPU, {})
        stores.append(store.open_store(tmp_path / f"{rows}.zarr", "features"))
    for name in stores[0].attributes["arrays"]:
        small, large = (opened.read(name) for opened in stores)
        np.testing.assert_allclose(small, large, rtol=1e-5, atol=1e-6, err_msg=name)


def test_blocks_are_of_whole_documents_and_bounded(tmp_path, monkeypatch, dump, sae):
    encoded = []
    encode = saes.Sae.encode

    def watched(self, x):
        encoded.append(len(x))
        return encode(self, x)

    monkeypatch.setattr(saes.Sae, "encode", watched)
    monkeypatch.setattr(encoding, "_ROWS", 8)
    encoding.encode(dump, sae, tmp_path / "features.zarr", CPU, {})
    # Of documents of 3 1 14 5 2 2 6 4 4 1 3 rows; only the one of 14 exceeds 8.
    assert encoded == [3 + 1, 14, 5 + 2, 2 + 6, 4 + 4, 1 + 3]


def test_an_sae_that_never_fires(tmp_path, dump, sae):
    sae.arrays["b_enc"][:] = -1e6
    encoding.encode(dump, sae, tmp_path / "features.zarr", CPU, {})
    features = Features(tmp_path / "features.zarr")
    assert features.rows(np.arange(len(dump))).nnz == 0
    assert features.store.read("firings").sum() == 0
    assert (features.store.read("max") == 0).all()


@BLOCKS
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_neurons_are_the_dump_itself(tmp_path, monkeypatch, resid, rows, dtype):
    monkeypatch.setattr(encoding, "_ROWS", rows)
    resid[20:25, 2] = 0
    places = (DOCUMENT, SPLIT_OF_DOCUMENT, SPECIAL, 20)
    dump = example.activations(tmp_path, resid, *places, dtype=dtype)
    encoding.neurons(dump, tmp_path / "features.zarr", {"layer": 3})
    features = Features(tmp_path / "features.zarr")
    expected = torch.from_numpy(resid).to(getattr(torch, dtype)).float().numpy()
    order = np.arange(len(dump))[::-1]
    assert features.n_features == D
    assert np.array_equal(features.rows(order), expected[order])
    assert np.array_equal(features.usable, dump.usable)
    assert features.store["dense"].dtype == dump.store["resid"].dtype
    assert features.store.attributes["layer"] == 3
    assert "decoder" not in features.store
    check_statistics(features.store, expected, dump.usable)


@BLOCKS
def test_quality_is_its_definition(monkeypatch, dump, sae, resid, rows):
    monkeypatch.setattr(encoding, "_ROWS", rows)
    sae.arrays["W_dec"] *= 0.7
    x = resid[dump.usable & (SPLIT_OF_DOCUMENT[DOCUMENT] == 2)].astype(np.float64)
    z = sae.encode(torch.from_numpy(x).float())
    residual = x - sae.decode(z).double().numpy()
    found = encoding.quality(dump, sae, CPU)
    assert found == {
        "fvu": pytest.approx((residual**2).sum() / ((x - x.mean(0)) ** 2).sum(), rel=1e-5),
        "l0": pytest.approx((z.numpy() != 0).sum() / len(x)),
        "alive": pytest.approx((z.numpy() != 0).any(0).mean()),
        "tokens": len(x),
        "rows_dropped": int(SPECIAL.sum()) + 2,
    }
    assert 0 < found["alive"] < 1


def test_quality_of_a_perfect_and_of_a_useless_sae(dump, resid):
    """A ReLU SAE of +x and -x reconstructs exactly; one that gives the mean explains nothing."""
    eye = torch.eye(D)
    heldout = resid[dump.usable & (SPLIT_OF_DOCUMENT[DOCUMENT] == 2)]
    config = {"architecture": "standard", "apply_b_dec_to_input": True}
    arrays = {
        "W_enc": torch.cat([eye, -eye], 1),
        "b_enc": torch.zeros(2 * D),
        "W_dec": torch.cat([eye, -eye]),
        "b_dec": torch.from_numpy(heldout.mean(0)),
    }
    perfect = encoding.quality(dump, saes.Sae(config, arrays), CPU)
    assert perfect["fvu"] == pytest.approx(0, abs=1e-12)
    assert perfect["l0"] == D
    useless = arrays | {"W_dec": torch.zeros(2 * D, D)}
    assert encoding.quality(dump, saes.Sae(config, useless), CPU)["fvu"] == pytest.approx(1)


def test_quality_of_a_large_offset(tmp_path, resid, sae):
    """The variance is that around the mean row, however far away that is."""
    places = (DOCUMENT, SPLIT_OF_DOCUMENT, SPECIAL)
    before = encoding.quality(example.activations(tmp_path, resid, *places), sae, CPU)
    sae.arrays["b_dec"] += 4096
    far = example.activations(tmp_path / "far", resid + np.float32(4096), *places)
    assert encoding.quality(far, sae, CPU)["fvu"] == pytest.approx(before["fvu"], rel=1e-2)


def test_quality_without_heldout_rows(tmp_path, resid, sae):
    dump = example.activations(tmp_path, resid, DOCUMENT, np.zeros(len(LENGTHS), int))
    found = encoding.quality(dump, sae, CPU)
    assert np.isnan([found["fvu"], found["l0"]]).all()
    assert (found["alive"], found["tokens"]) == (0, 0)
