"""Reading files out of wheels (zip) and source distributions (tar.gz) without unpacking them.

Members are named by their path inside the archive; a source distribution's leading `name-version/`
folder is stripped. Patterns are exact names or globs: `*` and `?` stay inside a folder, `**/` is
any number of folders. No member is read that unpacks to much more than any text or model would.
"""

import contextlib
import fnmatch
import gzip
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import IO

from universality.errors import StudyError, reason
from universality.files import replacing
from universality.files import sha256 as sha256_of

_LICENCE_FILE = re.compile(r"licen[cs]e|notice|copying|terms\b|.*[_-]terms\b", re.IGNORECASE)

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
)
# Text shrinks to a tenth at most, zeros to a thousandth. Small archives may hold some zeros.
_MOST_TIMES, _ALWAYS = 100, 1 << 26

_WHEEL_COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# Each regular file of an archive: its name, and a function that opens it.
Members = Iterator[tuple[str, Callable[[], IO[bytes]]]]


def extract(archive: Path, pattern: str) -> dict[str, bytes]:
    """Return the content of every member that matches `pattern`, by name in sorted order.

    Raises:
        StudyError: no member matches, or the archive is damaged or unsafe.
    """
    matches = _matcher(pattern)
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
    if not archive.is_file():
        raise StudyError(f"{archive}: no such file")
    limit = _MOST_TIMES * archive.stat().st_size + _ALWAYS
    try:
        with contextlib.ExitStack() as stack:
            if zipfile.is_zipfile(archive):
                zip_file = stack.enter_context(zipfile.ZipFile(archive))
                yield _zip_members(archive, zip_file, limit)
            else:
                stream = stack.enter_context(_Limited(archive, limit))
                tar_file = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))
                yield _tar_members(archive, tar_file)
    except _DAMAGED as error:
        raise StudyError(
            f"{archive}: cannot be read as a wheel or sdist ({reason(error)})"
        ) from error


class _Limited(gzip.GzipFile):
    """An unpacked tar.gz file that refuses to be longer than a limit, or to be asked for more."""

    def __init__(self, archive: Path, limit: int) -> None:
        super().__init__(archive)
        self._archive, self._limit = archive, limit

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._limit if size is None or size < 0 else size
        self._check(self.tell() + wanted)
        return super().read(wanted)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._check(offset)
        return super().seek(offset, whence)

    def _check(self, place: int) -> None:
        if place > self._limit:
            raise StudyError(_bomb(self._archive, self._limit))


def _bomb(archive: Path, limit: int) -> str:
    return (
        f"{archive}: is made to unpack to more than {limit} bytes, {_MOST_TIMES} times its size; "
        "nothing was read"
    )


def _zip_members(archive: Path, file: zipfile.ZipFile, limit: int) -> Members:
    if sum(info.file_size for info in file.infolist()) > limit:
        raise StudyError(_bomb(archive, limit))
    for info in file.infolist():
        if info.flag_bits & 1 or info.compress_type not in _WHEEL_COMPRESSION:
            raise StudyError(
                f"{archive}: {info.filename!r} is encrypted, or compressed as no wheel is"
            )
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


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return whether a name fits a glob, in a time that does not explode with its stars."""
    parts = [
        None if part == "**" else re.compile(fnmatch.translate(part.replace("[", "[[]"))).match
        for part in pattern.split("/")
    ]

    def on(places: set[int]) -> set[int]:
        """Add the places that are reached when each `**` stands for no folder."""
        for place, part in enumerate(parts):
            if place in places and part is None:
                places.add(place + 1)
        return places

    def matches(name: str) -> bool:
        # The places in the pattern that can be reached with the words so far.
        places = on({0})
        for word in name.split("/"):
            after = set()
            for place in places - {len(parts)}:
                part = parts[place]
                if part is None:
                    after.add(place)
                elif part(word):
                    after.add(place + 1)
            places = on(after)
        return len(parts) in places

    return matches
