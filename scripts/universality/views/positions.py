"""Where a score stands between its floor, 0, and its ceiling, 1, with an interval."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import nan, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import pandas as pd

from universality.views import cells, roles, tables

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
# The best floor first: an untrained model has all that the architecture and the text give.
FLOORS = ("re-initialised model", "permuted rows")
NULL = "null"
# A matching is made to be high on its own split.
LEFT_OUT = ("correlation_fit",)
_NUMBERS = ("value", "null_mean", "null_sd", "m", "ci_low", "ci_high")


class Estimate(NamedTuple):
    """A number with its standard error, NaN where that is not known."""

    value: float
    error: float


class Position(NamedTuple):
    """A position with its interval; NaN where missing, and then with a reason."""

    position: float
    low: float
    high: float
    reason: str | None


def positions(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the position of each cross cell between floor and ceiling, as table `positions`.

    One row for each cross comparison, matching method and metric of the table `scores`
    (calibrated, over all features; `cells.select` says of which pairs), but `correlation_fit`:

        position = (value - floor) / (ceiling - floor)

    0 at the floor, 1 at the ceiling; it may lie outside. The ceiling is the mean of the two
    models' ceilings at the same layers, or the one that there is. The floor is the first of: the
    re-initialised model, permuted rows, the mean of the cell's own null (`floor_of` says which).
    Ceilings and floors that refused or stand on too few pairs (`cells.incomparable`) do not count.

    The interval is that of `between`. The error of a score is (ci_high - ci_low) / (2 z), with z =
    1.96; that of a null's mean is null_sd / sqrt(m).
    """
    shown = scores[(scores["protocol"] == "calibrated") & (scores["subspace"] == "all")]
    shown = shown[~shown["metric"].isin(LEFT_OUT)].astype(dict.fromkeys(_NUMBERS, float))
    rows: list[dict[str, Any]] = []
    for pair in roles.cross_pairs(shown):
        for (method, metric), part in roles.beside(shown, pair).groupby(["method", "metric"]):
            rows += _rows(cells.select(part, str(metric), str(method)))
    frame = tables.empty("positions")
    return pd.DataFrame(rows, columns=frame.columns) if rows else frame


def between(value: Estimate, floor: Estimate, ceiling: Estimate) -> Position:
    """Return where `value` stands between `floor` and `ceiling`, with a 95 % interval.

    The interval holds each x at which value - (1 - x) floor - x ceiling is within z standard errors
    of 0: Fieller's theorem (1954, JRSS B 16), exact for independent normal errors, also where the
    distance of floor and ceiling is little known. Where that distance is not significant, no
    bounded interval has the level, and the reason says so. Errors of scores that share a model or a
    text are positively correlated, which makes the interval wider than it had to be.
    """
    distance = ceiling.value - floor.value
    if not distance > 0:
        told = f"the ceiling {ceiling.value:.3f} is not above the floor {floor.value:.3f}"
        return Position(nan, nan, nan, told)
    above = value.value - floor.value
    position = above / distance
    named = {"score": value, "floor": floor, "ceiling": ceiling}
    unknown = [name for name, estimate in named.items() if not estimate.error >= 0]
    if unknown:
        return Position(position, nan, nan, f"no interval of {', '.join(unknown)}")
    of_value, of_floor, of_ceiling = ((Z * estimate.error) ** 2 for estimate in named.values())
    # a x^2 - 2 b x + c <= 0
    a = distance**2 - of_floor - of_ceiling
    b = above * distance - of_floor
    c = above**2 - of_value - of_floor
    if not a > 0:
        return Position(position, nan, nan, "floor and ceiling are no further apart than they vary")
    half = sqrt(max(b**2 - a * c, 0.0))
    return Position(position, (b - half) / a, (b + half) / a, None)


def _rows(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows of one pair, method and metric, from what `roles.beside` puts together."""
    cross = rows[rows["role"] == "cross"].sort_values(["layer_a", "layer_b"])
    usable = rows.drop(cross.index).dropna(subset="value")
    usable = usable.drop(cells.incomparable(rows).index, errors="ignore")
    beside: dict[tuple[Any, ...], list[Estimate]] = defaultdict(list)
    for row in usable.to_dict("records"):
        beside[_place(row, row["role"])].append(_estimate(row))
    means = {place: _mean(estimates) for place, estimates in beside.items()}
    for cell in cross.to_dict("records"):
        yield _row(cell, means)


def _row(cell: Mapping[Any, Any], beside: Mapping[tuple[Any, ...], Estimate]) -> dict[str, Any]:
    def found(names: Iterable[str]) -> list[tuple[str, Estimate]]:
        return [(role, beside[at]) for role in names if (at := _place(cell, role)) in beside]

    ceilings = [estimate for _, estimate in found(("ceiling a", "ceiling b"))]
    floors = found(FLOORS)
    if pd.notna(cell["null_mean"]):
        floors.append((NULL, Estimate(cell["null_mean"], cell["null_sd"] / sqrt(cell["m"]))))
    floor_of, floor = floors[0] if floors else (None, Estimate(nan, nan))
    ceiling = _mean(ceilings) if ceilings else Estimate(nan, nan)
    if pd.isna(cell["value"]):
        position = Position(nan, nan, nan, cell["reason"])
    elif not ceilings or not floors:
        lacking = [n for n, there in (("ceiling", ceilings), ("floor", floors)) if not there]
        told = f"no {' and no '.join(lacking)} at these layers to be read beside it"
        position = Position(nan, nan, nan, told)
    else:
        position = between(_estimate(cell), floor, ceiling)
    numbers = {"floor": floor.value, "floor_of": floor_of, "ceiling": ceiling.value}
    return {**cell, **numbers, **position._asdict()}


def _place(row: Mapping[Any, Any], role: str) -> tuple[Any, ...]:
    """Return what a `role` at the layers of `row` is found under."""
    if role == "ceiling a":
        return role, row["layer_a"]
    if role == "ceiling b":
        return role, row["layer_b"]
    return role, row["layer_a"], row["layer_b"]


def _estimate(row: Mapping[Any, Any]) -> Estimate:
    return Estimate(row["value"], (row["ci_high"] - row["ci_low"]) / (2 * Z))


def _mean(estimates: list[Estimate]) -> Estimate:
    n = len(estimates)
    error = sqrt(sum(estimate.error**2 for estimate in estimates)) / n
    return Estimate(sum(estimate.value for estimate in estimates) / n, error)
