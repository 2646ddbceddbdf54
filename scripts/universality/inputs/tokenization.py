"""Tokenizing documents, with exact character offsets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from universality.errors import StudyError, reason
from universality.inputs.tokens import Tokens


def load(folder: Path) -> Tokenizer:
    """Load the tokenizer of a model's folder (without transformers, which takes seconds).

    Raises StudyError for a file that is no tokenizer.
    """
    file = folder / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library knows no other kind
        raise StudyError(f"{file}: not a readable tokenizer ({reason(error)})") from error


def tokenize(
    tokenizer: Tokenizer, texts: Sequence[str], bos: str | None, max_tokens: int
) -> Tokens:
    """Tokenize documents.

    The text is all text: the names of special tokens in it are read as any other characters. A
    document that is too long is cut behind its last character that fits as a whole; closing special
    tokens stay.

    Args:
        tokenizer: knows where in the text each token comes from; it is not changed.
        texts: the documents.
        bos: None for the special tokens that the tokenizer itself adds; else the one token that is
            put in front instead of those, e.g. `<|endoftext|>`.
        max_tokens: of a document, special tokens included.

    Raises:
        StudyError: a `bos` that is not in the vocabulary.
    """
    backend = _backend(tokenizer)
    first = [] if bos is None else [_id(backend, bos)]
    rows: list[tuple[int, int, int, int, int, bool]] = []
    truncated = 0
    encodings = backend.encode_batch(list(texts), add_special_tokens=bos is None)
    for document, encoding in enumerate(encodings):
        ids = [*first, *encoding.ids]
        spans = [*((0, 0) for _ in first), *encoding.offsets]
        special = [*(True for _ in first), *map(bool, encoding.special_tokens_mask)]
        content = [i for i in range(len(ids)) if not special[i]]
        room = max_tokens - (len(ids) - len(content))
        removed = content[_whole_characters([spans[i] for i in content], room) :]
        truncated += bool(removed)
        kept = sorted(set(range(len(ids))).difference(removed))
        for position, i in enumerate(kept):
            start, end = (0, 0) if special[i] else spans[i]
            rows.append((ids[i], start, end, document, position, special[i]))
    columns = np.array(rows, dtype=np.int32).reshape(-1, 6).T.copy()
    ids_, start_, end_, document_, position_, special_ = columns
    return Tokens(ids_, start_, end_, document_, position_, special_.astype(bool), truncated)


def _backend(tokenizer: Tokenizer) -> Tokenizer:
    """Return a copy of the tokenizer that gives the true offsets of pure text."""
    state = json.loads(tokenizer.to_str())
    # Trimming would let a token of white space end where it starts.
    _set_trim_offsets_false(state["post_processor"])
    backend = Tokenizer.from_str(json.dumps(state))
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    return backend


def _set_trim_offsets_false(processor: dict[str, Any] | None) -> None:
    """Change a post-processor's state, or that of each one in a sequence of them."""
    if processor and "trim_offsets" in processor:
        processor["trim_offsets"] = False
    for part in (processor or {}).get("processors", []):
        _set_trim_offsets_false(part)


def _id(backend: Tokenizer, token: str) -> int:
    id = backend.token_to_id(token)
    if id is None:
        added = ", ".join(str(t) for t in backend.get_added_tokens_decoder().values() if t.special)
        raise StudyError(
            f"bos {token!r}: no such token in the vocabulary; the special tokens are {added}"
        )
    return int(id)


def _whole_characters(spans: Sequence[tuple[int, int]], room: int) -> int:
    """Return how many tokens fit into `room` without leaving the last character incomplete."""
    if len(spans) <= room:
        return len(spans)
    count = max(0, room)
    while count and spans[count][0] < spans[count - 1][1]:
        count -= 1
    return count
