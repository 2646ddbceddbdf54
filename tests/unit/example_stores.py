"""Small stores of tokens, activations, features and alignments, with any content."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from universality import store
from universality.features.matrix import Features
from universality.features.rows import Activations


def bits(values: np.ndarray) -> np.ndarray:
    """Return float32 values as the 16 bits of the nearest bfloat16."""
    return torch.from_numpy(values).bfloat16().view(torch.int16).numpy().view(np.uint16)


def activations(
    folder: Path,
    resid: np.ndarray,
    document: Sequence[int] | np.ndarray,
    split_of_document: Sequence[int] | np.ndarray,
    special: Sequence[bool] | np.ndarray | None = None,
    massive: float = 1e9,
    dtype: str = "float32",
) -> Activations:
    """Write a dump of `resid` [T, d] with its tokens and open it."""
    resid = resid.astype(np.float32)
    rows = len(resid)
    arrays = {
        "resid": bits(resid) if dtype == "bfloat16" else resid,
        "row": np.arange(rows),
        "norm": np.linalg.norm(resid, axis=1),
    }
    store.write(folder / "activations.zarr", "activations", arrays, {"dtype": dtype})
    tokens = {
        "document": np.asarray(document, np.int32),
        "special": np.zeros(rows, bool) if special is None else np.asarray(special, bool),
    }
    store.write(folder / "tokens.zarr", "tokens", tokens, {"truncated": 0})
    return Activations(
        folder / "activations.zarr",
        folder / "tokens.zarr",
        np.asarray(split_of_document, np.int8),
        massive,
    )


def features(
    path: Path, values: np.ndarray, usable: np.ndarray | None = None, layout: str = "csr"
) -> Features:
    """Write `values` [T, F] as a store of features and open it.

    `layout` is csr, or the dtype of a dense store: float32 or bfloat16.
    """
    values = values.astype(np.float32)
    arrays = {
        "usable": np.ones(len(values), bool) if usable is None else usable,
        "firings": np.zeros((3, values.shape[1]), np.int64),
    }
    if layout == "csr":
        csr = sparse.csr_matrix(values)
        arrays |= {"indptr": csr.indptr, "indices": csr.indices, "values": csr.data}
        attributes = {"layout": "csr"}
    else:
        arrays["dense"] = bits(values) if layout == "bfloat16" else values
        attributes = {"layout": "dense", "dtype": layout}
    store.write(path, "features", arrays, attributes)
    return Features(path)


def alignment(
    path: Path, row_a: np.ndarray, row_b: np.ndarray, document: np.ndarray, split: np.ndarray
) -> store.Store:
    """Write an alignment and open it."""
    arrays = {"row_a": row_a, "row_b": row_b, "document": document, "split": split}
    store.write(path, "alignment", arrays, {})
    return store.open_store(path, "alignment")
