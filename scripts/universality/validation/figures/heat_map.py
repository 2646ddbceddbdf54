"""Heat maps of rates, 0 to 1, with their numbers."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from universality.views.figures import heat
from universality.views.names import metric_name
from universality.views.style import SEQUENTIAL

RATES = Normalize(0, 1)
SHORTER = {
    "correlation_fit": "Correlation, matched on",
    "correlation_heldout": "Held-out correlation",
    "shared_fraction": "Shared fraction",
}


def two_digits(rate: float) -> str:
    """Return .07, 1 or 0: short enough for a small cell."""
    return f"{rate:.2f}".removeprefix("0") if 0 < rate < 1 else f"{rate:g}"


def rates(
    ax: Axes,
    values: pd.DataFrame,
    norm: Normalize = RATES,
    text: Callable[[float], str] = two_digits,
) -> None:
    """Draw a table of rates: metrics in rows, whatever is varied in columns."""
    numbers = values.to_numpy(dtype=float)
    heat.image(ax, numbers, (0, 0), norm, SEQUENTIAL)
    ax.set_yticks(
        range(len(values)),
        [SHORTER.get(str(name)) or metric_name(str(name)) for name in values.index],
    )
    ax.set_xticks(range(values.shape[1]), [str(name) for name in values.columns])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    for (y, x), number in np.ndenumerate(numbers):
        if np.isnan(number):
            heat.refuse(ax, x, y)
        else:
            color = heat.ink(SEQUENTIAL, min(1.0, norm(float(number))))
            ax.text(x, y, text(float(number)), ha="center", va="center", color=color)
