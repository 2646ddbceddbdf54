"""The published number of each cell, and what each correction in turn makes of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from universality.views import cells, roles, style
from universality.views.cells import SIGNIFICANT
from universality.views.figures import heat
from universality.views.names import correction_name, metric_name

ANNOTATED = 40  # rows that have room for numbers
GREY = "0.45"  # of a number that is not significant
ROW = 0.155  # inches, of a row with numbers


@style.styled
def published_vs_calibrated(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw a heat map for SVCCA and one for RSA: cells below each other, corrections from the left.

    The first column is the published protocol, each further one corrects one choice more. Only
    numbers with p <= `SIGNIFICANT` are coloured, so that a conclusion that does not survive turns
    white; a refused cell is hatched. Ceilings stand below the cross cells. Above, for each step:
    how many cells are significant, and the median number of pairs.
    """
    steps = tables["published_vs_calibrated"]
    pairs = roles.cross_pairs(steps)
    if not pairs:
        return style.nothing("The tables hold no published scores of a cross comparison.")
    blocks = [roles.detailed(steps, pair) for pair in pairs]
    counts = [block["comparison"].nunique() for block in blocks]
    row = ROW if max(counts) <= ANNOTATED else max(0.02, 5.5 / max(counts))
    heights = [2.5 + row * (count + 1) for count in counts]
    shown = pd.concat(blocks)
    metrics = sorted(shown["metric"].unique(), reverse=True)  # SVCCA first, as in the source
    notes = _notes(shown)
    below = 0.35 + 0.13 * len(notes)

    figure = Figure(figsize=(style.FULL_WIDTH, sum(heights) + below + 0.25), layout="constrained")
    figure.suptitle("What each correction of the published protocol does to the scores")
    *subfigures, foot = figure.subfigures(
        len(blocks) + 1, 1, squeeze=False, height_ratios=[*heights, below]
    ).ravel()
    norms = {metric: _norm(shown[shown["metric"] == metric]) for metric in metrics}
    for subfigure, pair, block, count in zip(subfigures, pairs, blocks, counts, strict=True):
        subfigure.suptitle(style.sides(pair.side_a, pair.side_b, style.FULL_WIDTH))
        axes = subfigure.subplots(
            2, len(metrics), squeeze=False, sharex=True, height_ratios=[0.65, row * (count + 1)]
        )
        for index, (metric, norm) in enumerate(norms.items()):
            part = block[block["metric"] == metric]
            axes[0, index].set_title(metric_name(metric))
            _strip(axes[0, index], part, named=not index)
            _panel(axes[1, index], part, norm, annotated=row == ROW, named=not index)
    _foot(foot, norms, notes)
    return figure


def _norm(part: pd.DataFrame) -> Normalize:
    high = part.loc[part["p"] <= SIGNIFICANT, "value"].max()
    return Normalize(0, high if high > 0 else 1.0)


def _pivot(part: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return `column` of each comparison (in the order of `part`) at each step."""
    wide = part.pivot(index="comparison", columns="step", values=column)
    return wide.reindex(part["comparison"].unique())


def _strip(ax: Axes, part: pd.DataFrame, named: bool) -> None:
    lines: list[tuple[str, pd.Series]] = []
    for kind, noun in (("cross", "cross"), ("ceiling", "ceilings")):
        rows = part[part["kind"] == kind]
        if len(rows):
            number = rows["comparison"].nunique()
            reached = (rows["p"] <= SIGNIFICANT).groupby(rows["step"]).sum()
            lines.append((f"p ≤ {SIGNIFICANT}: {noun}, of {number}", reached))
    rows = part[part["kind"] == "cross"]
    lines.append(("median n, cross", rows.groupby("step")["n"].median().astype(int)))
    places = [0.3, 1.25, 2.75][-len(lines) :]
    for y, (_, values) in zip(places, lines, strict=True):
        turned = 90 if y == places[-1] else 0  # numbers of pairs are long
        for x, (_, value) in enumerate(values.items()):
            ax.text(x, y, str(value), ha="center", va="center", rotation=turned)
    ax.set_ylim(3.6, -0.3)
    ax.set_yticks(places, [label for label, _ in lines] if named else [])
    ax.tick_params(length=0, labelbottom=False)
    ax.spines[:].set_visible(False)


def _panel(ax: Axes, part: pd.DataFrame, norm: Normalize, annotated: bool, named: bool) -> None:
    values, p = _pivot(part, "value"), _pivot(part, "p")
    found = heat.groups(part)
    for _, rows, start in found:
        block = values.loc[rows.index].to_numpy(dtype=float, na_value=np.nan)
        significant = p.loc[rows.index].to_numpy(dtype=float, na_value=np.nan) <= SIGNIFICANT
        shown = np.where(significant, block, np.nan)
        heat.image(ax, shown, (0, start), norm, style.SEQUENTIAL)
        for (line, x), value in np.ndenumerate(block):
            y = start + line
            if np.isnan(value):
                heat.refuse(ax, x, y)
            elif annotated:
                color = heat.ink(style.SEQUENTIAL, norm(value))
                color = color if significant[line, x] else GREY
                ax.text(x, y, _short(value), ha="center", va="center", color=color)
    ax.set_ylim(found[-1].start + len(found[-1].rows) - 0.5, -0.5)
    ax.set_xlim(-0.5, values.shape[1] - 0.5)
    corrections = part.drop_duplicates("step").sort_values("step")["correction"]
    words = [style.fit(correction_name(correction), 1.3) for correction in corrections]
    ax.set_xticks(range(len(words)), words, rotation=60, ha="right", rotation_mode="anchor")
    places, labels = heat.ticks(found, each=annotated)
    ax.set_yticks(places, labels if named else [])
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)


def _short(value: float) -> str:
    # "+ 0" turns a rounded -0.00 into 0.00.
    return f"{round(value, 2) + 0:.2f}".replace("0.", ".")


def _notes(shown: pd.DataFrame) -> list[str]:
    lines = [
        f"Coloured: p ≤ {SIGNIFICANT}, each cell by itself; white: not significant. Each column "
        "corrects one choice more."
    ]
    refused = shown[shown["value"].isna()]
    lines += [
        f"Hatched: refused in {count} of {len(shown)}: {reason}"
        for reason, count in cells.reasons(refused).value_counts().head(3).items()
    ]
    return [part for line in lines for part in style.fit(line, 4.2).splitlines()]


def _foot(foot: SubFigure, norms: dict[str, Normalize], notes: list[str]) -> None:
    *bars, text = foot.subplots(1, len(norms) + 1, width_ratios=[1] * len(norms) + [3.2])
    for bar, (metric, norm) in zip(bars, norms.items(), strict=True):
        heat.colorbar(bar, norm, style.SEQUENTIAL, metric_name(metric))
    text.text(0, 0.95, "\n".join(notes), va="top")
    text.set_axis_off()
