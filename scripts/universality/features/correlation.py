"""Exact Pearson correlations between all features of two subjects, block by block.

Over the n aligned rows of a split, with a_i and b_j columns of feature activations (zeros
included): r_ij = (sum a_i b_j - n mean_i mean_j) / (n sd_i sd_j). Cross moments come from sparse
products; neither a dense tokens x features matrix nor more than a block of the features x features
matrix is ever in memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from universality import store
from universality.features.aligned import aligned_rows, row_order
from universality.features.matrix import Features
from universality.features.statistics import Matrix, Statistics

_BLOCK = 1024


def pearson(a: Matrix, b: Matrix, block: int = _BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield `(columns of a, correlations)` over blocks of a's columns.

    Args:
        a: activations [n, F_a], CSR or dense.
        b: activations of the same rows, [n, F_b].
        block: columns of a at once.

    Yields:
        Correlations in [-1, 1], float64 [block, F_b]; NaN where a column is constant.
    """
    mean_a, sd_a = column_moments(a)
    mean_b, sd_b = column_moments(b)
    n = max(a.shape[0], 1)
    # A dense side is centred before the product (one side is enough), so that no large offset has
    # to cancel afterwards; a sparse side stays sparse.
    right = b if sparse.issparse(b) else b.astype(np.float64) - mean_b
    columns_a = a.tocsc() if sparse.issparse(a) else a
    both_sparse = sparse.issparse(a) and sparse.issparse(b)
    for start in range(0, a.shape[1], block):
        part = slice(start, min(start + block, a.shape[1]))
        left = columns_a[:, part].astype(np.float64)
        if not sparse.issparse(a):
            left -= mean_a[part]
        cross: Any = left.T @ right
        if both_sparse:
            cross = cross.toarray() - n * np.outer(mean_a[part], mean_b)
        spread = np.outer(sd_a[part], sd_b)
        # Not divided by 0: what rounding leaves of a covariance would become 1 after the clip.
        r = cross / n / np.where(spread > 0, spread, np.nan)
        # Rounding may step over 1 by an ulp.
        yield part, np.clip(r, -1, 1)


def correlate(
    a: Features,
    b: Features,
    alignment: store.Store,
    path: str | Path,
    min_firings: int,
    min_documents: int,
    permute_rows: int | None,
    attributes: dict[str, Any],
) -> None:
    """Write the correlations of all participating features of two subjects as a store.

    Rows are those that the alignment pairs and that are usable on both sides. A feature takes part
    when it fires on at least `min_firings` of them, in at least `min_documents` documents, in every
    split, and varies in the match and held-out splits. With `permute_rows` (a seed), the rows of b
    are permuted within each split: the floor of what rows that do not correspond would give.

    Arrays: `a[F]`, `b[G]` the participating features, `fit[F, G]` correlations on the match split,
    `heldout[F, G]` on the held-out split (float32), `rows[splits]` the number of rows.
    """
    counts = (Statistics(a.n_features), Statistics(b.n_features))
    halves: dict[str, tuple[Matrix, Matrix]] = {}
    for number, (name, rows) in enumerate(aligned_rows(a, b, alignment).items()):
        sides = a.rows(rows.a), b.rows(rows.b)
        for statistics, values in zip(counts, sides, strict=True):
            statistics.update(values, rows.document, np.full(len(rows.document), number))
        if name != "train":
            halves[name] = sides
    chosen = [
        np.flatnonzero(
            statistics.participates(min_firings, min_documents)
            & np.logical_and.reduce([column_moments(sides[i])[1] > 0 for sides in halves.values()])
        )
        for i, statistics in enumerate(counts)
    ]
    with store.create(path, "correlation", attributes) as writer:
        writer.add("a", chosen[0])
        writer.add("b", chosen[1])
        writer.add("rows", counts[0].rows)
        for name, stored in (("match", "fit"), ("heldout", "heldout")):
            left, right = (
                values[:, features] for values, features in zip(halves[name], chosen, strict=True)
            )
            if permute_rows is not None:
                right = right[row_order(right.shape[0], name, permute_rows)]
            matrix = writer.reserve(stored, (len(chosen[0]), len(chosen[1])), np.float32)
            for part, r in pearson(left, right):
                matrix[part] = r.astype(np.float32)


def column_moments(values: Matrix) -> tuple[Float[np.ndarray, "F"], Float[np.ndarray, "F"]]:
    """Return mean and standard deviation (0 for a constant column) of each column in float64."""
    n = max(values.shape[0], 1)
    if not sparse.issparse(values):
        wide = values.astype(np.float64)
        return wide.mean(0) if len(wide) else np.zeros(wide.shape[1]), _spread(wide)
    csc = values.tocsc()
    filled: Int[np.ndarray, F] = np.diff(csc.indptr)
    column = np.repeat(np.arange(csc.shape[1]), filled)
    # Not csc.sum, which adds float32 values in float32 whatever dtype it is asked for.
    mean = np.bincount(column, csc.data, minlength=csc.shape[1]) / n
    # Summed over deviations, not from squares, so that a constant column gives exactly 0.
    deviation = np.square(csc.data.astype(np.float64) - mean[column])
    square = np.bincount(column, deviation, minlength=csc.shape[1]) + (n - filled) * mean**2
    return mean, _rounded(np.sqrt(square / n), mean)


def _spread(values: Float[np.ndarray, "n F"]) -> Float[np.ndarray, "F"]:
    if not len(values):
        return np.zeros(values.shape[1])
    return _rounded(values.std(0), values.mean(0))


def _rounded(sd: Float[np.ndarray, "F"], mean: Float[np.ndarray, "F"]) -> Float[np.ndarray, "F"]:
    """Return `sd` with what is only the rounding of a constant column set to 0."""
    return np.where(sd <= 1e-12 * np.abs(mean), 0.0, sd)
