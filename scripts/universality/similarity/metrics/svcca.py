"""SVCCA: do the leading principal components of both sides span the same subspace of items?

Raghu, Gilmer, Yosinski, Sohl-Dickstein 2017 (arXiv 1706.05806). The number of components is fixed
and small because CCA is 1 for any two matrices as soon as it may use n - 1 dimensions (Kornblith,
Norouzi, Lee, Hinton 2019, arXiv 1905.00414, section 3).
"""

import numpy as np
from jaxtyping import Float, Int

from universality.errors import StudyError
from universality.similarity.metrics.base import Metric, Refused, paired, pairs

PAIRS_PER_COMPONENT = 20
"""Below n = 20 k the score under random pairing (8 / (3 pi) sqrt(k / n) for k >> 1) exceeds .19."""

RESOLUTION = 1e-6
"""Singular values closer than this, relative to the largest, are equal in single precision."""


class Svcca(Metric):
    """Mean canonical correlation of the k leading principal components of each side.

    With U_a, U_b (n x k) the leading left singular vectors of the column-centred matrices, the
    canonical correlations are the singular values of U_a^T U_b (Björck & Golub 1973). In [0, 1].
    Invariant to rotations, isotropic scale and a shift common to all rows.

    Raises:
        Refused: n < 20 k; a side has rank below k; or the k-th and next singular values of a side
            are equal, so that "the k leading components" are not defined (a one-hot basis).
        StudyError: k is not a whole number of at least 1.
    """

    def __init__(
        self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"], *, k: int = 10
    ) -> None:
        if not isinstance(k, int) or isinstance(k, bool) or k < 1:
            raise StudyError(f"svcca: k must be a whole number of at least 1, found {k!r}")
        if len(a) < PAIRS_PER_COMPONENT * k:
            raise Refused(
                f"{pairs(len(a))}, but svcca with k = {k} needs at least "
                f"{PAIRS_PER_COMPONENT} k = {PAIRS_PER_COMPONENT * k}"
            )
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = k
        self._u_a = _leading(a, k, "a")
        self._u_b = _leading(b, k, "b")

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]).

        Column means do not depend on the order of the rows, so permuting b permutes U_b.
        """
        correlations = np.linalg.svd(self._u_a.T @ self._u_b[permutation], compute_uv=False)
        return float(correlations.mean())


def _leading(matrix: Float[np.ndarray, "n d"], k: int, side: str) -> Float[np.ndarray, "n k"]:
    """Return the k leading left singular vectors of the column-centred matrix."""
    # The mean of equal numbers may differ from them in the last bit: that is no signal.
    varies = (matrix != matrix[:1]).any(axis=0)
    centred = np.where(varies, matrix - matrix.mean(axis=0), 0.0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    smallest = RESOLUTION * s.max(initial=0.0)
    rank = int((s > smallest).sum())
    if rank < k:
        raise Refused(f"side {side} has rank {rank} after centring, but svcca keeps k = {k}")
    if rank > k and s[k - 1] - s[k] <= smallest:
        raise Refused(
            f"side {side} has equal singular values number {k} and {k + 1}, "
            f"so its k = {k} leading components are not defined"
        )
    return u[:, :k]
