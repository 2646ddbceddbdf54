"""One style for all figures: print sizes, fonts, colours, and files with reproducible bytes.

Figures are made with `matplotlib.figure.Figure`, never with pyplot, so that nothing is global and
no display is needed. Colours are those of Okabe and Ito (2008), safe for colour-blind readers.
"""

import functools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib as mpl
from matplotlib.figure import Figure

from universality.files import replacing

P = ParamSpec("P")

COLUMN_WIDTH = 3.35  # inches: one column of a two-column page
FULL_WIDTH = 6.9  # inches: both columns
FONT_SIZE = 7.0  # points, the smallest that appears at print size
CHARACTERS_PER_INCH = 17  # of that font, on average

OKABE_ITO = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
    "#F0E442",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SEQUENTIAL = "cividis"
DIVERGING = "PuOr_r"  # orange above, purple below

RC: dict[Any, Any] = {
    "font.size": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.titlesize": FONT_SIZE + 0.5,
    "figure.titlesize": FONT_SIZE + 1,
    "legend.fontsize": FONT_SIZE,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "legend.frameon": False,
    "hatch.linewidth": 0.4,
    "text.parse_math": False,  # a model may be called $x_1$
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "universality",
}


class Line(NamedTuple):
    """How one role of a comparison is drawn in every figure."""

    label: str
    color: str
    marker: str
    dash: str


ROLES = {
    "cross": Line("cross", OKABE_ITO[0], "o", "-"),
    "ceiling a": Line("ceiling a", OKABE_ITO[2], "^", "--"),
    "ceiling b": Line("ceiling b", OKABE_ITO[5], "v", "--"),
    "residual basis": Line("floor: residual basis", OKABE_ITO[4], "D", "-."),
    "re-initialised model": Line("floor: re-initialised model", OKABE_ITO[3], "P", ":"),
    "permuted rows": Line("floor: permuted rows", OKABE_ITO[1], "s", ":"),
}


def role_line(role: str) -> Line:
    """Return how `role` is drawn; a role without a colour of its own is black."""
    return ROLES.get(role, Line(f"floor: {role}", OKABE_ITO[6], "X", ":"))


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function that draws a figure: its artists are made in the study's style."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return wrapper


def fit(text: str, inches: float) -> str:
    """Break `text` into lines that are at most `inches` wide at the style's font size."""
    return textwrap.fill(text, int(inches * CHARACTERS_PER_INCH))


def sides(a: str, b: str, inches: float) -> str:
    """Return the heading `a: ..., b: ...` of a block, on a line for each where they are long."""
    inches *= 0.85  # a heading is larger, and names can be of wide letters
    line = f"a: {a}, b: {b}"
    if len(line) <= inches * CHARACTERS_PER_INCH:
        return line
    return "\n".join(fit(side, inches) for side in (f"a: {a}", f"b: {b}"))


@styled
def nothing(message: str) -> Figure:
    """Return a figure that only says why there is nothing to draw."""
    figure = Figure(figsize=(COLUMN_WIDTH, 0.8))
    figure.text(0.5, 0.5, fit(message, COLUMN_WIDTH), ha="center", va="center")
    return figure


def save(figure: Figure, stem: Path) -> None:
    """Write `<stem>.svg` and `<stem>.png` (300 dpi), each whole or not at all.

    The bytes are a function of the figure and of the matplotlib release: no date, no random ids.
    """
    # The size is kept as it is (no tight box): a font of 7 pt is printed as 7 pt.
    metadata = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
    with mpl.rc_context(RC):
        for kind, fields in metadata.items():
            with replacing(stem.with_name(f"{stem.name}.{kind}")) as path:
                figure.savefig(path, format=kind, dpi=300, metadata=fields)
