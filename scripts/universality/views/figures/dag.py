"""The graph of a workflow's rules, drawn in layers from the sources to the target.

The method is that of Sugiyama, Tagawa and Toda (1981): layers by longest path, long edges cut into
one piece per layer, each layer ordered by the mean position of its neighbours, then shifted so that
edges run straight.
"""

import re
from collections import defaultdict
from itertools import accumulate, pairwise
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from universality.errors import StudyError
from universality.views import style

Edge = tuple[str, str]
Node = str | tuple[str, str, int]  # a rule, or the point where a long edge crosses a layer

BOX = {
    "boxstyle": "round,pad=0.35",
    "facecolor": "#E8F1F8",
    "edgecolor": style.OKABE_ITO[0],
    "linewidth": 0.8,
}
EDGE = "0.5"
SWEEPS = 24
HALF, HEAD = 0.21, 0.12  # half the height of a box, and an arrow's head; layers are 1 apart

_NODE = re.compile(r'^\s*(\d+)\s*\[label\s*=\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_EDGE = re.compile(r"^\s*(\d+)\s*->\s*(\d+)\s*;?\s*$", re.MULTILINE)


def parse_dot(text: str) -> list[Edge]:
    """Return the edges (from, to) between rules in the output of `snakemake --rulegraph`.

    Raises:
        StudyError: the text holds no graph, or an edge of a node without a label.
    """
    if "digraph" not in text:
        raise StudyError(
            f"rule graph: found {text[:40]!r}, valid is `snakemake --rulegraph` output"
        )
    names = {number: label.split("\\n")[0] for number, label in _NODE.findall(text)}
    unknown = [n for edge in _EDGE.findall(text) for n in edge if n not in names]
    if unknown:
        raise StudyError(f"rule graph: node {unknown[0]} has an edge but no label")
    # Sorted, since Snakemake numbers its nodes in another order in each run.
    return sorted((names[a], names[b]) for a, b in _EDGE.findall(text))


def reduced(edges: list[Edge]) -> list[Edge]:
    """Return the edges without those that a longer path implies (the transitive reduction).

    An edge of a rule to itself (a model made from a model) goes too.
    """
    following: dict[str, set[str]] = defaultdict(set)
    for a, b in edges:
        if a != b:
            following[a].add(b)

    def reached(rules: set[str]) -> set[str]:
        seen: set[str] = set()
        while rules:
            seen |= rules
            rules = {c for b in rules for c in following[b]} - seen
        return seen

    direct = {a: list(after) for a, after in following.items()}
    implied = {
        (a, c) for a, after in direct.items() for b in after for c in reached(following[b] - {b})
    }
    return [(a, b) for a, b in edges if a != b and (a, b) not in implied]


def layers_of(edges: list[Edge]) -> dict[str, int]:
    """Return the layer of each rule: the length of the longest path that leads to it.

    Raises:
        StudyError: the edges form a cycle.
    """
    before: dict[str, set[str]] = defaultdict(set)
    for a, b in edges:
        before[a], before[b] = before[a], before[b] | {a}
    layers: dict[str, int] = {}
    while len(layers) < len(before):
        ready = [r for r, needs in before.items() if r not in layers and needs <= layers.keys()]
        if not ready:
            stuck = sorted(before.keys() - layers.keys())
            raise StudyError(
                f"rule graph: the rules {stuck} form a cycle, valid is a graph without"
            )
        layers.update({r: max((layers[n] + 1 for n in before[r]), default=0) for r in ready})
    return layers


@style.styled
def rule_graph(edges: list[Edge]) -> Figure:
    """Draw the rules as boxes and the edges as arrows, in layers from top to bottom.

    Top to bottom, because a study is a long chain of rules: side by side their names would not
    fit on a page at a readable size.

    Raises:
        StudyError: the edges form a cycle.
    """
    if not edges:
        return style.nothing("The workflow has fewer than two rules.")
    layers = layers_of(edges)
    routes = [_route(a, b, layers) for a, b in edges]
    neighbours: dict[Node, set[Node]] = defaultdict(set)
    for a, b in (step for route in routes for step in pairwise(route)):
        neighbours[a].add(b)
        neighbours[b].add(a)
    rows = _ordered(routes, layers, neighbours)
    x = _placed(rows, neighbours)
    left, right = min(x.values()) - 0.6, max(x.values()) + 0.6
    figure = Figure(
        figsize=(min(style.FULL_WIDTH, max(1.0 * (right - left), 3.0)), 0.46 * len(rows) + 0.3),
        layout="constrained",
    )
    figure.suptitle(f"The {len(layers)} rules: arrows point from a rule to those that read it")
    ax = figure.subplots()
    y = {node: -float(depth) for depth, row in enumerate(rows) for node in row}
    for route in routes:
        _arrow(ax, [(x[node], y[node]) for node in route])
    for rule in layers:
        ax.text(x[rule], y[rule], rule, ha="center", va="center", bbox=BOX)
    ax.set_xlim(left, right)
    ax.set_ylim(-len(rows) + 0.6, 0.4)
    ax.set_axis_off()
    return figure


def _route(a: str, b: str, layers: dict[str, int]) -> list[Node]:
    """Return the nodes from `a` to `b`, one in each layer between."""
    return [a, *((a, b, layer) for layer in range(layers[a] + 1, layers[b])), b]


def _ordered(
    routes: list[list[Node]], layers: dict[str, int], neighbours: dict[Node, set[Node]]
) -> list[list[Node]]:
    """Return the nodes of each layer, ordered so that few edges cross."""
    rows: list[list[Node]] = [[] for _ in range(max(layers.values()) + 1)]
    for route in routes:
        for depth, node in enumerate(route, start=layers[str(route[0])]):
            if node not in rows[depth]:
                rows[depth].append(node)
    position: dict[Node, float] = {}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = {node: _mean(position, neighbours[node]) for node in row}
            row.sort(key=wanted.__getitem__)
            position.update({node: i - (len(row) - 1) / 2 for i, node in enumerate(row)})
    return rows


def _placed(rows: list[list[Node]], neighbours: dict[Node, set[Node]]) -> dict[Node, float]:
    """Return the x of each node: near its neighbours, in order, and far enough from the next."""
    x: dict[Node, float] = {}
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            room = [1.0 if isinstance(node, str) else 0.3 for node in row]
            starts = list(accumulate(((a + b) / 2 for a, b in pairwise(room)), initial=0.0))
            wanted = [_mean(x, neighbours[n]) - s for n, s in zip(row, starts, strict=True)]
            x.update(zip(row, map(sum, zip(_ascending(wanted), starts, strict=True)), strict=True))
    return x


def _ascending(values: list[float]) -> list[float]:
    """Return the ascending sequence nearest to `values` in least squares (pool the violators)."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [fmean(pool) for pool in pools for _ in pool]


def _mean(position: dict[Node, float], nodes: set[Node]) -> float:
    return fmean([position[node] for node in sorted(nodes, key=str) if node in position] or [0.0])


def _arrow(ax: Axes, points: list[tuple[float, float]]) -> None:
    """Draw a smooth curve through `points` that leaves and enters each one vertically."""
    x, y = points[0]
    vertices, codes = [(x, y)], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        top, bottom, middle = y0 - HALF, y1 + HALF + HEAD, (y0 + y1) / 2
        vertices += [(x0, top), (x0, middle), (x1, middle), (x1, bottom), (x1, y1)]
        codes += [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4, Path.LINETO]
    curve = Path(vertices, codes)
    ax.add_patch(PathPatch(curve, facecolor="none", edgecolor=EDGE, linewidth=0.8, zorder=1))
    x, y = points[-1]
    ax.plot(x, y + HALF + HEAD / 2, marker="v", markersize=3.5, color=EDGE, zorder=1)
