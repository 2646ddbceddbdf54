"""What a study says about its question, in a few sentences for each pair of models."""

from collections.abc import Mapping

import pandas as pd

from universality.views import cells, roles, wording
from universality.views.cells import CORRELATION, SIGNIFICANT
from universality.views.names import metric_name

Tables = Mapping[str, pd.DataFrame]
SHARED = "shared_fraction"


def answers(tables: Tables) -> list[str]:
    """Return the sentences that answer the study's question, for each pair of models.

    At most eight: on the held-out correlation of matched features and on each of the source's two
    metrics (mean over the cross cells, null, the same with the matching redone, ceilings, floors,
    position between them), on all other metrics together, on the estimated share of real
    counterparts, on what remains of the published protocol's conclusions, on the categories, and
    the best cell. The method is hungarian, or the first one that there is. Where the study has one
    pair alone, the first sentence alone names it.
    """
    scores = tables["scores"]
    pairs = roles.cross_pairs(scores)
    if not pairs:
        return ["The study has no cross comparison."]
    sentences = []
    for pair in pairs:
        metrics = cells.geometries(scores)
        told = cells.headlines(metrics)
        where = f", {pair}" if len(pairs) > 1 else ""
        sentences.append(_score(tables, pair, CORRELATION, f", {pair}"))
        sentences += [_score(tables, pair, metric, where) for metric in told]
        sentences.append(_others(tables, pair, [m for m in metrics if m not in told], where))
        sentences += [tell(tables, pair, where) for tell in (_shared, _published, _categories)]
        sentences.append(_best(scores, pair))
    return [sentence for sentence in sentences if sentence]


def _grid(scores: pd.DataFrame, pair: roles.Pair, metric: str) -> tuple[pd.DataFrame, str]:
    """Return the cells of a metric under the method to show, and that method."""
    method = cells.default_method(cells.select(scores, metric))
    return cells.cells(scores, pair, metric, method), method


def _score(tables: Tables, pair: roles.Pair, metric: str, where: str) -> str:
    """Return the sentence on one metric: mean of the cells beside nulls, ceilings and floors."""
    grid, method = _grid(tables["scores"], pair, metric)
    if grid.empty:
        return ""
    scored = grid[grid["value"].notna()]
    what = f"{metric_name(metric)} of matched features ({method}){where}:"
    if scored.empty:
        return f"{what} refused in each of {wording.count(len(grid), 'cross cell')}."
    parts = [f"{wording.mean(scored['value'])} over {wording.count(len(scored), 'cross cell')}"]
    parts += [*_null(scored), *_rematched(tables["nulls"], pair, metric, method)]
    parts += [
        f"ceiling of {model} {wording.mean(scored[role])}"
        for role, model in (("ceiling a", pair.model_a), ("ceiling b", pair.model_b))
        if role in scored and scored[role].notna().any()
    ]
    for role in floors(scored):
        present = scored[role].notna().sum()
        if present:
            at = "" if present == len(scored) else f" (at {present} of these cells)"
            parts.append(f"floor of {role} {wording.mean(scored[role])}{at}")
    position = mean_position(tables["positions"], pair, metric, method)
    if position:
        parts.append(f"{position} of the way from floor to ceiling")
    return f"{what} {'; '.join(parts)}."


def _null(scored: pd.DataFrame) -> list[str]:
    if scored["null_mean"].isna().all():
        return []
    name = "redone matchings" if (scored["null"] == "rematched").all() else "random pairings"
    return [
        f"null of {name} {wording.mean(scored['null_mean'])}, above it "
        f"{wording.reached(scored['q_bh'], SIGNIFICANT, 'cell')} by q <= {SIGNIFICANT} and "
        f"{(scored['p_maxt'] <= SIGNIFICANT).sum()} by max-T p <= {SIGNIFICANT}"
    ]


def _rematched(nulls: pd.DataFrame, pair: roles.Pair, metric: str, method: str) -> list[str]:
    rows = nulls[(nulls["metric"] == metric) & (nulls["method"] == method)]
    rows = rows[(rows["null"] == "rematched") & (rows["subspace"] == "all")]
    rows = cross(rows, pair).dropna(subset="null_mean")
    if rows.empty:
        return []
    told = f"null of matchings redone where nothing corresponds {wording.mean(rows['null_mean'])}"
    m = int(rows["m"].min())
    if 1 / (m + 1) > SIGNIFICANT:
        return [f"{told} ({m} are too few for p <= {SIGNIFICANT})"]
    above = wording.reached(rows["p"], SIGNIFICANT, "cell")
    return [f"{told}, above it {above} by p <= {SIGNIFICANT}"]


def _others(tables: Tables, pair: roles.Pair, metrics: list[str], where: str) -> str:
    """Return the sentence on all metrics that are not told of at length."""
    parts = []
    for metric in metrics:
        grid, method = _grid(tables["scores"], pair, metric)
        scored = grid[grid["value"].notna()]
        if len(scored):
            part = f"{metric_name(metric)} {wording.mean(scored['value'])}"
            part += f" (null {wording.mean(scored['null_mean'])}, "
            part += wording.reached(scored["p_maxt"], SIGNIFICANT, "cell")
            position = mean_position(tables["positions"], pair, metric, method)
            parts.append(f"{part}{f', position {position}' if position else ''})")
        elif len(grid):
            parts.append(f"{metric_name(metric)} refused")
    if not parts:
        return ""
    return (
        f"Other metrics{where} (their null, cells with max-T p <= {SIGNIFICANT}, position between "
        f"floor and ceiling): {'; '.join(parts)}."
    )


def _shared(tables: Tables, pair: roles.Pair, where: str) -> str:
    grid, method = _grid(tables["scores"], pair, SHARED)
    scored = grid[grid["value"].notna()]
    if scored.empty:
        return ""
    low, high = scored["ci_low"].mean(), scored["ci_high"].mean()
    return (
        f"Share of matched pairs ({method}) that are real counterparts, estimated from below"
        f"{where}: {wording.ranged(scored['value'].mean(), low, high)} over "
        f"{wording.count(len(scored), 'cross cell')}."
    )


def _published(tables: Tables, pair: roles.Pair, where: str) -> str:
    """Return what the published protocol concludes, and what remains after each correction."""
    steps = tables["published_vs_calibrated"]
    steps = roles.detailed(steps, pair)
    parts = []
    for metric in sorted(steps["metric"].unique(), reverse=True):
        rows = steps[steps["metric"] == metric]
        first, last = rows["step"].min(), rows["step"].max()
        start, end = (
            rows[(rows["step"] == step) & (rows["role"] == "cross")].set_index("comparison")
            for step in (first, last)
        )
        if start.empty or first == last:
            continue
        part = f"by {metric_name(metric)} {wording.reached(start['p'], SIGNIFICANT, 'cell')} "
        part += f"(p = 0 in {(start['p'] == 0).sum()}){_ceilings(rows, first)}; with all "
        part += f"corrections {wording.reached(end['p'], SIGNIFICANT, 'cell')}"
        both = set(start.index[start["p"] <= SIGNIFICANT])
        both &= set(end.index[end["p"] <= SIGNIFICANT])
        part += f", {len(both)} of them the same{_ceilings(rows, last)}"
        order = rank_correlation(start["value"], end["value"])
        if pd.notna(order):
            part += f" (rank correlation of the cells before and after {wording.number(order, 2)})"
        parts.append(part)
    if not parts:
        return ""
    return f"As published, significant (p <= {SIGNIFICANT}){where}: {'. And '.join(parts)}."


def _ceilings(rows: pd.DataFrame, step: int) -> str:
    p = rows.loc[(rows["step"] == step) & (rows["role"] != "cross"), "p"]
    return f" and {wording.reached(p, SIGNIFICANT, 'ceiling')}" if p.notna().any() else ""


def rank_correlation(x: pd.Series, y: pd.Series) -> float:
    """Return Spearman's correlation of two columns by index; NaN below three common rows."""
    both = pd.DataFrame({"x": x, "y": y}).dropna().astype(float).rank()
    if len(both) < 3 or (both.nunique() < 2).any():
        return float("nan")
    return float(both["x"].corr(both["y"]))


def _categories(tables: Tables, pair: roles.Pair, where: str) -> str:
    """Return which categories are more alike than random pairs, by the first metric that says."""
    rows = categories(tables["scores"], pair)
    rows = rows[cells.of_geometry(rows)]
    if rows.empty:
        return ""
    total = rows["comparison"].nunique()
    scored = rows.groupby("metric")["value"].count()
    if not scored.any():
        return f"Categories{where}: refused in all {wording.count(total, 'cell')}."
    metric = next((m for m in cells.HEADLINES if scored.get(m, 0)), str(scored.idxmax()))
    rows = rows[rows["metric"] == metric]
    known = rows[rows["value"].notna()]
    found = known[known["q"] <= SIGNIFICANT]
    counts = sorted(found["subspace"].value_counts().items(), key=lambda item: (-item[1], item[0]))
    alike = wording.listed([f"{name} at {number}" for name, number in counts])
    return (
        f"More alike than as many random pairs by {metric_name(metric)} (q <= {SIGNIFICANT} over "
        f"categories and cells){where}: {alike or 'no category'} of "
        f"{wording.count(total, 'cell')}; refused in {len(rows) - len(known)} of "
        f"{len(rows)}."
    )


def _best(scores: pd.DataFrame, pair: roles.Pair) -> str:
    grid, method = _grid(scores, pair, CORRELATION)
    if grid["value"].isna().all():
        return ""
    best = grid.nlargest(1, "value").iloc[0]
    ceilings = [f"{best[r]:.3f}" for r in ("ceiling a", "ceiling b") if pd.notna(best.get(r))]
    beside = f", ceilings there {' and '.join(ceilings)}" if ceilings else ""
    return (
        f"Most alike by held-out correlation ({method}): layer {best['layer_a']} of "
        f"{pair.model_a} and layer {best['layer_b']} of {pair.model_b}, "
        f"{best['value']:.3f}{beside}."
    )


def floors(grid: pd.DataFrame) -> list[str]:
    """Return the floors that `cells.cells` found, in the order in which they are told."""
    others = sorted(column for column in grid.columns if column.startswith("dictionary "))
    return [role for role in (*roles.FLOORS, *others) if role in grid.columns]


def cross(frame: pd.DataFrame, pair: roles.Pair) -> pd.DataFrame:
    """Return the cross rows of `pair`."""
    rows = roles.beside(frame, pair)
    return rows[rows["role"] == "cross"]


def categories(scores: pd.DataFrame, pair: roles.Pair) -> pd.DataFrame:
    """Return the scores of categories at the cross cells of `pair`, see `cells.categories`."""
    return cross(cells.categories(scores), pair)


def mean_position(positions: pd.DataFrame, pair: roles.Pair, metric: str, method: str) -> str:
    """Return the mean position over the cells, and the mean ends of their intervals; else ''."""
    rows = positions[(positions["metric"] == metric) & (positions["method"] == method)]
    rows = cross(rows, pair).dropna(subset="position")
    if rows.empty:
        return ""
    low, high = (rows[end].mean(skipna=False) for end in ("low", "high"))
    return wording.ranged(rows["position"].mean(), low, high)
