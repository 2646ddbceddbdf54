"""Sections of the page on one pair: positions, protocols, categories, nulls, intervals."""

from collections.abc import Iterator, Mapping

import pandas as pd

from universality.views import cells, roles, wording
from universality.views.answers import categories, cross
from universality.views.cells import CORRELATION, SIGNIFICANT
from universality.views.names import correction_name, metric_name

Tables = Mapping[str, pd.DataFrame]
LONGEST = 24  # cells in a table of the page; of a larger grid the first are shown
NULLS = {
    "permuted": "pairs permuted",
    "random_vectors": "random directions",
    "rotated": "one side rotated",
    "random_features": "random features",
    "rematched": "matching redone",
}
RESAMPLED = {
    "documents": "documents drawn anew",
    "documents_refit": "and the matching redone",
    "pairs": "pairs drawn anew",
}


def sections(tables: Tables, pair: roles.Pair) -> list[str]:
    """Return the lines of all sections on `pair`; a section without rows is left out."""
    lines = []
    for title, make in {
        "Between floor and ceiling": positions,
        "The published protocol, corrected step by step": published,
        "Categories of features": subspaces,
        "Other nulls": nulls,
        "Intervals": intervals,
    }.items():
        section = list(make(tables, pair))
        lines += ["", f"### {title}", "", *section] if section else []
    return lines


def positions(tables: Tables, pair: roles.Pair) -> Iterator[str]:
    """Yield a table with the position of each cell, one column for each metric."""
    rows = _shown(tables["positions"], pair)
    if rows.empty:
        return
    metrics = cells.ordered(rows["metric"])
    told = {
        (row["comparison"], row["metric"]): wording.ranged(row["position"], row["low"], row["high"])
        for row in rows.to_dict("records")
    }
    each = rows[rows["metric"] == metrics[0]]
    shown = each if len(each) <= LONGEST else each.nlargest(LONGEST, "value")
    note = "" if len(each) <= LONGEST else f", the {LONGEST} highest of {len(each)} cells"
    yield wording.escape(
        f"0 is the floor and 1 the ceiling of the same layers, with 95 % intervals "
        f"({rows['method'].iloc[0]}){note}. The table positions says what each floor is."
    )
    yield ""
    yield from wording.table(
        ["layer a", "layer b", *map(metric_name, metrics)],
        [
            [str(row["layer_a"]), str(row["layer_b"])]
            + [told.get((row["comparison"], metric), wording.MISSING) for metric in metrics]
            for row in shown.to_dict("records")
        ],
    )


def published(tables: Tables, pair: roles.Pair) -> Iterator[str]:
    """Yield what each correction does on average, and the first and last number of each cell."""
    rows = roles.detailed(tables["published_vs_calibrated"], pair)
    if rows.empty:
        return
    metrics = sorted(rows["metric"].unique(), reverse=True)
    yield wording.escape(
        "Each step corrects one choice of the published code more. Mean score of the cross cells; "
        f"cross cells and ceilings with p <= {SIGNIFICANT}, each by itself."
    )
    yield ""
    steps = []
    for (step, correction), part in rows.groupby(["step", "correction"]):
        line = [str(step), correction_name(str(correction))]
        for metric in metrics:
            these = part[part["metric"] == metric]
            of_cross = these[these["role"] == "cross"]
            ceilings = these.loc[these["role"] != "cross", "p"]
            line += [wording.mean(of_cross["value"])]
            line += [_reached(of_cross["p"]), _reached(ceilings)]
        steps.append(line)
    names = [metric_name(metric) for metric in metrics]
    heads = [h for name in names for h in (name, f"{name}: cells", f"{name}: ceilings")]
    yield from wording.table(["step", "correction", *heads], steps)
    yield ""
    first, last = rows["step"].min(), rows["step"].max()
    told = {
        (row["comparison"], row["metric"], row["step"]): (
            f"{wording.number(row['value'])} ({wording.chance(row['p'])})"
            if pd.notna(row["value"])
            else wording.MISSING
        )
        for row in rows.to_dict("records")
    }
    each = rows.drop_duplicates("comparison")
    shown = each.head(LONGEST)
    note = "" if len(shown) == len(each) else f", the first {LONGEST} of {len(each)}"
    yield wording.escape(
        f"Score and p of each comparison, as published and with all corrections{note}:"
    )
    yield ""
    yield from wording.table(
        ["layers", *(f"{name} {when}" for name in names for when in ("published", "corrected"))],
        [
            [
                f"{row['role'].split()[0]} {row['label']}",
                *(
                    told.get((row["comparison"], metric, step), wording.MISSING)
                    for metric in metrics
                    for step in (first, last)
                ),
            ]
            for row in shown.to_dict("records")
        ],
    )


def subspaces(tables: Tables, pair: roles.Pair) -> Iterator[str]:
    """Yield a table of the categories: pairs, and at how many cells each is more alike."""
    rows = categories(tables["scores"], pair)
    if rows.empty:
        return
    metrics = cells.ordered(rows["metric"])
    yield wording.escape(
        "Kept pairs whose features name the category in both models, beside as many random kept "
        f"pairs: cross cells with q <= {SIGNIFICANT} (over categories and cells), and the mean "
        "difference of the scores."
    )
    yield ""
    lines = []
    for category, part in rows.groupby("subspace"):
        line = [str(category), cells.span(part["n"])]
        for metric in metrics:
            scored = part[(part["metric"] == metric) & part["value"].notna()]
            difference = wording.mean(scored["value"] - scored["null_mean"])
            told = f"{_reached(scored['q'])}, {difference}"
            line.append(told if len(scored) else "refused")
        lines.append(line)
    yield from wording.table(["category", "pairs", *map(metric_name, metrics)], lines)


def nulls(tables: Tables, pair: roles.Pair) -> Iterator[str]:
    """Yield a table of the nulls over all features: their mean, and how many cells exceed them."""
    rows = tables["nulls"]
    rows = _shown(rows[rows["subspace"] == "all"], pair, every=True)
    if rows.empty:
        return
    kinds = [null for null in NULLS if (rows["null"] == null).any()]
    yield wording.escape(
        f"Mean of the null over the cross cells ({rows['method'].iloc[0]}), and in how many of "
        f"them the score exceeds it with p <= {SIGNIFICANT}. The matching is redone on text in "
        "which nothing corresponds."
    )
    yield ""
    lines = []
    for metric in cells.ordered(rows["metric"]):
        part = rows[rows["metric"] == metric]
        line = [metric_name(metric), wording.mean(part.drop_duplicates("comparison")["value"])]
        for null in kinds:
            these = part[part["null"] == null]
            told = f"{wording.mean(these['null_mean'])} ({_reached(these['p'])})"
            line.append(told if these["null_mean"].notna().any() else wording.MISSING)
        lines.append(line)
    yield from wording.table(["metric", "score", *(NULLS[null] for null in kinds)], lines)


def intervals(tables: Tables, pair: roles.Pair) -> Iterator[str]:
    """Yield a table of the mean ends of the intervals, by what was drawn anew."""
    rows = _shown(tables["intervals"], pair)
    rows = rows.dropna(subset="low")
    if rows.empty:
        return
    kinds = [kind for kind in RESAMPLED if (rows["resampled"] == kind).any()]
    yield "Mean ends of the 95 % intervals of the cross cells, by what is drawn anew."
    yield ""
    lines = []
    for metric in cells.ordered(rows["metric"]):
        part = rows[rows["metric"] == metric]
        line = [metric_name(metric)]
        for kind in kinds:
            these = part[part["resampled"] == kind]
            ends = f"{wording.mean(these['low'])} to {wording.mean(these['high'])}"
            line.append(ends if len(these) else wording.MISSING)
        lines.append(line)
    yield from wording.table(["metric", *(RESAMPLED[kind] for kind in kinds)], lines)


def source_nulls(frame: pd.DataFrame) -> list[str]:
    """Return the lines on the numbers that the source stored."""
    if frame.empty:
        return []
    ratio = frame["ratio"].dropna()
    intro = (
        "The published SVCCA keeps one component, so under its null it is the absolute correlation "
        "of two independent columns, whose mean is about sqrt(2 / (pi n)) for n pairs (a little "
        "more for few). The mean ratio of the null means that the source stored to this law lies "
        f"between {wording.number(ratio.min(), 2)} and {wording.number(ratio.max(), 2)} over "
        f"{wording.count(len(ratio), 'table')}. A stored p of 0 says that no shuffle reached the "
        "score, not that none could."
    )
    rows = [
        [
            row["experiment"],
            str(row["rows"]),
            wording.MISSING if pd.isna(row["n_low"]) else f"{row['n_low']} to {row['n_high']}",
            wording.ranged(row["ratio"], row["ratio_low"], row["ratio_high"]),
            wording.MISSING if pd.isna(row["p_zero"]) else f"{row['p_zero']:.0%}",
            "" if pd.isna(row["reason"]) else row["reason"],
        ]
        for row in frame.to_dict("records")
    ]
    columns = [
        "table of the source",
        "rows",
        "pairs",
        "null mean / law (95 % interval)",
        "p = 0",
        "note",
    ]
    return [wording.escape(intro), "", *wording.table(columns, rows)]


def _shown(frame: pd.DataFrame, pair: roles.Pair, every: bool = False) -> pd.DataFrame:
    """Return the cross rows of `pair` of the method to show, of the correlation and geometry.

    With `every`, of all metrics.
    """
    told = (frame["metric"] == CORRELATION) | cells.of_geometry(frame)
    rows = frame[told] if not every else frame
    rows = cross(rows[rows["method"] == cells.default_method(rows)], pair)
    return rows.sort_values(["layer_a", "layer_b", "comparison"])


def _reached(p: pd.Series) -> str:
    known = p.dropna()
    return f"{(known <= SIGNIFICANT).sum()} of {len(known)}" if len(known) else wording.MISSING
