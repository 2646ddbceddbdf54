"""What every similarity metric offers, and how one says that it cannot speak."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int

from universality.errors import StudyError


class Refused(Exception):
    """The metric says nothing about these matrices; the message is the reason, with its numbers."""


@dataclass(frozen=True)
class Option:
    """What an option of a metric may be; its default stands in the metric's signature."""

    accepts: Callable[[Any], bool]
    """Whether a value is valid."""
    words: str
    """What is valid, to complete "k must be ..."."""


def whole(at_least: int) -> Option:
    """Return an option that is a whole number of at least `at_least`."""

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= at_least

    return Option(accepts, f"a whole number of at least {at_least}")


def positive() -> Option:
    """Return an option that is a finite number above 0."""

    def accepts(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf

    return Option(accepts, "a number above 0")


def one_of(*values: str) -> Option:
    """Return an option that is one of `values`."""
    return Option(lambda value: isinstance(value, str) and value in values, ", ".join(values))


def flag() -> Option:
    """Return an option that is true or false."""
    return Option(lambda value: isinstance(value, bool), "true or false")


class Metric(ABC):
    """The similarity of two paired matrices, ready to be recomputed under other pairings.

    Construction does the expensive part (decompositions, ranks) once; `value`, `permuted` and
    `null` are then cheap. No value exceeds 1.

    Attributes:
        name: the metric's name in the registry, with which its messages begin.
        OPTIONS: what each keyword-only parameter of the constructor may be.
        n: number of pairs (rows).
        k_a: number of components kept of side a; None where the metric uses the whole matrix.
        k_b: the same for side b.
        any_rotation: whether a rotation of either side leaves the value as it is. Where False,
            that holds only for rotations that leave the mean of each row as it is.
        symmetric: whether exchanging the sides leaves the value as it is.
        identity: whether a matrix against itself has the value 1, whatever it holds. Where one of
            these three depends on options, the constructor sets it on the instance.
    """

    name: ClassVar[str]
    OPTIONS: ClassVar[Mapping[str, Option]] = {}
    any_rotation: bool = True
    symmetric: bool = True
    identity: bool = True
    n: int
    k_a: int | None = None
    k_b: int | None = None

    @abstractmethod
    def __init__(
        self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"], **options: Any
    ) -> None:
        """Prepare the comparison of row i of `a` with row i of `b`.

        Options are keyword-only parameters of each metric, entered in `OPTIONS`; a constructor
        hands them to `check` first.

        Raises:
            Refused: the metric is not defined, or means nothing, for these matrices.
            StudyError: an option has an impossible value.
        """

    @classmethod
    def check(cls, **options: Any) -> None:
        """Raise StudyError when an option is unknown or has an impossible value."""
        for option, value in options.items():
            if option not in cls.OPTIONS:
                valid = ", ".join(cls.OPTIONS) or "none"
                raise StudyError(f"metric {cls.name}: unknown option {option!r}; valid: {valid}")
            if not cls.OPTIONS[option].accepts(value):
                valid = cls.OPTIONS[option].words
                raise StudyError(f"metric {cls.name}: {option} must be {valid}, found {value!r}")

    @abstractmethod
    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the similarity when row i of a is paired with row `permutation[i]` of b."""

    def value(self) -> float:
        """Return the similarity of the pairs as given."""
        return self.permuted(np.arange(self.n))

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the similarity under each of `permutations`, in their order."""
        return np.fromiter((self.permuted(p) for p in permutations), dtype=np.float64)


class KernelMetric(Metric):
    """A metric that needs no more of each side than the similarities of its items."""

    @classmethod
    @abstractmethod
    def from_kernels(
        cls, k_a: Float[np.ndarray, "n n"], k_b: Float[np.ndarray, "n n"], **options: Any
    ) -> Self:
        """Prepare the comparison of the items' similarities on one side with those on the other.

        Raises:
            Refused, StudyError: as the constructor.
        """


def batches(
    permutations: Iterable[Int[np.ndarray, " n"]], size: int
) -> Iterator[Int[np.ndarray, "batch n"]]:
    """Yield the permutations in their order, `size` at a time and as many as are left at last."""
    iterator = iter(permutations)
    while batch := list(islice(iterator, max(1, size))):
        yield np.stack(batch)


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
    _refuse_unless_finite(a, b)
    return a.astype(np.float64), b.astype(np.float64)


def items(k_a: Float[np.ndarray, "n n"], k_b: Float[np.ndarray, "n n"]) -> int:
    """Return how many items two kernels are about. The kernels are large: they are not copied.

    Raises:
        ValueError: they are not two square matrices of the same size.
        Refused: a value is NaN or infinite.
    """
    if k_a.ndim != 2 or k_a.shape != k_b.shape or k_a.shape[0] != k_a.shape[1]:
        raise ValueError(f"expected two kernels of one size, found {k_a.shape} and {k_b.shape}")
    _refuse_unless_finite(k_a, k_b)
    return len(k_a)


def _refuse_unless_finite(a: np.ndarray, b: np.ndarray) -> None:
    for side, matrix in (("a", a), ("b", b)):
        if bad := matrix.size - int(np.isfinite(matrix).sum()):
            raise Refused(f"side {side} holds {bad} of {matrix.size} values that are not finite")


def pairs(n: int) -> str:
    """Return "n = 1 pair" or "n = 7 pairs", the beginning of most reasons."""
    return f"n = {n} pair" if n == 1 else f"n = {n} pairs"


def refuse_few(metric: str, n: int, per_component: int, k: int) -> None:
    """Raise Refused when there are fewer than `per_component` pairs for each of k components."""
    if n < per_component * k:
        raise Refused(
            f"{pairs(n)}, but {metric} with k = {k} needs at least "
            f"{per_component} k = {per_component * k}"
        )
