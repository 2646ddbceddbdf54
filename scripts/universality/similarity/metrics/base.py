"""What every similarity metric offers, and how one says that it cannot speak."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int


class Refused(Exception):
    """The metric says nothing about these matrices; the message is the reason, with its numbers."""


class Metric(ABC):
    """The similarity of two paired matrices, ready to be recomputed under other pairings.

    Construction does the expensive part (decompositions, ranks) once; `value`, `permuted` and
    `null` are then cheap. All values lie in [-1, 1], with 1 for a matrix against itself.

    Attributes:
        n: number of pairs (rows).
        k_a: number of components kept of side a; None where the metric uses the whole matrix.
        k_b: the same for side b.
        any_rotation: whether a rotation of either side leaves the value as it is. Where False,
            that holds only for rotations that leave the mean of each row as it is.
    """

    any_rotation: ClassVar[bool] = True
    n: int
    k_a: int | None = None
    k_b: int | None = None

    @abstractmethod
    def __init__(
        self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"], **options: Any
    ) -> None:
        """Prepare the comparison of row i of `a` with row i of `b`.

        Options are keyword-only parameters of each metric.

        Raises:
            Refused: the metric is not defined, or means nothing, for these matrices.
            StudyError: an option has an impossible value.
        """

    @abstractmethod
    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the similarity when row i of a is paired with row `permutation[i]` of b."""

    def value(self) -> float:
        """Return the similarity of the pairs as given."""
        return self.permuted(np.arange(self.n))

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the similarity under each of `permutations`, in their order."""
        return np.fromiter((self.permuted(p) for p in permutations), dtype=np.float64)


def paired(
    a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]
) -> tuple[Float[np.ndarray, "n d_a"], Float[np.ndarray, "n d_b"]]:
    """Return both matrices in double precision.

    Raises:
        ValueError: they are not two matrices with the same number of rows.
        Refused: a value is NaN or infinite.
    """
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b):
        raise ValueError(f"expected two matrices with paired rows, found {a.shape} and {b.shape}")
    for side, matrix in (("a", a), ("b", b)):
        if bad := matrix.size - int(np.isfinite(matrix).sum()):
            raise Refused(f"side {side} holds {bad} of {matrix.size} values that are not finite")
    return a.astype(np.float64), b.astype(np.float64)


def pairs(n: int) -> str:
    """Return "n = 1 pair" or "n = 7 pairs", the beginning of most reasons."""
    return f"n = {n} pair" if n == 1 else f"n = {n} pairs"
