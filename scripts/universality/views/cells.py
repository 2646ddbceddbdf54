"""Scores of one metric and one matching method, cell by cell of a pair's grid of layers."""

import pandas as pd

from universality.views.roles import Pair, beside

METHOD = "hungarian"
CORRELATIONS = ("correlation_fit", "correlation_heldout")
# A geometry's value depends on the number of pairs: beside a cell stand only those of at least this
# share of its number.
COMPARABLE = 0.5


def default_method(frame: pd.DataFrame) -> str:
    """Return the matching method to show when only one is: hungarian, else the first by name."""
    methods = sorted(frame["method"].unique())
    return METHOD if METHOD in methods or not methods else methods[0]


def select(scores: pd.DataFrame, metric: str, method: str | None = None) -> pd.DataFrame:
    """Return the calibrated rows of `metric` over all features, of one method or of each.

    Correlations are shown of all matched pairs, because a filter on the correlation would lift
    floors with it; other metrics of the kept pairs. Where a study scored only under the other
    filter, that one is shown.
    """
    chosen = scores[
        (scores["metric"] == metric)
        & (scores["protocol"] == "calibrated")
        & (scores["subspace"] == "all")
    ]
    if method is not None:
        chosen = chosen[chosen["method"] == method]
    preferred = "none" if metric in CORRELATIONS else "kept"
    if (chosen["filter"] == preferred).any():
        chosen = chosen[chosen["filter"] == preferred]
    return chosen


def shown_pairs(selected: pd.DataFrame) -> str:
    """Return which matched pairs the rows of `select` scored: `all pairs` or `kept pairs`."""
    return "kept pairs" if (selected["filter"] == "kept").all() else "all pairs"


def span(counts: pd.Series) -> str:
    """Return the range of `counts` as text: `812`, or `640 to 812`."""
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def reasons(refused: pd.DataFrame) -> pd.Series:
    """Return the reason of each refused score; those that differ in numbers only become one."""
    given = refused["reason"]
    return given if given.nunique() < 2 else given.str.replace(r"\d+(?:\.\d+)?", "…", regex=True)


def cells(scores: pd.DataFrame, pair: Pair, metric: str, method: str) -> pd.DataFrame:
    """Return one row for each cross cell of `pair`, sorted by layers.

    Beside the columns of `scores` it has one column for each role that `beside` finds, with the
    value of that role at the same layers: a ceiling depends on its own model's layer only.
    Where a role has several comparisons at a cell, their mean stands; where none, NaN. Geometries
    of too few pairs to be compared (`incomparable`) are left out.
    """
    rows = beside(select(scores, metric, method), pair)
    cross = rows[rows["role"] == "cross"].sort_values(["layer_a", "layer_b"], ignore_index=True)
    rows = rows.drop(incomparable(rows).index)
    for role in sorted(set(rows["role"]) - {"cross"}):
        on = {"ceiling a": ["layer_a"], "ceiling b": ["layer_b"]}.get(role, ["layer_a", "layer_b"])
        means = rows[rows["role"] == role].groupby(on, as_index=False)["value"].mean()
        cross = cross.merge(means.rename(columns={"value": role}), on=on, how="left")
    return cross


def incomparable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of ceilings and floors, of the `rows` of `beside`, on too few pairs.

    A filter leaves few pairs where little corresponds, and what few pairs score must not be read
    beside what many do. Correlations are means and do not depend on the number of pairs.
    """
    usual = rows.loc[rows["role"] == "cross", "n"].median()
    few = (rows["role"] != "cross") & (rows["n"] < COMPARABLE * usual) & rows["value"].notna()
    return rows[few & ~rows["metric"].isin(CORRELATIONS)]
