"""Where nothing is shared, are p-values uniform? Every metric against every null.

The setting is one in which the hypothesis of each null is exactly true: the models read different
texts, and the rows of the decoders are independent normal vectors. So pairs are as good as
shuffled ones, rows as good as uniformly random directions of the same lengths, b's items as good as
turned ones, matched features as good as others, and documents as good as shifted ones.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.stats import kstest

from universality.validation.against_nulls import against_nulls
from universality.validation.claims import CONFIDENCE, Claim, extreme, interval, keeps
from universality.validation.pipeline import Comparison
from universality.validation.registry import small
from universality.validation.runs import Row, Runs
from universality.validation.worlds import World, dictionaries

LEVEL = 0.05
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
    """Return every p-value: columns metric, null, n, m, p, u (see `against_nulls`)."""
    return runs.table("uniformity", _run, [WORLD], repeats)


def tested(table: pd.DataFrame) -> pd.DataFrame:
    """Return the Kolmogorov-Smirnov test of each metric and null.

    Columns: metric, null, runs, m, ks (largest distance of u from uniform), ks_p, ks_p_holm
    (corrected for the number of tests), rejected (p at most .05), rate, low, high (95 % interval).
    The three of KS are missing where u is.
    """
    found = []
    for (metric, null), group in table.groupby(["metric", "null"], sort=False):
        rejected, n = int((group["p"] <= LEVEL).sum()), len(group)
        low, high = interval(rejected, n)
        u = group["u"].dropna()
        test = kstest(u, "uniform") if len(u) else None
        found.append(
            {"metric": metric, "null": null, "runs": n, "m": int(group["m"].iloc[0])}
            | {"ks": test.statistic if test else np.nan, "ks_p": test.pvalue if test else np.nan}
            | {"rejected": rejected, "rate": rejected / n, "low": low, "high": high}
        )
    tests = pd.DataFrame(found)
    tests.insert(6, "ks_p_holm", _holm(tests["ks_p"].to_numpy()))
    return tests


def claims(tests: pd.DataFrame) -> list[Claim]:
    """Return what the tests must show."""
    judged = tests.dropna(subset="ks_p")
    least, most = extreme(judged, "ks_p", False), extreme(tests, "rate", True)
    return [
        Claim(
            f"nothing shared: p is uniform, {judged['metric'].nunique()} metrics against each of "
            "their nulls (Kolmogorov-Smirnov, Holm at 1 %)",
            f"least ks_p {least['ks_p']:.3f} of {len(judged)} "
            f"({least['metric']}, {least['null']}), corrected {least['ks_p_holm']:.2f}; "
            f"{tests['runs'].min()} runs each",
            bool((judged["ks_p_holm"] > CONFIDENCE).all()),
        ),
        Claim(
            f"nothing shared: p <= {LEVEL:g} in at most {LEVEL:.0%} of runs",
            f"largest {most['rate']:.3f} ({most['metric']}, {most['null']}), "
            f"mean {tests['rate'].mean():.3f}",
            keeps(tests, "rejected", LEVEL),
        ),
    ]


def _run(world: World, rng: np.random.Generator) -> list[Row]:
    a, b = dictionaries(world, rng)
    a = replace(a, decoder=rng.standard_normal(a.decoder.shape))
    b = replace(b, decoder=rng.standard_normal(b.decoder.shape))
    return against_nulls(Comparison(world, a, b), small(), rng, activations=False)


def _holm(p: Float[np.ndarray, " c"]) -> Float[np.ndarray, " c"]:
    """Return p-values that control the chance of any false rejection (Holm 1979); NaN stays."""
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested])]
    corrected = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    result = np.full(len(p), np.nan)
    result[order] = np.minimum(corrected, 1)
    return result
