"""The mean held-out correlation of chosen pairs, which is a number or a reason like any metric."""

import numpy as np
from jaxtyping import Float

from universality.similarity.metrics import Refused


def mean(r: Float[np.ndarray, "n"]) -> float:
    """Return the mean of the correlations r, in [-1, 1], summed in double precision.

    Raises:
        Refused: there are none, or some are NaN (a feature is constant on the held-out split).
    """
    if not len(r):
        raise Refused("no pairs")
    if missing := int(np.isnan(r).sum()):
        raise Refused(f"{missing} of {len(r)} correlations are not defined")
    return float(r.mean(dtype=np.float64))
