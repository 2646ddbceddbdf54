"""Can scores be compared over n and d? The raw ones, the effect size, and the position.

Decoder rows alone: n pairs, of which all have the same likeness, from none to much, whatever n and
the dimensions are. What a score says should then be the same too.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from universality.similarity.comparison import Metrics
from universality.similarity.metrics import build
from universality.similarity.scoring import score
from universality.validation.claims import Claim
from universality.validation.registry import small
from universality.validation.runs import Row, Runs

M = 99
LATENT = 16
PAIRS = (60, 120, 240, 480)
DIMENSIONS = ((16, 16), (64, 48))
LIKENESS = (0.0, 0.5)
"""Correlation of the coordinates of paired rows, before they are put into d dimensions."""
CEILING = 0.9
"""The same for two dictionaries of one model."""
INDEPENDENT = ("rsa", "cka", "linear_predictivity")
"""Metrics whose positions are claimed to be independent of n."""


@dataclass(frozen=True)
class Cell:
    """Matrices of one size and likeness."""

    likeness: float
    n: int
    d_a: int
    d_b: int


def metrics() -> Metrics:
    """Return all metrics, with the biased CKA beside the unbiased one."""
    return [*small(), ("cka_biased", "cka", {"estimator": "biased"})]


def measure(runs: Runs, repeats: int = 24) -> pd.DataFrame:
    """Return means over runs for each likeness, n, dimensions and metric.

    Columns: likeness, n, d (as text), metric, runs, value, null_mean, effect, position (of the mean
    scores: 0 at the null's mean, 1 at that of two dictionaries of one model).
    """
    cells = [Cell(r, n, *d) for r in LIKENESS for n in PAIRS for d in DIMENSIONS]
    rows = runs.table("calibration", _run, cells, repeats)
    found = rows.groupby(["likeness", "n", "d", "metric"], sort=False).agg(
        runs=("value", "size"),
        value=("value", "mean"),
        null_mean=("null_mean", "mean"),
        ceiling=("ceiling", "mean"),
        effect=("effect", "mean"),
    )
    distance = found["ceiling"] - found["null_mean"]
    found["position"] = (found["value"] - found["null_mean"]) / distance
    return found.reset_index()


def ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far value, effect and position range over n and d, by likeness and metric."""
    grouped = table.groupby(["likeness", "metric"], sort=False)[["value", "effect", "position"]]
    return (grouped.max() - grouped.min()).reset_index()


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return what the table must show."""
    spread = ranges(table).set_index(["likeness", "metric"])
    alike = spread.loc[LIKENESS[1]].loc[list(INDEPENDENT)]
    effect = table[table["likeness"] == LIKENESS[1]].groupby(["metric", "n"])["effect"].mean()
    enough = bool(table["runs"].min() >= 10)
    inflated = table[(table["likeness"] == 0) & (table["metric"] == "svcca")]["value"]
    return [
        Claim(
            "raw SVCCA of unrelated rows depends on n",
            f"{inflated.min():.2f} to {inflated.max():.2f} over n = {PAIRS[0]} to {PAIRS[-1]}",
            bool(inflated.max() > 2 * inflated.min()),
            enough,
        ),
        Claim(
            "the effect size of unrelated rows is near 0 at any n and d, for every metric",
            f"largest {table.loc[table['likeness'] == 0, 'effect'].max():.3f}",
            bool(table.loc[table["likeness"] == 0, "effect"].max() < 0.03),
            enough,
        ),
        Claim(
            "so is their position, within .1",
            f"largest {table.loc[table['likeness'] == 0, 'position'].abs().max():.3f}",
            bool(table.loc[table["likeness"] == 0, "position"].abs().max() < 0.1),
            enough,
        ),
        Claim(
            f"of rows that are alike, the position of {', '.join(INDEPENDENT)} stays the same "
            "over n and d within .1",
            ", ".join(f"{name} ranges over {x:.3f}" for name, x in alike["position"].items()),
            bool((alike["position"] < 0.1).all()),
            enough,
        ),
        Claim(
            "their effect size does not: it grows with n, as the null's quantile falls",
            ", ".join(
                f"{name} {effect[name, PAIRS[0]]:.2f} to {effect[name, PAIRS[-1]]:.2f}"
                for name in ("rsa", "svcca")
            ),
            bool(effect["svcca", PAIRS[-1]] > effect["svcca", PAIRS[0]] + 0.05),
            enough,
        ),
    ]


def _run(cell: Cell, rng: np.random.Generator) -> list[Row]:
    spread = np.arange(1, LATENT + 1.0) ** -0.5
    common = rng.standard_normal((cell.n, LATENT))

    def side(likeness: float, d: int) -> Float[np.ndarray, "n d"]:
        own = rng.standard_normal(common.shape)
        # Two sides, each of which correlates sqrt(likeness) with what they have in common.
        rows = (np.sqrt(likeness) * common + np.sqrt(1 - likeness) * own) * spread
        return rows @ np.linalg.qr(rng.standard_normal((d, d)))[0][:LATENT]

    a, b = side(cell.likeness, cell.d_a), side(cell.likeness, cell.d_b)
    one, other = side(CEILING, cell.d_a), side(CEILING, cell.d_a)
    drawn = int(rng.integers(1 << 63))
    rows = []
    for label, name, options in metrics():
        found = score(a, b, name, options, M, np.random.default_rng(drawn))
        rows.append(
            {"likeness": cell.likeness, "n": cell.n, "d": f"{cell.d_a}, {cell.d_b}"}
            | {"metric": label, "value": found.value, "null_mean": found.null_mean}
            | {"effect": found.effect, "ceiling": build(name, one, other, options).value()}
        )
    return rows
