"""Selection: which matched pairs are scored, each filter as a flag of its own.

The filters are those of the source (Lan et al. 2024, section 4): a threshold on the correlation,
no pair with a junk word among either side's top words, and only pairs that share a top word. They
look at the match split alone, so that what is reported on the held-out split is not selected on it.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

Words = Mapping[int, Collection[str]]


def select(
    a: Int[np.ndarray, "P"],
    b: Int[np.ndarray, "P"],
    correlation_fit: Float[np.ndarray, "P"],
    words_a: Words,
    words_b: Words,
    options: Mapping[str, Any],
) -> dict[str, Bool[np.ndarray, "P"]]:
    """Return a flag for each filter, and `kept`, which pairs pass all that are switched on.

    `options`: `min_correlation` (kept when strictly greater), `shared_label` (bool), and
    `exclude_labels` (words). `words_a` and `words_b` give each feature's top words.
    """
    junk = set(options["exclude_labels"])
    sides = [
        (set(words_a.get(i, ())), set(words_b.get(j, ())))
        for i, j in zip(a.tolist(), b.tolist(), strict=True)
    ]
    flags = {
        "correlated": correlation_fit > options["min_correlation"],
        "no_junk": np.array([not (junk & (left | right)) for left, right in sides], bool),
        "shared": np.array([bool(left & right) for left, right in sides], bool),
    }
    kept = flags["correlated"] & flags["no_junk"]
    return flags | {"kept": kept & flags["shared"] if options["shared_label"] else kept}
