"""A side as what rotations, shifts and scale leave of it: its rows along their principal axes."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import qr

from universality.similarity.metrics.base import Refused
from universality.similarity.metrics.centring import centred
from universality.similarity.metrics.components import RESOLUTION

RANK = 1e-9
"""Axes along which rows vary by less, relative to the first, hold rounding alone."""


def coordinates(matrix: Float[np.ndarray, "n d"], side: str) -> Float[np.ndarray, "n r"]:
    """Return the column-centred rows along their r principal axes, with Frobenius norm 1.

    r is the rank, at most the smaller of n - 1 and d. Products and distances of rows are those of
    the centred matrix, up to a common factor. Columns are orthogonal and stand in no order of note.

    Raises:
        Refused: all rows are equal; or all are equally far from each other (a one-hot basis), so
            that they can be told apart by nothing and every pairing gives the same.
    """
    rows = centred(matrix)
    if not rows.any():
        raise Refused(f"all {len(matrix)} rows of side {side} are equal")
    if rows.shape[1] > len(rows):
        rows = qr(rows.T, mode="r")[0][: len(rows)].T
    rows = rows @ np.linalg.eigh(rows.T @ rows)[1]
    weights = np.linalg.norm(rows, axis=0)
    kept = weights > RANK * weights.max()
    rows, weights = rows[:, kept], weights[kept]
    if len(weights) == len(rows) - 1 and np.ptp(weights) <= RESOLUTION * weights.max():
        raise Refused(
            f"side {side} has equal distances between all its rows, "
            "so that every pairing scores the same"
        )
    return rows / np.linalg.norm(weights)
