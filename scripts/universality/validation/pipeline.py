"""Two dictionaries through the steps of a study: which features take part, matching, selection."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from universality.features.rematching import HALVES, Redraw, half, redraws, rematch
from universality.features.selection import select
from universality.features.statistics import Matrix, Statistics
from universality.validation.worlds import Dictionary, World

SELECTION: Mapping[str, Any] = {
    "min_correlation": 0.1,
    "shared_label": False,
    "exclude_labels": [],
}
"""The default filters (a pretended feature has no label)."""

MIN_FIRINGS, MIN_DOCUMENTS = 10, 3
"""Of a feature that takes part, in each split: the defaults."""


@dataclass(frozen=True, eq=False)
class Matched:
    """What one matching gives.

    Attributes:
        a: the features of side a.
        b: their partners.
        fit: their correlations on the documents that were matched on.
        heldout: their correlations on other documents.
        kept: whether they pass the filters.
    """

    a: Int[np.ndarray, " P"]
    b: Int[np.ndarray, " P"]
    fit: Float[np.ndarray, " P"]
    heldout: Float[np.ndarray, " P"]
    kept: Bool[np.ndarray, " P"]


class Comparison:
    """Two dictionaries over rows that correspond; the first half of the documents to match on."""

    def __init__(self, world: World, a: Dictionary, b: Dictionary) -> None:
        document = np.repeat(np.arange(world.documents), world.tokens)
        split = 1 + (document >= world.documents // 2)
        self.decoder_a, self.decoder_b = a.decoder, b.decoder
        self.features_a = _participating(a.activations, document, split)
        self.features_b = _participating(b.activations, document, split)
        left, right = a.activations[:, self.features_a], b.activations[:, self.features_b]
        self._halves: Redraw = {
            name: half(left[split == number], right[split == number], document[split == number])
            for number, name in enumerate(HALVES, start=1)
        }

    def matched(self, method: str = "hungarian") -> Matched:
        """Return the pairs that `method` finds."""
        return self._rematched(self._halves, method)

    def rematched(
        self, draws: int, rng: np.random.Generator, method: str = "hungarian"
    ) -> Iterator[Matched]:
        """Yield the pairs that `method` finds where nothing corresponds: on shifted documents."""
        for _, drawn in redraws(self._halves, draws, 0, rng):
            yield self._rematched(drawn, method)

    def _rematched(self, drawn: Redraw, method: str) -> Matched:
        (row, column), fit, heldout = rematch(drawn, [method])[method]
        a, b = self.features_a[row], self.features_b[column]
        return Matched(a, b, fit, heldout, select(a, b, fit, {}, {}, SELECTION)["kept"])

    def decoders(
        self, pairs: Matched
    ) -> tuple[Float[np.ndarray, "n d_a"], Float[np.ndarray, "n d_b"]]:
        """Return the paired decoder rows of the kept pairs."""
        return self.decoder_a[pairs.a[pairs.kept]], self.decoder_b[pairs.b[pairs.kept]]


def _participating(
    activations: Matrix, document: Int[np.ndarray, " T"], split: Int[np.ndarray, " T"]
) -> Int[np.ndarray, " F"]:
    statistics = Statistics(activations.shape[1])
    statistics.update(activations, document, split)
    arrays = {name: values[1:] for name, values in statistics.arrays().items()}
    # Not `participates`: nothing is trained, so the first split is empty.
    enough = (arrays["firings"] >= MIN_FIRINGS) & (arrays["documents"] >= MIN_DOCUMENTS)
    return np.flatnonzero(enough.all(axis=0) & (arrays["std"] > 0).all(axis=0))
