"""The scores of one comparison beside each null that is not a random pairing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from universality import seeds
from universality.similarity import alternative_nulls as nulls
from universality.similarity import heldout
from universality.similarity.alternative_nulls import NullScore, Sides, null_score
from universality.similarity.comparison import Metrics
from universality.similarity.metrics import Refused
from universality.similarity.redone import Redone
from universality.similarity.sharing import shared_fraction

CORRELATIONS = ("correlation_fit", "correlation_heldout")
RANDOM = ("random_vectors", "rotated", "random_features")


def rows(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    detailed: Sequence[str],
    decoders: tuple[Float[np.ndarray, "F d_a"], Float[np.ndarray, "G d_b"]],
    participating: tuple[Int[np.ndarray, " A"], Int[np.ndarray, " B"]],
    redone: Mapping[str, Redone],
    metrics: Metrics,
    draws: int,
    seed: int,
) -> list[dict[str, Any]]:
    """Score each matching of a comparison against each null.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `a`, `b`, `correlation_fit`, `correlation_heldout`, `kept`.
        methods: names of the matchings.
        detailed: the matchings to look at.
        decoders: decoder rows of both sides.
        participating: the features of each side that could be matched.
        redone: by method, the matching redone where nothing corresponds; empty where it was not.
        metrics: of geometry, scored on the kept pairs.
        draws: m, of each null that is not `rematched`.
        seed: of the study. All cells draw from the same streams.

    Returns:
        Rows with method, subspace (all), metric, null and the fields of `NullScore`. Correlations
        and the estimated share of counterparts (`sharing`) are those of all matched pairs, and have
        the null `rematched` alone. Its draws of geometry are as many pairs as are kept, those with
        the highest `correlation_fit`: what a threshold on it would leave.
    """
    found: list[dict[str, Any]] = []
    sides = decoders[0].astype(np.float64), decoders[1].astype(np.float64)
    for number, method in enumerate(methods):
        if method not in detailed:
            continue
        matched = pairs["method"] == number
        kept = matched & pairs["kept"]
        a, b = sides[0][pairs["a"][kept]], sides[1][pairs["b"][kept]]
        others = sides[0][participating[0]], sides[1][participating[1]]
        streams = [seeds.generator(seed, "nulls", null) for null in RANDOM]
        drawn: dict[str, tuple[int, Iterable[Sides]]] = {
            "random_vectors": (draws, nulls.random_vectors(a, b, draws, streams[0])),
            "rotated": (draws, nulls.rotated(a, b, draws, streams[1])),
            "random_features": (
                draws,
                nulls.random_features(*others, len(a), draws, streams[2]),
            ),
        }
        again = redone.get(method)
        if again is not None:
            matchings = again.each("a", "b", "correlation_fit")
            drawn["rematched"] = again.draws, nulls.rematched(*sides, matchings, len(a))
            correlations = {name: pairs[name][matched] for name in CORRELATIONS}
            found += [
                _row(method, metric, "rematched", result)
                for metric, result in _correlations(correlations, again)
            ]
        for null, (m, some) in drawn.items():
            found += [
                _row(method, metric, null, result)
                for metric, result in nulls.against(a, b, m, some, metrics).items()
            ]
    return found


def _row(method: str, metric: str, null: str, result: NullScore) -> dict[str, Any]:
    place = {"method": method, "subspace": "all", "metric": metric, "null": null}
    return place | asdict(result) | {"reason": result.reason or None}


def _correlations(
    observed: Mapping[str, Float[np.ndarray, " n"]], redone: Redone
) -> Iterator[tuple[str, NullScore]]:
    """Yield the mean correlations and the share of counterparts, beside those without any."""
    n = len(observed["correlation_heldout"])
    for metric, r in observed.items():
        null = [_mean(part)[0] for (part,) in redone.each(metric)]
        yield metric, _scored(n, r, np.array(null))
    pooled = redone.correlation_heldout
    # Each draw beside all others, as the observed pairs beside all draws.
    null = [
        shared_fraction(part, pooled[redone.draw != draw])
        for draw, (part,) in enumerate(redone.each("correlation_heldout"))
    ]
    value = shared_fraction(observed["correlation_heldout"], pooled)
    why = "no pairs" if redone.draws else nulls.NO_DRAWS
    yield "shared_fraction", null_score(n, value, np.array(null), why)


def _scored(n: int, r: Float[np.ndarray, " n"], null: Float[np.ndarray, " m"]) -> NullScore:
    value, why = _mean(r)
    return null_score(n, value, null, why or "no pairs")


def _mean(r: Float[np.ndarray, " n"]) -> tuple[float, str]:
    """Return the mean, and why there is none."""
    try:
        return heldout.mean(r), ""
    except Refused as refusal:
        return float("nan"), str(refusal)
