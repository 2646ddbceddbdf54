"""Two dictionaries through the steps of a study: which features take part, matching, selection."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from universality.features.rematching import HALVES, Redraw, half, redraws, rematch
from universality.features.selection import select
from universality.features.statistics import Matrix, Statistics
from universality.similarity.redone import Redone
from universality.validation.worlds import Dictionary, World

METHOD = "hungarian"
SELECTION: Mapping[str, Any] = {
    "min_correlation": 0.1,
    "shared_label": False,
    "exclude_labels": [],
}
"""The default filters (a pretended feature has no label)."""

MIN_FIRINGS, MIN_DOCUMENTS = 10, 3
"""Of a feature that takes part, in each split: the defaults."""

Pairs = Mapping[str, np.ndarray]
"""By name, as a study's store of a matching: method, a, b, correlation_fit, correlation_heldout,
and kept (whether the pair passes the filters)."""


class Comparison:
    """Two dictionaries over rows that correspond; the first half of the documents to match on.

    Attributes:
        decoder_a: decoder rows of all features of a.
        decoder_b: the same of b.
        features_a: the features of a that fire often enough to take part.
        features_b: the same of b.
        halves: their activations on the documents to match on, and on the others.
    """

    def __init__(self, world: World, a: Dictionary, b: Dictionary) -> None:
        document = np.repeat(np.arange(world.documents), world.tokens)
        split = 1 + (document >= world.documents // 2)
        self.decoder_a, self.decoder_b = a.decoder, b.decoder
        self.features_a = _participating(a.activations, document, split)
        self.features_b = _participating(b.activations, document, split)
        left, right = a.activations[:, self.features_a], b.activations[:, self.features_b]
        self.halves: Redraw = {
            name: half(left[split == number], right[split == number], document[split == number])
            for number, name in enumerate(HALVES, start=1)
        }

    def matched(self) -> Pairs:
        """Return the pairs that Hungarian matching finds."""
        return self._matched(self.halves)

    def rematched(self, draws: int, rng: np.random.Generator) -> Redone:
        """Return what it finds where nothing corresponds: on shifted documents, `draws` times."""
        found = [self._matched(drawn) for _, drawn in redraws(self.halves, draws, 0, rng)]
        draw = np.repeat(np.arange(len(found)), [len(pairs["a"]) for pairs in found])
        names = ("a", "b", "correlation_fit", "correlation_heldout")
        return Redone(
            len(found), draw, *(np.concatenate([pairs[name] for pairs in found]) for name in names)
        )

    def kept_decoders(self) -> tuple[Float[np.ndarray, "n d_a"], Float[np.ndarray, "n d_b"]]:
        """Return the paired decoder rows of the matched pairs that pass the filters."""
        pairs = self.matched()
        a, b = (pairs[name][pairs["kept"]] for name in "ab")
        return self.decoder_a[a], self.decoder_b[b]

    def _matched(self, drawn: Redraw) -> Pairs:
        (row, column), fit, heldout = rematch(drawn, [METHOD])[METHOD]
        a, b = self.features_a[row], self.features_b[column]
        return {
            "method": np.zeros(len(a), np.int8),
            "a": a,
            "b": b,
            "correlation_fit": fit,
            "correlation_heldout": heldout,
            "kept": select(a, b, fit, {}, {}, SELECTION)["kept"],
        }


def _participating(
    activations: Matrix, document: Int[np.ndarray, " T"], split: Int[np.ndarray, " T"]
) -> Int[np.ndarray, " F"]:
    statistics = Statistics(activations.shape[1])
    statistics.update(activations, document, split)
    arrays = {name: values[1:] for name, values in statistics.arrays().items()}
    # Not `participates`: nothing is trained, so the first split is empty.
    enough = (arrays["firings"] >= MIN_FIRINGS) & (arrays["documents"] >= MIN_DOCUMENTS)
    return np.flatnonzero(enough.all(axis=0) & (arrays["std"] > 0).all(axis=0))
