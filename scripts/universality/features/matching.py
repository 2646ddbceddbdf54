"""Matching: which feature of A corresponds to which feature of B, by correlation.

Each entry of `MATCHERS` takes the correlations [F, G] of the match split and returns paired indices
(rows, columns). Ties go to the lowest index, so that a matching is reproducible.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from universality.errors import StudyError
from universality.features.assignment import hungarian

Pairs = tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]
Correlation = Float[np.ndarray, "F G"]


def finite(correlation: Correlation, name: str) -> None:
    """Raise StudyError, naming the matrix, when correlations are NaN and cannot be ranked."""
    if bad := correlation.size - int(np.isfinite(correlation).sum()):
        raise StudyError(
            f"{name}: {bad} of {correlation.size} correlations are not finite; "
            "`make verify` says what to make again"
        )


def max_correlation(correlation: Correlation) -> Pairs:
    """Pair each feature of B with its best correlated feature of A (many to one).

    Lan et al. 2024, section 3: the matching that the source starts from.
    """
    if 0 in correlation.shape:
        return _none()
    return correlation.argmax(0), np.arange(correlation.shape[1])


def max_correlation_reverse(correlation: Correlation) -> Pairs:
    """Pair each feature of A with its best correlated feature of B (many to one, the other way)."""
    rows, columns = max_correlation(correlation.T)
    return columns, rows


def one_to_one(correlation: Correlation) -> Pairs:
    """Keep, of the `max_correlation` pairs of each feature of A, the best correlated one.

    The source keeps the first that it meets instead.
    """
    a, b = max_correlation(correlation)
    best = np.lexsort((b, -correlation[a, b], a))
    first = np.unique(a[best], return_index=True)[1]
    chosen = np.sort(best[first])
    return a[chosen], b[chosen]


def mutual_nearest(correlation: Correlation) -> Pairs:
    """Pair features that are each other's best correlated feature."""
    a, b = max_correlation(correlation)
    partner = max_correlation_reverse(correlation)[1]
    mutual = partner[a] == b if len(a) else np.zeros(0, bool)
    return a[mutual], b[mutual]


def _none() -> Pairs:
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


MATCHERS: dict[str, Callable[[Correlation], Pairs]] = {
    "max_correlation": max_correlation,
    "max_correlation_reverse": max_correlation_reverse,
    "one_to_one": one_to_one,
    "mutual_nearest": mutual_nearest,
    "hungarian": hungarian,
}
