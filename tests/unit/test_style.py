"""Figures are written whole, with the same bytes each time, and show names as they are."""

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from universality.views import style


@style.styled
def _figure(title: str) -> Figure:
    figure = Figure(figsize=(style.COLUMN_WIDTH, 2))
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="_hidden")
    ax.set_title(title)
    return figure


def test_bytes_are_reproducible_and_hold_no_date(tmp_path) -> None:
    for stem in ("one", "two"):
        style.save(_figure("title"), tmp_path / "deep" / stem)
    for kind in ("svg", "png"):
        one, two = ((tmp_path / "deep" / f"{stem}.{kind}").read_bytes() for stem in ("one", "two"))
        assert one == two
        assert b"<dc:date>" not in one
    assert len(list((tmp_path / "deep").iterdir())) == 4


def test_png_has_300_dots_per_inch(tmp_path) -> None:
    style.save(_figure("title"), tmp_path / "figure")
    header = (tmp_path / "figure.png").read_bytes()[16:24]
    size = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")
    assert size == (round(300 * style.COLUMN_WIDTH), 600)


@pytest.mark.parametrize("name", ["$x_1$", "a $ b", r"\$x\$", "100 % _m_", "$\\frac{"])
def test_names_are_shown_literally(name: str, tmp_path) -> None:
    style.save(_figure(name), tmp_path / "figure")
    assert f">{name}</text>" in (tmp_path / "figure.svg").read_text()


def test_markup_in_names_is_escaped(tmp_path) -> None:
    style.save(_figure("<b>&"), tmp_path / "figure")
    assert ">&lt;b&gt;&amp;</text>" in (tmp_path / "figure.svg").read_text()


def test_style_is_not_global() -> None:
    before = dict(mpl.rcParams)
    _figure("title")
    assert dict(mpl.rcParams) == before


def test_fonts_are_at_least_seven_points() -> None:
    sizes = [value for key, value in style.RC.items() if key.endswith("size") and "line" not in key]
    assert len(sizes) > 5
    assert min(sizes) >= 7


def test_roles_differ_in_colour_and_in_marker() -> None:
    lines = style.ROLES.values()
    assert len({to_rgb(line.color) for line in lines}) == len(lines)
    assert len({line.marker for line in lines}) == len(lines)
    assert style.role_line("dictionary x").label == "floor: dictionary x"


def test_fit_breaks_at_the_width() -> None:
    lines = style.fit("word " * 40, style.COLUMN_WIDTH).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= style.COLUMN_WIDTH * style.CHARACTERS_PER_INCH
