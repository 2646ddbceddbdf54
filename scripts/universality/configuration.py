"""Reading a configuration file more strictly than Snakemake does.

Snakemake takes the last of two equal keys without a word, and runs the code of a template. What it
cannot read, it answers with a traceback.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from universality.errors import StudyError, reason

_TEMPLATE = "__use_yte__"


def read(file: Path) -> dict[str, Any]:
    """Return the mapping that a YAML or JSON file holds.

    Raises StudyError, with the file and, where there is one, the line, for a file that cannot be
    read, text that is neither YAML nor JSON, a key that stands twice in one mapping, a value that
    contains itself, and a template, which Snakemake would run as code.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        config = _json(text) if text.lstrip().startswith("{") else _yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        tabs = "; indent with spaces, not tabs" if "\\t" in str(error.problem) else ""
        raise StudyError(f"{file}{where}: not YAML ({error.problem}{tabs})") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise StudyError(f"{file}: cannot be read as YAML ({reason(error)})") from error
    except StudyError as error:
        raise StudyError(f"{file}, {error}") from None
    if not isinstance(config, dict):
        found = "nothing" if config is None else type(config).__name__
        raise StudyError(f"{file}: found {found}, expected a mapping of keys to values")
    if _TEMPLATE in config:
        raise StudyError(
            f"{file}: {_TEMPLATE} makes this a template, which runs code; write it out"
        )
    return config


def _json(text: str) -> Any:
    """Read JSON, or YAML that starts like it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise StudyError(f"key {name!r}: stands twice in one mapping")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except ValueError:
        return _yaml(text)


class _Loader(yaml.SafeLoader):
    """Says where a value stands that cannot be, such as the date 2024-13-45."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise StudyError(f"line {node.start_mark.line + 1}: {reason(error)}") from error


def _yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, [], set())
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: yaml.Node, around: list[yaml.Node], seen: set[int]) -> None:
    """Raise StudyError where a value contains itself, or a mapping has a key twice."""
    line = f"line {node.start_mark.line + 1}"
    if node in around:
        raise StudyError(f"{line}: this value contains itself")
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in keys:
                raise StudyError(
                    f"line {key.start_mark.line + 1}: key {key.value!r} stands twice in one mapping"
                )
            keys.add(name)
    for inner in _inner(node):
        _check(inner, [*around, node], seen)


def _inner(node: yaml.Node) -> Iterator[yaml.Node]:
    """Iterate over the nodes directly inside a node."""
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
