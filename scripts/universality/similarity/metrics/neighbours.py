"""The k nearest neighbours of each item, and which of them two sides have in common.

Items may be equally near: two rows are equal when two pairs share a feature. No order of theirs is
right, and one by their places would change with the list. So the places 1 to k of the nearest are
shared out among equals: see `Neighbours`.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import Metric, Refused, one_of, paired, pairs, whole
from universality.similarity.metrics.centring import about_median

Distance = Literal["cosine", "euclidean"]

DECIMALS = 7
"""Cosines, or squared distances of rows of typical length 1, that agree so far are ties."""

BLOCK = 4_000_000
"""Matrix entries worked on at a time: 32 MB in double precision."""


# Without generated comparison: `==` of arrays has no truth value.
@dataclass(frozen=True, eq=False)
class Neighbours:
    """The neighbours of each of n items; E = n k entries, and more where there are ties.

    Items that are equally near to item i at places p, ..., q of its list share those up to k: each
    has the part (min(q, k) - p + 1) / (q - p + 1) of a neighbour, and as its rank the harmonic mean
    of p, ..., min(q, k). The parts of the neighbours of an item sum to k.
    """

    first: Int[np.ndarray, " n+1"]
    """Entries first[i] to first[i + 1] are those of item i."""
    item: Int[np.ndarray, " E"]
    """The neighbour."""
    part: Float[np.ndarray, " E"]
    """How much of a neighbour it is, in (0, 1]; 1 without ties."""
    rank: Float[np.ndarray, " E"]
    """Its rank in the list, 1 for the nearest."""


def nearest(rows: Float[np.ndarray, "n d"], k: int, distance: Distance, side: str) -> Neighbours:
    """Return the k nearest of the other rows, for each row.

    Raises:
        Refused: rows are zero (`cosine`); or the rows are all equally near to each other.
    """
    n = len(rows)
    harmonic = np.concatenate(([0.0], np.cumsum(1 / np.arange(1, k + 1))))
    counts, items, parts, ranks = [], [], [], []
    flat = 0
    for nearness in _nearness(rows, distance, side):
        least = np.partition(nearness, n - k, axis=1)[:, n - k, None]
        flat += int((np.count_nonzero(nearness == least, axis=1) == n - 1).sum())
        row, item = np.nonzero(nearness >= least)
        near = nearness[row, item]
        order = np.lexsort((item, -near, row))
        row, item, near = row[order], item[order], near[order]
        count = np.bincount(row, minlength=len(nearness))
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        new = (place == 0) | (np.diff(near, prepend=np.inf) != 0)
        size = np.diff(np.flatnonzero(np.append(new, True)))
        before = place[new]  # as many stand before the equals
        until = np.minimum(before + size, k)
        counts.append(count)
        items.append(item)
        parts.append(np.repeat((until - before) / size, size))
        ranks.append(np.repeat((until - before) / (harmonic[until] - harmonic[before]), size))
    if flat == n:
        raise Refused(f"side {side} has equal {distance} distances between all its rows")
    return Neighbours(
        np.concatenate(([0], np.cumsum(np.concatenate(counts)))),
        np.concatenate(items),
        np.concatenate(parts),
        np.concatenate(ranks),
    )


def _nearness(
    rows: Float[np.ndarray, "n d"], distance: Distance, side: str
) -> Iterator[Float[np.ndarray, "block n"]]:
    """Yield how near all rows are to each of a block of rows; an item to itself is at -infinity."""
    if distance == "cosine":
        if zero := int((rows == 0).all(axis=1).sum()):
            raise Refused(
                f"{zero} of {len(rows)} rows of side {side} are zero, "
                "so their cosine is not defined"
            )
        rows = rows / np.abs(rows).max(
            axis=1, keepdims=True
        )  # squares of tiny numbers would vanish
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        squares = np.zeros(len(rows))
    else:
        rows = about_median(rows)
        squares = np.einsum("nd,nd->n", rows, rows)
        size = np.median(squares) or squares.mean() or 1.0
        rows *= np.sqrt(2 / size)
        squares /= size
    step = max(1, BLOCK // len(rows))
    for start in range(0, len(rows), step):
        block = rows[start : start + step] @ rows.T
        block -= squares
        block -= squares[start : start + step, None]
        np.round(block, DECIMALS, out=block)
        own = np.arange(len(block))
        block[own, start + own] = -np.inf
        yield block


class NeighbourMetric(Metric):
    """A metric that compares, item by item, the k nearest neighbours on both sides.

    The neighbours of an item do not depend on the pairing. For each permutation, the n k entries of
    a are looked up in a table of those of b (n^2 bytes; two with more than 255 ties to an item).

    Raises:
        Refused: n < 2 k + 2, where half or more of all others are neighbours, by chance too; rows
            are zero (`cosine`); or all rows of a side are equally near to each other.
    """

    OPTIONS: ClassVar = {
        "k": whole(at_least=1),
        "distance": one_of("cosine", "euclidean"),
    }

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        k: int = 10,
        distance: Distance = "cosine",
    ) -> None:
        self.check(k=k, distance=distance)
        if len(a) < 2 * k + 2:
            raise Refused(
                f"{pairs(len(a))}, but {self.name} with k = {k} needs at least "
                f"2 k + 2 = {2 * k + 2}"
            )
        a, b = paired(a, b)
        self.n, self.k = len(a), k
        self._a = nearest(a, k, distance, "a")
        self._b = nearest(b, k, distance, "b")
        self._owner = np.repeat(np.arange(self.n), np.diff(self._a.first))
        self._place = _places(self._b)

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        paired_with = permutation[self._owner]
        place = self._place.take(paired_with * self.n + permutation[self._a.item])
        common = np.flatnonzero(place)
        of_b = self._b.first[paired_with[common]] + place[common] - 1
        part = np.minimum(self._a.part[common], self._b.part[of_b])
        rank_a, rank_b = self._a.rank[common], self._b.rank[of_b]
        return min(1.0, self._score(self._owner[common], part, rank_a, rank_b))

    @abstractmethod
    def _score(
        self,
        owner: Int[np.ndarray, " common"],
        part: Float[np.ndarray, " common"],
        rank_a: Float[np.ndarray, " common"],
        rank_b: Float[np.ndarray, " common"],
    ) -> float:
        """Return the score, given whose common neighbours there are, and of each part and ranks."""


def _places(neighbours: Neighbours) -> Int[np.ndarray, " n*n"]:
    """Return, at i n + j, the place of j in the list of i, counted from 1; 0 where it has none."""
    count = np.diff(neighbours.first)
    n = len(count)
    owner = np.repeat(np.arange(n), count)
    place = np.arange(1, len(owner) + 1) - neighbours.first[owner]
    table = np.zeros(n * n, dtype=np.min_scalar_type(int(count.max())))
    table[owner * n + neighbours.item] = place
    return table
