"""Reading files out of wheels (zip) and source distributions (tar.gz) without unpacking them.

Members are named by their path inside the archive; a source distribution's leading `name-version/`
folder is stripped. Patterns are exact names or globs: `*` and `?` stay inside a folder, `**/` is
any number of folders.
"""

import contextlib
import gzip
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import IO

from universality.errors import StudyError
from universality.files import replacing
from universality.files import sha256 as sha256_of

_LICENCE_FILE = re.compile(r"licen[cs]e|notice|copying|terms\b|.*[_-]terms\b", re.IGNORECASE)

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)

# Each regular file of an archive: its name, and a function that opens it.
Members = Iterator[tuple[str, Callable[[], IO[bytes]]]]


def extract(archive: Path, pattern: str) -> dict[str, bytes]:
    """Return the content of every member that matches `pattern`, by name in sorted order.

    Raises:
        StudyError: no member matches, or the archive is damaged or unsafe.
    """
    matches = re.compile(_regular_expression(pattern)).fullmatch
    with _members(archive) as members:
        # In the order of the archive: a compressed tar file cannot go back.
        found = {name: opened().read() for name, opened in members if matches(name)}
    if not found:
        raise StudyError(f"{archive.name}: no member matches {pattern!r}")
    return dict(sorted(found.items()))


def copy_member(archive: Path, member: str, target: Path) -> Path:
    """Copy one member, of any size, to the file `target`, which appears only when complete.

    Raises:
        StudyError: no such member, or the archive is damaged or unsafe.
    """
    with replacing(target) as temporary, temporary.open("wb") as file:
        _copy(archive, member, file)
    return target


def join(parts: Sequence[tuple[Path, str]], target: Path, sha256: str) -> Path:
    """Concatenate members of several archives, `(archive, member)` in order, into one file.

    Raises:
        StudyError: a member is missing, an archive is damaged or unsafe, or the whole does not have
            this SHA-256.
    """
    with replacing(target) as temporary:
        with temporary.open("wb") as file:
            for archive, member in parts:
                _copy(archive, member, file)
        found = sha256_of(temporary)
        if found != sha256.lower():
            raise StudyError(
                f"{target.name}: the parts {', '.join(member for _, member in parts)} make a file "
                f"with sha256 {found}, but {sha256} is configured"
            )
    return target


def licenses(archive: Path) -> tuple[str | None, dict[str, str]]:
    """Return what a distribution says about its licence.

    Returns:
        The licence's name from the package's metadata (`License-Expression`, else `License`, else
        the classifiers), None if it has none; and the texts of licence-like files (`LICENSE*`,
        `COPYING*`, `NOTICE*`, `*TERMS*`) by member name.
    """
    name, texts = None, {}
    with _members(archive) as members:
        for member, opened in members:
            path = Path(member)
            if _LICENCE_FILE.match(path.name) and path.suffix not in (".py", ".pyc"):
                texts[member] = opened().read().decode("utf-8", errors="replace")
            elif member == "PKG-INFO" or (
                path.name == "METADATA" and path.parent.suffix == ".dist-info"
            ):
                name = _licence_name(message_from_bytes(opened().read()))
    return name, dict(sorted(texts.items()))


def _licence_name(metadata: Message) -> str | None:
    for key in ("License-Expression", "License"):
        value = str(metadata.get(key) or "").strip()
        # The old field may hold the whole text of a licence; its first line is the name.
        if value and value != "UNKNOWN":
            return value.splitlines()[0].strip()
    classifiers = [str(value) for value in metadata.get_all("Classifier") or []]
    found = [c.split(" :: ")[-1] for c in classifiers if c.startswith("License :: ")]
    return ", ".join(found) or None


def _copy(archive: Path, member: str, file: IO[bytes]) -> None:
    with _members(archive) as members:
        for name, opened in members:
            if name == member:
                with opened() as content:
                    shutil.copyfileobj(content, file, 1 << 20)
                return
    raise StudyError(f"{archive.name}: has no member {member!r}")


@contextmanager
def _members(archive: Path) -> Iterator[Members]:
    """Open an archive for one pass over its regular files; links are left out."""
    is_zip = zipfile.is_zipfile(archive)
    try:
        with contextlib.ExitStack() as stack:
            if is_zip:
                yield _zip_members(archive, stack.enter_context(zipfile.ZipFile(archive)))
            else:
                yield _tar_members(archive, stack.enter_context(tarfile.open(archive, "r:*")))
    except _DAMAGED as error:
        raise StudyError(f"{archive}: cannot be read as a wheel or sdist ({error})") from error


def _zip_members(archive: Path, file: zipfile.ZipFile) -> Members:
    for info in file.infolist():
        if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
            yield _safe(archive, info.filename), lambda info=info: file.open(info)  # type: ignore[misc]


def _tar_members(archive: Path, file: tarfile.TarFile) -> Members:
    for info in file:
        content = file.extractfile(info) if info.isfile() else None
        if content is not None:
            name = _safe(archive, info.name)
            yield name.partition("/")[2] or name, lambda content=content: content  # type: ignore[misc]


def _safe(archive: Path, name: str) -> str:
    """Return a member's name unless it points outside the archive."""
    if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name[:2]:
        raise StudyError(f"{archive.name}: unsafe member name {name!r}; nothing was read")
    return name


def _regular_expression(pattern: str) -> str:
    """Translate a glob; `fnmatch` would let `*` cross folders."""
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(special.get(part, re.escape(part)) for part in parts)
