"""One comparison against all nulls, each p-value also with a random place among its ties."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from universality.features.correlation import pearson
from universality.similarity import alternative_nulls as nulls
from universality.similarity import comparison, comparison_nulls
from universality.similarity.alternative_nulls import Sides
from universality.similarity.comparison import Coactivation, Metrics
from universality.similarity.metrics import build
from universality.similarity.nulls import TIE, p_value
from universality.validation.pipeline import METHOD, Comparison
from universality.validation.runs import Row

M_PERMUTED = 99
M_OTHERS = 19
SHARE = "shared_fraction"
NULLS = ("permuted", "random_vectors", "rotated", "random_features", "rematched")


def against_nulls(
    given: Comparison, metrics: Metrics, rng: np.random.Generator, activations: bool
) -> list[Row]:
    """Return every score of the matched pairs against each null that it has.

    Geometry has all of `NULLS`, the mean correlations and the estimated share of counterparts have
    `rematched`; with `activations`, CKA and RSA of how features are active together (`permuted`).

    Columns: metric, null, n, m, p, u. `p` is the p-value as the study reports it. It has steps of
    1 / (m + 1), and ties between score and null count against the score, so it is not quite uniform
    but never too small. `u` is the same with a random place within the step and among the ties,
    (#{null > s} + U (1 + #{null = s})) / (1 + m): uniform on [0, 1] if the score is one of m + 1
    exchangeable numbers. NaN for the share of counterparts, most of whose ties are zeros.
    """
    pairs = given.matched()
    kept = int(pairs["kept"].sum())
    decoders = given.decoder_a, given.decoder_b
    seed = int(rng.integers(1 << 32))
    rows: list[Row] = []

    def add(metric: str, null: str, value: float, drawn: Float[np.ndarray, " m"]) -> None:
        numbers = {"p": p_value(drawn, value), "u": placed(drawn, value, rng)}
        rows.append({"metric": metric, "null": null, "n": kept, "m": len(drawn)} | numbers)

    coactivations = _coactivations(given) if activations else None
    scored, permuted = comparison.scores(
        pairs, [METHOD], decoders, metrics, M_PERMUTED, seed, coactivations, [METHOD]
    )
    values = {}
    for row in scored:
        if row.get("draws") is not None:
            values[row["metric"]] = row["value"]
            add(row["metric"], "permuted", row["value"], permuted[row["draws"]])

    redone = given.rematched(M_OTHERS, rng)
    participating = given.features_a, given.features_b
    for row in comparison_nulls.rows(
        pairs, [METHOD], [METHOD], decoders, participating, {METHOD: redone}, [], 0, seed
    ):
        # Without ties.
        u = row["p"] - rng.random() / (1 + row["m"])
        place = {"metric": row["metric"], "null": row["null"], "n": row["n"], "m": row["m"]}
        rows.append(place | {"p": row["p"], "u": np.nan if row["metric"] == SHARE else u})

    a, b = (side[pairs[name][pairs["kept"]]] for name, side in zip("ab", decoders, strict=True))
    others = decoders[0][participating[0]], decoders[1][participating[1]]
    draws: dict[str, Iterator[Sides]] = {
        "random_vectors": nulls.random_vectors(a, b, M_OTHERS, rng),
        "rotated": nulls.rotated(a, b, M_OTHERS, rng),
        "random_features": nulls.random_features(*others, kept, M_OTHERS, rng),
        "rematched": nulls.rematched(*decoders, redone.each("a", "b", "correlation_fit"), kept),
    }
    for null, sides in draws.items():
        scores = np.array([[build(m, *pair, o).value() for _, m, o in metrics] for pair in sides])
        for (metric, _, _), column in zip(metrics, scores.T, strict=True):
            add(metric, null, values[metric], column)
    return rows


def placed(null: Float[np.ndarray, " m"], value: float, rng: np.random.Generator) -> float:
    """Return u (see `against_nulls`); equal are scores that `p_value` takes as equal."""
    near = TIE * np.abs(np.append(null, value)).max()
    equal = int((np.abs(null - value) <= near).sum())
    above = int((null > value + near).sum())
    return float((above + rng.random() * (1 + equal)) / (1 + len(null)))


def _coactivations(given: Comparison) -> tuple[Coactivation, Coactivation]:
    heldout = given.halves["heldout"]
    matrices = [
        np.concatenate([r for _, r in pearson(side, side)]) for side in (heldout.a, heldout.b)
    ]
    features = given.features_a, given.features_b
    first, second = (Coactivation(f, r) for f, r in zip(features, matrices, strict=True))
    return first, second
