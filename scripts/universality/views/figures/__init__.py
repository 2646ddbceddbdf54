"""The figures of a study: each a function from its tables to a figure."""

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from universality.views.figures.correlation_by_layer import correlation_by_layer
from universality.views.figures.correlation_distribution import correlation_distribution
from universality.views.figures.dag import parse_dot, reduced, rule_graph
from universality.views.figures.grid import grid
from universality.views.figures.sae_quality import sae_quality

FIGURES: dict[str, Callable[[Mapping[str, pd.DataFrame]], Figure]] = {
    "grid_svcca": partial(grid, metric="svcca"),
    "grid_rsa": partial(grid, metric="rsa"),
    "correlation_by_layer": correlation_by_layer,
    "correlation_distribution": correlation_distribution,
    "sae_quality": sae_quality,
}

__all__ = ["FIGURES", "grid", "parse_dot", "reduced", "rule_graph"]
