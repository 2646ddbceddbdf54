"""Damaged and malicious texts and archives: one message that names the file, nothing is run."""

import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hostile import message
from universality import documents
from universality.inputs import archives, corpus, texts

ZEROS = bytes(130 << 20)


# Texts.


def read(file: Path, config: dict[str, Any]) -> list[list[str]]:
    return list(texts.read_source(config, [file], np.random.default_rng(0)))


def parquet(column: pa.Array) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": column}), buffer)
    return buffer.getvalue()


def not_utf8() -> pa.Array:
    offsets = pa.array([0, 2, 4], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"\xff\xfe\xff\xff")])


SOUND = parquet(pa.array(["a", "b"] * 5000))


@pytest.mark.parametrize(
    ("name", "content", "config", "reason"),
    [
        ("a.txt", b"caf\xe9", {}, "not UTF-8"),
        ("a.txt", "text".encode("utf-16"), {}, "not UTF-8"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "caf\xe9"}', {}, ", line 2: not a JSON object"),
        ("a.jsonl", b"[" * 100_000, {}, ", line 1: not a JSON object with the key 'text'"),
        ("a.jsonl", b'{"text": ' + b"9" * 5000 + b"}", {}, "not a JSON object"),
        ("a.jsonl", b'{"txt": "a"}', {}, "KeyError: 'text'"),
        ("a.jsonl", b'{"text": "a"}', {"column": "body"}, "with the key 'body'"),
        ("a.jsonl", b'{"text": ["a"]}', {}, "'text' is not a string"),
        ("a.parquet", b"", {}, "cannot be read as parquet"),
        ("a.parquet", b"PAR1" + b"\xff" * 100 + b"PAR1", {}, "cannot be read as parquet"),
        ("a.parquet", SOUND[: len(SOUND) // 2], {}, "cannot be read as parquet"),
        ("a.parquet", SOUND, {"column": "body"}, "has no column 'body'; it has text"),
        ("a.parquet", parquet(pa.array([1, 2])), {}, "column 'text' has int64, not strings"),
        ("a.parquet", parquet(not_utf8()), {}, "cannot be read as parquet"),
        ("a.py", b"-" * 100_000 + b"1", {"format": "python-strings"}, "not Python source"),
        ("a.py", b"+".join([b"a"] * 100_000), {"format": "python-strings"}, "not Python source"),
        ("a.py", b"a\0", {"format": "python-strings"}, "not Python source"),
        ("a.html", b"<p>a</p><![foo[ x", {}, "cannot be read as html"),
        ("a.rst", b"".join(b" " * i + b"* a\n\n" for i in range(400)), {}, "cannot be read as rst"),
        ("a.xyz", b"text", {}, "the name does not tell the format"),
    ],
)
def test_texts(
    tmp_path: Path, name: str, content: bytes, config: dict[str, Any], reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    found = message(read, tmp_path / name, config)
    assert found.startswith(str(tmp_path / name))
    assert reason in found


@pytest.mark.parametrize("place", [10, 60, 200, *(len(SOUND) - n for n in (60, 99, 200, 299))])
def test_parquet_damaged_anywhere(tmp_path: Path, place: int) -> None:
    content = bytearray(SOUND)
    content[place : place + 20] = b"\xff" * 20
    (tmp_path / "a.parquet").write_bytes(content)
    assert "a.parquet: cannot be read as parquet" in message(read, tmp_path / "a.parquet", {})


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", "txt"])
def test_pickles_are_no_texts(tmp_path: Path, pickled: bytes, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(pickled)
    assert str(file) in message(read, file, {})


def test_odd_texts_that_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "a\\u0000b"}\n\n{"text": "c\\ud800d"}\n{"text": ""}\n')
    assert sorted(read(file, {})) == [[], ["ab"], ["cd"]]


def test_rst_reads_no_other_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("One two three four five six seven.")
    file = tmp_path / "a.rst"
    file.write_text(f".. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n")
    assert read(file, {}) == [[]]


@pytest.mark.parametrize(
    "line", [b'{"id": "\xe9"}', b"[1]", b"[" * 100_000, b'{"id": 0}', b'{"id": "x", "text": 3}']
)
def test_documents(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(line)
    assert message(documents.read, file).startswith(f"{file}, line 1: not a document")


# Archives.


def tar_block(size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo("toy-1/x.txt")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def wheel(compression: int = zipfile.ZIP_DEFLATED, content: bytes = b"text") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("x.txt", content)
    return buffer.getvalue()


def patched(content: bytes, offset: int, value: bytes) -> bytes:
    """Return a wheel with other bytes in the one entry of its directory."""
    place = content.index(b"PK\1\2") + offset
    return content[:place] + value + content[place + len(value) :]


BOMB = "is made to unpack to more than"
ODD = "is encrypted, or compressed as no wheel is"
DAMAGED = "cannot be read as a wheel or sdist"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(tar_block(len(ZEROS), b"0") + ZEROS, 5), BOMB),
        (gzip.compress(tar_block(2**50, b"0") + b"x" * 5000), BOMB),
        # Headers that are read into memory as a whole: names and attributes of any length.
        *((gzip.compress(tar_block(2**40, kind) + b"x" * 5000), BOMB) for kind in (b"x", b"g")),
        *((gzip.compress(tar_block(2**40, kind) + b"x" * 5000), BOMB) for kind in (b"L", b"K")),
        *((gzip.compress(tar_block(len(ZEROS), kind) + ZEROS, 5), BOMB) for kind in (b"x", b"L")),
        (wheel(content=ZEROS), BOMB),
        (patched(wheel(), 24, struct.pack("<I", 2**32 - 2)), BOMB),
        (wheel(zipfile.ZIP_BZIP2), ODD),
        (wheel(zipfile.ZIP_LZMA), ODD),
        (patched(wheel(), 8, b"\1"), ODD),
        (patched(wheel(), 10, b"\x63"), ODD),
        (patched(wheel(), 42, struct.pack("<I", 2**31)), DAMAGED),
        (patched(wheel(), 16, b"\0\0\0\0"), DAMAGED),
        (gzip.compress(b"text"), DAMAGED),
        (b"text" * 1000, DAMAGED),
        (b"", DAMAGED),
    ],
    ids=range(19),
)
def test_archives(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "toy.whl"
    file.write_bytes(content)
    for found in (
        message(archives.extract, file, "**"),
        message(archives.copy_member, file, "x.txt", tmp_path / "out" / "x.txt"),
        message(archives.licenses, file) if reason != DAMAGED else f"{file}: {DAMAGED}",
    ):
        assert str(file) in found
        # Read in pieces, an archive that claims too much ends too early.
        assert reason in found or DAMAGED in found
    assert list((tmp_path / "out").iterdir()) == []


def test_pickles_are_no_archives(tmp_path: Path, pickled: bytes) -> None:
    (tmp_path / "toy.whl").write_bytes(pickled)
    assert DAMAGED in message(archives.extract, tmp_path / "toy.whl", "**")


def test_no_archive(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none.whl"):
        assert message(archives.extract, file, "**") == f"{file}: no such file"


def test_devices_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "toy.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo(f"toy-1/device{kind.decode()}")
            info.type, info.devmajor, info.devminor = kind, 1, 5
            archive.addfile(info)
    assert "no member matches" in message(archives.extract, file, "**")


@pytest.mark.parametrize("pattern", ["**/" * 30 + "b", "*a" * 20 + "b", "a**a" * 10 + "/b"])
def test_globs_take_no_time(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "toy.whl").write_bytes(wheel().replace(b"x.txt", b"aaaaa"))
    assert "no member matches" in message(archives.extract, tmp_path / "toy.whl", pattern)


def test_whole_wheels_are_still_read(tmp_path: Path) -> None:
    """Text of much repetition is no bomb."""
    content = json.dumps(["the same words again"] * 100_000).encode()
    (tmp_path / "toy.whl").write_bytes(wheel(content=content))
    assert archives.extract(tmp_path / "toy.whl", "*.txt") == {"x.txt": content}


def test_a_split_without_documents() -> None:
    sources = {name: [[f"{name}{i} word " * 12 for i in range(20)]] for name in "ab"}
    shares = {"a": 0.5, "b": 0.5}
    splits = {"train": 0.5, "match": 0.25, "heldout": 0.25}
    expected = "corpus.documents: 4 documents leave none for the split 'heldout'"
    assert message(corpus.build, sources, 4, shares, 80, splits, 0).startswith(expected)
