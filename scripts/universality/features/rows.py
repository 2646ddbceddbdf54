"""The rows of an activation dump: reading them, and which of them enter the analysis."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from universality import documents, store
from universality.documents import SPLITS


def usable(
    norm: Float[np.ndarray, "T"], special: Bool[np.ndarray, "T"], massive: float
) -> Bool[np.ndarray, "T"]:
    """Say which rows enter the analysis: no special token, and no massive activation.

    A row is massive when its norm exceeds `massive` times the median norm of the layer's rows that
    are not special (Sun et al. 2024, arXiv 2402.17762, saw such rows in nearly every model).
    """
    if special.all():
        return ~special
    return ~special & (norm <= massive * np.median(norm[~special]))


class Activations:
    """An activation dump with its tokens: `T` rows of width `d`.

    Attributes:
        document: the document of each row.
        split: of each row, an index into `SPLITS`.
        usable: which rows are neither special nor massive.
    """

    def __init__(
        self,
        activations: str | Path,
        tokens: str | Path,
        split_of_document: Int[np.ndarray, "documents"],
        massive: float,
    ) -> None:
        self.store = store.open_store(activations, "activations")
        read = store.open_store(tokens, "tokens")
        self.document = read.read("document")
        self.split = split_of_document[self.document]
        self.usable = usable(self.store.read("norm"), read.read("special"), massive)
        self.d = int(self.store["resid"].shape[1])
        self._halved = self.store.attributes["dtype"] == "bfloat16"

    def __len__(self) -> int:
        return len(self.document)

    def stored(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return rows `start:stop` in the dtype they are stored in, [rows, d]."""
        array = np.ascontiguousarray(self.store["resid"][start:stop])
        if self._halved:
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(array)

    def rows_of(self, split: str) -> Int[np.ndarray, "rows"]:
        """Return the indices of the usable rows of a split."""
        return np.flatnonzero(self.usable & (self.split == SPLITS.index(split)))


def open_activations(
    activations: str | Path, tokens: str | Path, corpus: str | Path, massive: float
) -> Activations:
    """Open an activation dump with the tokens and the corpus that it was made from."""
    split = documents.split_codes(documents.read(Path(corpus)))
    return Activations(activations, tokens, split, massive)
