"""What the figures draw: their data, numbers and texts, on plain and on awkward tables."""

import example_tables as example
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from universality.errors import StudyError
from universality.views import cells, roles, style, tables
from universality.views.figures import FIGURES, dag, draw, grid, parse_dot, reduced, rule_graph
from universality.views.figures.correlation_distribution import LEVELS, quantiles

PAIR = roles.Pair(example.A, "topk-s0", example.B, "topk-s0")
HOSTILE = {"$x_1$ <b>": (3,), "_b&": (5,)}


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def _panels(figure: Figure) -> dict[str, Axes]:
    return {ax.get_title(): ax for ax in figure.findobj(Axes) if ax.get_title()}


def _lines(ax: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {str(line.get_label()): (line.get_xdata(), line.get_ydata()) for line in ax.lines}


def _hostile() -> dict[str, pd.DataFrame]:
    a, b = HOSTILE
    names = {"a": a, "b": b, "layers": HOSTILE}
    made = {name: make(**names) for name, make in example.DETAILS.items()}
    categories = example.subspaces(**names, categories={"$_c$ <i>&": 20})
    scores = pd.concat([example.scores(**names), categories])
    return made | {
        "scores": scores,
        "matches": example.matches(**names),
        "positions": example.positions(**names),
        "saes": example.saes().replace({example.A: a, example.B: b}),
    }


@pytest.mark.parametrize("metric", ["svcca", "rsa"])
def test_grid_draws_the_scores_of_each_method(metric: str) -> None:
    scores = example.scores()
    panels = _panels(draw(f"grid_{metric}", {"scores": scores}))
    assert [title.split("\n")[0] for title in panels] == sorted(example.METHODS)
    for title, ax in panels.items():
        method = title.split("\n")[0]
        expected = cells.cells(scores, PAIR, metric, method)["value"].to_numpy().reshape(3, 3)
        (image,) = ax.findobj(AxesImage)
        np.testing.assert_array_equal(np.ma.filled(image.get_array(), np.nan), expected)
        assert [t.get_text() for t in ax.get_xticklabels()] == ["4", "8", "13"]
        assert [t.get_text() for t in ax.get_yticklabels()] == ["7", "14", "21"]


def test_grid_annotates_value_null_and_p() -> None:
    ax = _panels(draw("grid_svcca", {"scores": example.scores()}))["hungarian\nn = 700"]
    at = {text.get_position(): text.get_text() for text in ax.texts}
    assert at[1, 1] == "0.22\nnull 0.085\np 0.001"
    assert at[0, 2] == "0.24\nnull 0.085\np 0.001"  # layer 4 of b, layer 21 of a


def test_grid_hatches_a_refused_cell_and_says_why() -> None:
    figure = draw("grid_svcca", {"scores": example.scores()})
    ax = _panels(figure)["mutual_nearest\nn = 150 to 750"]
    (patch,) = ax.patches
    assert patch.get_hatch() == "////"
    assert patch.get_xy() == (-0.5, -0.5)
    assert any(f"refused in 1 of 45 cells: {example.REFUSED}" in text for text in _texts(figure))


def test_a_large_grid_has_no_numbers_but_dots_what_is_not_significant() -> None:
    layers = {example.A: tuple(range(30)), example.B: tuple(range(26))}
    scores = example.scores(layers=layers)
    scores = scores[(scores["kind"] == "cross") & (scores["method"] == "hungarian")]
    scores.loc[(scores["layer_a"] == 3) & (scores["layer_b"] == 20), "q_bh"] = 0.2
    figure = grid({"scores": scores}, "rsa")
    (ax,) = _panels(figure).values()
    assert not ax.texts
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines] == [(20, 3)]
    assert any("Dot: q > 0.05" in text for text in _texts(figure))


def test_grid_has_a_block_for_each_pair() -> None:
    layers = example.LAYERS | {"third": (2, 5)}
    scores = pd.concat([example.scores(), example.scores(a=example.B, b="third", layers=layers)])
    texts = _texts(grid({"scores": scores}, "svcca"))
    assert texts.count("hungarian\nn = 700") == 2
    assert "smollm2-135m (topk-s0) and gemma3-270m (topk-s0)" in texts
    assert "gemma3-270m (topk-s0) and third (topk-s0)" in texts


def test_correlation_by_layer_draws_cross_ceilings_and_floors() -> None:
    panels = _panels(draw("correlation_by_layer", {"scores": example.scores()}))
    assert list(panels) == ["layer 4 of b", "layer 8 of b", "layer 13 of b"]
    lines = _lines(panels["layer 8 of b"])
    x, y = lines["cross"]
    assert list(x) == [7, 14, 21]
    np.testing.assert_allclose(y, [0.436, 0.45, 0.464])
    assert list(lines["ceiling a"][1]) == [0.52] * 3
    assert list(lines["ceiling b"][1]) == [0.55] * 2
    assert list(lines["floor: permuted rows"][1]) == [0.018] * 3
    assert list(lines["floor: residual basis"][1]) == [0.21] * 3
    assert [list(side) for side in lines["floor: re-initialised model"]] == [[14], [0.011]]
    assert "floor: re-initialised model" not in _lines(panels["layer 4 of b"])


def test_correlation_by_layer_has_one_legend_entry_per_role() -> None:
    (legend,) = draw("correlation_by_layer", {"scores": example.scores()}).legends
    assert [t.get_text() for t in legend.get_texts()] == [s.label for s in style.ROLES.values()]


def test_distribution_draws_the_quantiles_of_each_role() -> None:
    matches = example.matches()
    figure = draw("correlation_distribution", {"matches": matches})
    (ax,) = figure.axes
    lines = _lines(ax)
    assert list(lines) == [
        "cross, n = 360",
        "ceiling a, n = 120",
        "ceiling b, n = 120",
        "floor: residual basis, n = 360",
        "floor: re-initialised model, n = 40",
        "floor: permuted rows, n = 360",
    ]
    x, y = lines["cross, n = 360"]
    cross = matches[(matches["kind"] == "cross") & (matches["method"] == "hungarian")]
    values = cross["correlation_heldout"].to_numpy()
    assert (x.min(), x.max()) == (values.min(), values.max())
    np.testing.assert_array_equal(y, LEVELS)
    below = [(values <= r).mean() for r in x]
    assert all(np.array(below) >= LEVELS - 1e-12)


def test_quantiles_of_a_single_value() -> None:
    assert set(quantiles(pd.Series([0.3]))) == {0.3}


def test_sae_quality_draws_each_sae_and_marks_failures() -> None:
    saes = example.saes()
    saes.loc[0, "passed"] = False
    figure = draw("sae_quality", {"saes": saes})
    for ax, column in zip(figure.axes, ("fvu", "l0", "alive"), strict=True):
        drawn = np.concatenate([line.get_ydata() for line in ax.lines])
        np.testing.assert_allclose(np.sort(drawn), np.sort(saes[column]))
        layers = np.concatenate([line.get_xdata() for line in ax.lines])
        assert sorted(np.round(layers)) == sorted(saes["layer"])
        hollow = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
        assert [len(line.get_xdata()) for line in hollow] == [1]
    assert "hollow: fails the gate" in _texts(figure)


def test_sae_quality_leaves_the_residual_basis_out() -> None:
    neurons = example.saes().head(1).assign(dictionary="neurons", l0=576.0, fvu=0.0)
    figure = draw("sae_quality", {"saes": pd.concat([example.saes(), neurons])})
    assert "neurons" not in " ".join(_texts(figure))
    assert max(line.get_ydata().max() for line in figure.axes[1].lines) == 32


NAMES = [*FIGURES, "grid_svcca", "grid_rsa", "grid_correlation_heldout"]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_in_the_file_as_text(name: str, tmp_path) -> None:
    style.save(draw(name, _hostile()), tmp_path / name)
    svg = (tmp_path / f"{name}.svg").read_text()
    words = "".join(part.split("<")[0] for part in svg.split(">"))
    assert "$x_1$" in words
    assert "&lt;b&gt;" in words
    assert "_b&amp;" in words


@pytest.mark.parametrize("name", NAMES)
def test_empty_tables_say_so(name: str) -> None:
    nothing = {table: tables.empty(table) for table in tables.COLUMNS}
    (text,) = _texts(draw(name, nothing))
    assert text.startswith("The tables hold no")


RULEGRAPH = """digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans,                 fontsize=10, penwidth=2];
    edge[penwidth=2, color=grey];
\t0[label = "all", color = "0.13 0.6 0.85", style="rounded"];
\t1[label = "c", color = "0.40 0.6 0.85", style="rounded"];
\t2[label = "a_rule", color = "0.00 0.6 0.85", style="rounded"];
\t3[label = "b", color = "0.27 0.6 0.85", style="rounded"];
\t1 -> 0
\t3 -> 1
\t2 -> 1
\t2 -> 3
}
"""


def test_parse_dot_reads_a_rule_graph() -> None:
    assert parse_dot(RULEGRAPH) == [("a_rule", "b"), ("a_rule", "c"), ("b", "c"), ("c", "all")]


def test_parse_dot_refuses_what_is_no_rule_graph() -> None:
    with pytest.raises(StudyError, match="found 'Error in', valid is `snakemake --rulegraph`"):
        parse_dot("Error in")
    with pytest.raises(StudyError, match="node 9 has an edge but no label"):
        parse_dot("digraph {\n\t9 -> 9\n}")


def test_layers_are_longest_paths() -> None:
    assert dag.layers_of(parse_dot(RULEGRAPH)) == {"a_rule": 0, "b": 1, "c": 2, "all": 3}
    with pytest.raises(StudyError, match=r"rules \['x', 'y'\] form a cycle"):
        dag.layers_of([("x", "y"), ("y", "x")])


def test_rule_graph_places_every_rule_above_those_that_read_it() -> None:
    edges = parse_dot(RULEGRAPH)
    (ax,) = rule_graph(edges).axes
    place = {text.get_text(): text.get_position() for text in ax.texts}
    assert set(place) == {"all", "a_rule", "b", "c"}
    for a, b in edges:
        assert place[a][1] > place[b][1]
    for patch, (a, b) in zip(ax.patches, edges, strict=True):
        vertices = patch.get_path().vertices
        np.testing.assert_allclose(vertices[[0, -1]], [place[a], place[b]])


def test_rules_of_one_layer_do_not_overlap() -> None:
    edges = [(source, target) for source in "abcde" for target in "vwxyz"]
    (ax,) = rule_graph(edges).axes
    for layer in ("abcde", "vwxyz"):
        x = sorted(t.get_position()[0] for t in ax.texts if t.get_text() in layer)
        assert min(np.diff(x)) >= 1 - 1e-9


def test_crossings_that_can_be_avoided_are() -> None:
    edges = [("a", "z"), ("b", "y"), ("c", "x")]
    (ax,) = rule_graph(edges).axes
    place = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert (
        np.argsort([place[r] for r in "abc"]).tolist()
        == np.argsort([place[r] for r in "zyx"]).tolist()
    )


def test_reduced_drops_what_a_longer_path_implies() -> None:
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d"), ("b", "b"), ("a", "e")]
    assert reduced(edges) == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "e")]
