"""Scores made comparable: over many cells of a grid, and over different n and dimensions."""

import numpy as np
from jaxtyping import Float
from scipy.stats import false_discovery_control

from universality.similarity.nulls import TIE, p_value


def benjamini_hochberg(p: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Return the false discovery rate at which each test is first rejected.

    q_(i) = min over j >= i of p_(j) c / j. NaN stays NaN and does not count as a test.
    Benjamini & Hochberg 1995, JRSS B 57.
    """
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="bh")
    return q


def max_t(
    values: Float[np.ndarray, " c"], nulls: Float[np.ndarray, "c m"]
) -> Float[np.ndarray, " c"]:
    """Return p-values that control the chance of any false rejection among c cells.

    Single-step max-T (Westfall & Young 1993, section 2.5): each cell is standardised by its own
    mean and standard deviation, and compared with the largest standardised null of all cells under
    the same permutation, p = (1 + #{max >= t}) / (1 + m). Mean and deviation are those of the null
    and the observed score together: treating all m + 1 alike keeps the error rate exact, while the
    null's alone let it rise (5 % becomes 6 % for 9 cells and m = 199, 9 % for m = 39).

    Column j of `nulls` must come from the same permutation in every cell, which accounts for the
    dependence between cells. Cells of different n cannot share one, but draw j of
    `nulls.permutations` is then nearly the same in both, so that the dependence of such cells
    enters too; without any coupling the result would err on the cautious side for cells that
    depend on each other positively.

    A cell whose value is NaN has p = NaN and takes no part. One whose scores are
    all equal has p = 1.
    """
    p = np.full(values.shape, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        scores = np.column_stack([values, nulls])[tested]
        spread = scores.std(axis=1, keepdims=True)
        varies = spread > TIE * np.abs(scores).max(axis=1, keepdims=True)
        t = (scores - scores.mean(axis=1, keepdims=True)) / np.where(varies, spread, np.inf)
        largest = t[:, 1:].max(axis=0)
        p[tested] = [p_value(largest, observed) for observed in t[:, 0]]
    return p


def effect_size(
    value: float, null: Float[np.ndarray, " m"], s_max: float = 1.0, level: float = 0.95
) -> float:
    """Return how far a score goes from what chance reaches, 0, to what is possible at all, 1.

    max(0, (s - tau) / (s_max - tau)), where tau is the `level` quantile of the null and the
    observed score together: the ceil(level (m + 1))-th smallest. So the effect is above 0 exactly
    when p <= 1 - level, up to ties, and scores of different n and dimensions share one scale.
    NaN for a value of NaN. Gröger et al. 2026 (arXiv 2602.14486).
    """
    if np.isnan(value):
        return float("nan")
    tau = float(np.quantile(np.append(null, value), level, method="inverted_cdf"))
    # Also keeps from 0 / 0 where chance alone reaches s_max.
    return (value - tau) / (s_max - tau) if value > tau else 0.0
