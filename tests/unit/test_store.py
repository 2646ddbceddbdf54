"""Stores keep values exactly, are complete or absent, and tell when they are damaged."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from universality import store
from universality.errors import StudyError

DTYPES = (np.bool_, np.uint8, np.int32, np.int64, np.uint16, np.float16, np.float32, np.float64)
SHAPES = ((0,), (1,), (7,), (3, 5), (0, 4), (4, 0), (2, 3, 2))


def numbers(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(shape) * 50).astype(np.int8).astype(dtype)


def write_and_fail(path: Path) -> None:
    with store.create(path, "k", {}) as writer:
        writer.add("x", np.arange(9))
        raise ZeroDivisionError


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_come_back_exactly(tmp_path: Path, dtype: type) -> None:
    arrays = {f"of{len(shape)}_{i}": numbers(shape, dtype) for i, shape in enumerate(SHAPES)}
    store.write(tmp_path / "s", "numbers", arrays, {})
    opened = store.open_store(tmp_path / "s", "numbers")
    for name, array in arrays.items():
        read = opened.read(name)
        assert read.dtype == array.dtype
        assert read.shape == array.shape
        np.testing.assert_array_equal(read, array)
    store.verify(tmp_path / "s", "numbers")


def test_bits_of_special_floats_are_kept(tmp_path: Path) -> None:
    bits = np.array([0x7FC00001, 0x80000000, 0x7F800000, 0xFF800000, 1], np.uint32)
    store.write(tmp_path / "s", "floats", {"x": bits.view(np.float32)}, {})
    read = store.open_store(tmp_path / "s", "floats").read("x")
    np.testing.assert_array_equal(read.view(np.uint32), bits)


def test_layout_in_memory_does_not_matter(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(4, 6)
    store.write(tmp_path / "plain", "k", {"x": np.ascontiguousarray(array.T[::2])}, {})
    store.write(tmp_path / "strided", "k", {"x": array.T[::2]}, {})
    stores = [store.open_store(tmp_path / name, "k") for name in ("plain", "strided")]
    np.testing.assert_array_equal(stores[1].read("x"), array.T[::2])
    assert stores[0].attributes == stores[1].attributes


def test_reserved_and_grown_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((50, 3)).astype(np.float32)
    pieces = [rng.integers(0, 99, n) for n in (3, 0, 1, 40)]
    with store.create(tmp_path / "s", "k", {}) as writer:
        reserved = writer.reserve("rows", (50, 3), np.float32, compress=False)
        grown, empty = writer.grow("grown", np.int64), writer.grow("empty", np.int32)
        empty.append(np.empty(0, np.int32))
        for start in (40, 0, 20):  # in any order
            reserved[start : start + 20] = whole[start : start + 20]
        for piece in pieces:
            grown.append(piece)
    opened = store.open_store(tmp_path / "s", "k")
    np.testing.assert_array_equal(opened.read("rows"), whole)
    np.testing.assert_array_equal(opened["rows"][10:13], whole[10:13])
    np.testing.assert_array_equal(opened.read("grown"), np.concatenate(pieces))
    assert opened.read("empty").shape == (0,)
    assert {"rows", "grown", "empty"} <= set(opened.attributes["arrays"])
    assert "rows" in opened
    assert "columns" not in opened


def test_a_row_larger_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_CHUNK_BYTES", 16)
    array = np.arange(30.0).reshape(3, 10)
    store.write(tmp_path / "s", "k", {"x": array}, {})
    np.testing.assert_array_equal(store.open_store(tmp_path / "s", "k").read("x"), array)
    store.verify(tmp_path / "s", "k")


@given(
    array=npst.arrays(
        st.sampled_from([np.int16, np.float64]), npst.array_shapes(max_dims=2, max_side=40)
    )
)
@settings(max_examples=20, deadline=None)
def test_digest_is_of_the_content_and_not_of_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("digest")
    digests = set()
    for chunk in (8, 64, 1 << 23):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(store, "_CHUNK_BYTES", chunk)
            store.write(folder / "s", "k", {"x": array}, {})
        digests.add(store.open_store(folder / "s", "k").attributes["sha256"])
    assert len(digests) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"x": np.array([1, 2, 4])},
        {"x": np.array([1, 2, 3], np.int32)},
        {"x": np.array([[1, 2, 3]])},
        {"y": np.array([1, 2, 3])},
        {"x": np.array([1, 2, 3]), "y": np.empty(0)},
    ],
)
def test_digest_tells_contents_apart(tmp_path: Path, other: dict[str, np.ndarray]) -> None:
    store.write(tmp_path / "a", "k", {"x": np.array([1, 2, 3])}, {})
    store.write(tmp_path / "b", "k", other, {})
    a, b = (store.open_store(tmp_path / name, "k").attributes["sha256"] for name in "ab")
    assert a != b


def test_digest_of_a_growing_array_is_that_of_the_whole(tmp_path: Path) -> None:
    store.write(tmp_path / "a", "k", {"x": np.arange(100)}, {})
    with store.create(tmp_path / "b", "k", {}) as writer:
        grown = writer.grow("x", np.int64)
        for start in range(0, 100, 7):
            grown.append(np.arange(start, min(start + 7, 100)))
    a, b = (store.open_store(tmp_path / name, "k").attributes["sha256"] for name in "ab")
    assert a == b


def test_attributes_are_kept(tmp_path: Path) -> None:
    said = {
        "model": "naïve 模型",
        "layer": 3,
        "share": 0.25,
        "nothing": None,
        "list": [1, {"a": 2}],
    }
    store.write(tmp_path / "s", "k", {"x": np.zeros((2, 3), np.float32)}, said)
    attributes = store.open_store(tmp_path / "s", "k").attributes
    assert {name: attributes[name] for name in said} == said
    assert attributes["arrays"] == {"x": ["float32", [2, 3]]}
    assert (attributes["kind"], attributes["version"]) == ("k", store.VERSION)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_fail(tmp_path / "deep" / "s")
    assert list((tmp_path / "deep").iterdir()) == []


def test_attributes_that_are_not_json_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        store.write(tmp_path / "s", "k", {"x": np.arange(3)}, {"what": object()})
    assert list(tmp_path.iterdir()) == []


def test_an_error_keeps_the_old_store_and_success_replaces_it(tmp_path: Path) -> None:
    store.write(tmp_path / "s", "k", {"x": np.arange(3), "old": np.arange(2)}, {})
    with pytest.raises(ZeroDivisionError):
        write_and_fail(tmp_path / "s")
    np.testing.assert_array_equal(store.open_store(tmp_path / "s", "k").read("x"), [0, 1, 2])
    store.write(tmp_path / "s", "k", {"x": np.arange(9)}, {})
    opened = store.open_store(tmp_path / "s", "k")
    assert len(opened.read("x")) == 9
    assert "old" not in opened
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with store.create(tmp_path / "s", "k", {}) as writer:
        writer.add("x", np.arange(3))
        assert not (tmp_path / "s").exists()
    assert (tmp_path / "s").is_dir()


def test_what_an_aborted_process_left_is_not_taken_over(tmp_path: Path) -> None:
    left = tmp_path / f".s.{os.getpid()}.partial"
    left.mkdir()
    (left / "zarr.json").write_text("rubbish")
    store.write(tmp_path / "s", "k", {"x": np.arange(3)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["s"]
    store.verify(tmp_path / "s", "k")


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"s: no readable k store is here \(.*does not exist\)"):
        store.open_store(tmp_path / "s", "k")
    assert not (tmp_path / "s").exists()


def test_another_kind_or_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(tmp_path / "s", "apples", {"x": np.arange(3)}, {})
    expected = r"s: found a store of kind 'apples', version 1; expected 'pears', version 1"
    with pytest.raises(StudyError, match=expected):
        store.open_store(tmp_path / "s", "pears")
    monkeypatch.setattr(store, "VERSION", 2)
    with pytest.raises(StudyError, match=r"'apples', version 1; expected 'apples', version 2"):
        store.open_store(tmp_path / "s", "apples")


def test_a_group_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group"}))
    with pytest.raises(StudyError, match=r"kind 'None', version None; expected 'k'"):
        store.open_store(tmp_path, "k")


def test_unknown_array(tmp_path: Path) -> None:
    store.write(tmp_path / "s", "k", {"x": np.arange(3), "y": np.arange(2)}, {})
    with pytest.raises(StudyError, match=r"s: the store has no array 'z'; it has x, y"):
        store.open_store(tmp_path / "s", "k")["z"]


def _edit(metadata: Path, change: Callable[[str], str]) -> None:
    metadata.write_text(change(metadata.read_text()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("3", "4", 1), r"array 'x' is not the float32 \[3, 2\] that"),
        (lambda text: text.replace('"float32"', '"int32"'), r"array 'x' is not the float32"),
        (lambda text: text[:50], r"array 'x' is not readable"),
        (lambda text: text.replace('"bytes"', '"unheard-of"'), r"array 'x' is not readable"),
    ],
)
def test_misshapen_array(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    store.write(tmp_path / "s", "k", {"x": np.ones((3, 2), np.float32)}, {})
    _edit(tmp_path / "s" / "x" / "zarr.json", lambda text: change(json.dumps(json.loads(text))))
    with pytest.raises(StudyError, match=message):
        store.open_store(tmp_path / "s", "k")


def test_missing_array(tmp_path: Path) -> None:
    store.write(tmp_path / "s", "k", {"x": np.ones((3, 2), np.float32)}, {})
    (tmp_path / "s" / "x" / "zarr.json").unlink()
    with pytest.raises(StudyError, match=r"array 'x' is not the float32 \[3, 2\] that was written"):
        store.open_store(tmp_path / "s", "k")


def test_damaged_metadata(tmp_path: Path) -> None:
    store.write(tmp_path / "s", "k", {"x": np.arange(3)}, {})
    _edit(tmp_path / "s" / "zarr.json", lambda text: text[:30])
    with pytest.raises(StudyError, match=r"s: no readable k store is here"):
        store.open_store(tmp_path / "s", "k")


@pytest.mark.parametrize("compress", [True, False])
def test_verify_finds_any_flipped_byte(tmp_path: Path, compress: bool) -> None:
    values = np.random.default_rng(0).integers(0, 9, 200).astype(np.int16)
    with store.create(tmp_path / "s", "k", {}) as writer:
        writer.reserve("x", (200,), np.int16, compress)[...] = values
    chunk = tmp_path / "s" / "x" / "c" / "0"
    content = chunk.read_bytes()
    store.verify(tmp_path / "s", "k")
    # Whatever a compressed chunk decodes to: an error, or other values. Bytes 4 and 5 of the
    # compressed format hold only how it was packed.
    for place in {*range(6, len(content), 11), len(content) - 1}:
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        chunk.write_bytes(flipped)
        with pytest.raises(StudyError, match=r"s: the content is damaged \("):
            store.verify(tmp_path / "s", "k")
    chunk.write_bytes(content)
    store.verify(tmp_path / "s", "k")


@pytest.mark.parametrize("compress", [True, False])
def test_verify_finds_a_missing_or_shortened_chunk(tmp_path: Path, compress: bool) -> None:
    with store.create(tmp_path / "s", "k", {}) as writer:
        writer.reserve("x", (200,), np.int16, compress)[...] = np.arange(200)
    chunk = tmp_path / "s" / "x" / "c" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-5])
    with pytest.raises(StudyError, match=r"s: the content is damaged \("):
        store.verify(tmp_path / "s", "k")
    chunk.unlink()
    with pytest.raises(StudyError, match=r"s: the content is damaged \(sha256"):
        store.verify(tmp_path / "s", "k")


def test_zeros_need_no_chunk(tmp_path: Path) -> None:
    store.write(tmp_path / "s", "k", {"x": np.zeros(5)}, {})
    np.testing.assert_array_equal(store.open_store(tmp_path / "s", "k").read("x"), np.zeros(5))
    store.verify(tmp_path / "s", "k")


def test_all_arrays_at_once(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3), "b": np.eye(2)}
    store.write(tmp_path / "x.zarr", "test", arrays, {})
    read = store.open_store(tmp_path / "x.zarr", "test").read_all()
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[name], arrays[name]) for name in arrays)
