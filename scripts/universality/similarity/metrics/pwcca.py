"""PWCCA: canonical correlations, weighted by how much of a side each canonical direction holds.

"Projection weighted CCA" of Morcos, Raghu, Bengio 2018 (arXiv 1806.05759).
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import (
    Metric,
    Refused,
    batches,
    one_of,
    paired,
    refuse_few,
    whole,
)
from universality.similarity.metrics.components import RESOLUTION, leading
from universality.similarity.metrics.svcca import BATCH, PAIRS_PER_COMPONENT


class Pwcca(Metric):
    """Weighted mean of the canonical correlations of the k leading components of each side.

    The canonical correlations r_1, ..., r_k and variates h_i (unit vectors over the pairs) are
    those of the sides' k leading principal components x_j, as in `svcca`. The score of side a is
    sum_i w_i r_i with w_i proportional to sum_j |<h_i, x_j>|: what a varies by most weighs most.
    With `weights` = `a` (the original, which is not symmetric) h_i and x_j are those of side a,
    with `b` those of side b; `both` is the mean of the two scores. In [0, 1]. Invariant to
    rotations, isotropic scale and a shift common to all rows.

    As for `svcca`, k is fixed and small, and unrelated sides score about 8 / (3 pi) sqrt(k / n).

    Raises:
        Refused: n < 20 k; a side has rank below k; or two of the k + 1 leading singular values of a
            side are equal, so that its components are not defined.
        StudyError: k is not a whole number of at least 1, or `weights` is none of the above.
    """

    name = "pwcca"
    OPTIONS: ClassVar = {"k": whole(at_least=1), "weights": one_of("both", "a", "b")}

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        k: int = 10,
        weights: Literal["both", "a", "b"] = "both",
    ) -> None:
        self.check(k=k, weights=weights)
        refuse_few(self.name, len(a), PAIRS_PER_COMPONENT, k)
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = k
        self.symmetric = weights == "both"
        self._weights = weights
        self._u_a, self._s_a = _distinct(a, k, "a")
        self._u_b, self._s_b = _distinct(b, k, "b")

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        return float(self.null([permutation])[0])

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the score of each pairing (i, permutation[i]).

        With U_a^T U_b = P R Q^T for the components u_j = x_j / s_j of unit length, the variate h_i
        of side a is U_a p_i and <h_i, x_j> = P[j, i] s_j: products of k x k matrices alone.
        """
        scores = []
        for batch in batches(permutations, BATCH // self._u_b.size):
            p, r, q_t = np.linalg.svd(self._u_a.T @ self._u_b[batch])
            of_a = _weighted(r, np.abs(p).transpose(0, 2, 1) @ self._s_a)
            of_b = _weighted(r, np.abs(q_t) @ self._s_b)
            scores.append({"a": of_a, "b": of_b, "both": (of_a + of_b) / 2}[self._weights])
        return np.concatenate([np.empty(0), *scores])


def _weighted(
    correlations: Float[np.ndarray, "m k"], weights: Float[np.ndarray, "m k"]
) -> Float[np.ndarray, " m"]:
    return (correlations * weights).sum(axis=1) / weights.sum(axis=1)


def _distinct(
    matrix: Float[np.ndarray, "n d"], k: int, side: str
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " k"]]:
    """Return the k leading components as `leading` does, each of them well defined."""
    u, s = leading(matrix, k, side, Pwcca.name)
    if (equal := np.flatnonzero(-np.diff(s) <= RESOLUTION * s[0])).size:
        raise Refused(
            f"side {side} has equal singular values number {equal[0] + 1} and {equal[0] + 2}, "
            "so these components are not defined"
        )
    return u, s
