"""Cutting, drawing and splitting documents; reading text sources of all kinds."""

import io
import json
import re
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality.errors import StudyError
from universality.inputs.corpus import (
    Document,
    build,
    documents,
    largest_remainder,
)
from universality.inputs.texts import read_source
from universality.seeds import generator


def test_cut_at_sentences() -> None:
    paragraph = "One two three four. Five six seven! “Eight nine?” Ten eleven twelve. Rest"
    assert list(documents([paragraph], 35)) == [
        "One two three four. Five six seven!",
        "“Eight nine?” Ten eleven twelve. Rest",
    ]


def test_short_paragraphs_are_joined_and_the_rest_left_out() -> None:
    paragraphs = ["Ten chars.", "Ten more c.", "And a third.", "Left."]
    assert list(documents(paragraphs, 24)) == ["Ten chars.\n\nTen more c.", "And a third.\n\nLeft."]
    assert list(documents(["Left."], 24)) == []


def test_long_sentences_are_cut_between_words() -> None:
    words = " ".join(["word"] * 100)
    cut = list(documents([words], 50))
    assert " ".join(cut) == words
    assert {len(document) for document in cut} == {49}


def test_chinese_sentences_need_no_spaces() -> None:
    sentence = "這是一個句子。"
    assert list(documents([sentence * 10], 28)) == [sentence * 4, sentence * 4, sentence * 2]


WORDS = st.text("abcXYZé東.!?,\"'”", min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=60).map(" ".join), max_size=8),
    st.integers(20, 120),
)
def test_documents_are_runs_of_whole_words_of_the_right_size(
    paragraphs: list[str], size: int
) -> None:
    cut = list(documents(paragraphs, size))
    assert all(size / 2 <= len(document) <= 1.5 * size for document in cut)
    assert all(document == document.strip() for document in cut)
    words = [word for p in paragraphs for word in p.split() if len(word) < size // 2 - 2]
    found = " ".join(cut).split()
    # Chinese sentences may also be cut within what white space calls a word; here are none.
    assert found == words[: len(found)]
    assert len(" ".join(words[len(found) :])) < 1.5 * size


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (10, {"a": 0.6, "b": 0.2, "c": 0.2}, {"a": 6, "b": 2, "c": 2}),
        (11, {"a": 0.6, "b": 0.2, "c": 0.2}, {"a": 7, "b": 2, "c": 2}),
        (8, {"a": 0.6, "b": 0.2, "c": 0.2}, {"a": 5, "b": 2, "c": 1}),
        (30, {"a": 0.1, "b": 0.9}, {"a": 3, "b": 27}),
        (1, {"a": 0.5, "b": 0.5}, {"a": 1, "b": 0}),
        (7, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, {"a": 3, "b": 2, "c": 2}),
        (0, {"a": 1.0}, {"a": 0}),
    ],
)
def test_largest_remainder(total: int, shares: dict[str, float], counts: dict[str, int]) -> None:
    assert largest_remainder(total, shares) == counts


@pytest.mark.parametrize("shares", [{"a": 0.5, "b": 0.4}, {"a": 1.5, "b": -0.5}])
def test_shares_that_do_not_add_up(shares: dict[str, float]) -> None:
    with pytest.raises(StudyError, match=r"add up to 1; found \{a: "):
        largest_remainder(10, shares)


def numbered(name: str, count: int, per_text: int = 10) -> list[list[str]]:
    """Make texts of `per_text` paragraphs, each of which is one document of 40 characters."""
    lines = [f"{name} {i:04}: the text of one document, ok." for i in range(count)]
    lines = [line[:40] for line in lines]
    return [lines[i : i + per_text] for i in range(0, count, per_text)]


SPLITS = {"train": 0.6, "match": 0.2, "heldout": 0.2}


def drawn(seed: int = 0, **changes: object) -> list[Document]:
    arguments = {
        "sources": {"x": numbered("x", 300), "y": numbered("y", 300)},
        "n_documents": 101,
        "shares": {"x": 0.75, "y": 0.25},
        "size": 40,
        "splits": SPLITS,
        "seed": seed,
    }
    return build(**(arguments | changes))  # type: ignore[arg-type]


def test_build_counts() -> None:
    corpus = drawn()
    assert [document.id for document in corpus] == list(range(101))
    assert Counter((d.source, d.split) for d in corpus) == {
        ("x", "train"): 46,
        ("x", "match"): 15,
        ("x", "heldout"): 15,
        ("y", "train"): 15,
        ("y", "match"): 5,
        ("y", "heldout"): 5,
    }
    assert len({document.text for document in corpus}) == 101
    originals = {line for texts in numbered("x", 300) + numbered("y", 300) for line in texts}
    assert {document.text for document in corpus} <= originals


def test_build_is_a_function_of_the_seed() -> None:
    assert drawn() == drawn()
    assert {d.text for d in drawn()} != {d.text for d in drawn(seed=1)}


def test_build_spreads_over_one_long_text() -> None:
    one = [[line for text in numbered("x", 1000) for line in text]]
    corpus = drawn(sources={"x": one}, shares={"x": 1.0}, n_documents=100)
    places = np.array([int(d.text.split()[1][:-1]) for d in corpus])
    # Of 10 equal parts each has some; in random order, in random splits.
    assert set(places // 100) == set(range(10))
    assert abs(np.corrcoef(places, np.arange(100))[0, 1]) < 0.3
    for split in SPLITS:
        chosen = places[[d.split == split for d in corpus]]
        assert chosen.min() < 300
        assert chosen.max() > 700


def test_build_reads_no_more_than_it_needs() -> None:
    read = []

    def texts():  # type: ignore[no-untyped-def]
        for i, text in enumerate(numbered("x", 1000)):
            read.append(i)
            yield text

    drawn(sources={"x": texts()}, shares={"x": 1.0}, n_documents=20)
    assert read == [0, 1, 2, 3]


def test_build_drops_duplicates() -> None:
    same = numbered("x", 60)
    corpus = drawn(sources={"x": same + same, "y": same + numbered("y", 40)}, n_documents=80)
    assert len({document.text for document in corpus}) == 80
    with pytest.raises(StudyError, match=r"source 'y': its text makes 0 documents"):
        drawn(sources={"x": same, "y": same}, n_documents=40)


def test_too_little_text() -> None:
    message = r"'y': its text makes 20 documents of about 40 characters, 25 are wanted; lower its"
    with pytest.raises(StudyError, match=message):
        drawn(sources={"x": numbered("x", 300), "y": numbered("y", 20)})


def read(config: dict[str, object], files: list[Path], seed: int = 0) -> list[list[str]]:
    return list(read_source(config, files, generator(seed)))


def test_text_files_by_suffix(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("\ufeffPlain `text`\n\nhere", encoding="utf-8")
    (tmp_path / "b.rst").write_text("Title\n=====\n\nA sentence with ``code`` in it.")
    (tmp_path / "deep" / "c.md").write_text("# Title\n\nA sentence with *stress* in it.")
    (tmp_path / "d.html").write_text("<p>A sentence with <b>stress</b> in it.</p>")
    expected = [
        ["Plain `text`", "here"],
        ["A sentence with code in it."],
        ["A sentence with stress in it."],
        ["A sentence with stress in it."],
    ]
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(read({"path": "."}, files)) == sorted(expected)
    config = {"path": "a.txt", "replace": {"`": "'"}}
    assert read(config, [tmp_path / "a.txt"]) == [["Plain 'text'", "here"]]
    config = {"path": "b.rst", "format": "plain"}
    assert read(config, [tmp_path / "b.rst"])[0][0] == "Title ====="


def test_order_is_random_and_a_function_of_the_seed(tmp_path: Path) -> None:
    lines = [json.dumps({"body": f"row {i}\u2028"}, ensure_ascii=False) for i in range(50)]
    (tmp_path / "rows.jsonl").write_text("\n\n".join(lines), encoding="utf-8")
    config = {"path": "rows.jsonl", "column": "body"}
    files = [tmp_path / "rows.jsonl"]
    first, again, other = (read(config, files, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert sorted(first) == sorted([f"row {i}\u2028"] for i in range(50))
    assert first != sorted(first)


def test_parquet(tmp_path: Path) -> None:
    rows = [f"row {i}\n\nsecond paragraph" for i in range(20)]
    table = pa.table({"text": [*rows, None], "number": range(21)})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=5)
    found = read({"path": "rows.parquet"}, [tmp_path / "rows.parquet"])
    assert sorted(found) == sorted([f"row {i}", "second paragraph"] for i in range(20))
    assert found != sorted(found)
    with pytest.raises(StudyError, match=r"rows\.parquet: has no column 'body'; it has text, num"):
        read({"path": ".", "column": "body"}, [tmp_path / "rows.parquet"])
    with pytest.raises(StudyError, match="column 'number' has int64, not strings"):
        read({"path": ".", "column": "number"}, [tmp_path / "rows.parquet"])


def test_members_of_an_sdist(tmp_path: Path) -> None:
    archive = tmp_path / "toy-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name in ("docs/a.txt", "docs/b.txt", "other.txt"):
            info = tarfile.TarInfo(f"toy-1.0/{name}")
            content = f"The sentence of ``{name}`` has enough words.".encode()
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    config = {"sdist": "toy==1.0", "sha256": "ab", "members": "docs/**/*.txt", "format": "rst"}
    assert sorted(read(config, [archive])) == [
        [f"The sentence of docs/{name}.txt has enough words."] for name in "ab"
    ]


@pytest.mark.parametrize(
    ("name", "content", "config", "message"),
    [
        ("a.txt", b"\xff\xfe", {}, "a.txt: is not UTF-8 text"),
        ("a.pdf", b"x", {}, "a.pdf: the name does not tell the format; set the source's `format`"),
        ("a.txt", b"(", {"format": "python-strings"}, "a.txt: format python-strings: the text is"),
        ("a.txt", b"(", {"format": "tex"}, "a.txt: unknown text format 'tex'; valid are plain"),
        ("a.jsonl", b'{"body": 1}', {}, "a.jsonl, line 1: not a JSON object with the key 'text'"),
        ("a.jsonl", b"\n{", {}, "a.jsonl, line 2: not a JSON object"),
        ("a.jsonl", b'{"text": 1}', {}, "a.jsonl, line 1: 'text' is not a string"),
        ("a.parquet", b"PAR1", {}, "a.parquet: cannot be read as parquet"),
    ],
)
def test_unreadable_files(
    tmp_path: Path, name: str, content: bytes, config: dict[str, str], message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StudyError, match=re.escape(message)):
        read({"path": name} | config, [tmp_path / name])
