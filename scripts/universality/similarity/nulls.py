"""The distribution of a score when the pairing is random, and what a score is worth against it."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

TIE = 1e-6
"""Scores closer than this, relative to the largest of them, count as equal.

Pairings that give the same score in exact arithmetic (few or repeated rows) give it with different
rounding: metrics that sum in single precision are good to about 1e-7. Calling near-equal scores
equal can only raise a p-value, and 1e-6 is far below the spread of any null.
"""


def permutations(rng: np.random.Generator, n: int, m: int) -> Iterator[Int[np.ndarray, " n"]]:
    """Yield m uniformly random permutations of 0, ..., n - 1.

    The same state of `rng` and the same n yield the same permutations.
    """
    for _ in range(m):
        yield rng.permutation(n)


def p_value(null: Float[np.ndarray, " m"], observed: float) -> float:
    """Return the one-sided p of a score among random pairings, (1 + #{null >= observed}) / (1 + m).

    Never 0: the smallest is 1 / (1 + m). Exact when the pairing is random: P(p <= x) <= x.
    NaN for an `observed` of NaN. Phipson & Smyth 2010 (arXiv 1603.05766).
    """
    if np.isnan(observed):
        return float("nan")
    tolerance = TIE * np.abs(np.append(null, observed)).max()
    return float((1 + np.count_nonzero(null >= observed - tolerance)) / (1 + len(null)))
