"""Checked array stores: zarr groups that are either complete or absent.

A store is a zarr v3 group of flat arrays. It is written to a temporary sibling and renamed when
complete, so no reader ever meets half of one. Its attributes carry `kind`, `version`, the dtype and
shape of each array, a SHA-256 of the content, and what made it. Nothing is ever pickled.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from universality.errors import StudyError, reason
from universality.files import replacing

VERSION = 1
_CHUNK_BYTES = 1 << 23
_MOST_DISKS = 10  # zeros take no room, so an array may be larger than the disk, but not by much


class Writer:
    """The arrays of a store that is being written; see `create`."""

    def __init__(self, group: zarr.Group) -> None:
        self._group = group

    def add(self, name: str, array: np.ndarray) -> None:
        """Write a whole array."""
        handle = self.reserve(name, array.shape, array.dtype)
        if array.size:
            handle[...] = array

    def reserve(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype | type | str,
        compress: bool = True,
    ) -> zarr.Array:
        """Make an array to be filled by slices of rows, such as activations.

        `compress=False` is for numbers that look random, where compression only costs time.
        """
        dtype = np.dtype(dtype)
        row_bytes = max(1, int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize)
        chunks = (max(1, min(max(shape[0], 1), _CHUNK_BYTES // row_bytes)), *shape[1:])
        return self._group.create_array(
            name,
            shape=shape,
            dtype=dtype,
            chunks=tuple(max(1, c) for c in chunks),
            compressors="auto" if compress else None,
        )

    def grow(self, name: str, dtype: np.dtype | type | str) -> "Growing":
        """Make a one-dimensional array whose final length is not known yet."""
        return Growing(self._group, name, np.dtype(dtype))


class Growing:
    """A one-dimensional array that is written by appending."""

    def __init__(self, group: zarr.Group, name: str, dtype: np.dtype) -> None:
        self._array = group.create_array(
            name, shape=(0,), dtype=dtype, chunks=(_CHUNK_BYTES // dtype.itemsize,)
        )

    def append(self, values: np.ndarray) -> None:
        """Append `values` at the end."""
        start = self._array.shape[0]
        self._array.resize((start + len(values),))
        if len(values):
            self._array[start:] = values


@contextmanager
def create(path: str | Path, kind: str, attributes: Mapping[str, Any]) -> Iterator[Writer]:
    """Write a store of this `kind` at `path`; it appears there only when the block succeeds.

    `attributes` (JSON values) say what made the content. An existing store is replaced.
    """
    with replacing(Path(path)) as partial:
        group = zarr.open_group(partial, mode="w", zarr_format=3)
        yield Writer(group)
        arrays = dict(sorted(group.arrays()))
        described: dict[str, Any] = dict(attributes)
        group.attrs.update(
            described
            | {
                "kind": kind,
                "version": VERSION,
                "arrays": {n: [str(a.dtype), list(a.shape)] for n, a in arrays.items()},
                "sha256": _digest(arrays),
            }
        )


def write(
    path: str | Path, kind: str, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> None:
    """Write whole `arrays` as a store of this `kind`; see `create`."""
    with create(path, kind, attributes) as writer:
        for name, array in arrays.items():
            writer.add(name, array)


class Array:
    """One array of an opened store, read by slices (of rows)."""

    def __init__(self, array: zarr.Array, name: str) -> None:
        self._array, self._name = array, name
        self.shape, self.dtype = array.shape, array.dtype
        self.chunks, self.nchunks = array.chunks, array.nchunks

    def __getitem__(self, place: Any) -> np.ndarray:
        try:
            return np.asarray(self._array[place])
        except (IndexError, MemoryError):
            raise
        except Exception as error:
            # What the decoder of a damaged chunk raises depends on where the damage is.
            raise StudyError(
                f"{self._name}: the content is damaged ({reason(error)}); `make verify` says what "
                "to make again"
            ) from error


class Store:
    """An opened store: `attributes`, and its arrays by name, read lazily by slices."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self.attributes: dict[str, Any] = dict(group.attrs)
        self._group = group

    def __contains__(self, name: str) -> bool:
        return name in self.attributes["arrays"]

    def __getitem__(self, name: str) -> Array:
        if name not in self:
            valid = ", ".join(self.attributes["arrays"])
            raise StudyError(f"{self.path}: the store has no array '{name}'; it has {valid}")
        array = self._group[name]
        assert isinstance(array, zarr.Array)
        return Array(array, f"{self.path}, array '{name}'")

    def read(self, name: str) -> np.ndarray:
        """Return the whole array `name`."""
        return self[name][...]

    def read_all(self) -> dict[str, np.ndarray]:
        """Return all arrays, whole, by name."""
        return {name: self.read(name) for name in self.attributes["arrays"]}


def open_store(path: str | Path, kind: str) -> Store:
    """Open the store at `path` after checking its kind, version, and the shape of each array.

    Raises StudyError when there is no complete store of this `kind`. The content's digest is not
    recomputed here, which would read everything; `verify` does that.
    """
    path = Path(path)
    try:
        group = zarr.open_group(path, mode="r")
    except Exception as error:
        raise StudyError(f"{path}: no readable {kind} store is here ({error})") from error
    store = Store(path, group)
    found, version = store.attributes.get("kind"), store.attributes.get("version")
    if found != kind or version != VERSION:
        raise StudyError(
            f"{path}: found a store of kind '{found}', version {version}; "
            f"expected '{kind}', version {VERSION}"
        )
    described = store.attributes.get("arrays")
    if not isinstance(described, dict) or not isinstance(store.attributes.get("sha256"), str):
        raise StudyError(f"{path}: zarr.json does not say which arrays were written")
    for name, what in described.items():
        try:
            array = group.get(name)
        except Exception as error:
            raise StudyError(f"{path}: array '{name}' is not readable ({error})") from error
        if not isinstance(array, zarr.Array) or [str(array.dtype), list(array.shape)] != what:
            wanted = " ".join(map(str, what)) if isinstance(what, list) else what
            raise StudyError(f"{path}: array '{name}' is not the {wanted} that was written")
        if array.nbytes > _MOST_DISKS * shutil.disk_usage(path).total:
            raise StudyError(f"{path}: array '{name}' is said to be larger than the disk")
    return store


def verify(path: str | Path, kind: str) -> None:
    """Read the whole store and raise StudyError unless its content is what was written."""
    store = open_store(path, kind)
    try:
        found = _digest({name: store[name] for name in sorted(store.attributes["arrays"])})
    except Exception as error:
        # What the decoder of a damaged chunk raises depends on where the damage is.
        raise StudyError(f"{path}: the content is damaged ({error})") from error
    expected = store.attributes["sha256"]
    if found != expected:
        raise StudyError(
            f"{path}: the content is damaged (sha256 {found[:12]}, written as {expected[:12]})"
        )


def _digest(arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256 over names, dtypes, shapes and values, read by slices of rows."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {list(array.shape)}\n".encode())
        rows = array.chunks[0] * 4
        for start in range(0, array.shape[0], rows):
            digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return digest.hexdigest()
