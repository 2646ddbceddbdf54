"""The rows of two models' padded batches that stand for the same place, and what stands there.

The source compares models that share a tokenizer, so row i of one is row i of the other. Across
tokenizers, text rows correspond by the alignment; what has no text corresponds by its order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from universality.features import labels
from universality.store import Store

BOS, PAD = "<bos>", "<pad>"
"""The labels of special tokens and of padding, as the source's list of junk tokens has them."""

TEXT, BEFORE, AFTER, PADDING = range(4)


@dataclass(frozen=True, eq=False)
class Places:
    """What stands at each row of a padded batch, document by document.

    Attributes:
        row: row of the tokens; -1 for padding.
        document: the document.
        kind: TEXT, BEFORE (special tokens before the text), AFTER (special tokens behind or within
            it), or PADDING.
    """

    row: Int[np.ndarray, "R"]
    document: Int[np.ndarray, "R"]
    kind: Int[np.ndarray, "R"]


def places(
    row: Int[np.ndarray, "R"], document: Int[np.ndarray, "R"], special: Bool[np.ndarray, "T"]
) -> Places:
    """Return what stands at each row of a `published_activations` store.

    `special` says which rows of the tokens were added to the text.
    """
    padding = row < 0
    added = np.append(special, False)[row] & ~padding
    text = ~added & ~padding
    behind = np.cumsum(text) - text
    behind_text = behind > behind[np.searchsorted(document, document)]
    kind = np.where(behind_text, AFTER, BEFORE)
    kind = np.where(padding, PADDING, np.where(text, TEXT, kind))
    return Places(row, document, kind)


def corresponding(
    a: Places, b: Places, row_a: Int[np.ndarray, "N"], row_b: Int[np.ndarray, "N"]
) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]:
    """Return the rows of `a` and of `b` that stand for the same place, in the order of a's rows.

    Text corresponds as `row_a`, `row_b` (rows of the tokens) say. Special tokens before the text,
    those behind it, and padding: each the i-th of a document with the i-th, as many as both have.
    """
    at_a, at_b = of_tokens(a, row_a), of_tokens(b, row_b)
    both = (at_a >= 0) & (at_b >= 0)
    other_a, other_b = (np.flatnonzero(side.kind != TEXT) for side in (a, b))
    width = 1 + max(len(a.row), len(b.row))
    _, in_a, in_b = np.intersect1d(
        _order(a, other_a, width), _order(b, other_b, width), return_indices=True
    )
    left = np.concatenate([at_a[both], other_a[in_a]])
    right = np.concatenate([at_b[both], other_b[in_b]])
    order = np.argsort(left, kind="stable")
    return left[order], right[order]


def words(
    places: Places,
    chosen: Int[np.ndarray, "N"],
    start: Int[np.ndarray, "T"],
    end: Int[np.ndarray, "T"],
    texts: Sequence[str],
) -> list[str]:
    """Return what stands at the `chosen` rows: the word around the token, `<bos>` or `<pad>`.

    `start` and `end` are where in its document each row of the tokens starts and ends.
    """
    found = []
    for i in chosen.tolist():
        kind, row = int(places.kind[i]), int(places.row[i])
        if kind == TEXT:
            text = texts[int(places.document[i])]
            found.append(labels.word(text, int(start[row]), int(end[row])))
        else:
            found.append(PAD if kind == PADDING else BOS)
    return found


def open_places(padded: Store, tokens: Store) -> Places:
    """Return what stands at each row of a store of kind `published_activations`."""
    return places(padded.read("row"), padded.read("document"), tokens.read("special"))


def of_tokens(side: Places, rows: Int[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
    """Return where in the batch each row of the tokens stands; -1 where it does not."""
    last = max(int(rows.max(initial=-1)), int(side.row.max(initial=-1)))
    where = np.full(last + 1, -1)
    here = np.flatnonzero(side.row >= 0)
    where[side.row[here]] = here
    return where[rows]


def _order(side: Places, chosen: Int[np.ndarray, "N"], width: int) -> Int[np.ndarray, "N"]:
    """Return a number for each chosen row that says document, kind, and which of these it is."""
    group = side.document[chosen].astype(np.int64) * 4 + side.kind[chosen]
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    rank = np.empty(len(chosen), np.int64)
    rank[order] = np.arange(len(chosen)) - np.searchsorted(ordered, ordered)
    return group * width + rank
