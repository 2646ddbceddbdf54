"""Which rows of two padded batches stand for the same place, and the words that stand there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from universality.features.padded import (
    AFTER,
    BEFORE,
    PADDING,
    TEXT,
    Places,
    corresponding,
    of_tokens,
    places,
    words,
)

# Document 4 has two specials, two tokens, one special, two of padding; document 6 is BOS alone.
ROW = np.array([3, 4, 5, 6, 7, -1, -1, 8, -1, -1, -1, -1, -1, -1])
DOCUMENT = np.array([4] * 7 + [6] * 7)
SPECIAL = np.array([True, False, False, True, True, False, False, True, True])


def test_places() -> None:
    found = places(ROW, DOCUMENT, SPECIAL)
    first = [BEFORE, BEFORE, TEXT, TEXT, AFTER, PADDING, PADDING]
    assert found.kind.tolist() == first + [BEFORE] + [PADDING] * 6
    assert found.row is ROW
    assert found.document is DOCUMENT


def test_the_kind_of_a_row_depends_on_its_own_document() -> None:
    """A document's first special tokens stand before its text, however much came before it."""
    row, document = np.arange(6), np.array([0, 0, 0, 1, 1, 1])
    special = np.array([True, False, True] * 2)
    assert places(row, document, special).kind.tolist() == [BEFORE, TEXT, AFTER] * 2


def test_places_of_nothing() -> None:
    empty = np.zeros(0, int)
    found = places(empty, empty, np.zeros(0, bool))
    assert len(found.kind) == 0
    assert [len(side) for side in corresponding(found, found, empty, empty)] == [0, 0]


def test_corresponding_by_hand() -> None:
    """Two BOS against one, a token split in two, one closing token against none, padding."""
    a = places(np.array([0, 1, 2, 3, 4, -1, -1]), np.zeros(7, int), np.array([1, 1, 0, 0, 1], bool))
    b = places(
        np.array([0, 1, 2, 3, -1, -1, -1]), np.zeros(7, int), np.array([1, 0, 0, 0, 1], bool)
    )
    left, right = corresponding(a, b, np.array([2, 3]), np.array([2, 3]))
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [
        (0, 0),
        (2, 2),
        (3, 3),
        (5, 4),
        (6, 5),
    ]


def test_rows_of_other_splits_have_no_place() -> None:
    """The alignment is of the whole corpus, the batch of some documents."""
    a = places(np.array([4, 5, 6]), np.zeros(3, int), np.array([0, 0, 0, 0, 1, 0, 0], bool))
    left, right = corresponding(a, a, np.array([1, 2, 5, 6, 9]), np.array([2, 2, 5, 6, 9]))
    assert left.tolist() == right.tolist() == [0, 1, 2]
    assert of_tokens(a, np.array([6, 0, 4, 99])).tolist() == [2, -1, 0, -1]


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Places], list[tuple[int, int]], np.ndarray]:
    """Draw both batches of the same documents, and rows of the tokens that correspond."""
    documents = draw(st.integers(1, 4))
    shapes = st.tuples(*(st.integers(0, 3) for _ in range(4)))
    sides, starts = [], []
    for _ in range(2):
        row, document, special, start = [], [], [], []
        for number in range(documents):
            first, text, last, padding = draw(shapes)
            start.append((len(special) + first, text))
            size = first + text + last
            row += [*range(len(special), len(special) + size), *[-1] * padding]
            special += [True] * first + [False] * text + [True] * last
            document += [number] * (size + padding)
        sides.append(places(np.array(row, int), np.array(document, int), np.array(special, bool)))
        starts.append(start)
    aligned = [
        (first_a + i, first_b + i)
        for (first_a, text_a), (first_b, text_b) in zip(*starts, strict=True)
        for i in range(min(text_a, text_b))
    ]
    return sides, aligned, np.array(starts)


@given(batches())
def test_corresponding_is_a_search_row_by_row(
    drawn: tuple[list[Places], list[tuple[int, int]], np.ndarray],
) -> None:
    (a, b), aligned, _ = drawn
    expected = []
    for i in range(len(a.row)):
        for j in range(len(b.row)):
            if a.document[i] != b.document[j] or a.kind[i] != b.kind[j]:
                continue
            if a.kind[i] == TEXT:
                same = (a.row[i], b.row[j]) in aligned
            else:
                same = _rank(a, i) == _rank(b, j)
            if same:
                expected.append((i, j))
    rows = np.array(aligned, int).reshape(-1, 2)
    left, right = corresponding(a, b, rows[:, 0], rows[:, 1])
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == expected


def _rank(side: Places, i: int) -> int:
    like = (side.document == side.document[i]) & (side.kind == side.kind[i])
    return int(like[:i].sum())


def test_words() -> None:
    texts = [""] * 4 + ["Don't. Go"]
    start = np.array([0, 0, 0, 0, 0, 0, 5, 7, 0])
    end = np.array([0, 0, 0, 0, 0, 3, 6, 9, 0])
    there = places(ROW, DOCUMENT, SPECIAL)
    chosen = np.array([0, 2, 3, 4, 6, 7, 13])
    found = words(there, chosen, start, end, texts)
    assert found == ["<bos>", "don't", ".", "<bos>", "<pad>", "<bos>", "<pad>"]
    assert words(there, np.zeros(0, int), start, end, texts) == []


@pytest.mark.parametrize("label", ["<bos>", "<pad>"])
def test_both_are_junk_for_the_source(label: str) -> None:
    from universality.features.selection import JUNK

    assert label in JUNK
