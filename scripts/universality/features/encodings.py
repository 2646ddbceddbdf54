"""What the source takes as features, choice by choice: of which activations, rows, and SAE step."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse

from universality.features import dense, padded
from universality.features.aligned import aligned_rows
from universality.features.matrix import Features
from universality.features.saes import Sae
from universality.features.selection import Words, top_words
from universality.store import Store

TOP = 5
"""How many of its top tokens the source looks at for each feature."""

Made = TypeVar("Made")


class Last(Generic[Made]):
    """Keeps the last thing that was made, for a caller that often asks for the same again."""

    def __init__(self) -> None:
        self._key: Hashable = None
        self._made: list[Made] = []

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what was made for `key`, or make it; the one before is let go first."""
        if not self._made or self._key != key:
            self._made.clear()
            self._made.append(make())
            self._key = key
        return self._made[0]


class Encoding(NamedTuple):
    """The source's choices about features; all False is what the study has in its store."""

    block_input: bool
    """The SAE gets the input of its block, not the output."""
    special_positions: bool
    """Special tokens, padding and massive activations count as rows."""
    pre_activations: bool
    """What a TopK SAE has before TopK."""


@dataclass(frozen=True, eq=False)
class Side:
    """One subject of a comparison: what the study and what the source make of it.

    Attributes:
        features: its features as the study has them.
        sae: its SAE.
        activations: the padded batch of its model and layer (kind `published_activations`).
        tokens: the tokens of its model.
        words: the top words of its features as the study has them.
    """

    features: Features
    sae: Sae
    activations: Store
    tokens: Store
    words: Words


class Encodings:
    """The features of two subjects on rows that correspond, and their top words."""

    def __init__(
        self, a: Side, b: Side, alignment: Store, texts: Sequence[str], device: torch.device
    ) -> None:
        """Prepare a comparison; `alignment` is of its tokens, `texts` are all documents."""
        self._sides, self._texts, self._device = (a, b), texts, device
        self._places = (
            padded.open_places(a.activations, a.tokens),
            padded.open_places(b.activations, b.tokens),
        )
        usable = aligned_rows(a.features, b.features, alignment)["match"]
        self._usable = usable.a, usable.b
        self._alignment = alignment
        # By side; under other rows the same SAE gives the same features.
        self._blocks: list[Last[dense.Blocks]] = [Last(), Last()]
        self._rows: Last[tuple[np.ndarray, np.ndarray]] = Last()

    def values(self, encoding: Encoding) -> tuple[dense.Dense, dense.Dense]:
        """Return the features of both sides on the n rows that correspond under this encoding."""
        if not any(encoding):
            stored = [
                sparse.csr_matrix(side.features.rows(rows))
                for side, rows in zip(self._sides, self._usable, strict=True)
            ]
            rows: tuple[np.ndarray, ...] = tuple(np.arange(side.shape[0]) for side in stored)
            blocks = [dense.of_sparse(side, self._device) for side in stored]
        else:
            rows = self._rows.get(encoding.special_positions, lambda: self._chosen(encoding))
            key = encoding.block_input, encoding.pre_activations
            blocks = [
                last.get(key, partial(self._encoded, side, encoding))
                for last, side in zip(self._blocks, self._sides, strict=True)
            ]
        first, second = (
            dense.Dense(side.sae.d_sae, block, torch.from_numpy(chosen).to(self._device))
            for side, block, chosen in zip(self._sides, blocks, rows, strict=True)
        )
        return first, second

    def words(self, encoding: Encoding) -> tuple[Words, Words]:
        """Return the top words of each feature of both sides under this encoding."""
        if not any(encoding):
            return self._sides[0].words, self._sides[1].words
        found = []
        for side, values, places in zip(
            self._sides, self.values(encoding), self._places, strict=True
        ):
            feature, i = dense.top_rows(values, TOP)
            start, end = side.tokens.read("start"), side.tokens.read("end")
            rows, back = np.unique(values.rows.cpu().numpy()[i], return_inverse=True)
            labels = padded.words(places, rows, start, end, self._texts)
            found.append(top_words(feature, [labels[j] for j in back.tolist()]))
        return found[0], found[1]

    def _chosen(self, encoding: Encoding) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
        """Return the rows of both padded batches that correspond."""
        if encoding.special_positions:
            row_a, row_b = self._alignment.read("row_a"), self._alignment.read("row_b")
            return padded.corresponding(*self._places, row_a, row_b)
        first, second = map(padded.of_tokens, self._places, self._usable)
        return first, second

    def _encoded(self, side: Side, encoding: Encoding) -> dense.Blocks:
        """Return the features of all rows of a padded batch."""
        x = _read(side.activations, "input" if encoding.block_input else "output")
        x = x.to(self._device)
        if encoding.pre_activations:
            return dense.of_pre_activations(side.sae.to(self._device), x)
        return dense.of_sparse(dense.outputs(side.sae.to(self._device), x), self._device)


def _read(activations: Store, name: str) -> Float[torch.Tensor, "R d"]:
    """Return one array of a padded batch in float32."""
    array = activations.read(name)
    if activations.attributes["dtype"] == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).float()
    return torch.from_numpy(array)
