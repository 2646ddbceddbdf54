"""RSA: are the items that lie close together on one side close together on the other?

Representational similarity analysis (Kriegeskorte, Mur, Bandettini 2008, Frontiers in Systems
Neuroscience 2:4). How far two items lie apart is one choice (inside), how the two sides' lists of
distances are compared another (outside).
"""

from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Float32, Int

from universality.errors import StudyError
from universality.similarity.metrics import dissimilarity
from universality.similarity.metrics.base import (
    KernelMetric,
    Refused,
    items,
    one_of,
    paired,
    pairs,
)
from universality.similarity.metrics.gather import Gathered

SMALLEST_N = 4
"""Three pairs have three dissimilarities and six pairings: no p below 1/6."""


class Rsa(KernelMetric):
    """Correlation between the dissimilarities of the rows of a and those of the rows of b.

    Inside, the dissimilarity of two rows is `pearson`: 1 - their correlation over coordinates;
    `cosine`: 1 - the cosine of their angle; `euclidean`: their distance. Outside, the two lists of
    N = n (n - 1) / 2 dissimilarities are compared by `pearson` correlation; `spearman`, the same
    of their ranks, ties sharing their average rank; or `rho_a`, what Spearman's coefficient is on
    average when ties are broken at random: 12 / (N^3 - N) times the sum of products of centred
    ranks (Schütt et al. 2023, eLife 12:e82566). All lie in [-1, 1]. A side against itself is 1,
    with `rho_a` only if no two of its dissimilarities are equal: ties pull that towards 0.

    Invariant to isotropic scale. `euclidean` is further unchanged by rotation and by a shift common
    to all rows, `cosine` by rotation and a scale of each single row, `pearson` by a scale and an
    offset of each single row: it removes each row's mean over coordinates, so a rotation changes
    the value unless it leaves the direction of that mean (1, ..., 1) in place; the change is small
    when d is large.

    The ranks do not depend on the pairing: a permutation of b permutes rows and columns of its
    rank matrix. So the coefficient is, for every pairing, the dot product of two fixed
    standardised matrices, one of them reordered: n^2 / 2 gathered float32 numbers for each
    permutation. It keeps 6 n^2 bytes and takes at most 14 n^2 while it ranks (3.6 GB for
    n = 16,000).

    Raises:
        Refused: n < 4; rows are constant (`pearson`) or zero (`cosine`); or all dissimilarities of
            a side are equal, so that there is nothing to compare (a one-hot basis).
    """

    name = "rsa"
    OPTIONS: ClassVar = {
        "inside": one_of("pearson", "cosine", "euclidean"),
        "outside": one_of("spearman", "rho_a", "pearson"),
    }

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        inside: dissimilarity.Inside = "pearson",
        outside: dissimilarity.Outside = "spearman",
    ) -> None:
        self.check(inside=inside, outside=outside)
        self.any_rotation = inside != "pearson"
        self.identity = outside != "rho_a"
        self._refuse_few(len(a))
        a, b = paired(a, b)
        self.n = len(a)
        self._both = Gathered(
            _standardised(a, "a", inside, outside), _standardised(b, "b", inside, outside)
        )

    @classmethod
    def from_kernels(
        cls,
        k_a: Float[np.ndarray, "n n"],
        k_b: Float[np.ndarray, "n n"],
        *,
        outside: dissimilarity.Outside = "spearman",
        **inapplicable: Any,
    ) -> Self:
        """Prepare RSA of items whose dissimilarity is 1 - kernel, as for matrices of correlations.

        The kernels are symmetric; what stands on and below their diagonals is not read.

        Raises:
            Refused: n < 4; or all dissimilarities of a side are equal.
            StudyError: an option other than `outside` is given.
        """
        cls.check(outside=outside, **inapplicable)
        if inapplicable:
            raise StudyError(f"metric rsa: {next(iter(inapplicable))} says nothing about kernels")
        cls._refuse_few(len(k_a))
        self = cls.__new__(cls)
        self.identity = outside != "rho_a"
        self.n = items(k_a, k_b)
        self._both = Gathered(
            dissimilarity.standardised(dissimilarity.of_kernel(k_a), outside, "a"),
            dissimilarity.standardised(dissimilarity.of_kernel(k_b), outside, "b"),
        )
        return self

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]), within 1e-7."""
        return self._both.inner(permutation) / 2

    @staticmethod
    def _refuse_few(n: int) -> None:
        if n < SMALLEST_N:
            raise Refused(f"{pairs(n)}, but rsa needs at least {SMALLEST_N}")


def _standardised(
    rows: Float[np.ndarray, "n d"],
    side: str,
    inside: dissimilarity.Inside,
    outside: dissimilarity.Outside,
) -> Float32[np.ndarray, "n n"]:
    values = dissimilarity.of_rows(rows, side, inside)
    if inside == "euclidean" and outside == "pearson":
        np.sqrt(values, out=values)  # ranks of distances are those of their squares
    return dissimilarity.standardised(values, outside, side)
