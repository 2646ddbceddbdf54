"""Which library modules a script depends on, so that editing one reruns what used it."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def dependencies(script: Path) -> list[Path]:
    """Return the script and all project files that it imports, directly or not, sorted.

    Project files are those found by name beside the script (the library lies in the same folder).
    Imports inside functions count; nothing is executed.
    """
    root = script.parent
    found = {script}
    waiting = [script]
    while waiting:
        for name in _imported(waiting.pop().read_bytes()):
            for file in _files(root, name):
                if file not in found:
                    found.add(file)
                    waiting.append(file)
    return sorted(found)


def digest(script: Path) -> str:
    """Return 10 hexadecimal digits of the content of the script and its `dependencies`."""
    content = hashlib.sha256()
    for file in dependencies(script):
        content.update(file.relative_to(script.parent).as_posix().encode() + b"\0")
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:10]


# Most scripts import the same few files, and parsing takes longer than all else here.
@cache
def _imported(content: bytes) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` names a module in its last part.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _files(root: Path, name: str) -> Iterator[Path]:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        package = root.joinpath(*parts[:end], "__init__.py")
        module = root.joinpath(*parts[:end]).with_suffix(".py")
        yield from (file for file in (package, module) if file.is_file())
