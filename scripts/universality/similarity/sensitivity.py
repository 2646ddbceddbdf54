"""Sensitivity: how each score changes with the threshold on the correlation, and with each filter.

A filter decides which pairs are scored, and so may make a result. Each is applied alone here, to
all matched pairs: what it does is not hidden behind what the others do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from universality import seeds
from universality.similarity import heldout
from universality.similarity.comparison import NO_NULL, Metrics
from universality.similarity.metrics import Refused, build
from universality.similarity.nulls import permutations
from universality.similarity.scoring import LEVEL

THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

M = 20
"""Random pairings of each score: enough to see where chance lies, not for a p-value."""

CORRELATION = "correlation_heldout"

Selection = tuple[str, float | None, Bool[np.ndarray, "P"]]
"""Name of a filter, threshold of `min_correlation`, and which pairs pass."""


def rows(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    detailed: Sequence[str],
    flags: Mapping[str, Bool[np.ndarray, "P"]],
    decoders: tuple[Float[np.ndarray, "F d_a"], Float[np.ndarray, "G d_b"]],
    metrics: Metrics,
    min_correlation: float,
    seed: int,
) -> list[dict[str, Any]]:
    """Return every score of the pairs that pass each filter alone, one row for each.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `a`, `b`, `correlation_fit`, `correlation_heldout`.
        methods: names of the matchings.
        detailed: the matchings to look at.
        flags: by name of a filter other than the threshold, which pairs pass it.
        decoders: decoder rows of both sides.
        metrics: label, name and options of each.
        min_correlation: the study's own threshold, tried beside `THRESHOLDS` when it is above 0.
        seed: of the study. Pairings are those that `comparison.scores` begins with.

    Returns:
        Rows with method, filter (`none`, `min_correlation` or one of `flags`), threshold, metric
        (labels, and `correlation_heldout`), n, share (of the matched pairs), value, null_mean,
        null_quantile (95 %), m and reason. What is missing is None, `reason` says why.
    """
    found: list[dict[str, Any]] = []
    for number, method in enumerate(methods):
        if method not in detailed:
            continue
        matched = pairs["method"] == number
        mine = {name: array[matched] for name, array in pairs.items()}
        passing = {name: flag[matched] for name, flag in flags.items()}
        scored: dict[bytes, list[dict[str, Any]]] = {}
        for name, threshold, chosen in selections(
            mine["correlation_fit"], passing, min_correlation
        ):
            # Filters that keep the same pairs give the same scores.
            same = np.packbits(chosen).tobytes()
            if same not in scored:
                scored[same] = list(_scores(mine, chosen, decoders, metrics, seed))
            n, total = int(chosen.sum()), len(chosen)
            place = {"method": method, "filter": name, "threshold": threshold}
            counts = {"n": n, "share": n / total if total else None}
            found += [place | {"metric": row["metric"]} | counts | row for row in scored[same]]
    return found


def selections(
    correlation_fit: Float[np.ndarray, "P"],
    flags: Mapping[str, Bool[np.ndarray, "P"]],
    min_correlation: float,
) -> Iterator[Selection]:
    """Yield no filter, each threshold (strict, by rising value), and each flag alone."""
    yield "none", None, np.ones(len(correlation_fit), bool)
    own = {min_correlation} if min_correlation > 0 else set()
    for threshold in sorted(own.union(THRESHOLDS)):
        yield "min_correlation", threshold, correlation_fit > threshold
    for name, flag in flags.items():
        yield name, None, flag


def _scores(
    pairs: Mapping[str, np.ndarray],
    chosen: Bool[np.ndarray, "P"],
    decoders: tuple[Float[np.ndarray, "F d_a"], Float[np.ndarray, "G d_b"]],
    metrics: Metrics,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Yield the scores of the chosen pairs of one matching: metric, value, null, reason."""
    none = dict.fromkeys(("value", "null_mean", "null_quantile", "m", "reason"))
    try:
        value = heldout.mean(pairs[CORRELATION][chosen])
        yield {"metric": CORRELATION} | none | {"value": value, "reason": NO_NULL}
    except Refused as refusal:
        yield {"metric": CORRELATION} | none | {"reason": str(refusal)}
    left, right = decoders[0][pairs["a"][chosen]], decoders[1][pairs["b"][chosen]]
    for label, name, options in metrics:
        try:
            metric = build(name, left, right, options)
        except Refused as refusal:
            yield {"metric": label} | none | {"m": M, "reason": str(refusal)}
            continue
        null = metric.null(permutations(seeds.generator(seed, "permutations"), metric.n, M))
        yield {
            "metric": label,
            "value": metric.value(),
            "null_mean": float(null.mean()),
            "null_quantile": float(np.quantile(null, LEVEL)),
            "m": M,
            "reason": None,
        }
