"""Mean held-out correlation of matched features, layer by layer, between its floor and ceiling."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from universality.views import cells, roles, style

METRIC = "correlation_heldout"
ZERO = "no correlation"


@style.styled
def correlation_by_layer(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw one block per cross pair and one panel per layer of b, over the layers of a.

    A panel holds the cross cells of one column of the grid, the ceilings of both models at the
    same layers (b's is one value, a horizontal line), and every sort of floor at these cells.
    Bars are 95 % intervals, where there are any.
    """
    scores = tables["scores"]
    method = cells.default_method(cells.select(scores, METRIC))
    selected = cells.select(scores, METRIC, method)
    pairs = roles.cross_pairs(selected)
    if not pairs:
        return style.nothing(f"The tables hold no cross scores of {METRIC}.")
    grids = [cells.cells(scores, pair, METRIC, method) for pair in pairs]
    columns = min(4, max(grid["layer_b"].nunique() for grid in grids))
    width = style.COLUMN_WIDTH if columns == 1 else style.FULL_WIDTH
    lines = [-(-grid["layer_b"].nunique() // columns) for grid in grids]
    heights = [0.35 + 1.75 * n for n in lines]

    figure = Figure(figsize=(width, sum(heights) + 0.8), layout="constrained")
    n = cells.span(pd.concat(grids)["n"])
    bars = ", 95 % intervals" if selected["ci_low"].notna().any() else ""
    title = f"Held-out correlation of matched features ({method}), mean over {n} pairs{bars}"
    figure.suptitle(style.fit(title, width))
    subfigures = figure.subfigures(len(grids), 1, squeeze=False, height_ratios=heights).ravel()
    drawn = {}
    for subfigure, pair, grid, rows in zip(subfigures, pairs, grids, lines, strict=True):
        subfigure.suptitle(style.sides(pair.side_a, pair.side_b, width))
        axes = subfigure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        intervals = _intervals(scores, pair, method)
        panels = list(grid.groupby("layer_b"))
        for ax, (layer, panel) in zip(axes.flat, panels, strict=False):
            ax.set_title(f"layer {layer} of b")
            _panel(ax, panel, intervals)
            drawn.update({str(line.get_label()): line for line in ax.lines})
        for ax in list(axes.flat)[len(panels) :]:
            ax.set_axis_off()
        for ax in list(axes.flat)[: len(panels)][-columns:]:
            ax.set_xlabel("layer of a")
            ax.tick_params(labelbottom=True)
        for ax in axes[:, 0]:
            ax.set_ylabel("mean Pearson r")
    drawn.pop(ZERO, None)
    order = [label for role in style.ROLES if (label := style.ROLES[role].label) in drawn]
    order += sorted(set(drawn) - set(order))
    figure.legend(
        [drawn[label] for label in order],
        order,
        loc="outside lower center",
        ncols=3 if columns > 1 else 2,
    )
    return figure


def _intervals(scores: pd.DataFrame, pair: roles.Pair, method: str) -> tuple[pd.DataFrame, ...]:
    """Return the lower and the upper end of each role's interval, in the shape of `cells.cells`."""
    ends = {end: cells.cells(scores, pair, METRIC, method, end) for end in ("ci_low", "ci_high")}
    return tuple(grid.assign(value=grid[end]) for end, grid in ends.items())


def _panel(ax: Axes, panel: pd.DataFrame, intervals: tuple[pd.DataFrame, ...]) -> None:
    present = [role for role in style.ROLES if role in panel.columns]
    present += [column for column in panel.columns if column.startswith("dictionary ")]
    layers = panel["layer_a"].to_numpy()
    step = -(-len(layers) // 8)
    for role in [*present, "cross"]:
        column = "value" if role == "cross" else role
        values = panel[column].to_numpy(dtype=float)
        known = ~np.isnan(values)
        if not known.any():
            continue
        line = style.role_line(role)
        low, high = (ends.loc[panel.index, column].to_numpy(dtype=float) for ends in intervals)
        # A single layer is a marker; b's ceiling does not depend on the layer of a.
        if role == "ceiling b":
            ax.axhline(values[known][0], color=line.color, linestyle=line.dash, label=line.label)
            if np.isfinite(low[known][0]):
                ax.axhspan(low[known][0], high[known][0], color=line.color, alpha=0.2, linewidth=0)
        else:
            ax.vlines(layers, low, high, color=line.color, linewidth=0.9)
            ax.plot(
                layers[known],
                values[known],
                color=line.color,
                linestyle=line.dash,
                marker=line.marker,
                markevery=step,
                # Floors lie on one another: a hollow marker leaves the one below to be seen.
                markerfacecolor="none" if line.label.startswith("floor") else line.color,
                label=line.label,
            )
    ax.set_xticks(layers[::step])
    ax.axhline(0, color="0.8", linewidth=0.5, zorder=0, label=ZERO)
