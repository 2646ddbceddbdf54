"""Word lists, and which features name them, whatever the tokenizer."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.errors import StudyError
from universality.features import categories, labels

FOLDER = Path(__file__).parents[2] / "resources" / "categories"
# As many words as the source has; see its published settings.
SIZES = {
    "time": 83,
    "calendar": 35,
    "people_roles": 27,
    "nature": 46,
    "emotions": 49,
    "month_names": 12,
    "countries": 19,
    "biology": 29,
}
reproducible = settings(deadline=None, derandomize=True)


def test_there_is_one_file_for_each_category():
    assert {path.stem for path in FOLDER.iterdir()} == set(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_a_file_holds_a_lower_case_word_on_each_line(name):
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if not line.startswith("#")]
    assert categories.read(FOLDER / f"{name}.txt") == words
    assert len(words) == SIZES[name]
    assert all(word.islower() and word.isalpha() for word in words)


def test_the_months_are_part_of_the_calendar():
    months, calendar = (categories.read(FOLDER / f"{n}.txt") for n in ("month_names", "calendar"))
    assert months[0] == "january"
    assert months[-1] == "december"
    assert set(months) < set(calendar)


def written(folder, content):
    path = folder / "words.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"day\nnight\n", ["day", "night"]),
        (b"day", ["day"]),
        (b"# Times\n\n  day  # not night\n\t\nweek\n", ["day", "week"]),
        (b"Day\nDAY\nnight\nday\n", ["day", "night"]),
        (b"\xef\xbb\xbfday\r\nnight\r\n", ["day", "night"]),  # as Windows writes it
        ("ÉTÉ\nété\nдень\n".encode(), ["été", "день"]),
        ("doesn't\ndoesn’t\n".encode(), ["doesn't", "doesn’t"]),
        (b".\n\\n\n__init__\n1984\n", [".", "\\n", "__init__", "1984"]),
        ("İstanbul\n".encode(), ["i̇stanbul"]),  # one letter that is two in lower case
    ],
)
def test_words_of_a_file(tmp_path, content, words):
    assert categories.read(written(tmp_path, content)) == words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "words.txt: found no words; a category needs at least one"),
        (b"# only\n\n#a comment", "words.txt: found no words; a category needs at least one"),
        (b"day\nunited kingdom\n", "words.txt, line 2: found 'united kingdom'; valid: a single"),
        (b"day\n\nice-cream\n", "words.txt, line 3: found 'ice-cream', which is never a label"),
        ("no\u00a0break".encode(), "words.txt, line 1: found 'no\\xa0break'; valid: a single"),
        (b"caf\xe9\n", "words.txt: not UTF-8 text ('utf-8' codec can't decode byte 0xe9"),
        (b"\xff\xfed\x00a\x00", "words.txt: not UTF-8 text"),
    ],
)
def test_a_bad_file_is_told_with_its_line(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(StudyError, match=re.escape(message)) as error:
        categories.read(path)
    assert str(error.value).startswith(str(path))


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(StudyError, match=r"absent\.txt: not a readable file \(.*No such file"):
        categories.read(tmp_path / "absent.txt")
    with pytest.raises(StudyError, match=r": not a readable file \(.*[Dd]irectory"):
        categories.read(tmp_path)


def test_listed_words():
    assert categories.listed(["Word", "other", "word"], "categories.Mine") == ["word", "other"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "categories.Mine: found no words"),
        (["a", "two words"], "categories.Mine: found 'two words'; valid: a single word"),
        (["a", ""], "categories.Mine: found ''; valid: a single word"),
        (["a", " b"], "categories.Mine: found ' b'; valid: a single word"),
        (["ice-cream"], "categories.Mine: found 'ice-cream', which is never a label (.* 'ice')"),
    ],
)
def test_bad_lists_are_told_with_their_key(words, message):
    with pytest.raises(StudyError, match=message.replace("(", r"\(").replace(")", r"\)")):
        categories.listed(words, "categories.Mine")


WORDS = ["day", "night", "king", "day", "day", "the", "night", "night"]
FEATURE = np.array([0, 0, 0, 2, 2, 2, 5, 5])


@pytest.mark.parametrize(
    ("min_words", "expected"),
    [
        (1, [True, False, True, False, False, True, False]),
        (2, [True, False, True, False, False, True, False]),  # contexts count, not different words
        (3, [False] * 7),
    ],
)
def test_features_that_name_a_category(min_words, expected):
    found = categories.naming(FEATURE, WORDS, 7, ["day", "night"], min_words)
    assert found.dtype == bool
    assert found.tolist() == expected


def test_one_word_of_several():
    assert categories.naming(FEATURE, WORDS, 6, ["king"], 1).tolist() == [True] + [False] * 5
    assert not categories.naming(FEATURE, WORDS, 6, ["queen", "da", "days"], 1).any()


def test_no_labels_at_all():
    """Every feature is dead, or there is none."""
    none = np.zeros(0, np.int64)
    assert categories.naming(none, [], 4, ["day"], 1).tolist() == [False] * 4
    assert categories.naming(none, [], 0, ["day"], 1).shape == (0,)


vocabulary = st.sampled_from(["day", "night", "king", "."])


@reproducible
@given(
    table=st.lists(st.tuples(st.integers(0, 4), vocabulary), max_size=20),
    words=st.sets(vocabulary),
    min_words=st.integers(1, 3),
)
def test_naming_is_counting(table, words, min_words):
    feature = np.array([f for f, _ in table], np.int64)
    found = categories.naming(feature, [w for _, w in table], 5, words, min_words)
    counts = [sum(w in words for f, w in table if f == number) for number in range(5)]
    assert found.tolist() == [count >= min_words for count in counts]


TEXT = "In January the King of Egypt wept; by MAY he rejoiced."
PIECES = {
    "words": ["In", " January", " the", " King", " of", " Egypt", " wept", ";", " by", " MAY"],
    "syllables": [
        *["In", " ", "Jan", "uary", " the K", "ing"],
        *[" of E", "gyp", "t", " wept", "; by M", "AY"],
    ],
    "letters": list(TEXT[:45]),
}


@pytest.mark.parametrize("tokenizer", PIECES)
def test_a_category_is_found_whatever_the_tokens(tokenizer):
    """One feature for each token: those within a month name it, and no others."""
    end = np.cumsum([len(piece) for piece in PIECES[tokenizer]])
    start = np.concatenate([[0], end[:-1]])
    assert [TEXT[s:e] for s, e in zip(start, end, strict=True)] == PIECES[tokenizer]
    n = len(end)
    table = labels.table(
        np.eye(n, dtype=np.float32), np.arange(n), np.zeros(n, int), start, end, [TEXT], k=5
    )
    assert isinstance(table, pd.DataFrame)
    named = {}
    for name in ("month_names", "countries", "emotions"):
        words = categories.read(FOLDER / f"{name}.txt")
        hits = categories.naming(table["feature"].to_numpy(), table["word"], n, words, 1)
        named[name] = [PIECES[tokenizer][i] for i in np.flatnonzero(hits)]
    expected = {
        "words": ([" January", " MAY"], [" Egypt"]),
        "syllables": (["Jan", "uary", "AY"], ["gyp", "t"]),
        "letters": ([*"January", *"MAY"], [*"Egypt"]),
    }[tokenizer]
    assert named == {"month_names": expected[0], "countries": expected[1], "emotions": []}
