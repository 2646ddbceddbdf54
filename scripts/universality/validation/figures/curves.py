"""Estimates against the truth: shared fraction, published statistic, calibration."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from universality.validation import calibration as calibrations
from universality.validation import published as publisheds
from universality.validation import shared_fraction as fractions
from universality.views import style
from universality.views.names import metric_name

SHOWN = ("svcca", "procrustes", "linear_predictivity", "mutual_knn", "cka_biased", "cka", "rsa")
"""Of the metrics in `calibration`, those that a figure has room for; the table has all."""


SHARE = "share of features with a counterpart"


@style.styled
def shared_fraction(errors: pd.DataFrame) -> Figure:
    """Draw the estimated shared fraction against the true one, and its error."""
    worlds = list(errors["world"].unique())
    figure = Figure(figsize=(style.FULL_WIDTH, 3.5), layout="constrained")
    figure.suptitle(
        f"Estimated share of features with a counterpart, {int(errors['runs'].min())} runs each"
    )
    left, right = figure.subplots(1, 2)
    for number, world in enumerate(worlds):
        part = errors[errors["world"] == world]
        misleading = world in fractions.MISLEADING
        look: dict[str, Any] = {
            "color": style.OKABE_ITO[number % 7],
            "marker": style.MARKERS[number % 8],
            "linestyle": ":" if misleading else "-",
        }
        left.plot(part["truth"], part["estimate"], label=world, **look)
        right.errorbar(part["truth"], part["bias"], part["sd"], **look)
    left.plot([0, 1], [0, 1], color="0.6", linewidth=0.6, zorder=0)
    left.set(xlabel="true share", ylabel="estimated share", title="Estimate (mean)")
    right.axhline(0, color="0.6", linewidth=0.6, zorder=0)
    right.set(xlabel="true share", ylabel="estimate less truth")
    right.set_title("Error (mean, with the standard deviation of runs)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


@style.styled
def published(table: pd.DataFrame, inflated: pd.DataFrame) -> Figure:
    """Draw the published statistic beside the study's, and SVCCA with 99 % of the variance."""
    kinds = list(table["directions"].unique())
    figure = Figure(figsize=(style.FULL_WIDTH, 4.3), layout="constrained")
    runs = int(table["runs"].min())
    figure.suptitle(f"The published statistic beside the study's on the same data, {runs} runs")
    axes = figure.subplots(2, 3)
    for row, kind in zip(axes, kinds, strict=True):
        for number, (name, part) in enumerate(
            table[table["directions"] == kind].groupby("statistic", sort=False)
        ):
            look: dict[str, Any] = {
                "color": style.OKABE_ITO[(3, 0, 2)[number]],
                "marker": style.MARKERS[number],
            }
            below, above = part["value"] - part["value_q05"], part["value_q95"] - part["value"]
            x = part["shared"] + (number - 1) * 0.012
            row[0].errorbar(x, part["value"], (below, above), label=str(name), **look)
            row[0].plot(x, part["null_mean"], color=look["color"], linestyle=":", linewidth=0.8)
            row[1].plot(part["shared"], part["rate"], **look)
        row[0].set(title=f"Value: {kind}", ylabel="score (5 % to 95 % of runs)", ylim=(-0.1, 1.05))
        row[1].set(title="Found", ylabel="share of runs, p at most .05", ylim=(-0.05, 1.05))
        row[1].axhline(publisheds.LEVEL, color="0.6", linewidth=0.6, linestyle=":")
        for ax in row[:2]:
            ax.set_xlabel(SHARE)
    _zeros(axes[0, 2], table)
    _inflation(axes[1, 2], inflated)
    shown = [ax.get_legend_handles_labels() for ax in (axes[0, 0], axes[0, 2])]
    handles, labels = ([*first, *second] for first, second in zip(*shown, strict=True))
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _zeros(ax: Axes, table: pd.DataFrame) -> None:
    one = table[table["statistic"] == publisheds.ONE]
    for number, (kind, part) in enumerate(one.groupby("directions", sort=False)):
        ax.plot(
            part["shared"],
            part["zero"],
            color=style.OKABE_ITO[3],
            marker=style.MARKERS[0],
            markerfacecolor=("none", style.OKABE_ITO[3])[number],
            linestyle=("-", "--")[number],
            label=f"p = 0: {kind}",
        )
    ax.set(title=f"Published p is 0 ({publisheds.M} shuffles)", ylim=(-0.05, 1.05))
    ax.set(xlabel=SHARE, ylabel="share of runs")


def _inflation(ax: Axes, inflated: pd.DataFrame) -> None:
    mean = inflated.groupby("n")["value"].mean()
    ax.plot(mean.index, mean, color=style.OKABE_ITO[6], marker="X")
    ax.set_xscale("log")
    ax.set_xticks(mean.index, [str(n) for n in mean.index])
    ax.minorticks_off()
    ax.set(ylim=(0, 1.05), ylabel="score")
    ax.set_xlabel("unrelated vectors (d = {}, {})".format(*publisheds.DIMENSIONS))
    ax.set_title("SVCCA with 99 % of the variance")


@style.styled
def calibration(table: pd.DataFrame) -> Figure:
    """Draw raw scores, effect sizes and positions over n and d, at two degrees of likeness."""
    figure = Figure(figsize=(style.FULL_WIDTH, 4.6), layout="constrained")
    figure.suptitle("The same likeness at other n and d: what stays the same?")
    axes = figure.subplots(2, 3, sharex=True)
    columns = {"value": "raw score", "effect": "effect size", "position": "position"}
    for row, likeness in zip(axes, calibrations.LIKENESS, strict=True):
        what = "unrelated rows" if likeness == 0 else f"rows that correlate {likeness:g}"
        for ax, (column, name) in zip(row, columns.items(), strict=True):
            _over_n(ax, table[table["likeness"] == likeness], column)
            ax.set_title(f"{name[0].upper()}{name[1:]}: {what}")
            ax.set_ylabel(name)
    for upper, lower in axes.T:
        lower.set_xlabel("pairs")
        ends = [*upper.get_ylim(), *lower.get_ylim()]
        upper.set_ylim(min(ends), max(ends))
        lower.set_ylim(min(ends), max(ends))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def _over_n(ax: Axes, table: pd.DataFrame, column: str) -> None:
    for number, metric in enumerate(SHOWN):
        for d, dash in zip(table["d"].unique(), ("-", ":"), strict=True):
            part = table[(table["metric"] == metric) & (table["d"] == d)]
            ax.plot(
                part["n"],
                part[column],
                color=style.OKABE_ITO[number],
                marker=style.MARKERS[number],
                linestyle=dash,
                label=metric_name(metric) if dash == "-" else None,
            )
    for dash, d in zip(("-", ":"), table["d"].unique(), strict=True):
        ax.plot([], [], color="0.4", linestyle=dash, label=f"d = {d}")
    ax.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    ax.set_xscale("log")
    ticks = np.array(sorted(table["n"].unique()))
    ax.set_xticks(ticks, [str(n) for n in ticks])
    ax.minorticks_off()
