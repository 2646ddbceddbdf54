"""What heat maps share: the order of comparisons, refused cells, legible text, bars of colours."""

from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from universality.views import cells, roles

GAP = 0.4  # between the comparisons of two roles, in cells


class Group(NamedTuple):
    """The comparisons of one role, in a line from `start` on."""

    role: str
    rows: pd.DataFrame
    """One row for each comparison, by its id."""
    start: float


def groups(rows: pd.DataFrame) -> list[Group]:
    """Return the comparisons of `roles.detailed` by role, with a gap between roles."""
    each = rows.drop_duplicates("comparison").set_index("comparison")
    found, start = [], 0.0
    for role in roles.DETAILED:
        if (each["role"] == role).any():
            found.append(Group(role, each[each["role"] == role], start))
            start += len(found[-1].rows) + GAP
    return found


def ticks(found: list[Group], each: bool) -> tuple[list[float], list[str]]:
    """Return places and labels: of `each` comparison, or of each layer of a and of each ceiling."""
    places, labels = [], []
    for role, rows, start in found:
        kind, places_of = role.split()[0], start + np.arange(len(rows))
        if each:
            places += list(places_of)
            labels += [f"{kind} {label}" for label in rows["label"]]
        elif kind == "cross":
            for layer, part in rows.assign(place=places_of).groupby("layer_a"):
                places.append(part["place"].mean())
                labels.append(f"cross {layer} – {cells.span(part['layer_b'])}")
        else:
            places.append(places_of.mean())
            labels.append(f"{kind}s {role.split()[1]}")
    return places, labels


def image(
    ax: Axes,
    values: Float[np.ndarray, "rows columns"],
    corner: tuple[float, float],
    norm: Normalize,
    colormap: str,
) -> None:
    """Draw `values` as cells of side 1, the first at `corner` (x, y), rows downwards if y is."""
    (x, y), (rows, columns) = corner, values.shape
    ax.imshow(
        values,
        cmap=colormap,
        norm=norm,
        aspect="auto",
        interpolation="nearest",
        extent=(x - 0.5, x + columns - 0.5, y + rows - 0.5, y - 0.5),
    )


def ink(colormap: str, level: float) -> str:
    """Return the colour of text that is legible on a cell with `level` (0 to 1) of `colormap`."""
    red, green, blue, _ = mpl.colormaps[colormap](level)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def refuse(ax: Axes, x: float, y: float, text: str = "") -> None:
    """Hatch the cell at (x, y), of side 1, and write `text` into it."""
    ax.add_patch(
        Rectangle((x - 0.5, y - 0.5), 1, 1, hatch="////", facecolor="white", edgecolor="0.6")
    )
    if text:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(x, y, text, ha="center", va="center", bbox=box)


def colorbar(ax: Axes, norm: Normalize, colormap: str, label: str) -> None:
    """Draw the bar of colours into an empty panel, with what they stand for below it."""
    inner = ax.inset_axes((0.1, 0.6, 0.85, 0.25))
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(ScalarMappable(norm, colormap), cax=inner, orientation="horizontal").set_label(
        label
    )
    ax.set_axis_off()
