"""All scores of one comparison: the correlations of its matched pairs, and their geometry."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from universality import seeds
from universality.similarity.scoring import Score, refused, score

NO_DECODER = "the residual basis has no decoder directions: compare its correlations"
NO_NULL = "no permutation null: compare with the floor comparisons"


def scores(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    decoder_a: Float[np.ndarray, "F d_a"] | None,
    decoder_b: Float[np.ndarray, "G d_b"] | None,
    metrics: Mapping[str, Mapping[str, Any]],
    permutations: int,
    seed: int,
) -> tuple[list[dict[str, Any]], Float[np.ndarray, "tested m"]]:
    """Score each matching of a comparison.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `a`, `b`, `correlation_fit`, `correlation_heldout`, `kept`.
        methods: names of the matchings.
        decoder_a: decoder rows of side a; None for the residual basis.
        decoder_b: decoder rows of side b.
        metrics: names of metrics with their options; scored on the kept pairs.
        permutations: m, of each null.
        seed: of the study. Every cell draws from the same stream, so that cells of equal n get the
            same permutations.

    Returns:
        One row for each score (a missing number is None, with a reason), and the nulls: row i's
        null is `nulls[rows[i]["null"]]`, none where that is None. Correlations come for all pairs
        (`filter` none) and for the kept ones.
    """
    rows: list[dict[str, Any]] = []
    nulls: list[np.ndarray] = []
    for number, method in enumerate(methods):
        matched = pairs["method"] == number
        kept = matched & pairs["kept"]
        for chosen, name in ((matched, "none"), (kept, "kept")):
            for metric in ("correlation_fit", "correlation_heldout"):
                rows.append(
                    {"method": method, "filter": name, "metric": metric, "null": None}
                    | _mean(pairs[metric], chosen)
                )
        for metric, options in metrics.items():
            if decoder_a is None or decoder_b is None:
                result = refused(int(kept.sum()), permutations, NO_DECODER)
            else:
                a, b = decoder_a[pairs["a"][kept]], decoder_b[pairs["b"][kept]]
                rng = seeds.generator(seed, "permutations")
                result = score(a, b, metric, dict(options), permutations, rng)
            rows.append(
                {"method": method, "filter": "kept", "metric": metric, "null": len(nulls)}
                | _numbers(result)
            )
            nulls.append(result.null)
    return rows, np.array(nulls).reshape(len(nulls), permutations)


def _mean(r: Float[np.ndarray, "P"], chosen: Bool[np.ndarray, "P"]) -> dict[str, Any]:
    n = int(chosen.sum())
    if not n:
        return {"n": 0, "value": None, "reason": "no pairs"}
    return {"n": n, "value": float(r[chosen].mean(dtype=np.float64)), "reason": NO_NULL}


def _numbers(result: Score) -> dict[str, Any]:
    """Return a score's fields but the null, with None for what is not a number."""
    named = {f.name: getattr(result, f.name) for f in fields(result) if f.name != "null"}
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in named.items()
    }
