"""Sums over the rows of each document, from which correlations of given pairs follow.

They are what a bootstrap of documents needs: however the documents are weighted, sums are weighted
sums of these, and no row is read again.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from universality.features.statistics import Matrix

_BLOCK = 1024

CONSTANT = 1e-12
"""A variance of no more than this, relative to the mean square, is rounding: of sums of squares."""


class Sums(NamedTuple):
    """Sums over each document's rows, for each pair of a feature of a and one of b; float64."""

    rows: Float[np.ndarray, " D"]
    """Number of rows."""
    a: Float[np.ndarray, "D P"]
    b: Float[np.ndarray, "D P"]
    aa: Float[np.ndarray, "D P"]
    bb: Float[np.ndarray, "D P"]
    ab: Float[np.ndarray, "D P"]


def document_sums(
    a: Matrix,
    b: Matrix,
    document: Int[np.ndarray, " n"],
    columns_a: Int[np.ndarray, " P"],
    columns_b: Int[np.ndarray, " P"],
    block: int = _BLOCK,
) -> Iterator[tuple[slice, Sums]]:
    """Yield `(pairs, sums)` over blocks of the pairs (columns_a[i], columns_b[i]).

    Args:
        a: activations [n, F_a], CSR or dense.
        b: activations of the corresponding rows, [n, F_b].
        document: of each row, any numbers. Documents come in ascending order in the sums.
        columns_a: features of a, one for each pair.
        columns_b: features of b.
        block: pairs at once; 6 blocks of documents x pairs are in memory, and the activations of
            the features of one block.

    A dense side is centred first, which changes no correlation and keeps large offsets from
    having to cancel afterwards.
    """
    names, number = np.unique(document, return_inverse=True)
    in_document = sparse.csr_matrix(
        (np.ones(len(number)), (number, np.arange(len(number)))), shape=(len(names), len(number))
    )
    rows = np.bincount(number, minlength=len(names)).astype(np.float64)
    # By columns, of which each block takes some.
    side_a: Any = a.tocsc() if sparse.issparse(a) else a
    side_b: Any = b.tocsc() if sparse.issparse(b) else b
    for start in range(0, len(columns_a), block):
        pairs = slice(start, min(start + block, len(columns_a)))
        left, right = _columns(side_a, columns_a[pairs]), _columns(side_b, columns_b[pairs])
        factors = (left, right, _product(left, left), _product(right, right), _product(left, right))
        yield pairs, Sums(rows, *(_dense(in_document @ factor) for factor in factors))


def correlations(weights: Float[np.ndarray, "draws D"], sums: Sums) -> Float[np.ndarray, "draws P"]:
    """Return the Pearson correlation of each pair when each document counts `weights` times.

    With all weights 1 those of the rows as they are. NaN where one of the pair does not vary over
    the documents of the draw, such as a rare feature none of whose documents was drawn.
    """
    n = (weights @ sums.rows)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_a, mean_b, square_a, square_b, product = (weights @ part / n for part in sums[1:])
        variances = square_a - mean_a**2, square_b - mean_b**2
        spread = [
            np.where(variance > CONSTANT * square, variance, np.nan)
            for variance, square in zip(variances, (square_a, square_b), strict=True)
        ]
        r = (product - mean_a * mean_b) / np.sqrt(spread[0] * spread[1])
    # Rounding may step over 1 by an ulp.
    return np.clip(r, -1, 1)


def mean_correlations(
    weights: Float[np.ndarray, "draws D"],
    blocks: Iterable[tuple[slice, Sums]],
    chosen: Bool[np.ndarray, "S P"],
) -> Float[np.ndarray, "S draws"]:
    """Return the mean correlation of each choice of pairs when documents count `weights` times.

    `blocks` come from `document_sums`. Pairs that do not vary in a draw are left out of its mean;
    NaN where none is left.
    """
    total = np.zeros((len(chosen), len(weights)))
    count = np.zeros_like(total)
    for pairs, sums in blocks:
        r = correlations(weights, sums)
        part = chosen[:, pairs].astype(np.float64)
        total += part @ np.nan_to_num(r).T
        count += part @ ~np.isnan(r).T
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _columns(side: Matrix, columns: Int[np.ndarray, " P"]) -> Matrix:
    chosen = side[:, columns].astype(np.float64)
    if not sparse.issparse(side) and len(chosen):
        chosen -= chosen.mean(axis=0)
    return chosen


def _product(left: Matrix, right: Matrix) -> Matrix:
    """Return the products of equal places, sparse where a side is."""
    if sparse.issparse(left):
        return left.multiply(right)
    return right.multiply(left) if sparse.issparse(right) else left * right


def _dense(sums: Matrix) -> Float[np.ndarray, "D P"]:
    return sums.toarray() if sparse.issparse(sums) else np.asarray(sums)
