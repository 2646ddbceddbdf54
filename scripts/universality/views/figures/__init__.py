"""The figures of a study: each a function from its tables to a figure."""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.figure import Figure

from universality.views.figures.correlation_by_layer import correlation_by_layer
from universality.views.figures.correlation_distribution import correlation_distribution
from universality.views.figures.dag import parse_dot, reduced, rule_graph
from universality.views.figures.grid import grid
from universality.views.figures.positions import positions
from universality.views.figures.published_vs_calibrated import published_vs_calibrated
from universality.views.figures.sae_quality import sae_quality
from universality.views.figures.sensitivity import sensitivity
from universality.views.figures.subspaces import subspaces

Tables = Mapping[str, pd.DataFrame]

FIGURES: dict[str, Callable[[Tables], Figure]] = {
    "correlation_by_layer": correlation_by_layer,
    "correlation_distribution": correlation_distribution,
    "positions": positions,
    "published_vs_calibrated": published_vs_calibrated,
    "sensitivity": sensitivity,
    "subspaces": subspaces,
    "sae_quality": sae_quality,
}
GRID = "grid_"


def draw(name: str, tables: Tables) -> Figure:
    """Return the figure `name` of a study: one of `FIGURES`, or `grid_<metric>` for any metric."""
    if name.startswith(GRID):
        return grid(tables, name.removeprefix(GRID))
    return FIGURES[name](tables)


__all__ = ["FIGURES", "draw", "grid", "parse_dot", "reduced", "rule_graph"]
