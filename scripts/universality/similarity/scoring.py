"""One cell of the scores table: a metric on matched pairs, against its own random pairings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from universality.errors import StudyError
from universality.similarity.calibration import effect_size
from universality.similarity.metrics import Metric, Refused, build
from universality.similarity.nulls import p_value, permutations

LEVEL = 0.95
"""The quantile of the null that is reported, and that the effect size starts from."""


# Without generated comparison: `==` of arrays has no truth value.
@dataclass(frozen=True, eq=False)
class Score:
    """A score, its null and what follows from them; numbers are NaN where the metric refused."""

    n: int
    """Pairs scored."""
    k_a: int | None
    """Components kept of side a; None where the metric uses all, or refused."""
    k_b: int | None
    """Components kept of side b; None where the metric uses all, or refused."""
    value: float
    null_mean: float
    null_sd: float
    null_quantile: float
    """95 % quantile of the null."""
    m: int
    """Permutations."""
    p: float
    """Share of random pairings that score at least as high (add-one)."""
    effect: float
    """Calibrated effect size in [0, 1]."""
    reason: str
    """Why there is no value; empty where there is one."""
    null: Float[np.ndarray, " m"]


def score(
    a: Float[np.ndarray, "n d_a"],
    b: Float[np.ndarray, "n d_b"],
    metric: str,
    options: Mapping[str, Any],
    m: int,
    rng: np.random.Generator,
) -> Score:
    """Return the score of the paired rows of `a` and `b`, against m random pairings.

    The permutations depend on the state of `rng`, n and m alone: give every cell of a grid a fresh
    generator with the same seed, and cells of the same n get the same permutations (`max_t`).
    A metric that refuses gives a score of NaNs, a null of m NaNs, and the reason.

    Raises:
        StudyError: the metric, an option, or m < 1 is not valid.
    """
    return against_permutations(partial(build, metric, a, b, options), len(a), m, rng)


def against_permutations(
    make: Callable[[], Metric], n: int, m: int, rng: np.random.Generator
) -> Score:
    """Return the score of the metric of n pairs that `make` builds, as `score` does."""
    if m < 1:
        raise StudyError(f"permutations must be at least 1, found {m}")
    try:
        paired = make()
    except Refused as refusal:
        return refused(n, m, str(refusal))
    value = paired.value()
    null = paired.null(permutations(rng, paired.n, m))
    return Score(
        n=paired.n,
        k_a=paired.k_a,
        k_b=paired.k_b,
        value=value,
        null_mean=float(null.mean()),
        null_sd=float(null.std()),
        null_quantile=float(np.quantile(null, LEVEL)),
        m=m,
        p=p_value(null, value),
        effect=effect_size(value, null, level=LEVEL),
        reason="",
        null=null,
    )


def refused(n: int, m: int, reason: str) -> Score:
    """Return the score of n pairs that have none, with the reason."""
    nan = float("nan")
    return Score(
        n=n,
        k_a=None,
        k_b=None,
        value=nan,
        null_mean=nan,
        null_sd=nan,
        null_quantile=nan,
        m=m,
        p=nan,
        effect=nan,
        reason=reason,
        null=np.full(m, nan),
    )
