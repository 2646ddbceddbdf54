"""RSA: are the items that lie close together on one side close together on the other?

Representational similarity analysis (Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems
Neuroscience 2:4), with Pearson correlation inside a side and Spearman between the sides.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.stats import rankdata

from universality.similarity.metrics.base import Metric, Refused, paired, pairs

SMALLEST_N = 4
"""Three pairs have three dissimilarities and six pairings: no p below 1/6."""

DECIMALS = 12
"""Dissimilarities that agree to this many decimals are ties: they differ by rounding alone."""

BLOCK = 65_536
"""Matrix entries worked on at a time: 256 kB, so that a gathered block is still in the cache."""


class Rsa(Metric):
    """Spearman correlation between the dissimilarities 1 - r of the rows of a and of b.

    r is the Pearson correlation of two rows, over their coordinates. In [-1, 1]. Invariant to
    isotropic scale, and further to a scale and an offset of each single row. Pearson correlation
    removes each row's mean over coordinates, so a rotation changes the value unless it leaves the
    direction of that mean (1, ..., 1) in place; the change is small when d is large.

    The ranks do not depend on the pairing: a permutation of b permutes rows and columns of its
    rank matrix. So Spearman's coefficient is, for every pairing, the dot product of two fixed
    standardised rank matrices, one of them reordered: n^2 / 2 gathered float32 numbers for each
    permutation. It keeps 6 n^2 bytes and takes about 40 n^2 while it ranks (6 and 40 MB for
    n = 1000).

    Raises:
        Refused: n < 4; rows are constant; or all dissimilarities of a side are equal, so that
            there is nothing to rank (a one-hot basis).
    """

    any_rotation = False

    def __init__(self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]) -> None:
        if len(a) < SMALLEST_N:
            raise Refused(f"{pairs(len(a))}, but rsa needs at least {SMALLEST_N}")
        a, b = paired(a, b)
        self.n = len(a)
        ranks_a = _ranks(a, "a")
        # Of a, only the upper triangle, cut into the blocks that `permuted` visits.
        self._a = [np.triu(ranks_a[start:stop, start:]).ravel() for start, stop in self._blocks()]
        self._b = _ranks(b, "b")

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]).

        Within 1e-7 of the value in double precision: products are summed in single precision inside
        a block and in double precision over blocks.
        """
        total = 0.0
        for (start, stop), block_a in zip(self._blocks(), self._a, strict=True):
            rows = self._b[permutation[start:stop]]
            total += float(block_a @ rows.take(permutation[start:], axis=1).ravel())
        return total

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of consecutive rows, at most `BLOCK` entries (or one row) at once."""
        step = max(1, BLOCK // self.n)
        for start in range(0, self.n, step):
            yield start, min(start + step, self.n)


def _ranks(rows: Float[np.ndarray, "n d"], side: str) -> Float32[np.ndarray, "n n"]:
    """Return the ranks of the rows' dissimilarities, as a symmetric matrix with a zero diagonal.

    Ties share their average rank. The upper triangle has mean 0 and sum of squares 1.
    """
    # Exactly, since the computed mean of equal numbers may differ from them in the last bit.
    if constant := int((rows == rows[:, :1]).all(axis=1).sum()):
        raise Refused(
            f"{constant} of {len(rows)} rows of side {side} are constant, "
            "so their Pearson correlation is not defined"
        )
    centred = rows - rows.mean(axis=1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    upper = np.triu(np.ones((len(rows), len(rows)), dtype=bool), k=1)
    ranks = rankdata(np.round(1 - (unit @ unit.T)[upper], DECIMALS))
    ranks -= ranks.mean()
    norm = np.linalg.norm(ranks)
    if norm == 0:
        raise Refused(f"all {ranks.size} dissimilarities of side {side} are equal")
    matrix = np.zeros(upper.shape, dtype=np.float32)
    matrix[upper] = ranks / norm
    return matrix + matrix.T
