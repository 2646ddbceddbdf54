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


_BLOCK = 128
"""Draws made at once: enough to make the loop over items cheap, few enough to stay in the cache."""


def permutations(rng: np.random.Generator, n: int, m: int) -> Iterator[Int[np.ndarray, " n"]]:
    """Yield m uniformly random permutations of 0, ..., n - 1.

    The same state of `rng` yields the same permutations, and coupled ones for another n: draw j is
    the beginning of one stream of uniform keys, read up to key n. Key i decides after which of the
    items 0, ..., i - 1 item i enters a cycle, or whether it begins one of its own (the "Chinese
    restaurant process", Pitman 2006, section 3.1; Durstenfeld's shuffle from the inside out). So
    the draws of n - 1 and n differ in at most one item besides the new one, and those of 990 and
    1000 share at least 980 pairings, where the rank orders of 990 and 1000 keys share a few.
    """
    for start in range(0, m, _BLOCK):
        keys = np.random.default_rng(rng.integers(1 << 63))
        # The whole block is drawn even for fewer, so that more draws begin with the same ones.
        after = (keys.random((n, _BLOCK)) * np.arange(1, n + 1)[:, None]).astype(np.int64)
        successor = np.repeat(np.arange(n), _BLOCK).reshape(n, _BLOCK)
        flat = successor.ravel()
        places = after * _BLOCK + np.arange(_BLOCK)
        for item, place in enumerate(places):
            successor[item] = flat[place]
            flat[place] = item
        yield from np.ascontiguousarray(successor.T[: m - start])


def p_value(null: Float[np.ndarray, " m"], observed: float) -> float:
    """Return the one-sided p of a score among random pairings, (1 + #{null >= observed}) / (1 + m).

    Never 0: the smallest is 1 / (1 + m). Exact when the pairing is random: P(p <= x) <= x.
    NaN for an `observed` of NaN. Phipson & Smyth 2010 (arXiv 1603.05766).
    """
    if np.isnan(observed):
        return float("nan")
    tolerance = TIE * np.abs(np.append(null, observed)).max()
    return float((1 + np.count_nonzero(null >= observed - tolerance)) / (1 + len(null)))
