"""How much is shared: the estimate against the truth.

The share of Hungarian pairs that are counterparts, by their held-out correlations against those of
the matching redone on shifted documents, in worlds where the truth is known.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from universality.similarity.sharing import shared_fraction
from universality.validation.claims import Claim, extreme
from universality.validation.pipeline import Comparison
from universality.validation.runs import Row, Runs
from universality.validation.worlds import World, dictionaries

REMATCHINGS = 19
FRACTIONS = (0, 0.1, 0.25, 0.5, 0.75, 1)
BASE = World(topical=0.0, documents=80)
WORLDS = {
    "base": BASE,
    "equally frequent": replace(BASE, power=0.0),
    "steep frequencies": replace(BASE, power=1.0),
    "little noise": replace(BASE, activation_noise=0.4),
    "much noise": replace(BASE, activation_noise=1.1),
    "width of B 3 times": replace(BASE, width_b=300),
    "SAE k = 4": replace(BASE, k=4),
    "topics (half)": replace(BASE, topical=0.5),
    "topics (nearly all)": replace(BASE, topical=0.9),
}
MISLEADING = ("topics (half)", "topics (nearly all)")
"""Worlds in which features have more in common than concepts: when their topic comes up."""


@dataclass(frozen=True)
class Setting:
    """A world, and the share of concepts put into it."""

    name: str
    world: World


def measure(runs: Runs, repeats: int = 15) -> pd.DataFrame:
    """Return one row for each run: world, truth, estimate, matched, heldout.

    `truth` is the share of the participating features of the side with fewer that have a
    counterpart, `matched` the share of pairs that pair a concept with itself, `heldout` the mean
    held-out correlation of all pairs.
    """
    settings = [
        Setting(name, replace(world, shared=fraction))
        for name, world in WORLDS.items()
        for fraction in FRACTIONS
    ]
    return runs.table("shared fraction", _run, settings, repeats)


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each world and fraction put in: runs, truth, estimate, sd, bias, rmse (means)."""
    error = table["estimate"] - table["truth"]
    grouped = table.assign(error=error, square=error**2).groupby(["world", "put_in"], sort=False)
    found = grouped.agg(
        runs=("estimate", "size"),
        truth=("truth", "mean"),
        estimate=("estimate", "mean"),
        sd=("estimate", "std"),
        bias=("error", "mean"),
        rmse=("square", "mean"),
        matched=("matched", "mean"),
        heldout=("heldout", "mean"),
    )
    return found.assign(rmse=np.sqrt(found["rmse"])).reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return what the errors must show."""
    plain = table[~table["world"].isin([*MISLEADING, "much noise"])]
    worst = extreme(plain.assign(size=plain["bias"].abs()), "size", True)
    noisy = table[table["world"] == "much noise"]
    topics = extreme(table[table["world"] == MISLEADING[-1]], "put_in", False)
    enough = bool(table["runs"].min() >= 5)
    order = table.groupby("world")["estimate"].apply(lambda e: e.is_monotonic_increasing)
    return [
        Claim(
            "the shared fraction is recovered within .1 (mean over runs), over frequencies, widths "
            "and k of the SAE",
            f"largest bias {worst['bias']:+.3f} ({worst['world']}, truth {worst['truth']:.2f}), "
            f"largest RMSE {plain['rmse'].max():.3f}",
            bool(plain["bias"].abs().max() < 0.1),
            enough,
        ),
        Claim(
            "much noise on activations can hide counterparts, but invents none",
            f"bias {noisy['bias'].min():+.3f} to {noisy['bias'].max():+.3f}",
            bool(noisy["bias"].max() < 0.1),
            enough,
        ),
        Claim(
            "more shared is estimated higher in every world",
            f"{int(order.sum())} of {len(order)} worlds",
            bool(order.all()),
            enough,
        ),
        Claim(
            "shared topics count as sharing: the estimate is too high where nothing else is shared",
            f"{topics['estimate']:.2f} where none of the concepts is shared ({topics['world']})",
            bool(topics["bias"] > 0.05),
        ),
    ]


def _run(setting: Setting, rng: np.random.Generator) -> list[Row]:
    a, b = dictionaries(setting.world, rng)
    comparison = Comparison(setting.world, a, b)
    pairs = comparison.matched()
    null = comparison.rematched(REMATCHINGS, rng).correlation_heldout
    sides = a.concept[comparison.features_a], b.concept[comparison.features_b]
    truth = len(np.intersect1d(*sides)) / min(map(len, sides))
    return [
        {
            "world": setting.name,
            "put_in": setting.world.shared,
            "truth": truth,
            "estimate": shared_fraction(pairs["correlation_heldout"], null),
            "matched": float((a.concept[pairs["a"]] == b.concept[pairs["b"]]).mean()),
            "heldout": float(pairs["correlation_heldout"].mean()),
        }
    ]
