"""The leading principal components of a side, where they are defined: what CCA here rests on."""

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh

from universality.similarity.metrics.base import Refused
from universality.similarity.metrics.centring import centred

RESOLUTION = 1e-6
"""Singular values closer than this, relative to the largest, are equal in single precision."""


def leading(
    matrix: Float[np.ndarray, "n d"], k: int, side: str, metric: str
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " k"]]:
    """Return the k leading left singular vectors of the column-centred matrix and what they weigh.

    The weights are singular values, up to a common factor. Computed from the smaller of the two
    Gram matrices, ten times faster than by the SVD. Squares halve the digits, which leaves singular
    values down to 1e-7 of the largest: enough for single precision.

    Raises:
        Refused: the rank is below k; or the k-th singular value equals the next, so that "the k
            leading components" are not defined (a one-hot basis).
    """
    rows = centred(matrix)
    n, d = rows.shape
    gram = rows.T @ rows if d <= n else rows @ rows.T
    count = min(k + 1, n, d)
    squares, vectors = eigh(gram, subset_by_index=(len(gram) - count, len(gram) - 1))
    s = np.sqrt(squares[::-1].clip(min=0))
    smallest = RESOLUTION * s.max(initial=0.0)
    rank = int((s > smallest).sum())
    if rank < k:
        raise Refused(f"side {side} has rank {rank} after centring, but {metric} keeps k = {k}")
    if rank > k and s[k - 1] - s[k] <= smallest:
        raise Refused(
            f"side {side} has equal singular values number {k} and {k + 1}, "
            f"so its k = {k} leading components are not defined"
        )
    components = vectors[:, ::-1][:, :k]
    if d <= n:
        # Already orthogonal, but for rounding.
        components = np.linalg.qr(rows @ components)[0]
    return np.ascontiguousarray(components), s[:k]
