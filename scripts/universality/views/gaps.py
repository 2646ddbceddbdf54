"""What a study leaves open: refusals, missing ceilings and floors, too few permutations."""

from collections.abc import Mapping

import pandas as pd

from universality.views import cells, roles, wording
from universality.views.cells import CORRELATION
from universality.views.names import metric_name

PERMUTATIONS_PER_CELL = 20  # fewer cannot resolve p over a grid (Groeger et al. 2602.14486)
NAMED = 4  # metrics that are named where many share a reason


def unresolved(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a sentence for each thing that the tables leave open.

    These are refused scores with their reasons (over all features, of categories, as published),
    ceilings and floors that a pair lacks, positions without an interval, grids with too few
    permutations for their number of cells, and SAEs that fail the study's gate.
    """
    scores = tables["scores"]
    calibrated = scores[scores["protocol"] == "calibrated"]
    sentences = _refused(calibrated[calibrated["subspace"] == "all"], "matching")
    sentences += _refused(calibrated[calibrated["subspace"] != "all"], "score", " of categories")
    published = tables["published_vs_calibrated"].assign(method="published")
    sentences += _refused(published, "score", " of the published protocol and its corrections")
    for pair in roles.cross_pairs(scores):
        sentences += _missing(scores, pair)
        sentences += [*_too_few_pairs(scores, pair), *_too_few_permutations(scores, pair)]
    sentences += _unplaced(tables["positions"])
    for sae in tables["saes"].query("not passed").to_dict("records"):
        sentences.append(
            f"The SAE {sae['dictionary']} of {sae['model']}, layer {sae['layer']}, fails the "
            f"study's gate: it leaves {sae['fvu']:.3f} of the variance unexplained."
        )
    if sentences:
        return sentences
    if scores.empty:
        return ["Everything: the study has no scores."]
    return ["Nothing: every score was computed, beside its ceilings and floors."]


def _refused(rows: pd.DataFrame, noun: str, of: str = "") -> list[str]:
    """Return a sentence for each reason why scores are missing; `of` says of what kind."""
    refused = rows[rows["value"].isna()].copy()
    told: dict[tuple[str, str, int, str], list[str]] = {}
    for (metric, kind), group in refused.groupby(["metric", "kind"]):
        for reason, part in group.groupby(cells.reasons(group)):
            methods = ", ".join(sorted(part["method"].unique()))
            key = (str(kind), str(reason), len(part), methods)
            told.setdefault(key, []).append(metric_name(str(metric)))
    sentences = []
    for (kind, reason, number, methods), metrics in told.items():
        names = _names(metrics)
        where = "" if of else f" ({methods})"
        counted = wording.count(number, f"{kind} {noun}")
        sentences.append(f"Refused: {names} of {counted}{of}{where}: {reason}.")
    return sentences


def _missing(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return which ceilings and floors of `pair` are missing, and at how many cells."""
    method = cells.default_method(cells.select(scores, CORRELATION))
    grid = cells.cells(scores, pair, CORRELATION, method)
    names = {"ceiling a": f"ceiling of {pair.model_a}", "ceiling b": f"ceiling of {pair.model_b}"}
    names |= {role: f"floor of {role}" for role in roles.FLOORS}
    absent = {role: len(grid) - _present(grid, role) for role in names}
    return [
        f"No {names[role]} at {number} of {wording.count(len(grid), 'cross cell')} of {pair}."
        for role, number in absent.items()
        if number
    ]


def _present(grid: pd.DataFrame, role: str) -> int:
    return int(grid[role].notna().sum()) if role in grid.columns else 0


def _too_few_pairs(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return which geometries stand on too few pairs to be read beside the cross cells."""
    told: dict[str, list[str]] = {}
    for metric in cells.geometries(scores):
        chosen = cells.select(scores, metric)
        rows = roles.beside(cells.select(scores, metric, cells.default_method(chosen)), pair)
        for role, few in cells.incomparable(rows).groupby("role"):
            usual = cells.span(rows.loc[rows["role"] == "cross", "n"])
            sentence = (
                f"of the {role} of {pair} on {cells.span(few['n'])} kept pairs: too few to be read "
                f"beside the {usual} of the cross cells."
            )
            told.setdefault(sentence, []).append(metric_name(metric))
    return [f"{wording.listed(metrics)} {sentence}" for sentence, metrics in told.items()]


def _too_few_permutations(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    told: dict[str, list[str]] = {}
    for metric in cells.geometries(scores):
        grid = cells.cells(scores, pair, metric, cells.default_method(cells.select(scores, metric)))
        m, needed = grid["m"].dropna().min(), PERMUTATIONS_PER_CELL * len(grid)
        if m < needed:
            sentence = (
                f"of {pair}: {int(m)} permutations cannot resolve p over "
                f"{wording.count(len(grid), 'cell')}; {needed} would."
            )
            told.setdefault(sentence, []).append(metric_name(metric))
    return [f"{wording.listed(metrics)} {sentence}" for sentence, metrics in told.items()]


def _unplaced(positions: pd.DataFrame) -> list[str]:
    """Return why positions, or their intervals, are missing where the score is not."""
    rows = positions[positions["method"] == cells.default_method(positions)]
    told = (rows["metric"] == CORRELATION) | cells.of_geometry(rows)
    rows = rows[told & rows["value"].notna() & rows["low"].isna()]
    found: dict[tuple[str, int, str], list[str]] = {}
    for (metric, known), group in rows.groupby(["metric", rows["position"].notna()]):
        what = "interval of the position" if known else "position"
        for reason, part in group.groupby(cells.reasons(group)):
            found.setdefault((what, len(part), str(reason)), []).append(metric_name(str(metric)))
    sentences = []
    for (what, number, reason), metrics in found.items():
        at = wording.count(number, "cross cell")
        sentences.append(
            f"No {what} between floor and ceiling by {_names(metrics)} at {at}: {reason}."
        )
    return sentences


def _names(metrics: list[str]) -> str:
    more = len(metrics) - NAMED
    return wording.listed([*metrics[:NAMED], f"{more} more metrics"] if more > 1 else metrics)
