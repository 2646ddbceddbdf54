"""Which null answers which question? The nulls in worlds where different things are shared.

Uniform p-values say that a null is right where its own hypothesis holds. Here the hypothesis is the
reader's, "the two share no concept with its direction", and it is seen which null keeps to its
level when it holds, and which finds something when it does not.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from universality.similarity.comparison import Metrics
from universality.validation.against_nulls import NULLS, against_nulls
from universality.validation.claims import Claim, interval, keeps
from universality.validation.pipeline import Comparison
from universality.validation.runs import Row, Runs
from universality.validation.uniformity import LEVEL
from universality.validation.worlds import World, dictionaries

METRICS: Metrics = [
    ("rsa", "rsa", {}),
    ("svcca", "svcca", {"k": 2}),
    ("cka", "cka", {}),
    ("mutual_knn", "mutual_knn", {"k": 5}),
]

_BASE = World(width_a=72, width_b=72, documents=40, tokens=20, shared=0.0, topical=0.0)
_TOPICS = replace(_BASE, topics=4, topical=0.8, clustered=0.6)

OWN_TOPICS = "own texts; features of a topic point the same way"
SAME_TOPICS = "same text, own concepts; features of a topic point the same way"
NO_DIRECTIONS = "half of the features correspond, in unrelated directions"
SHARED = "two fifths of the features correspond, in their directions too"
WORLDS = {
    "own texts, no topics": replace(_BASE, same_text=False),
    OWN_TOPICS: replace(_TOPICS, same_text=False),
    SAME_TOPICS: _TOPICS,
    NO_DIRECTIONS: replace(_BASE, shared=0.5, same_directions=False),
    SHARED: replace(_BASE, shared=0.4),
}


def measure(runs: Runs, repeats: int = 100) -> pd.DataFrame:
    """Return how often each metric is significant against each null, in each world.

    Columns: world, metric, null, runs, n (mean pairs), rejected, rate (of p at most .05), low,
    high (95 % interval).
    """
    rows = runs.table("validity", _run, list(WORLDS), repeats)
    found = []
    for key, group in rows.groupby(["world", "metric", "null"], sort=False):
        rejected, n = int((group["p"] <= LEVEL).sum()), len(group)
        low, high = interval(rejected, n)
        found.append(
            dict(zip(("world", "metric", "null"), key, strict=True))
            | {"runs": n, "n": group["n"].mean(), "rejected": rejected, "rate": rejected / n}
            | {"low": low, "high": high}
        )
    return pd.DataFrame(found)


def claims(table: pd.DataFrame) -> list[Claim]:
    """Return what the table must show."""

    def rates(world: str, *nulls: str) -> pd.DataFrame:
        return table[(table["world"] == world) & table["null"].isin(nulls or NULLS)]

    def span(rows: pd.DataFrame) -> str:
        return f"{rows['rate'].min():.2f} to {rows['rate'].max():.2f}"

    lenient = rates(OWN_TOPICS, "permuted")
    strict = rates(OWN_TOPICS, "rematched")
    topics = rates(SAME_TOPICS, "rematched")
    unrelated = rates(NO_DIRECTIONS)
    unrelated = unrelated[unrelated["metric"].isin([label for label, _, _ in METRICS])]
    shared = rates(SHARED)
    enough = bool(table["runs"].min() >= 50)
    return [
        Claim(
            "unrelated texts whose features point topic by topic: shuffled pairs reject too often "
            "(a matching pairs whole topics by chance)",
            f"rates {span(lenient)}",
            bool((lenient["low"] > LEVEL).all()),
            enough,
        ),
        Claim(
            "there, the rematched null keeps its level",
            f"rates {span(strict)}",
            keeps(strict, "rejected", LEVEL),
        ),
        Claim(
            "shared topics without any shared concept are found by the rematched null too: "
            "it cannot tell topics from concepts",
            f"rates {span(topics)}",
            bool((topics["low"] > LEVEL).any()),
            enough,
        ),
        Claim(
            "features that correspond but point in unrelated directions: no measure of decoder "
            "rows calls them alike, against any null",
            f"rates {span(unrelated)}",
            keeps(unrelated, "rejected", LEVEL),
        ),
        Claim(
            "two fifths of the features shared with their directions: found against every null",
            f"rates {span(shared)}",
            bool((shared["rate"] > 0.5).all()),
            enough,
        ),
    ]


def _run(name: str, rng: np.random.Generator) -> list[Row]:
    world = WORLDS[name]
    comparison = Comparison(world, *dictionaries(world, rng))
    rows = against_nulls(comparison, METRICS, rng, activations=True)
    return [{"world": name} | row for row in rows]
