"""The rows of two subjects that correspond: where both models have read the same text."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from universality import seeds, store
from universality.documents import SPLITS
from universality.features.matrix import Features


@dataclass(frozen=True, eq=False)
class Rows:
    """Corresponding rows of one split, in the order of the text."""

    a: Int[np.ndarray, "rows"]
    """Rows in the features of side a."""
    b: Int[np.ndarray, "rows"]
    """Rows in the features of side b."""
    document: Int[np.ndarray, "rows"]
    """The document of each."""


def aligned_rows(a: Features, b: Features, alignment: store.Store) -> dict[str, Rows]:
    """Return, for each split, the rows that the alignment pairs and both sides can use."""
    row_a, row_b = alignment.read("row_a"), alignment.read("row_b")
    kept = a.usable[row_a] & b.usable[row_b]
    row_a, row_b = row_a[kept], row_b[kept]
    document, split = alignment.read("document")[kept], alignment.read("split")[kept]
    chosen = {name: np.flatnonzero(split == number) for number, name in enumerate(SPLITS)}
    return {name: Rows(row_a[i], row_b[i], document[i]) for name, i in chosen.items()}


def row_order(n: int, split: str, permute_rows: int | None) -> Int[np.ndarray, "n"]:
    """Return which of b's n rows of a split is set against each of a's.

    Their own order, or with `permute_rows` (a seed) a random one: the floor of what rows that do
    not correspond would give. The same seed, split and n give the same order.
    """
    if permute_rows is None:
        return np.arange(n)
    return seeds.generator(permute_rows, "permuted rows", split).permutation(n)
