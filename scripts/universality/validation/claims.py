"""What the experiments must show, and whether they do."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import binomtest

CONFIDENCE = 0.01
"""Of the tests that say whether a rate lies above, or not above, what is claimed."""


class Claim(NamedTuple):
    """One statement about the method, with the numbers that it rests on."""

    text: str
    found: str
    holds: bool
    enough: bool = True
    """Whether there were enough runs to say so."""


def interval(successes: int, runs: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate (Clopper & Pearson 1934)."""
    result = binomtest(successes, runs).proportion_ci(0.95, method="exact")
    return float(result.low), float(result.high)


def exceeds(successes: int, runs: int, level: float, tests: int = 1) -> bool:
    """Say whether so many of `runs` show that the rate lies above `level`.

    A one-sided binomial test at 1 %, divided by the number of `tests` made (Bonferroni).
    """
    p = binomtest(successes, runs, level, alternative="greater").pvalue
    return bool(p < CONFIDENCE / tests)


def keeps(table: pd.DataFrame, rejected: str, level: float) -> bool:
    """Say whether no row's count `rejected`, of `runs`, shows a rate above `level`."""
    counts = zip(table[rejected].tolist(), table["runs"].tolist(), strict=True)
    return not any(exceeds(count, runs, level, len(table)) for count, runs in counts)


def extreme(table: pd.DataFrame, column: str, largest: bool) -> dict[str, Any]:
    """Return the row with the largest or smallest value in a column, by the names of columns."""
    rows = table.sort_values(column, kind="stable").to_dict("records")
    return {str(name): value for name, value in rows[-1 if largest else 0].items()}


def broken(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims that do not hold, among those that can be judged."""
    return [claim for claim in claims if claim.enough and not claim.holds]


def summary(claims: Iterable[Claim], heading: str) -> str:
    """Return the claims as a Markdown table below `heading`."""
    lines = [heading, "", "| | claim | found |", "|---|---|---|"]
    for claim in claims:
        verdict = ("PASS" if claim.holds else "FAIL") if claim.enough else "too few runs"
        lines.append(f"| {verdict} | {claim.text} | {claim.found} |")
    return "\n".join(lines) + "\n"
