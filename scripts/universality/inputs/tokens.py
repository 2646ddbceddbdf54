"""Tokens of a corpus, each with the piece of its document that it stands for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32

from universality.store import Store


@dataclass(frozen=True)
class Tokens:
    """All documents of a corpus as one model reads them, document after document.

    Attributes:
        ids: the token's number in the model's vocabulary.
        start: where in the document's text the token starts, in characters (code points).
        end: where it ends (exclusive). A token of some of a character's bytes ends where the
            character ends. Special tokens start and end at 0.
        document: index of the document.
        position: index of the token within its document, special tokens included.
        special: whether the token was added to the text (BOS, `[CLS]`, ...).
        truncated: how many documents were cut off at the maximum number of tokens.
    """

    ids: Int32[np.ndarray, "T"]
    start: Int32[np.ndarray, "T"]
    end: Int32[np.ndarray, "T"]
    document: Int32[np.ndarray, "T"]
    position: Int32[np.ndarray, "T"]
    special: Bool[np.ndarray, "T"]
    truncated: int


def from_store(store: Store) -> Tokens:
    """Return the tokens of a store of kind `tokens`."""
    names = ("ids", "start", "end", "document", "position", "special")
    ids, start, end, document, position, special = map(store.read, names)
    truncated = store.attributes["truncated"]
    return Tokens(ids, start, end, document, position, special, truncated)
