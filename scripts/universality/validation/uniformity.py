"""Where nothing is shared, are p-values uniform? Every metric against every null.

The setting is one in which the hypothesis of each null is exactly true: the models read different
texts, and the rows of the decoders are independent normal vectors. So pairs are as good as
shuffled ones, rows as good as uniformly random directions of the same lengths, b's items as good as
turned ones, matched features as good as others, and documents as good as shifted ones.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import kstest

from universality.similarity import alternative_nulls as nulls
from universality.similarity.alternative_nulls import Sides
from universality.similarity.comparison import Metrics
from universality.similarity.metrics import build
from universality.similarity.nulls import TIE, p_value
from universality.similarity.scoring import score
from universality.validation.claims import Claim, exceeds, interval
from universality.validation.pipeline import Comparison
from universality.validation.registry import small
from universality.validation.runs import Row, Runs
from universality.validation.worlds import World, dictionaries

LEVEL = 0.05
M_PERMUTED = 99
M_OTHERS = 19
NULLS = ("permuted", "random_vectors", "rotated", "random_features", "rematched")

# Twenty documents in each half: 19 shifts. So few tokens that most chance correlations pass .1.
WORLD = World(
    shared=0.0,
    width_a=52,
    width_b=60,
    d_a=20,
    d_b=16,
    latent=16,
    decay=0.0,
    documents=40,
    tokens=12,
    active=5.0,
    same_text=False,
)


def measure(runs: Runs, repeats: int = 500) -> pd.DataFrame:
    """Return every p-value: columns run, metric, null, n, m, p, u.

    `p` is the p-value as the study reports it. It has steps of 1 / (m + 1), and ties between score
    and null count against the score, so it is not quite uniform but never too small. `u` is what
    is tested for uniformity: the same with a random place within the step and among the ties,
    (#{null > s} + U (1 + #{null = s})) / (1 + m), uniform on [0, 1] if the score is one of m + 1
    exchangeable numbers.
    """
    return runs.table("uniformity", _run, [WORLD], repeats)


def tested(table: pd.DataFrame) -> pd.DataFrame:
    """Return the Kolmogorov-Smirnov test of each metric and null.

    Columns: metric, null, runs, m, ks (largest distance from uniform), ks_p, ks_p_holm (corrected
    for the number of tests), rejected (p at most .05), rate, low, high (95 % interval).
    """
    found = []
    for (metric, null), group in table.groupby(["metric", "null"], sort=False):
        known = group.dropna(subset="p")
        test = kstest(known["u"], "uniform")
        rejected, n = int((known["p"] <= LEVEL).sum()), len(known)
        low, high = interval(rejected, n)
        found.append(
            {"metric": metric, "null": null, "runs": n, "m": int(group["m"].iloc[0])}
            | {"ks": float(test.statistic), "ks_p": float(test.pvalue)}
            | {"rejected": rejected, "rate": rejected / n, "low": low, "high": high}
        )
    tests = pd.DataFrame(found)
    tests.insert(6, "ks_p_holm", _holm(tests["ks_p"].to_numpy()))
    return tests


def claims(tests: pd.DataFrame) -> list[Claim]:
    """Return what the tests must show."""
    least = tests.loc[tests["ks_p"].idxmin()]
    most = tests.loc[tests["rate"].idxmax()]
    return [
        Claim(
            f"nothing shared: p is uniform, each of {tests['metric'].nunique()} metrics "
            f"against each of {tests['null'].nunique()} nulls (Kolmogorov-Smirnov, Holm at 5 %)",
            f"least ks_p {least['ks_p']:.3f} of {len(tests)} ({least['metric']}, {least['null']}), "
            f"corrected {least['ks_p_holm']:.2f}; {tests['runs'].min()} runs each",
            bool((tests["ks_p_holm"] > LEVEL).all()),
        ),
        Claim(
            f"nothing shared: p <= {LEVEL:g} in at most {LEVEL:.0%} of runs",
            f"largest {most['rate']:.3f} ({most['metric']}, {most['null']}), "
            f"mean {tests['rate'].mean():.3f}",
            not any(
                exceeds(row.rejected, row.runs, LEVEL, len(tests))
                for row in tests.itertuples()
            ),
        ),
    ]


def against_nulls(comparison: Comparison, metrics: Metrics, rng: np.random.Generator) -> list[Row]:
    """Return each metric of the matched pairs against each null, with p and u (see `measure`)."""
    matched = comparison.matched()
    a, b = comparison.decoders(matched)
    all_a = comparison.decoder_a[comparison.features_a]
    all_b = comparison.decoder_b[comparison.features_b]
    rows = []

    def add(label: str, null: str, value: float, drawn: Float[np.ndarray, " m"]) -> None:
        numbers = {"p": p_value(drawn, value), "u": _placed(drawn, value, rng)}
        rows.append({"metric": label, "null": null, "n": len(a), "m": len(drawn)} | numbers)

    values = {}
    drawn = int(rng.integers(1 << 63))
    for label, name, options in metrics:
        one = score(a, b, name, options, M_PERMUTED, np.random.default_rng(drawn))
        values[label] = one.value
        add(label, "permuted", one.value, one.null)
    matchings = ((r.a, r.b, r.fit) for r in comparison.rematched(M_OTHERS, rng))
    draws: dict[str, Iterator[Sides]] = {
        "random_vectors": nulls.random_vectors(a, b, M_OTHERS, rng),
        "rotated": nulls.rotated(a, b, M_OTHERS, rng),
        "random_features": nulls.random_features(all_a, all_b, len(a), M_OTHERS, rng),
        "rematched": nulls.rematched(
            comparison.decoder_a, comparison.decoder_b, matchings, len(a)
        ),
    }
    for null, sides in draws.items():
        scores = np.array([[build(m, *pair, o).value() for _, m, o in metrics] for pair in sides])
        for (label, _, _), column in zip(metrics, scores.T, strict=True):
            add(label, null, values[label], column)
    return rows


def _run(world: World, rng: np.random.Generator) -> list[Row]:
    a, b = dictionaries(world, rng)
    a = replace(a, decoder=rng.standard_normal(a.decoder.shape))
    b = replace(b, decoder=rng.standard_normal(b.decoder.shape))
    return against_nulls(Comparison(world, a, b), small(), rng)


def _placed(null: Float[np.ndarray, " m"], value: float, rng: np.random.Generator) -> float:
    near = TIE * np.abs(np.append(null, value)).max()
    equal = int((np.abs(null - value) <= near).sum())
    above = int((null > value + near).sum())
    return float((above + rng.random() * (1 + equal)) / (1 + len(null)))


def _holm(p: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Return p-values that control the chance of any false rejection (Holm 1979)."""
    order = np.argsort(p)
    corrected = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(corrected, 1)
    return result
