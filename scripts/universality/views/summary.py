"""A study in plain sentences and on one page, computed from its tables."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from universality.views import cells, roles, sections, wording
from universality.views.answers import Tables, answers, floors
from universality.views.cells import CORRELATION
from universality.views.gaps import unresolved
from universality.views.names import metric_name
from universality.views.sections import LONGEST
from universality.views.wording import escape, number, table

__all__ = ["LONGEST", "answers", "markdown", "unresolved"]


def markdown(tables: Tables, study: str) -> str:
    """Return the study as one page of Markdown: question, answer, cells, SAEs, models, gaps.

    Every name is escaped, so that a model called `<b>` or `$x_1$` is shown as it is called.
    """
    scores = tables["scores"]
    lines = [f"# {escape(study)}", "", "## Question", ""]
    lines.append(
        "Do these models learn features that correspond, and do their decoder directions have "
        "the same geometry? A score stands between its floor (what chance, an untrained model or "
        "the residual basis gives) and its ceiling (two SAEs of one model and layer)."
    )
    lines += ["", "## Answer", "", *wording.bullets(answers(tables))]
    for pair in roles.cross_pairs(scores):
        lines += ["", f"## {escape(str(pair))}", "", *_cell_table(scores, pair)]
        lines += sections.sections(tables, pair)
    lines += ["", "## SAEs", "", *_sae_table(tables["saes"])]
    lines += ["", "## Alignment", "", *_alignment_table(tables["alignments"])]
    lines += ["", "## Models and licences", "", *_model_table(tables["models"])]
    source = sections.source_nulls(tables["source_nulls"])
    lines += ["", "## The numbers that the source stored", "", *source] if source else []
    lines += ["", "## What could not be resolved", "", *wording.bullets(unresolved(tables))]
    return "\n".join(lines) + "\n"


def _cell_table(scores: pd.DataFrame, pair: roles.Pair) -> list[str]:
    """Return one row per cross cell, highest correlation first if the grid is large."""
    method = cells.default_method(cells.select(scores, CORRELATION))
    grid = cells.cells(scores, pair, CORRELATION, method)
    shown = grid if len(grid) <= LONGEST else grid.nlargest(LONGEST, "value")
    note = "" if len(grid) <= LONGEST else f", the {LONGEST} highest of {len(grid)} cells"
    beside = ["ceiling a", "ceiling b", *floors(grid)]
    columns = ["layer a", "layer b", "n", "correlation", *beside]
    rows = [
        [str(row["layer_a"]), str(row["layer_b"]), str(row["n"]), number(row["value"])]
        + [number(row.get(role)) for role in beside]
        for row in shown.to_dict("records")
    ]
    for metric in cells.geometries(scores):
        columns.append(f"{metric_name(metric)} (null; p)")
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
    return [escape(intro), "", *table(columns, rows)]


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
    return table(columns, rows)


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
    return table(columns, rows)


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
    return table(columns, rows)


def _tested(score: Mapping[Hashable, Any]) -> str:
    if pd.isna(score.get("value")):
        return wording.MISSING
    return f"{number(score['value'])} ({number(score['null_mean'])}; {wording.chance(score['p'])})"
