"""Heat maps of one metric over the grid of layers: its value, its null and its p in each cell."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from universality.views import cells, roles, style
from universality.views.cells import SIGNIFICANT
from universality.views.figures import heat
from universality.views.names import metric_name

NULLS = {"permuted": "random pairings", "rematched": "redone matchings"}
ANNOTATED = 8  # the longest side of a grid whose cells have room for numbers


@style.styled
def grid(tables: Mapping[str, pd.DataFrame], metric: str) -> Figure:
    """Draw `metric` of every cross pair: a block of panels for each pair, a panel per method.

    A cell holds the value, the mean of its null, and p. A refused score is hatched, and the note
    below gives the reason. Grids with a side above `ANNOTATED` have no numbers; there a dot marks
    a cell whose Benjamini-Hochberg q is above `SIGNIFICANT`.
    """
    scores = cells.select(tables["scores"], metric)
    pairs = roles.cross_pairs(scores)
    if not pairs:
        return style.nothing(f"The tables hold no cross scores of {metric}.")
    blocks = [_block(scores, pair) for pair in pairs]
    cross = pd.concat(blocks)
    side_a = max(block["layer_a"].nunique() for block in blocks)
    side_b = max(block["layer_b"].nunique() for block in blocks)
    annotated = max(side_a, side_b) <= ANNOTATED

    columns = 3 if side_b <= 3 else 2 if side_b <= 5 or not annotated else 1
    columns = min(columns, max(block["method"].nunique() for block in blocks))
    lines = [-(-block["method"].nunique() // columns) for block in blocks]
    cell_height = 0.43 if annotated else 0.85 * style.FULL_WIDTH / columns / side_b
    heights = [0.3 + n * (max(side_a, 2) * cell_height + 0.6) for n in lines]
    notes = _notes(cross, annotated)
    below = 0.45 + 0.13 * len(notes)

    figure = Figure(figsize=(style.FULL_WIDTH, sum(heights) + below + 0.3), layout="constrained")
    figure.suptitle(_title(cross, metric))
    *subfigures, foot = figure.subfigures(
        len(blocks) + 1, 1, squeeze=False, height_ratios=[*heights, below]
    ).ravel()
    values = cross["value"].to_numpy(dtype=float, na_value=np.nan)
    finite = values[np.isfinite(values)]
    norm = Normalize(finite.min(initial=0.0), finite.max(initial=0.0) or 1.0)
    for subfigure, pair, block, n in zip(subfigures, pairs, blocks, lines, strict=True):
        subfigure.suptitle(style.fit(str(pair), style.FULL_WIDTH))
        axes = subfigure.subplots(n, columns, squeeze=False).ravel()
        for ax, (method, panel) in zip(axes, block.groupby("method"), strict=False):
            _heat_map(ax, panel, norm, annotated)
            ax.set_title(f"{method}\nn = {cells.span(panel['n'])}")
            ax.set_xlabel(style.fit(f"layer of {pair.model_b}", 0.9 * style.FULL_WIDTH / columns))
        for ax in axes[block["method"].nunique() :]:
            ax.set_axis_off()
        for ax in axes[::columns]:
            ax.set_ylabel(style.fit(f"layer of {pair.model_a}", 1.0))
    _foot(foot, norm, metric_name(metric), notes)
    return figure


def _block(scores: pd.DataFrame, pair: roles.Pair) -> pd.DataFrame:
    rows = roles.beside(scores, pair)
    return rows[rows["role"] == "cross"]


def _heat_map(ax: Axes, panel: pd.DataFrame, norm: Normalize, annotated: bool) -> None:
    values = panel.pivot(index="layer_a", columns="layer_b", values="value").astype(float)
    ax.imshow(values, cmap=style.SEQUENTIAL, norm=norm, aspect="auto", origin="lower")
    for axis, layers in ((ax.xaxis, values.columns), (ax.yaxis, values.index)):
        step = -(-len(layers) // 10)
        axis.set_ticks(range(0, len(layers), step), [str(layer) for layer in layers[::step]])
        axis.set_tick_params(length=0)
    ax.spines[:].set_visible(False)
    x = {layer: position for position, layer in enumerate(values.columns)}
    y = {layer: position for position, layer in enumerate(values.index)}
    for row in panel.to_dict("records"):
        _cell(ax, x[row["layer_b"]], y[row["layer_a"]], row, norm, annotated)


def _cell(
    ax: Axes, x: int, y: int, row: dict[Hashable, Any], norm: Normalize, annotated: bool
) -> None:
    if pd.isna(row["value"]):
        heat.refuse(ax, x, y, f"refused\nn {row['n']}" if annotated else "")
        return
    color = heat.ink(style.SEQUENTIAL, norm(row["value"]))
    if annotated:
        ax.text(x, y, _numbers(row), ha="center", va="center", color=color, linespacing=1.1)
    elif pd.notna(row["q_bh"]) and row["q_bh"] > SIGNIFICANT:
        ax.plot(x, y, ".", color=color, markersize=2)


def _numbers(row: dict[Hashable, Any]) -> str:
    lines = [f"{row['value']:.2f}"]
    if pd.notna(row["null_mean"]):
        # "+ 0" turns a rounded -0.000 into 0.000.
        lines.append(f"null {round(row['null_mean'], 3) + 0:.3f}")
    if pd.notna(row["p"]):
        lines.append(f"p {row['p']:.2g}")
    return "\n".join(lines)


def _title(cross: pd.DataFrame, metric: str) -> str:
    m = cross["m"].dropna()
    drawn = NULLS.get(set(cross["null"].dropna()).pop(), "draws") if len(m) else ""
    null = f", null of {cells.span(m)} {drawn}" if len(m) else ""
    title = f"{metric_name(metric)} of {cells.shown_pairs(cross)}, layer by layer{null}"
    return style.fit(title, style.FULL_WIDTH)


def _notes(cross: pd.DataFrame, annotated: bool) -> list[str]:
    reasons = cells.reasons(cross[cross["value"].isna()])
    lines = [f"n: matched pairs scored. {'' if annotated else f'Dot: q > {SIGNIFICANT}.'}"]
    lines += [
        f"Hatched: refused in {count} of {len(cross)} cells: {reason}"
        for reason, count in reasons.value_counts().head(4).items()
    ]
    return [part for line in lines for part in style.fit(line, 4.5).splitlines()]


def _foot(foot: SubFigure, norm: Normalize, name: str, notes: list[str]) -> None:
    bar, text = foot.subplots(1, 2, width_ratios=[1, 2.2])
    heat.colorbar(bar, norm, style.SEQUENTIAL, name)
    text.text(0, 0.9, "\n".join(notes), va="top")
    text.set_axis_off()
