"""How each score changes with the threshold on the correlation, and with each filter alone."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from universality.views import cells, roles, style
from universality.views.names import metric_name

THRESHOLD = "min_correlation"
# Filters that have no threshold, in the order in which they stand at the side.
ALONE = {"none": "no filter", "junk_labels": "no junk label", "shared_label": "shared label"}
SHARE = "Share of pairs that survive"
STEP = 0.11  # between two of them, relative to the range of thresholds
NULL = "0.85"


@style.styled
def sensitivity(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw each score of the pairs that pass a filter: a panel for each, and one for their share.

    Over the threshold stand a thin line for each comparison and a thick one for the mean, which
    ends where one of them is refused. The band goes from the mean of the cross cells' null to
    its 95 % quantile. At the side are the filters that have no threshold, each applied alone.
    """
    rows = tables["sensitivity"]
    rows = rows[rows["method"] == cells.default_method(rows)]
    pairs = roles.cross_pairs(rows)
    if not pairs:
        return style.nothing("The tables hold no filtered scores of a cross comparison.")
    blocks = [roles.detailed(rows, pair) for pair in pairs]
    metrics = cells.ordered(rows["metric"])
    columns = min(4, len(metrics) + 1)
    lines = -(-(len(metrics) + 1) // columns)
    width = style.FULL_WIDTH if columns > 2 else style.COLUMN_WIDTH
    heights = [1.2 + 1.35 * lines] * len(blocks)

    figure = Figure(figsize=(width, sum(heights) + 0.75), layout="constrained")
    title = f"Scores of the pairs that pass one filter alone ({rows['method'].iloc[0]} matching)"
    figure.suptitle(style.fit(title, width))
    subfigures = figure.subfigures(len(blocks), 1, squeeze=False).ravel()
    for subfigure, pair, block in zip(subfigures, pairs, blocks, strict=True):
        subfigure.suptitle(style.sides(pair.side_a, pair.side_b, width))
        axes = subfigure.subplots(lines, columns, squeeze=False).ravel()
        for ax, metric in zip(axes, metrics, strict=False):
            ax.set_title(style.fit(metric_name(metric), width / columns))
            _panel(ax, block[block["metric"] == metric], "value")
        share = axes[len(metrics)]
        share.set_title(style.fit(SHARE, width / columns))
        _panel(share, block[block["metric"] == metrics[0]], "share")
        share.set_ylim(0, 1.05)
        for ax in axes[len(metrics) + 1 :]:
            ax.set_axis_off()
        for ax in axes[(lines - 1) * columns : len(metrics) + 1]:
            ax.set_xlabel("threshold of r, or filter alone")
            ax.tick_params(labelbottom=True)
    figure.legend(
        handles=_handles(pd.concat(blocks)), loc="outside lower center", ncols=min(4, columns + 1)
    )
    return figure


def _panel(ax: Axes, rows: pd.DataFrame, column: str) -> None:
    swept = rows[rows["filter"] == THRESHOLD]
    low, high = swept["threshold"].min(), swept["threshold"].max()
    span = (high - low) or 1.0
    at = {name: high + STEP * span * (i + 1.2) for i, name in enumerate(ALONE)}
    if column == "value":
        _band(ax, rows[rows["kind"] == "cross"], at, STEP * span / 2)
    for role in reversed(roles.DETAILED):
        part = rows[rows["role"] == role]
        if part.empty:
            continue
        color = style.role_line(role).color
        marker = style.role_line(role).marker
        wide = _wide(part[part["filter"] == THRESHOLD], "threshold", column)
        ax.plot(wide.index, wide, color=color, linewidth=0.5, alpha=0.35)
        ax.plot(wide.index, _mean(wide), color=color, linewidth=1.6, label=role)
        for name, x in at.items():
            alone = part[part["filter"] == name]
            ax.plot([x] * len(alone), alone[column], "_", color=color, markersize=3, alpha=0.5)
            mean = _mean(_wide(alone, "filter", column))
            ax.plot([x] * len(mean), mean, marker, color=color, markersize=3.5)
    ax.axvline(high + 0.55 * STEP * span, color="0.8", linewidth=0.5)
    ticks = [t for t in MaxNLocator(4).tick_values(low, high) if low <= t <= high]
    names = [f"{tick:g}" for tick in ticks]
    ax.set_xticks([*ticks, *at.values()], [*names, *ALONE.values()])
    for label in ax.get_xticklabels()[len(ticks) :]:
        label.set_rotation(90)
    ax.set_xlim(low - 0.05 * span, max(at.values()) + STEP * span / 2)
    ax.tick_params(labelbottom=False)


def _wide(part: pd.DataFrame, over: str, column: str) -> pd.DataFrame:
    return part.pivot(index=over, columns="comparison", values=column).astype(float)


def _mean(wide: pd.DataFrame) -> pd.Series:
    """Return the mean over comparisons where all have a score: a changing set has no mean."""
    return wide.mean(axis=1, skipna=False)


def _band(ax: Axes, cross: pd.DataFrame, at: Mapping[str, float], half: float) -> None:
    swept = cross[cross["filter"] == THRESHOLD].groupby("threshold")[["null_mean", "null_quantile"]]
    null = swept.mean().dropna()
    ax.fill_between(null.index, null["null_mean"], null["null_quantile"], color=NULL, linewidth=0)
    for name, x in at.items():
        alone = cross.loc[cross["filter"] == name, ["null_mean", "null_quantile"]].mean()
        if np.isfinite(alone).all():
            ax.fill_between([x - half, x + half], *alone, color=NULL, linewidth=0)


def _handles(rows: pd.DataFrame) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = []
    for role in roles.DETAILED:
        if (rows["role"] == role).any():
            line = style.role_line(role)
            label = f"{line.label} (thick: mean)" if role == "cross" else line.label
            handles.append(Line2D([], [], color=line.color, marker=line.marker, label=label))
    if rows["null_quantile"].notna().any():
        handles.append(Patch(color=NULL, label="null of cross, mean to 95 % quantile"))
    return handles
