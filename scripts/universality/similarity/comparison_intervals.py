"""The intervals of all scores of one comparison."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from universality import seeds
from universality.similarity import heldout, intervals
from universality.similarity.comparison import NO_DECODER, Metrics
from universality.similarity.intervals import Interval
from universality.similarity.metrics import Refused
from universality.similarity.redone import Redone

CORRELATIONS = ("correlation_fit", "correlation_heldout")
LABELS_UNKNOWN = "which pairs of a redone matching the filters by label would keep is not known"

Row = dict[str, Any]


def choices(
    pairs: Mapping[str, np.ndarray], methods: Sequence[str]
) -> dict[tuple[str, str], Bool[np.ndarray, " P"]]:
    """Return which pairs belong to each method and filter (none, kept)."""
    found = {}
    for number, method in enumerate(methods):
        matched = pairs["method"] == number
        found[method, "none"], found[method, "kept"] = matched, matched & pairs["kept"]
    return found


def correlation_rows(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    means: Mapping[str, Float[np.ndarray, "S draws"]],
    documents: Mapping[str, int],
    refits: Mapping[str, Redone],
) -> list[Row]:
    """Return the intervals of mean correlations.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `correlated`, `kept`, `correlation_fit`, `correlation_heldout`.
        methods: names of the matchings.
        means: of each of these correlations, the means over resampled documents of the pairs of
            each of `choices`, in that order.
        documents: how many documents each of these correlations comes from.
        refits: by method, the matchings redone on resampled documents.

    Returns:
        Rows with method, filter (none, kept), metric, resampled (`documents`, and for methods with
        refits `documents_refit`), draws, low, high, reason. The kept pairs of a refit are as many
        as are kept in the study, those with the highest `correlation_fit`; there is no such
        interval where other filters than that on the correlation have dropped any.
    """
    found = []
    for number, ((method, kept), chosen) in enumerate(choices(pairs, methods).items()):
        for metric in CORRELATIONS:
            place = {"method": method, "filter": kept, "metric": metric}
            draws = means[metric][number]
            found.append(
                place
                | {"resampled": "documents", "draws": len(draws)}
                | _ends(partial(_documents, pairs[metric][chosen], draws, documents[metric]))
            )
            if method in refits:
                interval = partial(_refitted, pairs, chosen, kept, metric, refits[method])
                again = {"resampled": "documents_refit", "draws": refits[method].draws}
                found.append(place | again | _ends(interval))
    return found


def geometry_rows(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    detailed: Sequence[str],
    decoders: tuple[Float[np.ndarray, "F d_a"] | None, Float[np.ndarray, "G d_b"] | None],
    metrics: Metrics,
    draws: int,
    seed: int,
) -> list[Row]:
    """Return the intervals of each metric of the kept pairs' decoder rows.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method`, `a`, `b`, `kept`.
        methods: names of the matchings.
        detailed: the matchings to look at.
        decoders: decoder rows of both sides; None for the residual basis.
        metrics: of geometry.
        draws: random halves of the pairs.
        seed: of the study. Every metric and cell draws from the same stream.

    Returns:
        Rows with method, filter (kept), metric, resampled (`pairs`), draws, low, high, reason.
    """
    found = []
    for (method, kept), chosen in choices(pairs, methods).items():
        if kept == "none" or method not in detailed:
            continue
        for label, name, options in metrics:
            if decoders[0] is None or decoders[1] is None:
                ends = _ends(_no_decoder)
            else:
                sides = decoders[0][pairs["a"][chosen]], decoders[1][pairs["b"][chosen]]
                rng = seeds.generator(seed, "halves")
                ends = _ends(partial(intervals.halves_interval, *sides, name, options, draws, rng))
            place = {"method": method, "filter": kept, "metric": label}
            found.append(place | {"resampled": "pairs", "draws": draws} | ends)
    return found


def _documents(
    r: Float[np.ndarray, " n"], means: Float[np.ndarray, " draws"], documents: int
) -> Interval:
    return intervals.documents_interval(heldout.mean(r), means, documents)


def _refitted(
    pairs: Mapping[str, np.ndarray],
    chosen: Bool[np.ndarray, " P"],
    kept: str,
    metric: str,
    again: Redone,
) -> Interval:
    value = heldout.mean(pairs[metric][chosen])
    n = int(chosen.sum())
    if kept == "kept":
        method = pairs["method"][chosen][0]
        if n < np.count_nonzero((pairs["method"] == method) & pairs["correlated"]):
            raise Refused(LABELS_UNKNOWN)
    refits = np.full(again.draws, np.nan)
    for draw, (fit, r) in enumerate(again.each("correlation_fit", metric)):
        best = np.argsort(-fit, kind="stable")[:n] if kept == "kept" else np.arange(len(fit))
        if len(best):
            refits[draw] = heldout.mean(r[best])
    return intervals.refit_interval(value, refits)


def _no_decoder() -> Interval:
    raise Refused(NO_DECODER)


def _ends(interval: Callable[[], Interval]) -> Row:
    """Return `low`, `high` and `reason` of an interval that may be refused."""
    try:
        low, high = interval()
    except Refused as refusal:
        return {"low": None, "high": None, "reason": str(refusal)}
    return {"low": low, "high": high, "reason": None}
