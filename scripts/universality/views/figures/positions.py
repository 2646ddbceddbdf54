"""Where each cell stands between its floor and its ceiling, with an interval."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from universality.views import cells, roles, style
from universality.views.names import metric_name

# How the floor is drawn that a position is measured from; `null` is the mean of the cell's own.
FLOORS = {
    "re-initialised model": "P",
    "permuted rows": "s",
    "null": "o",
}
LEFT, RIGHT = -1.0, 2.0  # what lies further out is drawn as an arrow at the edge
TALLEST = 7.5  # inches, of the panels of a large grid
EACH = 24  # cells that have room for a label of their own
COLOR = style.role_line("cross").color


@style.styled
def positions(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw a dot with its 95 % interval for each cross cell, a panel for each metric.

    Shown are the held-out correlation and the metrics of geometry. 0 is the floor and 1 the
    ceiling of the same layers; the marker says which floor it is.
    """
    rows = tables["positions"]
    rows = rows[(rows["metric"] == cells.CORRELATION) | cells.of_geometry(rows)]
    rows = rows[rows["method"] == cells.default_method(rows)]
    pairs = roles.cross_pairs(rows)
    if not pairs or rows["position"].isna().all():
        return style.nothing("The tables hold no position between a floor and a ceiling.")
    blocks = [roles.detailed(rows, pair) for pair in pairs]
    metrics = cells.ordered(rows["metric"])
    columns = min(4, len(metrics))
    lines = -(-len(metrics) // columns)
    width = style.FULL_WIDTH if columns > 2 else style.COLUMN_WIDTH
    counts = [block["comparison"].nunique() for block in blocks]
    row = 0.15 if max(counts) <= EACH else max(0.03, (TALLEST / lines - 0.35) / max(counts))
    heights = [0.75 + lines * (0.35 + row * (count + 1)) for count in counts]
    notes = style.fit(_notes(pd.concat(blocks)), width).splitlines()

    height = sum(heights) + 0.6 + 0.13 * len(notes)
    figure = Figure(figsize=(width, height), layout="constrained")
    title = f"Position of matched features between floor and ceiling ({rows['method'].iloc[0]})"
    figure.suptitle(style.fit(title, 0.85 * width))
    subfigures = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights).ravel()
    for subfigure, pair, block in zip(subfigures, pairs, blocks, strict=True):
        subfigure.suptitle(style.sides(pair.side_a, pair.side_b, width))
        axes = subfigure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax, metric in zip(axes, metrics, strict=False):
            ax.set_title(style.fit(metric_name(metric), 0.85 * width / columns))
            _panel(ax, block[block["metric"] == metric])
        _axes(axes[0], block)
        for ax in axes[len(metrics) :]:
            ax.set_axis_off()
        for ax in axes[: len(metrics) : columns]:
            ax.set_ylabel("layers of a – b")
    figure.legend(
        handles=_handles(rows), loc="outside lower center", ncols=4, title="\n".join(notes)
    )
    return figure


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    for end in (0, 1):
        ax.axvline(end, color="0.6", linewidth=0.7, zorder=0)
    rows = rows.assign(y=range(len(rows)))
    size = 3.6 if len(rows) <= EACH else 2.2
    known = rows[rows["position"].notna()]
    x = known["position"].clip(LEFT, RIGHT)
    ranged = known["low"].notna()
    low, high = (known.loc[ranged, end].clip(LEFT, RIGHT) for end in ("low", "high"))
    ax.hlines(known.loc[ranged, "y"], low, high, color=COLOR, linewidth=size / 4)
    for floor, marker in FLOORS.items():
        at = known["floor_of"] == floor
        inside = at & known["position"].between(LEFT, RIGHT)
        ax.plot(x[inside], known.loc[inside, "y"], marker, color=COLOR, markersize=size)
    for beyond, marker in ((known["position"] < LEFT, "<"), (known["position"] > RIGHT, ">")):
        ax.plot(x[beyond], known.loc[beyond, "y"], marker, color=COLOR, markersize=4)
    missing = rows[rows["position"].isna()]
    ax.plot(np.zeros(len(missing)), missing["y"], "x", color="0.5", markersize=3)


def _axes(ax: Axes, block: pd.DataFrame) -> None:
    each = block.drop_duplicates("comparison")
    places = pd.Series(range(len(each)), index=each["layer_a"])
    if len(each) <= EACH:
        ax.set_yticks(places, each["label"])
    else:
        middle = places.groupby(level=0).mean()
        spans = each.groupby("layer_a")["layer_b"].agg(cells.span)
        ax.set_yticks(middle, [f"{layer} – {span}" for layer, span in spans.items()])
    ax.set_ylim(len(each) - 0.5, -0.5)
    ax.set_xticks([0, 1], ["floor\n0", "ceiling\n1"])
    ax.set_xticks([0.25, 0.5, 0.75], minor=True)


def _notes(rows: pd.DataFrame) -> str:
    note = "Lines: 95 % intervals."
    missing = rows[rows["position"].isna()]
    for reason, count in cells.reasons(missing).value_counts().head(2).items():
        note += f" Cross: missing in {count} of {len(rows)}: {reason}."
    return note


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    found = set(rows["floor_of"].dropna())
    names = {"null": "null of the cell"}
    return [
        Line2D(
            [],
            [],
            color=COLOR,
            linestyle="",
            marker=marker,
            label=f"floor: {names.get(floor, floor)}",
        )
        for floor, marker in FLOORS.items()
        if floor in found
    ]
