"""What the figures on protocols, filters, categories and positions draw."""

import functools
import math
from typing import Any

import example_tables as example
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text

from universality.views import roles, style, tables
from universality.views.figures import draw, heat

PAIR = roles.Pair(example.A, "topk-s0", example.B, "topk-s0")
GRID = {example.A: (3, 9, 15, 21, 27), example.B: tuple(range(1, 13))}
DETAILED = ["published_vs_calibrated", "sensitivity", "subspaces", "positions"]


LONG = "a-model-with-a-name-of-eighty-characters-" * 2
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "grid": {"layers": {example.A: (3, 9, 15, 21, 27), example.B: tuple(range(1, 13))}},
    "long": {"a": LONG[:-2], "b": LONG[1:-1], "layers": {LONG[:-2]: (3, 9), LONG[1:-1]: (7,)}},
    "small": {"layers": {example.A: (7, 14), example.B: (4,)}},
}


@functools.cache
def _made(case: str) -> dict[str, pd.DataFrame]:
    names = CASES[case]
    made = {name: make(**names) for name, make in example.DETAILS.items()}
    scores = pd.concat([example.scores(**names), example.subspaces(**names)], ignore_index=True)
    return made | {"scores": scores, "positions": example.positions(**names)}


def _tables(case: str = "default") -> dict[str, pd.DataFrame]:
    return {name: frame.copy() for name, frame in _made(case).items()}


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def _panel(figure: Figure, title: str) -> Axes:
    (ax,) = [ax for ax in figure.findobj(Axes) if ax.get_title() == title]
    return ax


def _below(figure: Figure, title: str) -> Axes:
    """Return the heat map below the strip of that title."""
    axes = figure.findobj(Axes)
    strip = _panel(figure, title)
    place = strip.get_subplotspec().colspan.start
    found = [ax for ax in axes if ax.get_subplotspec() and not ax.get_title() and ax.images]
    (ax,) = [ax for ax in found if ax.get_subplotspec().colspan.start == place]
    return ax


def _images(ax: Axes) -> list[np.ndarray]:
    return [np.ma.filled(image.get_array(), np.nan) for image in ax.findobj(AxesImage)]


def _hatched(ax: Axes) -> list[tuple[float, float]]:
    """Return the centres of the hatched cells."""
    return [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in ax.patches if patch.get_hatch()]


def _inside(figure: Figure) -> None:
    """Check that nothing is cut by the edge, and that no text is below 7 points."""
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 7
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= height + 0.01


@pytest.mark.parametrize("case", ["grid", "long"])
@pytest.mark.parametrize("name", DETAILED)
def test_nothing_is_cut_and_the_page_is_not_too_tall(name: str, case: str) -> None:
    figure = draw(name, _tables(case))
    _inside(figure)
    assert figure.get_size_inches()[0] in (style.COLUMN_WIDTH, style.FULL_WIDTH)
    assert figure.get_size_inches()[1] < 10


def test_published_numbers_are_coloured_only_where_significant() -> None:
    made = _tables()
    figure = draw("published_vs_calibrated", made)
    steps = made["published_vs_calibrated"]
    ax = _below(figure, "SVCCA")
    cross, ceiling_a, ceiling_b = _images(ax)
    rows = roles.detailed(steps[steps["metric"] == "svcca"], PAIR)
    rows = rows[rows["role"] == "cross"]
    expected = rows["value"].where(rows["p"] <= 0.05).to_numpy(float).reshape(9, 4)
    np.testing.assert_array_equal(cross, expected)
    assert np.isnan(cross).sum() == 2  # the first cell, from the third step on
    assert [ceiling_a.shape, ceiling_b.shape] == [(3, 4), (3, 4)]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[:2] + labels[-1:] == ["cross 7 – 4", "cross 7 – 8", "ceiling b 13"]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "as published",
        "block output",
        "k components",
        "p never 0",
    ]
    at = {text.get_position(): text for text in ax.texts}
    assert at[0, 0].get_text() == ".90"
    assert at[2, 0].get_text() == ".22"
    assert at[2, 0].get_color() == "0.45"
    assert at[2, 1].get_color() != "0.45"


def test_published_steps_are_counted_above() -> None:
    figure = draw("published_vs_calibrated", _tables())
    strip = _panel(figure, "RSA")
    lines: dict[float, list[str]] = {}
    for text in sorted(strip.texts, key=lambda text: text.get_position()[0]):
        lines.setdefault(text.get_position()[1], []).append(text.get_text())
    assert list(lines.values()) == [
        ["9", "9", "8", "8"],
        ["6", "6", "6", "6"],
        ["400", "500", "600", "700"],
    ]


def test_published_refusals_are_hatched_and_told() -> None:
    made = _tables()
    steps = made["published_vs_calibrated"]
    first = (steps["comparison"] == steps["comparison"].iloc[0]) & (steps["step"] == 1)
    steps.loc[first & (steps["metric"] == "svcca"), "value"] = math.nan
    steps.loc[first & (steps["metric"] == "svcca"), "reason"] = "2 pairs are too few"
    figure = draw("published_vs_calibrated", made)
    assert _hatched(_below(figure, "SVCCA")) == [(1, 0)]
    assert _hatched(_below(figure, "RSA")) == []
    assert any("refused in 1 of 120: 2 pairs are too few" in text for text in _texts(figure))


def test_a_large_grid_of_published_numbers_has_colours_alone() -> None:
    figure = draw("published_vs_calibrated", _tables("grid"))
    ax = _below(figure, "SVCCA")
    assert not ax.texts
    assert [image.shape for image in _images(ax)] == [(60, 4), (5, 4), (12, 4)]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "cross 3 – 1 to 12"
    assert labels[-2:] == ["ceilings a", "ceilings b"]


def _drawn(ax: Axes, color: str, width: float) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in ax.lines
        if line.get_color() == color and line.get_linewidth() == width and len(line.get_xdata()) > 1
    ]


def test_sensitivity_draws_each_comparison_and_the_mean() -> None:
    made = _tables()
    figure = draw("sensitivity", made)
    rows = made["sensitivity"]
    cross = rows[(rows["kind"] == "cross") & (rows["filter"] == "min_correlation")]
    for metric, title in (("rsa", "RSA"), ("svcca", "SVCCA")):
        ax = _panel(figure, title)
        wide = cross[cross["metric"] == metric].pivot(
            index="threshold", columns="comparison", values="value"
        )
        thin = _drawn(ax, style.ROLES["cross"].color, 0.5)
        assert len(thin) == 9
        for x, y in thin:
            assert list(x) == [0.0, 0.1, 0.3, 0.5]
            assert any(np.array_equal(y, wide[c], equal_nan=True) for c in wide)
        ((x, mean),) = _drawn(ax, style.ROLES["cross"].color, 1.6)
        np.testing.assert_allclose(mean, wide.mean(axis=1, skipna=False))
        assert np.isnan(mean).sum() == (1 if metric == "svcca" else 0)


def test_the_mean_ends_where_one_is_refused() -> None:
    made = _tables()
    rows = made["sensitivity"]
    first = rows["comparison"] == rows["comparison"].iloc[0]
    rows.loc[first & (rows["metric"] == "rsa") & (rows["threshold"] == 0.3), "value"] = math.nan
    ax = _panel(draw("sensitivity", made), "RSA")
    ((_, mean),) = _drawn(ax, style.ROLES["cross"].color, 1.6)
    assert np.isnan(mean).tolist() == [False, False, True, False]


def test_sensitivity_draws_shares_and_filters_alone() -> None:
    figure = draw("sensitivity", _tables())
    ax = _panel(figure, "Share of pairs that survive")
    ((x, y),) = _drawn(ax, style.ROLES["ceiling a"].color, 1.6)
    np.testing.assert_allclose(y, [1 - 1.6 * t for t in x])
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels[-3:] == ["no filter", "no junk label", "shared label"]
    alone = [
        line.get_ydata()[0]
        for line in ax.lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    np.testing.assert_allclose(alone, [1.0, 0.9, 0.2])
    assert "null of cross, mean to 95 % quantile" in _texts(figure)


def test_subspaces_draw_the_distance_from_random_pairs() -> None:
    # Few enough layers for numbers in the cells.
    figure = draw("subspaces", _tables("small"))
    ax = _panel(figure, "RSA")
    cross = _images(ax)[0]
    # Sorted: Biology, Emotions, Time.
    np.testing.assert_allclose(cross[0], 0.01 / 0.03)
    assert np.isnan(cross[1]).all()
    np.testing.assert_allclose(cross[2], 0.15 / 0.03)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Biology", "Emotions", "Time"]
    assert _hatched(ax)[:2] == [(0, 1), (1, 1)]
    at = {text.get_position(): text for text in ax.texts}
    assert at[0, 2].get_text() == "86\n.001"
    assert at[0, 2].get_fontweight() == "bold"
    assert at[0, 0].get_text() == "29\n.4"
    assert at[0, 0].get_fontweight() == "normal"
    assert at[0, 1].get_text() == "7"
    said = " ".join(" ".join(_texts(figure)).split())
    assert "Refused everywhere: SVCCA: n = … is below 20 k = 200" in said
    assert "refused in 5 of 15: 7 pairs of the category are fewer than 10" in said


def test_subspaces_of_many_layers_show_pairs_in_a_panel() -> None:
    figure = draw("subspaces", _tables("grid"))
    ax = _panel(figure, "Number of pairs")
    cross = _images(ax)[0]
    assert cross.shape == (3, 60)
    assert cross[:, 0].tolist() == [29, 7, 86]
    assert not ax.texts
    ax = _panel(figure, "RSA")
    assert not ax.texts
    assert {line.get_ydata()[0] for line in ax.lines} == {2}  # Time
    assert len(ax.lines) == 77
    assert "Dot: q ≤ 0.05 over categories and layers." in " ".join(_texts(figure))


def test_a_study_without_categories_says_so() -> None:
    (text,) = _texts(draw("subspaces", {"scores": example.scores()}))
    assert " ".join(text.split()) == "The tables hold no categories: the study names none."


def test_many_metrics_and_categories_share_a_page() -> None:
    rows = example.subspaces({f"c{i:02}": 20 + i for i in range(24)})
    rows = rows[rows["metric"] == "rsa"]
    metrics = ("rsa", "cka", "pwcca", "procrustes")
    scores = pd.concat([rows.assign(metric=metric) for metric in metrics])
    figure = draw("subspaces", {"scores": scores})
    ax = _panel(figure, "Number of pairs")
    at = {text.get_position(): text.get_text() for text in ax.texts}
    assert at[0, 0] == "20"
    assert at[8, 23] == "43"
    assert [_panel(figure, name).get_title() for name in ("RSA", "CKA", "Procrustes")]
    assert "Not drawn, for want of room: PWCCA" in " ".join(_texts(figure))
    assert figure.get_size_inches()[1] < 11


def test_positions_are_drawn_with_their_intervals() -> None:
    made = _tables()
    figure = draw("positions", made)
    rows = made["positions"]
    rows = rows[(rows["metric"] == "rsa") & (rows["method"] == "hungarian")]
    ax = _panel(figure, "RSA")
    (whiskers,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    drawn = np.array([segment[:, 0] for segment in whiskers.get_segments()])
    np.testing.assert_allclose(drawn, rows[["low", "high"]])
    squares = next(line for line in ax.lines if line.get_marker() == "s")
    (plus,) = [line for line in ax.lines if line.get_marker() == "P"]
    assert len(squares.get_xdata()) == 8
    np.testing.assert_allclose(plus.get_xdata(), rows["position"].iloc[4])
    assert plus.get_ydata().tolist() == [4]
    assert {"floor\n0", "ceiling\n1"} <= set(_texts(figure))
    assert {"floor: re-initialised model", "floor: permuted rows"} <= set(_texts(figure))
    assert "floor: null of the cell" not in _texts(figure)


def test_positions_far_out_are_arrows_and_missing_ones_crosses() -> None:
    made = _tables()
    rows = made["positions"]
    chosen = rows.index[(rows["metric"] == "rsa") & (rows["method"] == "hungarian")]
    rows.loc[chosen[0], ["position", "low", "high"]] = 7.0, -9.0, 20.0
    rows.loc[chosen[1], ["position", "low", "high"]] = math.nan
    rows.loc[chosen[1], "reason"] = "no ceiling"
    figure = draw("positions", made)
    ax = _panel(figure, "RSA")
    marked = {line.get_marker(): line for line in ax.lines}
    assert (marked[">"].get_xdata().tolist(), marked[">"].get_ydata().tolist()) == ([2.0], [0])
    assert marked["x"].get_ydata().tolist() == [1]
    assert len(marked["<"].get_xdata()) == 0
    (whiskers,) = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert whiskers.get_segments()[0][:, 0].tolist() == [-1.0, 2.0]
    assert any("missing in 1 of 27: no ceiling" in text for text in _texts(figure))


def test_correlation_by_layer_shows_intervals() -> None:
    figure = draw("correlation_by_layer", {"scores": example.scores()})
    ax = _panel(figure, "layer 8 of b")
    drawn = [
        [tuple(segment[:, 1]) for segment in bars.get_segments() if len(segment)]
        for bars in ax.collections
        if isinstance(bars, LineCollection)
    ]
    assert [(0.416, 0.456), (0.43, 0.47), (0.444, 0.484)] in drawn
    assert [(0.5, 0.54)] * 3 in drawn
    assert [(-0.009, 0.031)] in drawn  # the re-initialised model, at one layer
    assert any("95 % intervals" in text for text in _texts(figure))
    scores = example.scores().assign(ci_low=math.nan, ci_high=math.nan)
    figure = draw("correlation_by_layer", {"scores": scores})
    assert not any("intervals" in text for text in _texts(figure))


def test_ink_is_legible_on_both_ends() -> None:
    assert heat.ink("Greys", 1.0) == "white"
    assert heat.ink("Greys", 0.0) == "black"


def test_comparisons_stand_in_order_with_gaps_between_roles() -> None:
    rows = roles.detailed(example.sensitivity(), PAIR)
    found = heat.groups(rows.sample(frac=1, random_state=0).sort_values("label", kind="stable"))
    assert [group.role for group in found] == ["cross", "ceiling a", "ceiling b"]
    assert [len(group.rows) for group in found] == [9, 3, 3]
    assert [group.start for group in found] == pytest.approx([0, 9.4, 12.8])
    places, labels = heat.ticks(heat.groups(rows), each=True)
    assert labels[0] == "cross 7 – 4"
    assert places[-1] == pytest.approx(14.8)
    places, labels = heat.ticks(heat.groups(rows), each=False)
    assert labels == [f"cross {i} – 4 to 13" for i in (7, 14, 21)] + ["ceilings a", "ceilings b"]
    assert places == pytest.approx([1, 4, 7, 10.4, 13.8])


@pytest.mark.parametrize("name", DETAILED)
def test_a_study_of_ceilings_alone_draws_nothing(name: str) -> None:
    made = {
        name: frame[frame["kind"] == "ceiling"] if "kind" in frame else frame
        for name, frame in _tables().items()
    }
    assert _texts(draw(name, made))[0].startswith("The tables hold no")


@pytest.mark.parametrize("name", DETAILED)
def test_scores_that_are_all_refused_are_drawn_or_told(name: str) -> None:
    made = {}
    for table, frame in _tables().items():
        numbers = ("value", "null_mean", "null_quantile", "p", "q_bh", "position", "low", "high")
        found = [column for column in numbers if column in frame]
        made[table] = frame.assign(**dict.fromkeys(found, math.nan), reason="n = 0 pairs")
        if table in tables.COLUMNS:
            tables.validate(made[table], table)
    assert _texts(draw(name, made))
