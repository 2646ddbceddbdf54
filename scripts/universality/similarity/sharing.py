"""How many features have a counterpart: matched pairs against what matching finds without any."""

import numpy as np
from jaxtyping import Float

CHANCE = 0.1
"""The share of pairs without a counterpart that is counted, and then taken off again.

A larger one misses fewer weak counterparts, but the estimate varies more and leans harder on the
null. For 1000 pairs of which half have a counterpart: no bias where their correlations lie around
.5, -.05 around .25, -.23 around .1, each with a standard deviation of .02 (.05: -.07 and -.27; .5:
-.02 and -.14 with .03).
"""


def shared_fraction(observed: Float[np.ndarray, " n"], null: Float[np.ndarray, " m"]) -> float:
    """Return the estimated share of matched pairs that are real counterparts, in [0, 1].

    (s - .1) / (1 - .1), where s is the share of `observed` above the 90 % quantile of `null`, and 0
    where that is negative: of the pairs that are none, a tenth lies above too. This is 1 - pi_0 of
    Storey 2002 (JRSS B 64, equation 6) for p-values from the pooled null, with lambda = .1. It is
    an estimate from below: real counterparts whose correlation is no larger than what lies within
    the null are missed, in proportion. Without any sharing its mean is not 0 but about
    .13 / sqrt(n), since it cannot be negative.

    Args:
        observed: held-out correlations of matched pairs. Matched on other rows, so that those that
            are no counterparts lie where the null does.
        null: the same of matchings redone where nothing corresponds (all draws together).

    NaN values, of either, are left out; without any left on a side the result is NaN.
    """
    observed, null = observed[~np.isnan(observed)], null[~np.isnan(null)]
    if not len(observed) or not len(null):
        return float("nan")
    # A tie with the null is no sign of a counterpart; a short null gives the larger neighbour.
    above = np.mean(observed > np.quantile(null, 1 - CHANCE, method="higher"))
    return float(max(0.0, (above - CHANCE) / (1 - CHANCE)))
