"""Whether the features of a category are more alike than random ones: category by layers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from universality.views import cells, roles, style
from universality.views.cells import SIGNIFICANT
from universality.views.figures import heat
from universality.views.names import metric_name

ROOM = 0.3  # inches that a cell needs for n and p
DIGIT = 0.058
ROOM_FOR_LABEL = 0.11
TALLEST = 7.2  # inches, of all panels
LABELS = 1.0  # inches left of the panels
SCALE = Normalize(-4, 4)
COUNTS = "Greys"
PAIRS = "Number of pairs"


@style.styled
def subspaces(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw a heat map for each metric: categories below each other, comparisons from the left.

    Colours are (value - null mean) / null sd, the null being as many random kept pairs; a dot marks
    q <= `SIGNIFICANT`. A refused cell is hatched, and a metric refused everywhere is only told of.
    Where they fit, n and p stand in the cells; else a panel of its own shows n.
    """
    rows = cells.categories(tables["scores"])
    pairs = roles.cross_pairs(rows)
    if not pairs:
        return style.nothing("The tables hold no categories: the study names none.")
    blocks = [roles.detailed(rows, pair) for pair in pairs]
    shown = pd.concat(blocks)
    scored = shown.groupby("metric")["value"].count()
    metrics = cells.ordered(scored.index[scored > 0])
    # The longest line of cells, and the lines of a panel.
    across = max(sum(len(g.rows) + heat.GAP for g in heat.groups(block)) for block in blocks)
    down = rows["subspace"].nunique()
    width = (style.FULL_WIDTH - LABELS - 0.1) / across
    tall = len(blocks) * len(metrics) * (0.27 * down + 0.75)
    annotated = width >= ROOM and 0 < tall <= TALLEST
    columns = 1 if annotated or width < 2 * ROOM_FOR_LABEL else 2
    line = (0.27 if annotated else 0.155) * down + 0.5
    panels = metrics if annotated else [PAIRS, *metrics]
    fitting = columns * max(2, int(TALLEST / len(blocks) / line))
    panels, left_out = panels[:fitting], panels[fitting:]
    lines = -(-len(panels) // columns)
    notes = _notes(shown, metrics, left_out, annotated)
    below = 0.42 + 0.13 * len(notes)
    heights = [0.95 + line * lines] * len(blocks)

    figure = Figure(figsize=(style.FULL_WIDTH, sum(heights) + below + 0.3), layout="constrained")
    method = rows["method"].iloc[0]
    title = f"Kept pairs of a category beside as many random kept pairs ({method} matching)"
    figure.suptitle(style.fit(title, style.FULL_WIDTH))
    *subfigures, foot = figure.subfigures(
        len(blocks) + 1, 1, squeeze=False, height_ratios=[*heights, below]
    ).ravel()
    most = Normalize(0, shown["n"].max() or 1)
    for subfigure, pair, block in zip(subfigures, pairs, blocks, strict=True):
        subfigure.suptitle(style.sides(pair.side_a, pair.side_b, style.FULL_WIDTH))
        axes = subfigure.subplots(lines, columns, squeeze=False).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            if panel == PAIRS:
                ax.set_title(PAIRS)
                one = block.drop_duplicates(["comparison", "subspace"])
                _counts(
                    ax, one, most, numbers=width / columns >= DIGIT * len(str(shown["n"].max()))
                )
            else:
                ax.set_title(metric_name(panel))
                one = block[block["metric"] == panel]
                _heat_map(ax, one, annotated)
            _axes(ax, one, each=width / columns >= ROOM_FOR_LABEL)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        for index, ax in enumerate(axes[: len(panels)]):
            ax.tick_params(
                labelleft=index % columns == 0, labelbottom=index // columns == lines - 1
            )
    _foot(foot, None if annotated else most, notes)
    return figure


def _pivot(rows: pd.DataFrame, group: heat.Group, column: str) -> pd.DataFrame:
    """Return `column` by category and comparison of the group."""
    wide = rows.pivot(index="subspace", columns="comparison", values=column)
    return wide.reindex(columns=group.rows.index).astype(float)


def _heat_map(ax: Axes, rows: pd.DataFrame, annotated: bool) -> None:
    for group in heat.groups(rows):
        value, mean, sd, n, p, q = (
            _pivot(rows, group, column).to_numpy()
            for column in ("value", "null_mean", "null_sd", "n", "p", "q")
        )
        # A null without spread says nothing about a difference.
        z = np.divide(value - mean, sd, out=np.zeros_like(value), where=sd > 0)
        z[np.isnan(value)] = np.nan
        heat.image(ax, z, (group.start, 0), SCALE, style.DIVERGING)
        for (y, column), score in np.ndenumerate(value):
            x = group.start + column
            if np.isnan(score):
                count = "" if np.isnan(n[y, column]) else f"{n[y, column]:.0f}"
                heat.refuse(ax, x, y, count if annotated else "")
                continue
            color = heat.ink(style.DIVERGING, SCALE(z[y, column]))
            significant = q[y, column] <= SIGNIFICANT
            if annotated:
                text = f"{n[y, column]:.0f}\n{_short(float(p[y, column]))}"
                weight = "bold" if significant else "normal"
                ax.text(x, y, text, ha="center", va="center", color=color, weight=weight)
            elif significant:
                ax.plot(x, y, ".", color=color, markersize=3)


def _counts(ax: Axes, rows: pd.DataFrame, norm: Normalize, numbers: bool) -> None:
    for group in heat.groups(rows):
        n = _pivot(rows, group, "n").to_numpy()
        heat.image(ax, n, (group.start, 0), norm, COUNTS)
        if numbers:
            for (y, column), count in np.ndenumerate(n):
                if np.isfinite(count):
                    x, color = group.start + column, heat.ink(COUNTS, norm(count))
                    ax.text(x, y, f"{count:.0f}", ha="center", va="center", color=color)


def _axes(ax: Axes, rows: pd.DataFrame, each: bool) -> None:
    found = heat.groups(rows)
    places, labels = heat.ticks(found, each)
    ax.set_xticks(places, labels, rotation=90)
    categories = sorted(rows["subspace"].unique())
    ax.set_yticks(range(len(categories)), [style.fit(name, LABELS) for name in categories])
    ax.set_xlim(-0.5, found[-1].start + len(found[-1].rows) - 0.5)
    ax.set_ylim(len(categories) - 0.5, -0.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _short(p: float) -> str:
    return "–" if np.isnan(p) else f"{p:.2g}".removeprefix("0")


def _notes(
    shown: pd.DataFrame, metrics: list[str], left_out: list[str], annotated: bool
) -> list[str]:
    q = f"q ≤ {SIGNIFICANT} over categories and layers"
    lines = [f"In a cell: number of pairs, then p; bold: {q}." if annotated else f"Dot: {q}."]
    lines = lines if metrics else []
    drawn = shown[shown["metric"].isin(set(metrics) - set(left_out))]
    refused = drawn[drawn["value"].isna()]
    lines += [
        f"Hatched: refused in {count} of {len(drawn)}: {reason}"
        for reason, count in cells.reasons(refused).value_counts().head(3).items()
    ]
    everywhere: dict[str, list[str]] = {}
    for metric in cells.ordered(set(shown["metric"]) - set(metrics)):
        given = cells.reasons(shown[shown["metric"] == metric]).iloc[0]
        everywhere.setdefault(given, []).append(metric_name(metric))
    lines += [
        f"Refused everywhere: {', '.join(names)}: {given}" for given, names in everywhere.items()
    ]
    if left_out:
        names = ", ".join(metric_name(metric) for metric in left_out)
        lines.append(f"Not drawn, for want of room: {names}")
    return [part for line in lines for part in style.fit(line, 4.2).splitlines()]


def _foot(foot: SubFigure, counts: Normalize | None, notes: list[str]) -> None:
    widths = [1.3, 3.2] if counts is None else [1.3, 0.9, 3.2]
    bar, *others, text = foot.subplots(1, len(widths), width_ratios=widths)
    heat.colorbar(bar, SCALE, style.DIVERGING, "(score – null mean) / null sd")
    if counts is not None:
        heat.colorbar(others[0], counts, COUNTS, "pairs")
    text.text(0, 0.95, "\n".join(notes), va="top")
    text.set_axis_off()
