from pathlib import Path

import numpy as np
import pytest

from universality import documents
from universality.documents import Document
from universality.errors import StudyError


def test_corpus_file(tmp_path: Path) -> None:
    corpus = [
        Document(1, "b", "match", 'line\u2028separator\x85 and\r\nnew line\n\n\U0001f642 \\ "'),
        Document(0, "a", "train", "é"),
    ]
    path = tmp_path / "new" / "corpus.jsonl"
    documents.write(corpus, path)
    assert documents.read(path) == corpus[::-1]
    first = '{"id": 0, "source": "a", "split": "train", "text": "é"}'
    assert path.read_text(encoding="utf-8").split("\n")[0] == first


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": 1, "source": "a", "split": "train", "text": "c"}', "line 1: found id 1, split"),
        ('{"id": 0, "text": "c"}', "line 1: not a document"),
        ("[1, 2]", "line 1: not a document"),
        ("{", "line 1: not a document"),
    ],
)
def test_damaged_corpus_file(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "corpus.jsonl").write_text(line + "\n")
    with pytest.raises(StudyError, match=rf"corpus\.jsonl, {message}"):
        documents.read(tmp_path / "corpus.jsonl")


def test_unknown_split(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": 0, "source": "a", "split": "x", "text": "c"}\n')
    with pytest.raises(StudyError, match=r"split 'x'; expected id 0, split train, match, heldout"):
        documents.read(tmp_path / "c.jsonl")


def test_split_codes() -> None:
    splits = ["heldout", "train", "match", "train"]
    corpus = [Document(i, "s", split, "t") for i, split in enumerate(splits)]
    np.testing.assert_array_equal(documents.split_codes(corpus), [2, 0, 1, 0])
