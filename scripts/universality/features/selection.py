"""Selection: which matched pairs are scored, each filter as a flag of its own.

The filters are those of the source (Lan et al. 2024, section 4): a threshold on the correlation,
no pair with a junk word among either side's top words, and only pairs that share a top word. They
look at the match split alone, so that what is reported on the held-out split is not selected on it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

Words = Mapping[int, Collection[str]]

JUNK = (
    *(".", ",", "!", "?", "-"),
    *("", " ", "\n", "\\n", " \\n"),
    *("<bos>", "|bos|", "<|endoftext|>", "<pad>"),
)
"""The source's junk tokens, in all the forms in which its code states them."""


def top_words(feature: Int[np.ndarray, "N"], word: Sequence[str]) -> dict[int, set[str]]:
    """Return the top words of each feature; `feature` and `word` are columns of its labels."""
    words: dict[int, set[str]] = {}
    for number, one in zip(feature.tolist(), word, strict=True):
        words.setdefault(number, set()).add(one)
    return words


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
    flags = {
        "correlated": correlation_fit > options["min_correlation"],
        "no_junk": no_junk(a, b, words_a, words_b, options["exclude_labels"]),
        "shared": shares_label(a, b, words_a, words_b),
    }
    kept = flags["correlated"] & flags["no_junk"]
    return flags | {"kept": kept & flags["shared"] if options["shared_label"] else kept}


def no_junk(
    a: Int[np.ndarray, "P"],
    b: Int[np.ndarray, "P"],
    words_a: Words,
    words_b: Words,
    junk: Collection[str],
) -> Bool[np.ndarray, "P"]:
    """Say which pairs have no junk word among the top words of either feature."""
    unwanted = set(junk)
    return np.array(
        [
            unwanted.isdisjoint(left) and unwanted.isdisjoint(right)
            for left, right in _sides(a, b, words_a, words_b)
        ],
        bool,
    )


def shares_label(
    a: Int[np.ndarray, "P"], b: Int[np.ndarray, "P"], words_a: Words, words_b: Words
) -> Bool[np.ndarray, "P"]:
    """Say which pairs have a top word in common; a feature without words shares none."""
    return np.array(
        [not set(left).isdisjoint(right) for left, right in _sides(a, b, words_a, words_b)], bool
    )


def _sides(
    a: Int[np.ndarray, "P"], b: Int[np.ndarray, "P"], words_a: Words, words_b: Words
) -> Iterator[tuple[Collection[str], Collection[str]]]:
    """Yield the top words of both features of each pair."""
    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        yield words_a.get(i, ()), words_b.get(j, ())
