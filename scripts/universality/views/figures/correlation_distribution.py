"""How held-out correlations of matched features are distributed: cross, ceilings and floors."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from universality.views import cells, roles, style

# Enough points for any curve at print size, however many pairs there are.
LEVELS = np.linspace(0, 1, 501)


@style.styled
def correlation_distribution(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the cumulative distribution over all matched pairs, one panel per cross pair.

    Pairs are pooled over the grid of layers; those whose held-out correlation is missing are left
    out, and the number in the legend is of those drawn.
    """
    matches = tables["matches"]
    method = cells.default_method(matches)
    matches = matches[(matches["method"] == method) & matches["correlation_heldout"].notna()]
    pairs = roles.cross_pairs(matches)
    if not pairs:
        return style.nothing("The tables hold no matched pairs of a cross comparison.")
    figure = Figure(figsize=(style.COLUMN_WIDTH, 0.4 + 3.6 * len(pairs)), layout="constrained")
    title = f"Held-out correlation of matched features ({method}), pooled over layers"
    figure.suptitle(style.fit(title, style.COLUMN_WIDTH))
    axes = figure.subplots(len(pairs), 1, squeeze=False, sharex=True).ravel()
    for ax, pair in zip(axes, pairs, strict=True):
        _panel(ax, roles.beside(matches, pair))
        ax.set_title(
            "\n".join(
                style.fit(side, style.COLUMN_WIDTH)
                for side in (f"a: {pair.side_a}", f"b: {pair.side_b}")
            )
        )
    return figure


def quantiles(values: pd.Series) -> Float[np.ndarray, "levels"]:
    """Return the values below which each share of `LEVELS` lies (the empirical quantiles)."""
    return np.quantile(values.to_numpy(dtype=float), LEVELS, method="inverted_cdf")


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    found = set(rows["role"])
    for role in [r for r in style.ROLES if r in found] + sorted(found - set(style.ROLES)):
        line = style.role_line(role)
        values = rows.loc[rows["role"] == role, "correlation_heldout"]
        ax.plot(
            quantiles(values),
            LEVELS,
            color=line.color,
            linestyle=line.dash,
            label=f"{line.label}, n = {len(values)}",
        )
    ax.set_xlabel("held-out Pearson r of a matched pair")
    ax.set_ylabel("share of pairs at or below r")
    ax.set_ylim(0, 1)
    ax.tick_params(labelbottom=True)
    ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.22), ncols=1)
