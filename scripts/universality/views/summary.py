"""A study in plain sentences and on one page, computed from its tables."""

import html
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from universality.views import cells, roles

Tables = Mapping[str, pd.DataFrame]

CORRELATION = "correlation_heldout"
NAMES = {
    "svcca": "SVCCA",
    "rsa": "RSA",
    "correlation_fit": "Mean correlation on the match split",
    CORRELATION: "Mean held-out correlation",
}
SIGNIFICANT = 0.05
LONGEST = 24  # cells in the page's table; of a larger grid the best are shown
PERMUTATIONS_PER_CELL = 20  # fewer cannot resolve p over a grid (Groeger et al. 2602.14486)


def answers(tables: Tables) -> list[str]:
    """Return the sentences that answer the study's question, for each pair of models.

    One sentence for the held-out correlation of matched features and for each metric that the
    study scored: the mean over the cross cells, beside the ceilings and floors of the same cells
    and the null; then the best cell. The method is hungarian, or the first one that there is.
    """
    scores = tables["scores"]
    pairs = roles.cross_pairs(scores)
    if not pairs:
        return ["The study has no cross comparison."]
    sentences = []
    for pair in pairs:
        for metric in [CORRELATION, *_metrics(scores)]:
            method = cells.default_method(cells.select(scores, metric))
            grid = cells.cells(scores, pair, metric, method)
            if len(grid):
                sentences.append(_answer(grid, pair, metric, method))
        sentences += _best(scores, pair)
    return sentences


def markdown(tables: Tables, study: str) -> str:
    """Return the study as one page of Markdown: question, answer, cells, SAEs, models, gaps.

    Every name is escaped, so that a model called `<b>` or `$x_1$` is shown as it is called.
    """
    scores = tables["scores"]
    lines = [f"# {_escape(study)}", "", "## Question", ""]
    lines.append(
        "Do these models learn features that correspond, and do their decoder directions have "
        "the same geometry? A score stands between its floor (what chance, an untrained model or "
        "the residual basis gives) and its ceiling (two SAEs of one model and layer)."
    )
    lines += ["", "## Answer", "", *_bullets(answers(tables))]
    for pair in roles.cross_pairs(scores):
        lines += ["", f"## {_escape(str(pair))}", "", *_cell_table(scores, pair)]
    lines += ["", "## SAEs", "", *_sae_table(tables["saes"])]
    lines += ["", "## Alignment", "", *_alignment_table(tables["alignments"])]
    lines += ["", "## Models and licences", "", *_model_table(tables["models"])]
    lines += ["", "## What could not be resolved", "", *_bullets(unresolved(tables))]
    return "\n".join(lines) + "\n"


def unresolved(tables: Tables) -> list[str]:
    """Return a sentence for each thing that the tables leave open.

    These are refused scores with their reasons, ceilings and floors that a pair lacks, grids with
    too few permutations for their number of cells, and SAEs that fail the study's gate.
    """
    scores = tables["scores"]
    sentences = []
    refused = scores[scores["value"].isna()]
    for (metric, kind), group in refused.groupby(["metric", "kind"]):
        for reason, part in group.groupby(cells.reasons(group)):
            where = f"{_name(str(metric))} of {_count(len(part), f'{kind} matching')}"
            methods = ", ".join(sorted(part["method"].unique()))
            sentences.append(f"Refused: {where} ({methods}): {reason}.")
    for pair in roles.cross_pairs(scores):
        sentences += _missing(scores, pair)
        sentences += [*_too_few_pairs(scores, pair), *_too_few_permutations(scores, pair)]
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


def _metrics(scores: pd.DataFrame) -> list[str]:
    return sorted(set(scores["metric"]) - set(cells.CORRELATIONS))


def _answer(grid: pd.DataFrame, pair: roles.Pair, metric: str, method: str) -> str:
    """Return the sentence on one metric: mean of the cells beside null, ceilings and floors."""
    scored = grid[grid["value"].notna()]
    what = f"{_name(metric)} of matched features ({method}), {pair}:"
    if scored.empty:
        return f"{what} refused in each of {_count(len(grid), 'cross cell')}."
    parts = [f"{scored['value'].mean():.3f} over {_count(len(scored), 'cross cell')}"]
    if scored["null_mean"].notna().any():
        tested = scored["q_bh"].dropna()
        reached = f"{(tested <= SIGNIFICANT).sum()} of {_count(len(tested), 'tested cell')}"
        parts.append(f"null {_mean(scored['null_mean'])}, {reached} with q <= {SIGNIFICANT}")
    parts += [
        f"ceiling of {model} {_mean(scored[role])}"
        for role, model in (("ceiling a", pair.model_a), ("ceiling b", pair.model_b))
        if role in scored and scored[role].notna().any()
    ]
    for role in _floors(scored):
        present = scored[role].notna().sum()
        if present:
            at = "" if present == len(scored) else f" (at {present} of these cells)"
            parts.append(f"floor of {role} {_mean(scored[role])}{at}")
    return f"{what} {'; '.join(parts)}."


def _best(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    method = cells.default_method(cells.select(scores, CORRELATION))
    grid = cells.cells(scores, pair, CORRELATION, method)
    if grid["value"].isna().all():
        return []
    best = grid.nlargest(1, "value").iloc[0]
    ceilings = [f"{best[r]:.3f}" for r in ("ceiling a", "ceiling b") if pd.notna(best.get(r))]
    beside = f", ceilings there {' and '.join(ceilings)}" if ceilings else ""
    return [
        f"Most alike by held-out correlation ({method}): layer {best['layer_a']} of "
        f"{pair.model_a} and layer {best['layer_b']} of {pair.model_b}, "
        f"{best['value']:.3f}{beside}."
    ]


def _missing(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return which ceilings and floors of `pair` are missing, and at how many cells."""
    method = cells.default_method(cells.select(scores, CORRELATION))
    grid = cells.cells(scores, pair, CORRELATION, method)
    names = {"ceiling a": f"ceiling of {pair.model_a}", "ceiling b": f"ceiling of {pair.model_b}"}
    names |= {role: f"floor of {role}" for role in roles.FLOORS}
    absent = {role: len(grid) - _present(grid, role) for role in names}
    return [
        f"No {names[role]} at {number} of {_count(len(grid), 'cross cell')} of {pair}."
        for role, number in absent.items()
        if number
    ]


def _too_few_pairs(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return which geometries stand on too few pairs to be read beside the cross cells."""
    sentences = []
    for metric in _metrics(scores):
        chosen = cells.select(scores, metric)
        rows = roles.beside(cells.select(scores, metric, cells.default_method(chosen)), pair)
        usual = cells.span(rows.loc[rows["role"] == "cross", "n"])
        for role, few in cells.incomparable(rows).groupby("role"):
            sentences.append(
                f"{_name(metric)} of the {role} of {pair} stands on {cells.span(few['n'])} kept "
                f"pairs, too few to be read beside the {usual} of the cross cells."
            )
    return sentences


def _too_few_permutations(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    sentences = []
    for metric in _metrics(scores):
        grid = cells.cells(scores, pair, metric, cells.default_method(cells.select(scores, metric)))
        m, needed = grid["m"].dropna().min(), PERMUTATIONS_PER_CELL * len(grid)
        if m < needed:
            sentences.append(
                f"{_name(metric)} of {pair}: {int(m)} permutations cannot resolve p over "
                f"{_count(len(grid), 'cell')}; {needed} would."
            )
    return sentences


def _cell_table(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return one row per cross cell, highest correlation first if the grid is large."""
    method = cells.default_method(cells.select(scores, CORRELATION))
    grid = cells.cells(scores, pair, CORRELATION, method)
    shown = grid if len(grid) <= LONGEST else grid.nlargest(LONGEST, "value")
    note = "" if len(grid) <= LONGEST else f", the {LONGEST} highest of {len(grid)} cells"
    beside = ["ceiling a", "ceiling b", *_floors(grid)]
    columns = ["layer a", "layer b", "n", "correlation", *beside]
    rows = [
        [str(row["layer_a"]), str(row["layer_b"]), str(row["n"]), _number(row["value"])]
        + [_number(row.get(role)) for role in beside]
        for row in shown.to_dict("records")
    ]
    for metric in _metrics(scores):
        columns.append(f"{_name(metric)} (null; p)")
        by_layer = {
            (row["layer_a"], row["layer_b"]): row
            for row in cells.cells(scores, pair, metric, method).to_dict("records")
        }
        for row, cell in zip(rows, shown.to_dict("records"), strict=True):
            row.append(_tested(by_layer.get((cell["layer_a"], cell["layer_b"]), {})))
    intro = (
        f"a is {pair.side_a}, b is {pair.side_b}. Held-out correlation is the mean over matched "
        f"pairs ({method}){note}; n is their number; – is missing or refused."
    )
    return [_escape(intro), "", *_table(columns, rows)]


def _sae_table(saes: pd.DataFrame) -> list[str]:
    rows = [
        [
            sae["model"],
            str(sae["layer"]),
            sae["dictionary"],
            str(sae["d_sae"]),
            f"{sae['fvu']:.3f}",
            f"{sae['l0']:.1f}",
            f"{sae['alive']:.1%}",
            "yes" if sae["passed"] else "no",
        ]
        for sae in saes.to_dict("records")
    ]
    columns = ["model", "layer", "dictionary", "features", "FVU", "L0", "alive", "passed"]
    return _table(columns, rows)


def _alignment_table(alignments: pd.DataFrame) -> list[str]:
    rows = [
        [
            row["model_a"],
            row["model_b"],
            str(row["documents"]),
            str(row["aligned"]),
            f"{row['share_a']:.1%}",
            f"{row['share_b']:.1%}",
            str(row["heldout"]),
        ]
        for row in alignments.to_dict("records")
    ]
    columns = ["a", "b", "documents", "aligned tokens", "share of a", "share of b", "held-out"]
    return _table(columns, rows)


def _model_table(models: pd.DataFrame) -> list[str]:
    rows = [
        [
            row["model"],
            row["source"],
            "not stated" if pd.isna(row["license"]) else row["license"],
            row["architecture"],
            str(row["layers"]),
            str(row["d_model"]),
            f"{row['parameters']:,}",
        ]
        for row in models.to_dict("records")
    ]
    columns = ["model", "source", "licence", "architecture", "layers", "width", "parameters"]
    return _table(columns, rows)


def _floors(grid: pd.DataFrame) -> list[str]:
    others = sorted(column for column in grid.columns if column.startswith("dictionary "))
    return [role for role in (*roles.FLOORS, *others) if role in grid.columns]


def _present(grid: pd.DataFrame, role: str) -> int:
    return int(grid[role].notna().sum()) if role in grid.columns else 0


def _name(metric: str) -> str:
    return NAMES.get(metric, metric)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _mean(values: pd.Series) -> str:
    return _number(values.mean())


def _number(value: float | None) -> str:
    # "+ 0" turns a rounded -0.000 into 0.000.
    return "–" if value is None or pd.isna(value) else f"{round(value, 3) + 0:.3f}"


def _tested(score: Mapping[Hashable, Any]) -> str:
    if pd.isna(score.get("value")):
        return "–"
    p = score["p"]
    shown = "–" if pd.isna(p) else f"{p:.2g}"
    return f"{_number(score['value'])} ({_number(score['null_mean'])}; {shown})"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *([_escape(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _bullets(sentences: Sequence[str]) -> list[str]:
    return [f"- {_escape(sentence)}" for sentence in sentences]


def _escape(text: str) -> str:
    """Return Markdown that shows `text` as it is: no markup, HTML, mathematics, or line breaks."""
    text = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("$", "&#36;")
