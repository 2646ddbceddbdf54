"""From the published protocol to the calibrated one: which pairs are scored after each correction.

The source (Lan et al. 2024, arXiv 2410.06981, its code) makes choices of its own at each step from
activations to scores. Each is a flag here, so that each can be taken back alone. The steps:
features of rows that correspond, correlations, a matching, the filters by words, one pair for each
feature, the filter by correlation. With all choices taken back, the pairs are the kept Hungarian
pairs of the calibrated protocol, in the same order.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Int

from universality.features import dense
from universality.features.encodings import Encoding, Encodings, Last
from universality.features.matching import MATCHERS
from universality.features.selection import JUNK, Words, no_junk, shares_label
from universality.store import Store

CHOICES = {
    "block_input": "the SAE of block L gets the input of the block, not its output",
    "special_positions": "special tokens, padding and massive activations count as rows",
    "pre_activations": "features of a TopK SAE are what it has before TopK",
    "rare_features": "features count however rarely they fire",
    "first_come": "of several partners the first is taken, not the best",
    "signed_maximum": "each feature of b is matched with its best of a, not all at once",
    "junk_labels": "pairs with a junk token among their top tokens are dropped",
    "shared_label": "only pairs that share a top token are kept",
    "low_correlation": "only pairs with r > 0.1 are kept",
    "one_component": "SVCCA compares one component of each side",
    "shuffled_p": "p is the share of shuffles that score as high, which may be 0",
}
"""The source's choices in the order in which they are taken back."""

LEAST_CORRELATION = 0.1
"""The source keeps pairs that correlate more than this."""

Matched = tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"], Float32[np.ndarray, "P"]]


def states(choices: Mapping[str, bool]) -> Iterator[tuple[str, dict[str, bool]]]:
    """Yield `(correction, choices)`: first "published", the given choices; then each taken back.

    Choices that are false from the start have no step of their own.
    """
    state = {name: bool(choices[name]) for name in CHOICES}
    yield "published", dict(state)
    for name in CHOICES:
        if state[name]:
            state[name] = False
            yield name, dict(state)


class Ladder:
    """The pairs of features that are scored under any combination of the source's choices.

    It keeps the last features, correlations and matching, since a correction changes few of them.
    Memory: the correlations (4 F G bytes: 4 MB for 1024 features a side, 4.3 GB for 32,768), the
    padded batches in float32, and about 1 GB for blocks of features (see `dense`).
    """

    def __init__(
        self, encodings: Encodings, correlation: Store, selection: Mapping[str, Any]
    ) -> None:
        """Prepare a comparison.

        Args:
            encodings: the features of both subjects.
            correlation: the participating features and their correlations.
            selection: the study's filters, see `selection.select`.
        """
        self._encodings, self._correlation, self._selection = encodings, correlation, selection
        self._correlations: Last[Float32[np.ndarray, "F G"]] = Last()
        self._pairs: Last[Matched] = Last()
        self._words: Last[tuple[Words, Words]] = Last()

    def pairs(
        self, choices: Mapping[str, bool]
    ) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]:
        """Return the pairs (features of a, features of b) that are scored under these choices."""
        encoding = Encoding(*(choices[name] for name in Encoding._fields))
        matcher = "max_correlation" if choices["signed_maximum"] else "hungarian"
        key = encoding, choices["rare_features"], matcher
        a, b, r = self._pairs.get(key, lambda: self._matched(*key))
        left = np.flatnonzero(self._named(a, b, encoding, choices))
        # Of each feature of a, what comes first: as listed, or by falling correlation.
        by = left if choices["first_come"] else left[np.argsort(-r[left], kind="stable")]
        left = np.sort(by[np.unique(a[by], return_index=True)[1]])
        study = self._selection["min_correlation"]
        left = left[r[left] > (LEAST_CORRELATION if choices["low_correlation"] else study)]
        return a[left], b[left]

    def _named(
        self,
        a: Int[np.ndarray, "P"],
        b: Int[np.ndarray, "P"],
        encoding: Encoding,
        choices: Mapping[str, bool],
    ) -> np.ndarray:
        """Say which pairs pass the filters that look at their top words."""
        junk = JUNK if choices["junk_labels"] else self._selection["exclude_labels"]
        shared = choices["shared_label"] or self._selection["shared_label"]
        if not junk and not shared:
            return np.ones(len(a), bool)
        words = self._words.get(encoding, lambda: self._encodings.words(encoding))
        passed = no_junk(a, b, words[0], words[1], junk)
        return passed & shares_label(a, b, words[0], words[1]) if shared else passed

    def _matched(self, encoding: Encoding, rare: bool, matcher: str) -> Matched:
        """Return all pairs of a matching, in its order, with their correlations."""
        a, b = self._correlation.read("a"), self._correlation.read("b")
        if not any(encoding) and not rare:
            # Those of the calibrated protocol: made again they might differ in the last bit.
            r = self._correlations.get("fit", lambda: self._correlation.read("fit"))
        else:
            r = self._correlations.get(encoding, lambda: self._made(encoding))
            a, b = (np.arange(n) for n in r.shape) if rare else (a, b)
            r = r if rare else r[np.ix_(a, b)]
        row, column = MATCHERS[matcher](r)
        return a[row], b[column], r[row, column]

    def _made(self, encoding: Encoding) -> Float32[np.ndarray, "F G"]:
        return dense.correlations(*self._encodings.values(encoding))
