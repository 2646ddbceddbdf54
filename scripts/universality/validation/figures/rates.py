"""How often something is called significant: uniformity, validity, grids, power."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy.stats import kstwo

from universality.validation import grid_error as grids
from universality.validation import power as powers
from universality.validation.against_nulls import M_OTHERS, M_PERMUTED
from universality.validation.figures import heat_map
from universality.validation.uniformity import LEVEL
from universality.views import style
from universality.views.names import metric_name

NULLS = {
    "permuted": "shuffled\npairs",
    "random_vectors": "random\nvectors",
    "rotated": "rotated\nitems",
    "random_features": "random\nfeatures",
    "rematched": "re-\nmatched",
}
CORRECTIONS = {
    "none": ("uncorrected", style.OKABE_ITO[1], "s"),
    "max_t": ("max-T", style.OKABE_ITO[0], "o"),
    "benjamini_hochberg": ("Benjamini-Hochberg", style.OKABE_ITO[2], "^"),
}


def _one_line(null: str) -> str:
    return NULLS[null].replace("-\n", "").replace("\n", " ")


@style.styled
def uniformity(table: pd.DataFrame, tests: pd.DataFrame) -> Figure:
    """Draw the distance of p-values from uniform, and how often p is at most .05."""
    figure = Figure(figsize=(style.FULL_WIDTH, 3.6), layout="constrained")
    runs = int(tests["runs"].min())
    figure.suptitle(
        f"Nothing shared: p-values of {tests['metric'].nunique()} metrics against "
        f"{tests['null'].nunique()} nulls, {runs} runs"
    )
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    for number, (null, part) in enumerate(table.groupby("null", sort=False)):
        for metric, group in part.groupby("metric"):
            u = np.sort(group["u"].dropna())
            left.plot(
                u,
                np.arange(1, len(u) + 1) / len(u) - u,
                color=style.OKABE_ITO[number],
                linewidth=0.5,
                alpha=0.7,
                label=_one_line(str(null)) if metric == part["metric"].iloc[0] else None,
            )
    # The lines are as many as the tests: a band for all of them at once (Bonferroni).
    for share, dash, name in ((1, ":", "95 % of single lines"), (len(tests), "--", "95 % of all")):
        edge = kstwo.isf(LEVEL / share, runs)
        for sign in (-1, 1):
            left.axhline(sign * edge, color="0.4", linestyle=dash, label=name if sign > 0 else None)
    left.axhline(0, color="0.8", linewidth=0.5, zorder=0)
    bound = 2.1 * kstwo.isf(LEVEL / len(tests), runs)
    left.set(xlim=(0, 1), ylim=(-bound, bound), xlabel="p", ylabel="share of runs below p, less p")
    left.set_title("Distance from uniform")
    left.legend(ncols=2, loc="upper right", columnspacing=0.8, handlelength=1.2)
    rates = tests.pivot(index="metric", columns="null", values="rate")
    rates = rates.loc[tests["metric"].unique(), tests["null"].unique()]
    heat_map.rates(right, rates.rename(columns=NULLS), Normalize(0, 0.1), "{:.3f}".format)
    right.set_title(f"Share of runs with p at most {LEVEL:g}")
    right.set_xlabel(f"null ({M_PERMUTED} shuffles, {M_OTHERS} draws of others; hatched: none)")
    return figure


@style.styled
def validity(table: pd.DataFrame) -> Figure:
    """Draw, for each world, how often each metric is significant against each null."""
    worlds = table["world"].unique()
    figure = Figure(figsize=(style.FULL_WIDTH, 5.6), layout="constrained")
    runs = int(table["runs"].min())
    figure.suptitle(
        f"Which null answers which question? Share of {runs} runs with p at most {LEVEL:g}"
    )
    axes = figure.subplots(2, 3, sharey=True).ravel()
    for ax, world in zip(axes, worlds, strict=False):
        part = table[table["world"] == world]
        rates = part.pivot(index="metric", columns="null", values="rate")
        rates = rates.loc[part["metric"].unique(), part["null"].unique()]
        heat_map.rates(ax, rates)
        names = [_one_line(str(null)) for null in rates.columns]
        ax.set_xticks(range(len(names)), names, rotation=90)
        ax.set_title(style.fit(str(world), 1.75))
    for ax in axes[len(worlds) :]:
        ax.set_axis_off()
        ax.text(
            0,
            0.95,
            style.fit(
                "Nothing is shared in the first two worlds, and only topics in the third. In the "
                "second and third, a topic's features point the same way, and matching pairs whole "
                "topics: in the second by chance, which the rematched null repeats and the others "
                "do not. Hatched: a score that is not set against that null.",
                1.8,
            ),
            va="top",
        )
    return figure


@style.styled
def grid_error(table: pd.DataFrame) -> Figure:
    """Draw the share of grids with any false rejection, by correction."""
    names = list(table["grid"].unique())
    metrics = list(table["metric"].unique())
    figure = Figure(figsize=(style.FULL_WIDTH, 2.5), layout="constrained")
    figure.suptitle(
        f"Grids of 9 cells: share of {int(table['runs'].min())} grids with any false rejection "
        f"at {LEVEL:g} (with 95 % intervals)"
    )
    axes = figure.subplots(1, len(names), sharey=True)
    for ax, name in zip(axes, names, strict=True):
        for number, (correction, (label, color, marker)) in enumerate(CORRECTIONS.items()):
            part = table[(table["grid"] == name) & (table["correction"] == correction)]
            rate = part["rate"].to_numpy()
            ax.errorbar(
                np.arange(len(part)) + (number - 1) * 0.2,
                rate,
                (rate - part["low"], part["high"] - rate),
                color=color,
                marker=marker,
                linestyle="none",
                label=label,
            )
        ax.axhline(grids.LEVEL, color="0.4", linestyle=":", label=f"level {grids.LEVEL:g}")
        ax.set_xticks(range(len(metrics)), [metric_name(metric) for metric in metrics])
        ax.set_xlim(-0.6, len(metrics) - 0.4)
        ax.set_title(name[0].upper() + name[1:])
    axes[0].set_ylabel("share of grids")
    axes[0].set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@style.styled
def power(table: pd.DataFrame) -> Figure:
    """Draw how often each metric is significant, sweep by sweep."""
    figure = Figure(figsize=(style.FULL_WIDTH, 6.6), layout="constrained")
    runs = int(table["runs"].min())
    base = powers.BASE
    figure.suptitle(
        f"Which metric finds what? Share of {runs} runs with p at most {powers.LEVEL:g} "
        f"(base: {base.shared:g} shared, {base.width_a} features, noise {base.direction_noise:g})"
    )
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.12]).ravel()
    axes = [
        *upper.subplots(1, 2, sharey=True, width_ratios=[7, 5]),
        *lower.subplots(1, 2, sharey=True, width_ratios=[5, 10]),
    ]
    for ax, sweep in zip(axes, table["sweep"].unique(), strict=True):
        _sweep(ax, table, str(sweep))
    return figure


def _sweep(ax: Axes, table: pd.DataFrame, sweep: str) -> None:
    part = table[table["sweep"] == sweep]
    levels = list(powers.levels(table, sweep))
    rates = part.pivot(index="metric", columns="at", values="power")
    # Runs in which a metric refuses find nothing; where most do, the rate says nothing.
    refused = part.pivot(index="metric", columns="at", values="refused")
    rates = rates.mask(refused > part["runs"].min() / 2)
    heat_map.rates(ax, rates.loc[part["metric"].unique(), levels])
    ax.set_title(sweep[0].upper() + sweep[1:])
    if sweep == "variants":
        ax.set_xticks(range(len(levels)), levels, rotation=35, ha="right")
    elif sweep == "features of each side":
        pairs = part.groupby("at")["n"].mean()
        ax.set_xticks(range(len(levels)), [f"{at}\n({pairs[at]:.0f})" for at in levels])
        ax.set_xlabel("features (pairs kept); hatched: refused")
    elif sweep == "shared fraction":
        ax.set_xlabel("share of features with a counterpart")
    else:
        ax.set_xlabel("length of the noise on unit decoder rows")
