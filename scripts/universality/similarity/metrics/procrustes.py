"""Procrustes: how well can one side be turned onto the other?

Orthogonal Procrustes with scaling (Ding, Denain, Steinhardt 2021, arXiv 2108.01661, section 2;
Williams, Kunz, Kornblith, Linderman 2021, arXiv 2110.14739, section 2).
"""

from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import (
    Metric,
    Option,
    Refused,
    one_of,
    paired,
    pairs,
    refuse_few,
    whole,
)
from universality.similarity.metrics.components import leading
from universality.similarity.metrics.coordinates import coordinates
from universality.similarity.metrics.svcca import PAIRS_PER_COMPONENT

SMALLEST_N = 4
"""Three pairs have six pairings: no p below 1/6."""

NEAR = 0.999
"""Above it the angle, which falls to 0 as a root, needs all digits of the norm."""


class Procrustes(Metric):
    """Nuclear norm of A^T B, A and B the column-centred matrices with Frobenius norm 1.

    It is the largest inner product of A Q and B over rotations (and reflections) Q, and
    2 - 2 |A^T B|_* the smallest squared distance of A Q and B; the narrower side is padded with
    zeros. Form `similarity` is the norm itself, `angular` is 1 - arccos(norm) / (pi / 2), from
    Williams' metric, the angle. Both lie in [0, 1]. Invariant to rotation, isotropic scale and a
    shift common to all rows.

    k is None (all of both sides), or the number of leading principal components to which each side
    is reduced first. The norm of unrelated sides is far from 0: with flat spectra about
    sqrt(min(d_a, d_b) / n) where that is small, and near 1 where the dimensions are far above n.
    Compare it with its null, not with 0.

    A permutation costs the product A^T B, 2 n r_a r_b operations with the ranks r_a and r_b (at
    most n - 1 and d, or k), and the eigenvalues of its smaller Gram matrix.

    Raises:
        Refused: n < 4, or n < 20 k; all rows of a side are equal, or equally far from each other (a
            one-hot basis); a side has rank below k, or its k leading components are not defined.
    """

    name = "procrustes"
    OPTIONS: ClassVar = {
        "form": one_of("similarity", "angular"),
        "k": Option(
            lambda value: value is None or whole(at_least=1).accepts(value),
            f"null or {whole(at_least=1).words}",
        ),
    }

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        form: Literal["similarity", "angular"] = "similarity",
        k: int | None = None,
    ) -> None:
        self.check(form=form, k=k)
        if k is not None:
            refuse_few(self.name, len(a), PAIRS_PER_COMPONENT, k)
        elif len(a) < SMALLEST_N:
            raise Refused(f"{pairs(len(a))}, but procrustes needs at least {SMALLEST_N}")
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = k
        self._angular = form == "angular"
        self._a = np.ascontiguousarray(self._side(a, "a").T)
        self._b = self._side(b, "b")

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]), within 1e-7.

        Column means do not depend on the order of the rows, so permuting b permutes B.
        """
        norm = min(1.0, _nuclear(self._a @ self._b[permutation]))
        return float(1 - np.arccos(norm) / (np.pi / 2)) if self._angular else norm

    def _side(self, matrix: Float[np.ndarray, "n d"], side: str) -> Float[np.ndarray, "n r"]:
        if self.k_a is None:
            return coordinates(matrix, side)
        components, weights = leading(matrix, self.k_a, side, self.name)
        return components * (weights / np.linalg.norm(weights))


def _nuclear(matrix: Float[np.ndarray, "r_a r_b"]) -> float:
    """Return the sum of the singular values, as roots of eigenvalues: four times faster.

    A singular value below 1e-8 of the largest is then known no better than that.
    """
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    norm = float(np.sqrt(np.linalg.eigvalsh(wide @ wide.T).clip(min=0)).sum())
    return norm if norm < NEAR else float(np.linalg.svd(wide, compute_uv=False).sum())
