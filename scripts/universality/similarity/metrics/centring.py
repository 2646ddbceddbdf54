"""What a shift common to all rows, and the scale of a side, leave of it.

Constant columns become zeros exactly: the computed mean of equal numbers may differ from them in
the last bit, which is no signal.
"""

import numpy as np
from jaxtyping import Float


def centred(matrix: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return the matrix less its column means, over the largest entry: squares stay in range."""
    varies = (matrix != matrix[:1]).any(axis=0)
    return _in_range(np.where(varies, matrix - matrix.mean(axis=0), 0.0))


def about_median(matrix: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Return the matrix less its column medians, over the largest entry.

    For what depends on the differences of rows alone. About the mean, one row far out would push
    all others away from the origin, and their differences would lose digits.
    """
    if not len(matrix):
        return matrix
    return _in_range(matrix - np.median(matrix, axis=0))


def _in_range(matrix: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    matrix /= np.abs(matrix).max(initial=0.0) or 1.0
    return matrix
