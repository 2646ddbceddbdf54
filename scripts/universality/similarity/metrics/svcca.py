"""SVCCA: do the leading principal components of both sides span the same subspace of items?

Raghu, Gilmer, Yosinski, Sohl-Dickstein 2017 (arXiv 1706.05806). The number of components is fixed
and small because CCA is 1 for any two matrices as soon as it may use n - 1 dimensions (Kornblith,
Norouzi, Lee, Hinton 2019, arXiv 1905.00414, section 3).
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import Metric, batches, paired, refuse_few, whole
from universality.similarity.metrics.components import leading

PAIRS_PER_COMPONENT = 20
"""Below n = 20 k the score under random pairing (8 / (3 pi) sqrt(k / n) for k >> 1) exceeds .19."""

BATCH = 320_000
"""Numbers gathered at a time, for several permutations: 2.5 MB."""


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

    name = "svcca"
    OPTIONS: ClassVar = {"k": whole(at_least=1)}

    def __init__(
        self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"], *, k: int = 10
    ) -> None:
        self.check(k=k)
        refuse_few(self.name, len(a), PAIRS_PER_COMPONENT, k)
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = k
        self._u_a, _ = leading(a, k, "a", self.name)
        self._u_b, _ = leading(b, k, "b", self.name)

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        return float(self.null([permutation])[0])

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the score of each pairing (i, permutation[i]).

        Column means do not depend on the order of the rows, so permuting b permutes U_b.
        """
        scores = [
            np.linalg.svd(self._u_a.T @ self._u_b[batch], compute_uv=False).mean(axis=1)
            for batch in batches(permutations, BATCH // self._u_b.size)
        ]
        return np.concatenate([np.empty(0), *scores])
