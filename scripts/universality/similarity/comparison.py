"""All scores of one comparison: the correlations of its matched pairs, and their geometry."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from universality import seeds
from universality.score_names import THRESHOLDS
from universality.similarity.metrics import Metric, build, build_from_kernels
from universality.similarity.scoring import Score, against_permutations, refused

NO_DECODER = "the residual basis has no decoder directions: compare its correlations"
NO_NULL = "no permutation null: compare with the floor comparisons and the redone matchings"
QUANTILES = (0.1, 0.5, 0.9)
ACTIVATION_METRICS = {"activation_cka": "cka", "activation_rsa": "rsa"}
"""Scored on how the matched features of each side are active together, with default options."""

Metrics = Sequence[tuple[str, str, Mapping[str, Any]]]
"""Label, name in `METRICS`, and options of each metric."""


# Without generated comparison: `==` of arrays has no truth value.
@dataclass(frozen=True, eq=False)
class Coactivation:
    """How features of one side are active together: their correlations over held-out tokens."""

    features: Int[np.ndarray, " F"]
    """Features, ascending."""
    correlation: Float[np.ndarray, "F F"]

    def of(self, chosen: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
        """Return the correlations among features, which may come more than once."""
        place = np.searchsorted(self.features, chosen)
        return self.correlation[np.ix_(place, place)]


def scores(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    decoders: tuple[Float[np.ndarray, "F d_a"] | None, Float[np.ndarray, "G d_b"] | None],
    metrics: Metrics,
    permutations: int,
    seed: int,
    coactivations: tuple[Coactivation, Coactivation] | None = None,
    detailed: Sequence[str] = (),
    scored: Mapping[str, Sequence[str]] | None = None,
) -> tuple[list[dict[str, Any]], Float[np.ndarray, "tested m"]]:
    """Score each matching of a comparison.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `a`, `b`, `correlation_fit`, `correlation_heldout`, `kept`.
        methods: names of the matchings.
        decoders: decoder rows of both sides; None for the residual basis.
        metrics: scored on the decoder rows of the kept pairs.
        permutations: m, of each null.
        seed: of the study. Every cell draws from the same stream, so that the cells of a grid get
            the same permutations (`nulls.permutations`).
        coactivations: of the features of both sides; scored for the methods `detailed`.
        detailed: the matchings whose co-activation is scored.
        scored: by label of a metric, the matchings that it scores; all where it is not given.

    Returns:
        One row for each score (a missing number is None, with a reason), and the nulls: row i's
        null is `nulls[rows[i]["draws"]]`, none where that is None. Correlations come for all pairs
        (`filter` none) and for the kept ones; their quantiles and the shares of pairs above
        `THRESHOLDS` for all pairs, on the held-out split.
    """
    rows: list[dict[str, Any]] = []
    nulls: list[np.ndarray] = []

    def add(result: Score, method: str, metric: str) -> None:
        place = {"method": method, "filter": "kept", "metric": metric}
        rows.append(place | {"null": "permuted", "draws": len(nulls)} | numbers(result))
        nulls.append(result.null)

    def tested(make: Callable[[], Metric], n: int) -> Score:
        rng = seeds.generator(seed, "permutations")
        return against_permutations(make, n, permutations, rng)

    for number, method in enumerate(methods):
        matched = pairs["method"] == number
        kept = matched & pairs["kept"]
        for chosen, name in ((matched, "none"), (kept, "kept")):
            for metric in ("correlation_fit", "correlation_heldout"):
                place = {"method": method, "filter": name, "metric": metric}
                rows.append(place | _statistic(pairs[metric][chosen], np.mean))
        heldout = pairs["correlation_heldout"][matched]
        rows += [{"method": method, "filter": "none"} | row for row in _spread(heldout)]
        n, a, b = int(kept.sum()), pairs["a"][kept], pairs["b"][kept]
        for label, name, options in metrics:
            if scored is not None and method not in scored[label]:
                continue
            if decoders[0] is None or decoders[1] is None:
                result = refused(n, permutations, NO_DECODER)
            else:
                result = tested(partial(build, name, decoders[0][a], decoders[1][b], options), n)
            add(result, method, label)
        if coactivations is not None and method in detailed:
            kernels = coactivations[0].of(a), coactivations[1].of(b)
            for label, name in ACTIVATION_METRICS.items():
                add(tested(partial(build_from_kernels, name, *kernels, {}), n), method, label)
    return rows, np.array(nulls).reshape(len(nulls), permutations)


def partners(
    fit: Float[np.ndarray, "F G"], heldout: Float[np.ndarray, "F G"]
) -> list[dict[str, Any]]:
    """Return the shares of each side's features that have any partner above each threshold.

    A feature's partner is its best correlated feature of the other side on the match split, and the
    correlation of the two on the held-out split is what must exceed the threshold: so no maximum is
    taken over the numbers that are reported. `F` and `G` are the features that take part.
    """
    rows = []
    for side, method, axis in (("a", "max_correlation_reverse", 1), ("b", "max_correlation", 0)):
        best = np.zeros(0)
        if fit.size:
            partner = np.expand_dims(fit.argmax(axis), axis)
            best = np.take_along_axis(heldout, partner, axis).ravel()
        place = {"method": method, "filter": "none"}
        rows += [place | row for row in _above(best, f"features_{side}")]
    return rows


def numbers(result: Score) -> dict[str, Any]:
    """Return a score's fields but the null, with None for what is not a number."""
    named = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "null"}
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in named.items()
    }


def _spread(r: Float[np.ndarray, "P"]) -> list[dict[str, Any]]:
    quantiles = [
        {"metric": f"correlation_heldout_q{round(100 * q)}"}
        | _statistic(r, partial(np.quantile, q=q))
        for q in QUANTILES
    ]
    return quantiles + _above(r, "share")


def _above(r: Float[np.ndarray, "P"], what: str) -> list[dict[str, Any]]:
    return [
        {"metric": f"{what}_above_{t}"} | _statistic(r, partial(_share_above, t))
        for t in THRESHOLDS
    ]


def _share_above(threshold: float, r: Float[np.ndarray, "P"]) -> float:
    return float(np.mean(r > threshold))


def _statistic(r: Float[np.ndarray, "P"], statistic: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """Return a number without a null; no number for no pairs, or for correlations that are NaN."""
    none = {"n": len(r), "value": None, "null": None, "draws": None}
    if not len(r):
        return none | {"reason": "no pairs"}
    if missing := int(np.isnan(r).sum()):
        return none | {"reason": f"{missing} of {len(r)} correlations are not defined"}
    return none | {"value": float(statistic(r.astype(np.float64))), "reason": NO_NULL}
