"""Encoding: from an activation dump and a dictionary to a store of features."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from universality import store
from universality.features.rows import Activations
from universality.features.saes import Sae
from universality.features.statistics import Statistics
from universality.progress import progress

# About as many rows are encoded at once: their dense features are in memory, never more.
_ROWS = 4096


@torch.inference_mode()
def encode(
    activations: Activations,
    sae: Sae,
    path: str | Path,
    device: torch.device,
    attributes: dict[str, Any],
) -> None:
    """Write the features of each row as a store in CSR form.

    Arrays: `indptr[T+1]` (int64), `indices[nnz]` (int32, ascending in a row), `values[nnz]`
    (float32), `usable[T]`, `decoder[F, d]` (float32), and the per-feature `Statistics` of the
    usable rows, each [splits, F]. Rows that are not usable are encoded too.
    """
    on_device = sae.to(device)
    counts = np.zeros(len(activations) + 1, np.int64)
    statistics = Statistics(sae.d_sae)
    with store.create(path, "features", attributes | {"layout": "csr"}) as writer:
        indices, values = writer.grow("indices", np.int32), writer.grow("values", np.float32)
        for start, stop in _blocks(activations):
            dense = on_device.encode(activations.stored(start, stop).to(device).float())
            rows, columns = dense.nonzero(as_tuple=True)
            block = sparse.csr_matrix(
                (dense[rows, columns].cpu().numpy(), (rows.cpu().numpy(), columns.cpu().numpy())),
                shape=(stop - start, sae.d_sae),
            )
            indices.append(block.indices.astype(np.int32))
            values.append(block.data)
            counts[start + 1 : stop + 1] = np.diff(block.indptr)
            _update(statistics, block, activations, start, stop)
        writer.add("indptr", np.cumsum(counts))
        writer.add("usable", activations.usable)
        writer.add("decoder", sae.arrays["W_dec"].numpy())
        for name, array in statistics.arrays().items():
            writer.add(name, array)


def neurons(activations: Activations, path: str | Path, attributes: dict[str, Any]) -> None:
    """Write the residual basis itself as features: dense, one feature for each dimension.

    Arrays: `dense[T, d]` as stored in the dump, `usable[T]` and the statistics as in `encode`.
    There is no `decoder`: the rows of the identity have no geometry to compare.
    """
    dump = activations.store
    statistics = Statistics(activations.d)
    layout = {"layout": "dense", "dtype": dump.attributes["dtype"]}
    with store.create(path, "features", attributes | layout) as writer:
        resid = dump["resid"]
        dense = writer.reserve("dense", resid.shape, resid.dtype, compress=False)
        for start, stop in _blocks(activations):
            dense[start:stop] = resid[start:stop]
            block = activations.stored(start, stop).float().numpy()
            _update(statistics, block, activations, start, stop)
        writer.add("usable", activations.usable)
        for name, array in statistics.arrays().items():
            writer.add(name, array)


@torch.inference_mode()
def quality(activations: Activations, sae: Sae, device: torch.device) -> dict[str, float]:
    """Measure an SAE on the usable held-out rows.

    Returns:
        fvu: fraction of variance unexplained, sum |x - x̂|² / sum |x - mean x|²; 0 is perfect, 1 is
            no better than the mean row.
        l0: mean number of non-zero features of a row.
        alive: share of features that fire on at least one held-out row.
        tokens: number of rows measured.
        rows_dropped: number of rows of all splits that are special or massive.
    """
    data = activations.stored()[torch.from_numpy(activations.rows_of("heldout"))]
    on_device = sae.to(device)
    mean = data.double().mean(0)
    residual = total = fired = 0.0
    alive = torch.zeros(sae.d_sae, dtype=torch.bool, device=device)
    for block in data.split(_ROWS):
        x = block.to(device).float()
        z = on_device.encode(x)
        residual += float((x - on_device.decode(z)).double().square().sum())
        total += float((block.double() - mean).square().sum())
        fired += float((z != 0).sum())
        alive |= (z != 0).any(0)
    n = len(data)
    return {
        "fvu": residual / total if total else float("nan"),
        "l0": fired / n if n else float("nan"),
        "alive": float(alive.float().mean()),
        "tokens": n,
        "rows_dropped": int((~activations.usable).sum()),
    }


def _blocks(activations: Activations) -> Iterator[tuple[int, int]]:
    """Yield `(start, stop)` of blocks of whole documents that together cover all rows."""
    ends = np.append(np.flatnonzero(np.diff(activations.document)) + 1, len(activations))
    start = 0
    with progress(len(activations), "encoding") as bar:
        while start < len(activations):
            fitting = np.searchsorted(ends, start + _ROWS, side="right") - 1
            stop = int(max(ends[fitting] if fitting >= 0 else 0, ends[ends > start][0]))
            yield start, stop
            bar.update(stop - start)
            start = stop


def _update(
    statistics: Statistics,
    block: sparse.csr_matrix | np.ndarray,
    activations: Activations,
    start: int,
    stop: int,
) -> None:
    usable = np.flatnonzero(activations.usable[start:stop])
    rows = start + usable
    statistics.update(block[usable], activations.document[rows], activations.split[rows])
