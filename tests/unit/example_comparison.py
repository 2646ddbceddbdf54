"""A comparison with a known truth: both models have one feature for each word, in other orders.

Model a reads words, model b their two halves; b ends a document with a special token. A token's
activation is the direction of its word, and what goes into the block is that of the word before.
Activations of padding are those of a word of its own. Some features never fire, some rarely, and
some activations are massive.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from universality import documents, store
from universality.documents import SPLITS
from universality.features import encoding, labels, saes
from universality.features.aligned import aligned_rows
from universality.features.correlation import correlate
from universality.features.encodings import Side
from universality.features.matrix import Features
from universality.features.rows import Activations
from universality.features.selection import top_words

CPU = torch.device("cpu")
# The halves of the last two are junk.
WORDS = [*(letter + letter.lower() for letter in "ABCDEFGHIJKLMNOPQSTUVWXYZ"), "!!", "--"]
RARE, PADDING, BOS, MASSIVE = "Rr", "<pad>", "<bos>", 6.0
ALL = [*WORDS, RARE, PADDING, BOS]
DOCUMENTS, LENGTH, LONGEST = 90, 24, 54
WIDTH = {"a": 60, "b": 72}
FEATURES = {"a": 36, "b": 42}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The stores of both sides, and what they were made from."""

    a: Side
    b: Side
    alignment: store.Store
    correlation: store.Store
    texts: list[str]
    split: np.ndarray


def make(folder: Path, seed: int = 0, halved: bool = False) -> Comparison:
    """Write the stores of a comparison; `halved` for activations in bfloat16."""
    rng = np.random.default_rng(seed)
    split = np.array([SPLITS.index("match" if i % 2 else "train") for i in range(DOCUMENTS)])
    split[2::6] = SPLITS.index("heldout")
    texts = []
    for document in range(DOCUMENTS):
        words = rng.choice(WORDS, rng.integers(LENGTH // 2, LENGTH + 1)).tolist()
        if document % 9 == 1:
            words[-1] = RARE
        texts.append(" ".join(words))
    corpus = [
        documents.Document(i, "words", SPLITS[split[i]], text) for i, text in enumerate(texts)
    ]
    documents.write(corpus, folder / "corpus.jsonl")
    sides = {name: _side(folder, name, texts, split, rng, halved) for name in "ab"}
    tokens = {name: side.tokens for name, side in sides.items()}
    last = np.flatnonzero((np.diff(tokens["b"].read("start"), append=0) != 1) & _text(tokens["b"]))
    rows = np.flatnonzero(_text(tokens["a"])), last
    document = tokens["a"].read("document")[rows[0]]
    assert np.array_equal(document, tokens["b"].read("document")[rows[1]])
    arrays = {"row_a": rows[0], "row_b": rows[1], "document": document, "split": split[document]}
    store.write(folder / "alignment.zarr", "alignment", arrays, {})
    alignment = store.open_store(folder / "alignment.zarr", "alignment")
    both = sides["a"].features, sides["b"].features
    correlate(*both, alignment, folder / "correlation.zarr", 8, 3, None, {})
    correlation = store.open_store(folder / "correlation.zarr", "correlation")
    assert min(len(rows.a) for rows in aligned_rows(*both, alignment).values()) > 50
    return Comparison(sides["a"], sides["b"], alignment, correlation, texts, split)


def _text(tokens: store.Store) -> np.ndarray:
    return np.asarray(~tokens.read("special"))


def _pieces(name: str, text: str) -> list[tuple[int, int, str]]:
    """Return start, end and word of each token of a document."""
    found = [(0, 0, BOS)]
    for i, word in enumerate(text.split(" ")):
        start = 3 * i
        cuts = (start, start + 2) if name == "a" else (start, start + 1, start + 2)
        found += [(s, e, word) for s, e in pairwise(cuts)]
    return found if name == "a" else [*found, (0, 0, BOS)]


def _side(
    folder: Path, name: str, texts: list[str], split: np.ndarray, rng: Any, halved: bool
) -> Side:
    d, width = WIDTH[name], FEATURES[name]
    pieces = [_pieces(name, text) for text in texts]
    flat = [piece for document in pieces for piece in document]
    document = np.repeat(np.arange(len(texts)), [len(part) for part in pieces])
    start, end = (np.array([piece[i] for piece in flat], np.int32) for i in (0, 1))
    special = np.array([piece[2] == BOS for piece in flat])
    arrays = {"start": start, "end": end, "document": document.astype(np.int32)}
    store.write(
        folder / f"tokens_{name}.zarr", "tokens", arrays | {"special": special}, {"truncated": 0}
    )

    directions = rng.standard_normal((width, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    feature_of = dict(zip(ALL, rng.permutation(width)[: len(ALL)].tolist(), strict=True))

    def activations(words: list[str]) -> np.ndarray:
        size = rng.uniform(1, 3, (len(words), 1))
        exact = size * directions[[feature_of[word] for word in words]]
        return exact + 0.1 * rng.standard_normal(exact.shape)

    x = activations([piece[2] for piece in flat])
    x[7::97] *= MASSIVE
    resid = torch.from_numpy(x).float()
    stored = _stored(resid, halved)
    dtype = {"dtype": "bfloat16" if halved else "float32"}
    norm = resid.norm(dim=1).numpy()
    dump = {"resid": stored, "row": np.arange(len(flat)), "norm": norm}
    store.write(folder / f"activations_{name}.zarr", "activations", dump, dtype)

    rows, words_in, words_out, where, position = [], [], [], [], []
    first = np.searchsorted(document, np.arange(len(texts)))
    for i in np.flatnonzero(split == SPLITS.index("match")).tolist():
        words = [piece[2] for piece in pieces[i]]
        padded = [*words, *[PADDING] * (LONGEST - len(words))]
        rows += [*range(first[i], first[i] + len(words)), *[-1] * (LONGEST - len(words))]
        words_out += padded
        words_in += [padded[0], *padded[:-1]]
        where += [i] * LONGEST
        position += list(range(LONGEST))
    output = torch.from_numpy(activations(words_out)).float()
    row = np.array(rows)
    output[row >= 0] = resid[row[row >= 0]]
    batch = {
        "input": _stored(torch.from_numpy(activations(words_in)).float(), halved),
        "output": _stored(output, halved),
        "row": row,
        "document": np.array(where, np.int32),
        "position": np.array(position, np.int32),
    }
    store.write(folder / f"padded_{name}.zarr", "published_activations", batch, dtype)

    sae = saes.random(d, width, 2, seed=0)
    sae.arrays["W_dec"] = torch.from_numpy(directions).float()
    sae.arrays["W_enc"] = sae.arrays["W_dec"].T.contiguous()
    sae.arrays["b_enc"][:] = -0.2
    saes.save(sae, folder / f"sae_{name}")
    opened = Activations(
        folder / f"activations_{name}.zarr", folder / f"tokens_{name}.zarr", split, 5
    )
    encoding.encode(opened, sae, folder / f"features_{name}.zarr", CPU, {})
    features = Features(folder / f"features_{name}.zarr")
    chosen = np.flatnonzero(features.usable & (split[document] == SPLITS.index("match")))
    table = labels.table(features.rows(chosen), chosen, document, start, end, texts, 5)
    table.to_parquet(folder / f"labels_{name}.parquet", index=False)
    return Side(
        features,
        saes.load(folder / f"sae_{name}"),
        store.open_store(folder / f"padded_{name}.zarr", "published_activations"),
        store.open_store(folder / f"tokens_{name}.zarr", "tokens"),
        top_words(table["feature"].to_numpy(), table["word"].tolist()),
    )


def _stored(values: torch.Tensor, halved: bool) -> np.ndarray:
    if not halved:
        return values.numpy()
    return values.bfloat16().view(torch.int16).numpy().view(np.uint16)
