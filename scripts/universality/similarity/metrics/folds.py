"""The folds of cross-validation, so that they follow the rows and not the list."""

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import Refused

RESOLUTION = 1e-9
"""Keys closer than this, relative to their size, differ by rounding alone."""


def folds(rows: Float[np.ndarray, "n r"], count: int, side: str) -> Int[np.ndarray, " n"]:
    """Return the fold, 0 to `count` - 1, of each of a side's centred rows.

    Rows are dealt out in the order of their key x^T C x, with C the covariance of the rows. The key
    depends on what a row is and not on where it stands, and not on rotations and scale. Rows that
    are equal share a fold (they would tell their own held-out copies), and so do opposite ones.

    Raises:
        Refused: there are fewer different keys than folds.
    """
    keys = np.einsum("nr,nr->n", rows @ (rows.T @ rows), rows)
    order = np.argsort(keys)
    ordered = keys[order]
    new = np.diff(ordered, prepend=-np.inf) > RESOLUTION * ordered
    sizes = np.diff(np.flatnonzero(np.append(new, True)))
    if len(sizes) < count:
        raise Refused(
            f"side {side} has {len(sizes)} kind{'s' if len(sizes) > 1 else ''} of rows, "
            f"too few for {count} folds"
        )
    filled = np.zeros(count, dtype=np.int64)
    fold_of_group = np.empty(len(sizes), dtype=np.int64)
    for group, size in enumerate(sizes):
        fold_of_group[group] = fold = filled.argmin()
        filled[fold] += size
    result = np.empty(len(rows), dtype=np.int64)
    result[order] = np.repeat(fold_of_group, sizes)
    return result
