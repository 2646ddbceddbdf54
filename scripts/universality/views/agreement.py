"""Do two runs of a study agree? Their tables, cell by cell.

With the same lock, threads and type of processor, tables are the same byte for byte. On another
processor sums are rounded differently, the training of SAEs carries that on, and what is measured
on them moves a little; what is given or counted before any training does not.
"""

import math
from collections.abc import Mapping

import pandas as pd

from universality.errors import StudyError
from universality.views import tables

# How far a cell may be from the committed one, by the kind of its column: the absolute difference,
# relative to the larger of 1 and the committed value. Columns without a kind must be equal.
TOLERANCES = {"measured": 0.05, "p": 0.05, "counted": 0.1}
# All that a larger p says is that nothing was found; they are compared as if they were this one.
LARGE_P = 0.1

_KINDS = {
    # Of trained SAEs, and so not exact on another machine: how many pairs there are, and of what.
    **dict.fromkeys(("n", "k", "k_a", "k_b"), "counted"),
    **dict.fromkeys(("p", "p_maxt", "q_bh"), "p"),
}
VERDICTS = ("equal", "within", "outside", "missing row", "extra row")


def kind(table: str, column: str) -> str | None:
    """Return the kind of a column: `measured`, `p` or `counted`; None when it must be equal."""
    exact = (
        table in ("alignments", "models", "source_nulls")
        or tables.COLUMNS[table][column].dtype != "float"
    )
    return _KINDS.get(column, None if exact else "measured")


def tolerances(changes: Mapping[str, float]) -> dict[str, float]:
    """Return the default tolerances with changes; StudyError for an unknown kind or no number."""
    for name, value in changes.items():
        if name not in TOLERANCES or not value >= 0:
            raise StudyError(
                f"tolerance {name}={value:g}: valid are numbers from 0 for {', '.join(TOLERANCES)}"
            )
    return TOLERANCES | dict(changes)


def compare(
    committed: pd.DataFrame, found: pd.DataFrame, table: str, allowed: Mapping[str, float]
) -> pd.DataFrame:
    """Return each cell of two versions of a table and whether they agree.

    Args:
        committed: all cells as text, as they stand in the csv file.
        found: the other version, likewise.
        table: the table's name.
        allowed: the tolerance of each kind of column.

    Returns:
        One row for each cell (for a row that only one version has, one in all): `table`, `row` (the
        values of the table's key), `column`, `committed`, `found`, `difference`, `verdict`
        (one of `VERDICTS`).
    """
    key, columns = tables.KEYS[table], list(tables.COLUMNS[table])
    for version, name in ((committed, "committed"), (found, "new")):
        if list(version.columns) != columns:
            raise StudyError(
                f"table {table}: the {name} one has the columns {', '.join(version.columns)}; "
                f"this version of the workflow makes {', '.join(columns)}"
            )
    old, new = (
        {tuple(row[name] for name in key): row for row in frame.to_dict("records")}
        for frame in (committed, found)
    )
    cells = []
    for row in [*old, *(row for row in new if row not in old)]:
        place = {"table": table, "row": " ".join(row)}
        if row not in new or row not in old:
            cells.append(place | {"verdict": "missing row" if row in old else "extra row"})
            continue
        for column in columns:
            pair = old[row][column], new[row][column]
            difference, verdict = _verdict(*pair, kind(table, column), allowed)
            cells.append(
                place
                | {"column": column, "committed": pair[0], "found": pair[1]}
                | {"difference": difference, "verdict": verdict}
            )
    names = ["table", "row", "column", "committed", "found", "difference", "verdict"]
    return pd.DataFrame(cells, columns=names)


def agree(cells: pd.DataFrame) -> bool:
    """Return whether all cells of `compare` are equal or within their tolerance."""
    return bool(cells["verdict"].isin(["equal", "within"]).all())


def summary(cells: pd.DataFrame, allowed: Mapping[str, float], shown: int) -> str:
    """Return what a person reads: the counts by table, and the first `shown` cells outside."""
    counts = pd.crosstab(cells["table"], cells["verdict"]).reindex(columns=VERDICTS, fill_value=0)
    limits = ", ".join(f"{name} {value:g}" for name, value in allowed.items())
    lines = [f"Tolerances: {limits}; everything else must be equal.", "", counts.to_string()]
    outside = cells[~cells["verdict"].isin(["equal", "within"])]
    for cell in outside.head(shown).to_dict("records"):
        lines.append(f"{cell['table']}, {cell['row']}: {cell['verdict']}")
        if cell["verdict"] == "outside":
            lines[-1] += f", {cell['column']} was {cell['committed']!r}, is {cell['found']!r}"
    if len(outside) > shown:
        lines.append(f"... and {len(outside) - shown} more")
    lines.append("The tables agree." if outside.empty else "The tables do not agree.")
    return "\n".join(lines)


def _verdict(
    committed: str, found: str, kind: str | None, allowed: Mapping[str, float]
) -> tuple[float | None, str]:
    if committed == found:
        return 0.0, "equal"
    try:
        a, b = float(committed), float(found)
    except ValueError:
        return None, "outside"
    if kind == "p":
        a, b = min(a, LARGE_P), min(b, LARGE_P)
    difference = abs(a - b) / max(1.0, abs(a))
    # A tolerance of 0 asks for the same text: 1.0 and 1 are one number, but not one table.
    tolerance = allowed[kind] if kind else 0.0
    agrees = math.isfinite(difference) and tolerance > 0 and difference <= tolerance
    return difference, "within" if agrees else "outside"
