"""How good the SAEs are: what they fail to explain, how many features fire, how many ever do."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from universality.views import roles, style

MEASURES = {
    "fvu": "fraction of variance unexplained",
    "l0": "L0: features that fire on a token",
    "alive": "share of features that ever fire",
}


@style.styled
def sae_quality(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw FVU, L0 and the live share of each SAE over its layer; one colour per model.

    SAEs of one layer stand side by side, one marker per dictionary. An SAE that fails the study's
    gate is drawn hollow. The residual basis (`neurons`) is no SAE and is left out.
    """
    saes = tables["saes"]
    saes = saes[saes["dictionary"] != roles.NEURONS]
    if saes.empty:
        return style.nothing("The tables hold no SAEs.")
    figure = Figure(figsize=(style.FULL_WIDTH, 2.6), layout="constrained")
    sizes = ", ".join(str(size) for size in sorted(saes["d_sae"].unique()))
    figure.suptitle(f"Quality of {len(saes)} SAEs ({sizes} features) on the tokens they are fed")
    for ax, (column, label) in zip(figure.subplots(1, 3), MEASURES.items(), strict=True):
        _panel(ax, saes, column)
        ax.set_ylabel(label)
        ax.set_xlabel("layer")
    handles = _handles(saes)
    labels = [str(handle.get_label()) for handle in handles]
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _styles(saes: pd.DataFrame) -> tuple[dict[str, str], dict[str, str]]:
    """Return the colour of each model and the marker of each dictionary."""
    models, dictionaries = sorted(saes["model"].unique()), sorted(saes["dictionary"].unique())
    colors = {m: style.OKABE_ITO[i % len(style.OKABE_ITO)] for i, m in enumerate(models)}
    markers = {d: style.MARKERS[i % len(style.MARKERS)] for i, d in enumerate(dictionaries)}
    return colors, markers


def _panel(ax: Axes, saes: pd.DataFrame, column: str) -> None:
    colors, markers = _styles(saes)
    span = saes["layer"].max() - saes["layer"].min() + 1
    # Side by side, so that two seeds with equal values are both seen.
    offsets = {d: 0.04 * span * (i - (len(markers) - 1) / 2) for i, d in enumerate(markers)}
    for (model, dictionary, passed), part in saes.groupby(["model", "dictionary", "passed"]):
        model, dictionary = str(model), str(dictionary)
        ax.plot(
            part["layer"] + offsets[dictionary],
            part[column],
            linestyle="",
            marker=markers[dictionary],
            color=colors[model],
            markerfacecolor=colors[model] if passed else "none",
        )
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_ylim(0, max(1.05 * ax.get_ylim()[1], 1e-3))


def _handles(saes: pd.DataFrame) -> list[Line2D]:
    colors, markers = _styles(saes)
    handles = [Line2D([], [], color=c, marker="", linewidth=4, label=m) for m, c in colors.items()]
    handles += [
        Line2D([], [], color="0.3", marker=m, linestyle="", label=d) for d, m in markers.items()
    ]
    if not saes["passed"].all():
        hollow = Line2D([], [], color="0.3", marker="o", linestyle="", markerfacecolor="none")
        hollow.set_label("hollow: fails the gate")
        handles.append(hollow)
    return handles
