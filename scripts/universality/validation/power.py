"""Which metric finds what: how often each is significant when something is shared, and how much.

Whole runs of the method (activations, matching, selection, random pairings of the matched pairs),
varying one thing of the world at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from universality.similarity.scoring import score
from universality.validation.claims import Claim, extreme, keeps
from universality.validation.pipeline import Comparison
from universality.validation.registry import small
from universality.validation.runs import Row, Runs
from universality.validation.worlds import World, dictionaries

LEVEL = 0.05
M = 99
BASE = World(shared=0.2, width_a=128, width_b=128)


@dataclass(frozen=True)
class Point:
    """One world of a sweep."""

    sweep: str
    at: str
    world: World


def points() -> list[Point]:
    """Return all worlds, sweep by sweep."""
    shared = [0, 0.05, 0.1, 0.2, 0.4, 0.7, 1]
    widths = [48, 80, 128, 200, 320]
    noises = [0, 0.35, 0.7, 1.4, 2.8]
    found = [Point("shared fraction", f"{s:g}", replace(BASE, shared=s)) for s in shared]
    found += [
        Point("features of each side", str(w), replace(BASE, width_a=w, width_b=w)) for w in widths
    ]
    found += [
        Point("noise on directions", f"{x:g}", replace(BASE, direction_noise=x)) for x in noises
    ]
    variants: dict[str, World] = {
        "base": BASE,
        "not rotated": replace(BASE, rotated=False),
        "equally frequent": replace(BASE, power=0.0),
        "steep frequencies": replace(BASE, power=1.0),
        "isotropic directions": replace(BASE, decay=0.0),
        "noisier activations": replace(BASE, activation_noise=1.0),
        "SAE k = 4": replace(BASE, k=4),
        "SAE k = 24": replace(BASE, k=24),
        "width of A 3 times": replace(BASE, width_a=3 * BASE.width_a),
        "d = 24 and 96": replace(BASE, d_a=96),
    }
    return found + [Point("variants", name, world) for name, world in variants.items()]


def measure(runs: Runs, repeats: int = 60) -> pd.DataFrame:
    """Return, for each world and metric, how often p is at most .05.

    Columns: sweep, at, metric, runs, n (mean pairs), rejected, power, value (mean), null_mean
    (mean), effect (mean), refused (runs without a score, which count as not rejected).
    """
    rows = runs.table("power", _run, points(), repeats)
    grouped = rows.groupby(["sweep", "at", "metric"], sort=False)
    table = grouped.agg(
        runs=("p", "size"),
        n=("n", "mean"),
        rejected=("rejected", "sum"),
        power=("rejected", "mean"),
        value=("value", "mean"),
        null_mean=("null_mean", "mean"),
        effect=("effect", "mean"),
        refused=("p", lambda p: int(p.isna().sum())),
    )
    return table.reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return what the table must show."""
    fraction = table[table["sweep"] == "shared fraction"]
    nothing, everything = fraction[fraction["at"] == "0"], fraction[fraction["at"] == "1"]
    enough = bool(nothing["runs"].min() >= 30)
    grows = fraction.pivot(index="metric", columns="at", values="power")
    return [
        Claim(
            f"nothing shared: no metric rejects in more than {LEVEL:.0%} of whole runs",
            f"largest {_named(extreme(nothing, 'power', True))}",
            keeps(nothing, "rejected", LEVEL),
        ),
        Claim(
            "everything shared: every metric finds it in at least 95 % of runs",
            f"lowest {_named(extreme(everything, 'power', False))}",
            bool((everything["power"] >= 0.95).all()),
            enough,
        ),
        Claim(
            "more shared is found more often, by every metric (from .05 to .2 to 1)",
            ", ".join(f"{at}: {grows[at].mean():.2f}" for at in ("0.05", "0.2", "1")),
            bool(((grows["0.05"] <= grows["0.2"]) & (grows["0.2"] <= grows["1"])).all()),
            enough,
        ),
    ]


def _named(row: Row) -> str:
    return f"{row['power']:.2f} ({row['metric']}, {row['runs']:.0f} runs)"


def _run(point: Point, rng: np.random.Generator) -> list[Row]:
    comparison = Comparison(point.world, *dictionaries(point.world, rng))
    a, b = comparison.kept_decoders()
    drawn = int(rng.integers(1 << 63))
    rows = []
    for label, metric, options in small():
        one = score(a, b, metric, options, M, np.random.default_rng(drawn))
        rows.append(
            {"sweep": point.sweep, "at": point.at, "metric": label, "n": one.n, "p": one.p}
            | {"rejected": one.p <= LEVEL, "value": one.value}
            | {"null_mean": one.null_mean, "effect": one.effect}
        )
    return rows


def levels(table: pd.DataFrame, sweep: str) -> Sequence[str]:
    """Return the levels of a sweep in their order."""
    return list(dict.fromkeys(table.loc[table["sweep"] == sweep, "at"]))
