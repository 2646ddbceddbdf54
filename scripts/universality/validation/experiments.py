"""All experiments: their tables, figures and claims, written into one folder."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from universality.files import replacing
from universality.validation import (
    calibration,
    grid_error,
    power,
    published,
    shared_fraction,
    uniformity,
    validity,
)
from universality.validation.claims import Claim, summary
from universality.validation.figures import curves, rates
from universality.validation.runs import Runs
from universality.views import style

Result = tuple[Mapping[str, pd.DataFrame], Figure, list[Claim]]


def _uniformity(runs: Runs) -> Result:
    table = uniformity.measure(runs)
    tests = uniformity.tested(table)
    return {"uniformity": tests}, rates.uniformity(table, tests), uniformity.claims(tests)


def _validity(runs: Runs) -> Result:
    table = validity.measure(runs)
    return {"validity": table}, rates.validity(table), validity.claims(table)


def _grid_error(runs: Runs) -> Result:
    table = grid_error.measure(runs)
    return {"grid_error": table}, rates.grid_error(table), grid_error.claims(table)


def _power(runs: Runs) -> Result:
    table = power.measure(runs)
    return {"power": table}, rates.power(table), power.claims(table)


def _shared_fraction(runs: Runs) -> Result:
    errors = shared_fraction.errors(shared_fraction.measure(runs))
    tables = {"shared_fraction": errors}
    return tables, curves.shared_fraction(errors), shared_fraction.claims(errors)


def _published(runs: Runs) -> Result:
    table, inflated = (
        published.summarised(published.measure(runs)),
        published.variance_99(runs),
    )
    means = inflated.groupby("n", as_index=False).mean()
    tables = {"published": table, "published_variance_99": means}
    return tables, curves.published(table, inflated), published.claims(table, inflated)


def _calibration(runs: Runs) -> Result:
    table = calibration.measure(runs)
    return {"calibration": table}, curves.calibration(table), calibration.claims(table)


EXPERIMENTS = {
    "uniformity": _uniformity,
    "validity": _validity,
    "grid_error": _grid_error,
    "power": _power,
    "shared_fraction": _shared_fraction,
    "published": _published,
    "calibration": _calibration,
}


def validate(runs: Runs, folder: Path) -> list[Claim]:
    """Run all experiments, write `<experiment>.csv`, `.png`, `.svg` and `summary.md`.

    Returns:
        All claims, in the order of the experiments.
    """
    claims: list[Claim] = []
    for name, experiment in EXPERIMENTS.items():
        tables, figure, found = experiment(runs)
        for table, rows in tables.items():
            with replacing(folder / f"{table}.csv") as path:
                rows.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
        style.save(figure, folder / name)
        claims += found
    with replacing(folder / "summary.md") as path:
        path.write_text(summary(claims, "# Is the method itself right?"), encoding="utf-8")
    return claims
