"""The documents of a corpus: one JSON line each, with the split they belong to."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int8

from universality.errors import StudyError
from universality.files import replacing

SPLITS = ("train", "match", "heldout")
"""SAEs are trained on the first, features matched on the second, results reported on the third."""


@dataclass(frozen=True)
class Document:
    """A piece of prose, the name of its source, and the split it belongs to."""

    id: int
    source: str
    split: str
    text: str


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents as UTF-8 JSON lines, in the order of their `id`."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for document in sorted(documents, key=lambda document: document.id):
            file.write(json.dumps(asdict(document), ensure_ascii=False) + "\n")


def read(path: Path) -> list[Document]:
    """Read what `write` wrote.

    Raises StudyError for a line that is not a document, an unknown split, or ids out of order.
    """
    documents = []
    # Not splitlines: a document may hold other line separators, such as U+2028.
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                document = Document(**json.loads(line.decode()))
            except (ValueError, TypeError, RecursionError) as error:
                raise StudyError(f"{path}, line {number + 1}: not a document ({error})") from error
            if document.id != number or document.split not in SPLITS:
                raise StudyError(
                    f"{path}, line {number + 1}: found id {document.id}, split "
                    f"'{document.split}'; expected id {number}, split {', '.join(SPLITS)}"
                )
            documents.append(document)
    return documents


def split_codes(documents: Iterable[Document]) -> Int8[np.ndarray, "documents"]:
    """Return the split of each document as an index into `SPLITS`."""
    return np.array([SPLITS.index(document.split) for document in documents], np.int8)
