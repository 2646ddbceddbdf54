"""Linear predictivity: how much of one side's rows can be told from the other's by a linear map?

Cross-validated ridge regression (Yamins et al. 2014, PNAS 111:8619; Klabunde et al. 2023, arXiv
2305.06329, section 3.2, "linear regression"; Hoerl & Kennard 1970).
"""

from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy.linalg import solve

from universality.similarity.metrics.base import (
    Metric,
    Option,
    Refused,
    one_of,
    paired,
    pairs,
    positive,
    whole,
)
from universality.similarity.metrics.coordinates import coordinates
from universality.similarity.metrics.folds import folds as assign
from universality.similarity.metrics.gather import Gathered

PAIRS_PER_FOLD = 2

SMALLEST_PENALTY = 1e-6
"""As good as none, and still far above the rounding of directions in which no rows vary."""

NOTHING = 1e-18
"""A sum of squares of rows that is rounding alone, where that of all rows is 1."""

ROUNDING = 6e-8
"""Of single precision."""

COARSE = 1e-4
"""The largest error, as estimated by far too much, at which a value still means something."""

BLOCK = 1_024
"""Rows of a matrix product worked on at a time."""


class LinearPredictivity(Metric):
    """R^2 of held-out rows of one side, predicted by ridge regression from the other.

    1 - sum |y_i - f(x_i)|^2 / sum |y_i - mean y|^2 over all pairs (and so over all columns of y,
    each weighing by its variance), where f, a linear map with intercept, has been fitted to the
    pairs of the other folds: it minimises sum |y - f(x)|^2 + c |weights|^2 with c = `penalty` times
    the mean squared length of the predicting rows about their mean (the mean eigenvalue of their
    Gram matrix). `direction` is `a_to_b` (x from a, y from b), `b_to_a`, or `both`, their mean.

    In [-1, 1]: 0 where the mean would do as well, below it where the map does worse, as for
    unrelated sides; -1 stands for everything below. A side against itself is below 1, since the
    penalty shrinks. Invariant to rotation, isotropic scale and a shift common to all rows.

    A fold holds rows of the predicting side, chosen by what they are (`folds`), so that it does not
    depend on the order of the pairs nor on the pairing. Hence, for every pairing, the residuals are
    (I - H) y with one matrix H of the predicting side, and their squares are the inner product of
    M = (I - H)^T (I - H) with the Gram matrix of y: one gathered product for each permutation and
    direction. Making H and M costs about 4 n^2 d + n^3 operations once. Keeps 12 n^2 bytes, and
    takes up to 19 n^2 (4.9 GB for n = 16,000).

    Raises:
        Refused: n < 2 `folds`; all rows of a side are equal, or equally far from each other (a
            one-hot basis: nothing can be told from it); fewer different rows than folds, or
            equal ones alone outside a fold; or a row is hundreds of times as long as the others.
    """

    name = "linear_predictivity"
    identity = False
    OPTIONS: ClassVar = {
        "direction": one_of("both", "a_to_b", "b_to_a"),
        "folds": whole(at_least=2),
        "penalty": Option(
            lambda value: positive().accepts(value) and value >= SMALLEST_PENALTY,
            f"a number of at least {SMALLEST_PENALTY}",
        ),
    }

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        direction: Literal["both", "a_to_b", "b_to_a"] = "both",
        folds: int = 5,
        penalty: float = 1.0,
    ) -> None:
        self.check(direction=direction, folds=folds, penalty=penalty)
        if len(a) < PAIRS_PER_FOLD * folds:
            raise Refused(
                f"{pairs(len(a))}, but linear_predictivity with {folds} folds needs at least "
                f"{PAIRS_PER_FOLD} pairs in each = {PAIRS_PER_FOLD * folds}"
            )
        a, b = paired(a, b)
        self.n = len(a)
        self.symmetric = direction == "both"
        a, b = coordinates(a, "a"), coordinates(b, "b")
        self._errors = []
        if direction != "b_to_a":
            residual = _residual(a, folds, penalty, "a")
            _refuse_coarse(residual, b, "a")
            self._errors.append(Gathered(residual, _gram(b)))
        if direction != "a_to_b":
            residual = _residual(b, folds, penalty, "b")
            _refuse_coarse(residual, a, "b")
            self._errors.append(Gathered(_gram(a), residual))

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]), within 1e-6."""
        # The Gram matrices have trace 1: that is the sum of squares about the mean.
        scores = [1 - error.inner(permutation) for error in self._errors]
        return float(np.mean(np.clip(scores, -1, 1)))


def _refuse_coarse(
    residual: Float32[np.ndarray, "n n"], y: Float[np.ndarray, "n r"], side: str
) -> None:
    """Refuse to predict y from a side with a row so far out that single precision is too coarse."""
    error = ROUNDING * float(np.linalg.norm(residual) * np.einsum("nr,nr->n", y, y).max())
    if error > COARSE:
        raise Refused(
            f"side {side} has a row so far from the others that what it predicts is lost in "
            f"rounding: an error of up to {error:.1g} of the variance"
        )


def _gram(y: Float[np.ndarray, "n r"]) -> Float32[np.ndarray, "n n"]:
    single = y.astype(np.float32)
    return single @ single.T


def _residual(
    x: Float[np.ndarray, "n r"], folds: int, penalty: float, side: str
) -> Float32[np.ndarray, "n n"]:
    """Return M = (I - H)^T (I - H), where H y are the predictions of held-out rows of y."""
    n = len(x)
    fold = assign(x, folds, side)
    left = np.eye(n, dtype=np.float32)  # I - H
    for number in range(folds):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        mean = x[train].mean(axis=0)
        seen = x[train] - mean
        gram = seen.T @ seen
        total = np.trace(gram)
        if total < NOTHING:
            raise Refused(
                f"side {side} has equal rows outside one of its {folds} folds: "
                "there is nothing to learn from"
            )
        gram[np.diag_indices_from(gram)] += penalty * total / len(train)
        weights = solve(gram, seen.T, assume_a="pos", overwrite_a=True)
        left[np.ix_(test, train)] = -1 / len(train) - (x[test] - mean) @ weights
    squares = np.empty((n, n), dtype=np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, start + BLOCK)
        squares[part, start:] = left[:, part].T @ left[:, start:]
        squares[start:, part] = squares[part, start:].T
    return squares
