"""The published statistic on the same data: what it says as more and more is shared.

The source's SVCCA keeps one component, and its p is the share of shuffles that score as high, which
can be 0. Beside it: the SVCCA of the study, RSA, and the SVCCA that the source's text describes
(the components that hold 99 % of the variance), which depends on n and d and hardly on the data.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Float

from universality.similarity.metrics import Metric, build
from universality.similarity.published import OneComponent
from universality.similarity.scoring import against_permutations
from universality.validation.claims import Claim, exceeds, extreme, interval
from universality.validation.pipeline import Comparison
from universality.validation.runs import Row, Runs
from universality.validation.worlds import World, dictionaries

LEVEL = 0.05
M = 99
FRACTIONS = (0, 0.1, 0.2, 0.4, 0.7, 1)
ONE = "SVCCA, 1 component (published)"
STUDY = "SVCCA, k = 4"
RSA = "RSA"
WORLD = World(width_a=160, width_b=160)
DOMINANT, EVEN = "some directions dominate", "no direction dominates"
DIRECTIONS = {DOMINANT: 0.5, EVEN: 0.0}
"""How fast the spread of directions decays over their coordinates."""
DIMENSIONS = 128, 96
"""Of the random vectors scored with 99 % of the variance."""
PAIRS = (24, 48, 100, 200, 400, 1000, 4000)


@dataclass(frozen=True)
class Setting:
    """A world, and what its directions are like."""

    directions: str
    world: World


def measure(runs: Runs, repeats: int = 80) -> pd.DataFrame:
    """Return each score of each run: directions, shared, statistic, n, value, null_mean, and p.

    Matched pairs are those of the study. `p_published` = #{null >= s} / m, `p` = (1 + #) / (1 + m).
    """
    settings = [
        Setting(name, replace(WORLD, decay=decay, shared=fraction))
        for name, decay in DIRECTIONS.items()
        for fraction in FRACTIONS
    ]
    return runs.table("published", _run, settings, repeats)


def summarised(table: pd.DataFrame) -> pd.DataFrame:
    """Return means and rates over runs, for each kind of directions, shared fraction and statistic.

    Columns: directions, shared, statistic, runs, n, value, value_q05, value_q95, null_mean, zero
    (share of runs in which the published p is 0), rejected_published, rate_published (p < .05),
    rejected, rate (p <= .05 of the calibrated p).
    """
    rows = table.assign(
        zero=table["p_published"] == 0,
        rejected_published=table["p_published"] < LEVEL,
        rejected=table["p"] <= LEVEL,
    )
    grouped = rows.groupby(["directions", "shared", "statistic"], sort=False)
    found = grouped.agg(
        runs=("value", "size"),
        n=("n", "mean"),
        value=("value", "mean"),
        value_q05=("value", lambda v: v.quantile(0.05)),
        value_q95=("value", lambda v: v.quantile(0.95)),
        null_mean=("null_mean", "mean"),
        zero=("zero", "mean"),
        rejected_published=("rejected_published", "sum"),
        rate_published=("rejected_published", "mean"),
        rejected=("rejected", "sum"),
        rate=("rejected", "mean"),
    )
    return found.reset_index()


def variance_99(runs: Runs, repeats: int = 5) -> pd.DataFrame:
    """Return the SVCCA of random vectors with 99 % of the variance kept: columns n, k, value."""
    return runs.table("99 % of the variance", _inflated, PAIRS, repeats)


def claims(table: pd.DataFrame, inflated: pd.DataFrame) -> list[Claim]:
    """Return what the tables must show."""
    nothing = _at(table, 0, ONE)
    law = np.sqrt(2 / (np.pi * nothing["n"]))
    fifth, fifth_rsa = _at(table, 0.2, ONE), _at(table, 0.2, RSA)
    everything, everything_rsa = _at(table, 1, ONE), _at(table, 1, RSA)
    unshared = table[(table["shared"] == 0) & (table["statistic"] == ONE)]
    rejected, runs = int(unshared["rejected_published"].sum()), int(unshared["runs"].sum())
    low, high = interval(rejected, runs)
    enough = runs >= 100
    by_n = inflated.groupby("n")["value"].mean()
    return [
        Claim(
            "the published SVCCA of shuffled pairs is sqrt(2 / (pi n))",
            f"null mean {nothing['null_mean']:.3f}, law {law:.3f}",
            bool(abs(nothing["null_mean"] / law - 1) < 0.05),
            enough,
        ),
        Claim(
            "its p is 0 for most pairs of dictionaries that share anything: it says only "
            f"that m = {M} shuffles are few",
            f"p = 0 in {unshared['zero'].mean():.0%} of runs without any sharing, "
            f"in {everything['zero']:.0%} with all shared",
            bool(everything["zero"] > 0.5),
            enough,
        ),
        Claim(
            "without sharing, p < .05 of the published statistic is no more frequent than that",
            f"{rejected / runs:.3f} [{low:.3f}, {high:.3f}]",
            not exceeds(rejected, runs, LEVEL),
        ),
        Claim(
            "a fifth shared, no direction dominant: it misses what RSA finds",
            f"found in {fifth['rate']:.0%} of runs, by RSA in {fifth_rsa['rate']:.0%}",
            bool(fifth["rate"] < fifth_rsa["rate"] / 2),
            enough,
        ),
        Claim(
            "all shared, no direction dominant: its value is a matter of luck, RSA's is not",
            f"5 % to 95 % of runs: {everything['value_q05']:.2f} to {everything['value_q95']:.2f}, "
            f"RSA {everything_rsa['value_q05']:.2f} to {everything_rsa['value_q95']:.2f}",
            bool(_range(everything) > 5 * _range(everything_rsa)),
            enough,
        ),
        Claim(
            "SVCCA with 99 % of the variance is near 1 for unrelated vectors when pairs are few",
            ", ".join(f"n = {n}: {value:.2f}" for n, value in by_n.items()),
            bool(by_n.iloc[0] > 0.95 and by_n.is_monotonic_decreasing),
        ),
    ]


def _at(table: pd.DataFrame, shared: float, statistic: str) -> Row:
    rows = table[(table["directions"] == EVEN) & (table["shared"] == shared)]
    return extreme(rows[rows["statistic"] == statistic], "value", True)


def _range(row: Row) -> float:
    return float(row["value_q95"] - row["value_q05"])


def _run(setting: Setting, rng: np.random.Generator) -> list[Row]:
    world = setting.world
    comparison = Comparison(world, *dictionaries(world, rng))
    a, b = comparison.kept_decoders()
    drawn = int(rng.integers(1 << 63))
    made: dict[str, Callable[[], Metric]] = {
        ONE: partial(OneComponent, a, b),
        # As many pairs as are matched when nothing is shared are too few for the default of 10.
        STUDY: partial(build, "svcca", a, b, {"k": 4}),
        RSA: partial(build, "rsa", a, b, {}),
    }
    rows = []
    for name, make in made.items():
        one = against_permutations(make, len(a), M, np.random.default_rng(drawn))
        share = float(np.mean(one.null >= one.value)) if not one.reason else np.nan
        rows.append(
            {"directions": setting.directions, "shared": world.shared, "statistic": name}
            | {"n": one.n, "value": one.value}
            | {"null_mean": one.null_mean, "p_published": share, "p": one.p}
        )
    return rows


def _inflated(n: int, rng: np.random.Generator) -> list[Row]:
    bases = [_basis_99(rng.standard_normal((n, d))) for d in DIMENSIONS]
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    return [{"n": n, "k": min(base.shape[1] for base in bases), "value": correlations.mean()}]


def _basis_99(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n k"]:
    """Return the leading left singular vectors that hold 99 % of the variance."""
    u, s, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    held = np.cumsum(s**2) / (s**2).sum()
    return u[:, : int((held < 0.99).sum()) + 1]
