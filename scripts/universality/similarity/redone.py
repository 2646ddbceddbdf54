"""Matchings that were redone: what a store of rematchings holds, method by method."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Redone:
    """All pairs of all redone matchings of one method."""

    draws: int
    draw: Int[np.ndarray, " R"]
    a: Int[np.ndarray, " R"]
    b: Int[np.ndarray, " R"]
    correlation_fit: Float[np.ndarray, " R"]
    correlation_heldout: Float[np.ndarray, " R"]

    def each(self, *columns: str) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield what the named columns hold of each draw."""
        for draw in range(self.draws):
            here = self.draw == draw
            yield tuple(getattr(self, column)[here] for column in columns)


def redone(
    columns: Mapping[str, np.ndarray], attributes: Mapping[str, Any], kind: str
) -> dict[str, Redone]:
    """Return, by method, the redone matchings of a kind, shifted or refitted.

    `columns` and `attributes` are those of a store of rematchings (`features/rematching.py`).
    """
    of_kind = columns["redrawn"] == attributes["redrawn"].index(kind)
    found = {}
    for number, method in enumerate(attributes["methods"]):
        here = of_kind & (columns["method"] == number)
        names = ("draw", "a", "b", "correlation_fit", "correlation_heldout")
        found[method] = Redone(attributes["draws"][kind], *(columns[name][here] for name in names))
    return found
