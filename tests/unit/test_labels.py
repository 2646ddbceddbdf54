"""Top rows of features, the words around tokens, and the table of contexts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from universality.features import labels

reproducible = settings(deadline=None, derandomize=True)
layouts = pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])


shapes = st.tuples(st.integers(1, 8), st.integers(1, 4))
cells = st.sampled_from([-1, 0, 0, 1, 2, 3])


@layouts
@reproducible
@given(values=arrays(np.float32, shapes, elements=cells), k=st.integers(1, 9))
def test_top_rows_is_a_sort(layout, values, k):
    expected = []
    for j in range(values.shape[1]):
        positive = [i for i in range(len(values)) if values[i, j] > 0]
        # Python's sort keeps the order of rows that tie.
        best = sorted(positive, key=lambda i: -values[i, j])[:k]
        expected += [(j, i) for i in best]
    feature, row = labels.top_rows(layout(values), k)
    assert list(zip(feature.tolist(), row.tolist(), strict=True)) == expected


def find(text, token, occurrence=0):
    """Return the span of a token in a text."""
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(token, start + 1)
    return start, start + len(token)


@pytest.mark.parametrize(
    ("text", "token", "word"),
    [
        ("A White horse", "White", "white"),
        ("A White horse", " White", "white"),  # the space in front belongs to the token
        ("A White horse", "hit", "white"),
        ("A White horse", "A", "a"),  # at the beginning
        ("A White horse", "se", "horse"),  # at the end
        ("A White horse", "White horse", "white"),  # a token of two words: the first
        ("x, y", ",", ","),
        ("x, y", ", ", ","),
        ('He said: "Go!"', '!"', '!"'),
        ('He said: "Go!"', ' "', '"'),
        ('He said: "Go!"', ' "Go', "go"),
        ("it doesn't", "'t", "doesn't"),
        ("it doesn't", "'", "doesn't"),
        ("it doesn’t", "’", "doesn’t"),
        ("rock'n'roll", "n", "rock'n'roll"),
        ("the dogs' tails", "'", "'"),  # no apostrophe within a word
        ("'quoted'", "quoted", "quoted"),
        ("'quoted'", "'", "'"),
        ("well-known", "known", "known"),
        ("well-known", "-", "-"),
        ("call __init__()", "init", "__init__"),
        ("call __init__()", "()", "()"),
        ("in 1984.", "84", "1984"),
        ("3.14", ".14", "14"),
        ("ÉCOLE über naïve", "COLE", "école"),
        ("ÉCOLE über naïve", "ï", "naïve"),
        ("Привет мир", "вет", "привет"),
        ("a 🙂 b", "🙂", "🙂"),
        ("a\n\n b", "\n\n", r"\n\n"),
        ("a\n\n b", "\n\n b", "b"),
        ("a\tb", "\t", r"\t"),
        ("a\u00a0b", "\u00a0", r"\xa0"),
        ("a\u2028b", "\u2028", r"\u2028"),
    ],
)
def test_word(text, token, word):
    assert labels.word(text, *find(text, token)) == word


def test_word_of_the_token_and_not_of_another_place():
    text = "the cat, the other cat"
    assert labels.word(text, *find(text, "the", 2)) == "other"
    assert labels.word(text, *find(text, " ", 2)).isspace()
    assert labels.word(text, *find(text, "cat", 1)) == "cat"


def test_word_far_into_a_long_text():
    text = "word " * 10000 + "Target " + "word " * 10000
    assert labels.word(text, *find(text, "arge")) == "target"


@reproducible
@given(st.text(alphabet="ab' ’.\n1é", min_size=1, max_size=12), st.data())
def test_word_touches_the_token(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found, token = labels.word(text, start, end), text[start:end]
    if any(c.isalnum() for c in token):
        assert any(c.isalnum() for c in found)
        assert found in text
    assert found


DOCUMENTS = ["The cat sat.", "A dog; the Cat!"]
# Every token of both documents, after a special one.
TOKENS = [
    (0, 0, 0), (0, 0, 3), (0, 3, 7), (0, 7, 11), (0, 11, 12),
    (1, 0, 0), (1, 0, 1), (1, 1, 5), (1, 5, 6), (1, 6, 10), (1, 10, 14), (1, 14, 15),
]  # fmt: skip


@layouts
def test_table(layout):
    document, start, end = np.array(TOKENS).T
    rows = np.array([1, 2, 3, 4, 7, 10, 11])  # of these, by local index, are the features
    values = np.zeros((7, 3), np.float32)
    values[[1, 5, 4], 0] = 1.5, 2.5, 0.5
    values[[3, 6], 2] = 1, 1
    values[0, 1] = -4
    found = labels.table(layout(values), rows, document, start, end, DOCUMENTS, k=2)
    assert found.to_dict("list") == {
        "feature": [0, 0, 2, 2],
        "rank": [0, 1, 0, 1],
        "row": [10, 2, 4, 11],
        "document": [1, 0, 0, 1],
        "activation": [2.5, 1.5, 1, 1],
        "token": [" Cat", " cat", ".", "!"],
        "word": ["cat", "cat", ".", "!"],
        "before": ["A dog; the", "The", "The cat sat", "A dog; the Cat"],
        "after": ["!", " sat.", "", ""],
    }
    assert found["activation"].dtype == np.float32


def test_contexts_are_cut():
    text = "a" * 100 + " b " + "c" * 100
    column = [np.array([i]) for i in (0, 101, 102)]
    found = labels.table(np.ones((1, 1), np.float32), np.array([0]), *column, [text], k=1)
    assert found["before"].tolist() == ["a" * 59 + " "]
    assert found["after"].tolist() == [" " + "c" * 59]


@layouts
def test_table_of_features_that_never_fire(layout, tmp_path):
    columns = [np.array([0]), np.array([0]), np.array([1])]
    found = labels.table(layout(np.zeros((1, 4), np.float32)), np.array([0]), *columns, ["x"], k=3)
    assert len(found) == 0
    assert "word" in found.columns
    found.to_parquet(tmp_path / "labels.parquet", index=False)
