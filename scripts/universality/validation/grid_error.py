"""A grid of nine cells: is the chance of any false rejection what it is said to be?

Three layers of A against three of B, as rows of decoders: no matching, so that the pairing is
random where nothing is shared. Layers of a model resemble each other, and cells of one row or
column share a subject, so the nine scores depend on each other.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from universality.similarity.calibration import benjamini_hochberg, max_t
from universality.similarity.comparison import Metrics
from universality.similarity.scoring import score
from universality.validation.claims import Claim, extreme, interval, keeps
from universality.validation.runs import Row, Runs

LEVEL = 0.05
M = 199
LAYERS = 3
DIMENSIONS = 20, 16
METRICS: Metrics = [("rsa", "rsa", {}), ("svcca", "svcca", {"k": 2})]


@dataclass(frozen=True)
class Grid:
    """How a grid is drawn."""

    name: str
    pairs: tuple[int, ...]
    """Of the nine cells, in turn."""
    alike: float
    """Correlation between layers of one model."""
    shared: bool
    """Whether layer i of B is an image of layer i of A (then layers are not alike)."""


GRIDS = (
    Grid("nothing shared, equal n", (50,), alike=0.7, shared=False),
    Grid("nothing shared, n from 40 to 64", tuple(range(40, 67, 3)), alike=0.7, shared=False),
    Grid("3 of 9 cells shared", (50,), alike=0.0, shared=True),
)


def measure(runs: Runs, repeats: int = 800) -> pd.DataFrame:
    """Return, for each grid, metric and correction, how often anything is rejected falsely.

    Columns: grid, metric, correction (`none`, `max_t`, `benjamini_hochberg`), runs, any_false (runs
    with a false rejection), rate (their share), low, high (its 95 % interval), false_share (mean
    share of rejections that are false, 0 without any), found (mean share of shared cells rejected).
    """
    rows = runs.table("grid error", _run, GRIDS, repeats)
    found = []
    for key, group in rows.groupby(["grid", "metric", "correction"], sort=False):
        false, n = int((group["false"] > 0).sum()), len(group)
        rejected = group["false"] + group["true"]
        low, high = interval(false, n)
        found.append(
            dict(zip(("grid", "metric", "correction"), key, strict=True))
            | {"runs": n, "any_false": false, "rate": false / n, "low": low, "high": high}
            | {
                "false_share": float((group["false"] / rejected.clip(lower=1)).mean()),
                "found": float(group["true"].mean() / LAYERS) if group["true"].any() else np.nan,
            }
        )
    return pd.DataFrame(found)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return what the table must show."""
    corrected = table[table["correction"] == "max_t"]
    worst = extreme(corrected, "rate", True)
    nothing = corrected[corrected["grid"].str.startswith("nothing")]
    lowest = extreme(nothing, "rate", False)
    plain = table[(table["correction"] == "none") & table["grid"].str.startswith("nothing")]
    discovery = table[
        (table["correction"] == "benjamini_hochberg") & table["grid"].str.startswith("3 of")
    ]
    share = extreme(discovery, "false_share", True)
    enough = bool(table["runs"].min() >= 100)
    deviation = np.sqrt(LEVEL * (1 - LEVEL) / share["runs"])
    return [
        Claim(
            f"max-T: any false rejection among 9 cells in at most {LEVEL:.0%} of grids",
            f"largest {_rate(worst)} ({worst['metric']}, {worst['grid']})",
            keeps(corrected, "any_false", LEVEL),
        ),
        Claim(
            "max-T is not idle: nor is it far below that level where nothing is shared",
            f"lowest {_rate(lowest)} ({lowest['metric']}, {lowest['grid']})",
            bool(lowest["high"] > LEVEL / 2),
            enough,
        ),
        Claim(
            "uncorrected, the nine cells reject falsely far more often",
            f"lowest {_rate(extreme(plain, 'rate', False))}",
            bool((plain["low"] > 2 * LEVEL).all()),
            enough,
        ),
        Claim(
            f"Benjamini-Hochberg: of rejections, at most {LEVEL:.0%} are false (3 of 9 shared)",
            f"largest {share['false_share']:.3f} ({share['metric']}), "
            f"with {share['found']:.0%} of the shared cells found",
            bool(share["false_share"] <= LEVEL + 3 * deviation),
            enough,
        ),
    ]


def _rate(row: Row) -> str:
    return f"{row['rate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _run(grid: Grid, rng: np.random.Generator) -> list[Row]:
    largest = max(grid.pairs)
    layers_a = _layers(grid.alike, largest, DIMENSIONS[0], rng)
    if grid.shared:
        turn = np.linalg.qr(rng.standard_normal((DIMENSIONS[0], DIMENSIONS[0])))[0]
        noise = rng.standard_normal((LAYERS, largest, DIMENSIONS[1]))
        layers_b = [a @ turn[:, : DIMENSIONS[1]] + n for a, n in zip(layers_a, noise, strict=True)]
    else:
        layers_b = _layers(grid.alike, largest, DIMENSIONS[1], rng)
    drawn = int(rng.integers(1 << 63))
    cells = [(i, j) for i in range(LAYERS) for j in range(LAYERS)]
    n = np.resize(grid.pairs, len(cells))
    shared = np.array([grid.shared and i == j for i, j in cells])
    rows = []
    for label, metric, options in METRICS:
        scores = [
            # As in a study: the same stream for each cell.
            score(
                layers_a[i][:k], layers_b[j][:k], metric, options, M, np.random.default_rng(drawn)
            )
            for (i, j), k in zip(cells, n, strict=True)
        ]
        p = np.array([one.p for one in scores])
        values = np.array([one.value for one in scores])
        corrections = {
            "none": p,
            "max_t": max_t(values, np.array([one.null for one in scores])),
            "benjamini_hochberg": benjamini_hochberg(p),
        }
        for correction, corrected in corrections.items():
            rejected = corrected <= LEVEL
            rows.append(
                {
                    "grid": grid.name,
                    "metric": label,
                    "correction": correction,
                    "false": int((rejected & ~shared).sum()),
                    "true": int((rejected & shared).sum()),
                }
            )
    return rows


def _layers(
    alike: float, n: int, d: int, rng: np.random.Generator
) -> list[Float[np.ndarray, "n d"]]:
    common = rng.standard_normal((n, d))
    own = rng.standard_normal((LAYERS, n, d))
    return [np.sqrt(alike) * common + np.sqrt(1 - alike) * layer for layer in own]
