"""Optimal assignment of features."""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment


def hungarian(
    correlation: Float[np.ndarray, "F G"],
) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]:
    """Return the one-to-one pairs (rows, columns) whose correlations have the largest sum.

    P = min(F, G): all features of the smaller side are matched. The solver is scipy's modified
    Jonker-Volgenant algorithm (Crouse 2016).
    """
    rows, columns = linear_sum_assignment(correlation, maximize=True)
    return rows.astype(np.int64), columns.astype(np.int64)
