"""The dissimilarities of items, as a list over pairs i < j, and their ranks: RSA's two halves.

A list of N = n (n - 1) / 2 numbers runs over (0, 1), (0, 2), ..., (n - 2, n - 1). For n = 16,000 it
takes 1 GB in double precision, so lists are made in blocks of rows, changed in place, and held as
few at a time as can be.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, UInt64

from universality.similarity.metrics.base import Refused

Inside = Literal["pearson", "cosine", "euclidean"]
Outside = Literal["spearman", "rho_a", "pearson"]

UNITS = 1e12
"""Dissimilarities count in units of 1e-12: those that differ by less differ by rounding alone."""

BITS = 64
"""What an integer holds of a value and its place."""

BLOCK = 4_000_000
"""Entries worked on at a time: 32 MB in double precision."""


def of_rows(rows: Float[np.ndarray, "n d"], side: str, inside: Inside) -> Float[np.ndarray, " N"]:
    """Return the dissimilarity of each two rows, as a whole number of units of 1e-12.

    `pearson`: 1 - r over coordinates, in [0, 2]. `cosine`: 1 - cosine, in [0, 2]. `euclidean`: the
    *squared* distance, over a bound of the largest one, in [0, 1].

    Raises:
        Refused: the dissimilarity of some rows is not defined.
    """
    if inside == "euclidean":
        return _squared_distances(rows)
    if inside == "pearson":
        # Exactly, since the computed mean of equal numbers may differ from them in the last bit.
        if constant := int((rows == rows[:, :1]).all(axis=1).sum()):
            raise Refused(
                f"{constant} of {len(rows)} rows of side {side} are constant, "
                "so their Pearson correlation is not defined"
            )
        rows = rows - rows.mean(axis=1, keepdims=True)
    elif zero := int((rows == 0).all(axis=1).sum()):
        raise Refused(
            f"{zero} of {len(rows)} rows of side {side} are zero, so their cosine is not defined"
        )
    unit = rows / np.abs(rows).max(axis=1, keepdims=True)  # squares of tiny numbers would vanish
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return _upper(len(rows), lambda start, stop: 1 - unit[start:stop] @ unit[start:].T)


def of_kernel(kernel: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " N"]:
    """Return 1 - the kernel, over the largest of its entries off the diagonal, in units of 1e-12.

    A matrix of correlations is only stretched by that, which no coefficient sees.
    """
    n = len(kernel)
    largest = max(float(np.abs(row[i + 1 :]).max()) for i, row in enumerate(kernel[:-1]))
    scale = np.float64(largest or 1)
    return _upper(n, lambda start, stop: 1 - kernel[start:stop, start:] / scale)


def _squared_distances(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " N"]:
    rows = rows - rows.mean(axis=0)  # near the origin, less is lost when squares are subtracted
    rows /= np.abs(rows).max(initial=0.0) or 1.0
    squares = np.einsum("nd,nd->n", rows, rows)
    bound = 4 * squares.max(initial=0.0) or 1.0  # (2 |x|)^2: no squared distance is larger
    rows *= np.sqrt(2 / bound)
    squares /= bound

    def block(start: int, stop: int) -> Float[np.ndarray, "rows right"]:
        total = squares[start:stop, None] + squares[start:]
        total -= rows[start:stop] @ rows[start:].T
        return total

    return _upper(len(rows), block)


def _upper(
    n: int, block: Callable[[int, int], Float[np.ndarray, "rows right"]]
) -> Float[np.ndarray, " N"]:
    """Return the upper triangle of a matrix without negative entries, in units of 1e-12.

    `block(start, stop)` are its rows start to stop, from column start on.
    """
    result = np.empty(n * (n - 1) // 2)
    offset = 0
    step = max(1, BLOCK // max(1, n))
    for start in range(0, n, step):
        rows = block(start, min(start + step, n))
        rows *= UNITS
        np.rint(rows, out=rows)
        for i, row in enumerate(rows):
            count = len(row) - 1 - i
            # Rounding may leave less than nothing of the distance of equal rows.
            np.maximum(row[i + 1 :], 0, out=result[offset : offset + count])
            offset += count
    return result


def standardised(
    values: Float[np.ndarray, " N"], outside: Outside, side: str
) -> Float32[np.ndarray, "n n"]:
    """Return the matrix that multiplied by the other side's, over i < j, gives the coefficient.

    It holds the values (`pearson`) or their ranks, less their mean, over their norm; for `rho_a`
    over the norm that ranks without ties would have. It is symmetric, with a zero diagonal. The
    values are whole numbers, none negative; they are overwritten.

    Raises:
        Refused: all values are equal.
    """
    if values.min() == values.max():
        raise Refused(f"all {len(values)} dissimilarities of side {side} are equal")
    if outside == "pearson":
        values -= values.mean()
        values /= np.linalg.norm(values)
        return _square(values)
    ranks, norm = _ranks(values)
    if outside == "spearman":
        ranks /= np.float32(norm)
    return _square(ranks)


def _square(upper: Float[np.ndarray, " N"]) -> Float32[np.ndarray, "n n"]:
    """Return the symmetric matrix with this upper triangle and a zero diagonal."""
    n = (1 + math.isqrt(1 + 8 * len(upper))) // 2
    matrix = np.zeros((n, n), dtype=np.float32)
    offset = 0
    for row in range(n):
        stop = offset + n - 1 - row
        matrix[row, row + 1 :] = upper[offset:stop]
        offset = stop
    for start in range(0, n, 128):  # in tiles, since a column alone would miss the cache
        stop = start + 128
        matrix[stop:, start:stop] = matrix[start:stop, stop:].T
        tile = matrix[start:stop, start:stop]
        tile += tile.T.copy()
    return matrix


def _ranks(values: Float[np.ndarray, " N"]) -> tuple[Float32[np.ndarray, " N"], float]:
    """Return the ranks less their mean, over the norm they have without ties; and their norm.

    Ties share their average rank. A value and its place are packed into one integer: sorting those
    takes less than half the time of `argsort`, whose comparisons wait for memory. Where the bits of
    an integer do not suffice, it goes by ranges of values.
    """
    n = len(values)
    lowest = values.min()
    places = (n - 1).bit_length()
    width = BITS - places
    sizes = np.zeros((int(values.max() - lowest) >> width) + 1, dtype=int)
    keys = values.view(np.uint64)
    for start in range(0, n, BLOCK):
        block = keys[start : start + BLOCK]
        block[:] = values[start : start + BLOCK] - lowest
        sizes += np.bincount(block >> width, minlength=len(sizes))
    result = np.empty(n, dtype=np.float32)
    below, squares = 0, 0.0
    for number, size in enumerate(sizes.tolist()):
        if size:
            packed = _packed(keys, number, places, size)
            packed.sort()
            squares += _rank_sorted(packed, places, below, result)
            below += size
    return result, np.sqrt(squares)


def _packed(
    keys: UInt64[np.ndarray, " N"], number: int, places: int, size: int
) -> UInt64[np.ndarray, " size"]:
    """Return the keys in a range of values, each with its place in the lower bits."""
    packed = np.empty(size, dtype=np.uint64)
    filled = 0
    width = BITS - places
    for start in range(0, len(keys), BLOCK):
        block = keys[start : start + BLOCK]
        here = np.flatnonzero(block >> width == number)
        part = packed[filled : filled + len(here)]
        within = block[here] & np.uint64((1 << width) - 1)  # higher bits are equal for all
        np.left_shift(within, places, out=part)
        part |= (here + start).astype(np.uint64)
        filled += len(here)
    return packed


def _rank_sorted(
    packed: UInt64[np.ndarray, " size"], places: int, below: int, result: Float32[np.ndarray, " N"]
) -> float:
    """Write the ranks of sorted keys, `below` of them in lower ranges, to their places.

    Returns the sum of their squares.
    """
    n = len(result)
    unit = np.sqrt((n**3 - n) / 12)
    mask = np.uint64((1 << places) - 1)
    squares = 0.0
    start = 0
    while start < len(packed):
        stop = min(start + BLOCK, len(packed))
        first, last = packed[start] | mask, packed[stop - 1] | mask
        # Blocks end where the values change; one group of ties may be longer than a block.
        if first == last:
            stop = int(np.searchsorted(packed, last, "right"))
            rank = (below + (start + stop - n) / 2) / unit
            squares += (stop - start) * rank**2
            for part in range(start, stop, BLOCK):
                result[packed[part : min(part + BLOCK, stop)] & mask] = rank
        else:
            if stop < len(packed):
                stop = int(np.searchsorted(packed, last - mask, "left"))
            values = packed[start:stop] >> places
            edges = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1], [True])))
            # The mean of ranks start + edge + 1 to start + next edge, less (n + 1) / 2.
            ranks = (below + start + (edges[:-1] + edges[1:] - n) / 2) / unit
            counts = np.diff(edges)
            squares += float(counts @ ranks**2)
            result[packed[start:stop] & mask] = np.repeat(ranks, counts)
        start = stop
    return squares
