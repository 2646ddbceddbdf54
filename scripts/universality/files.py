"""Files and folders that are either complete or absent, and their hashes."""

import errno
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from universality.errors import StudyError

# Lies beside what is being written for as long as nobody else has begun to write it.
_OPEN = "open"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; the file or folder made there becomes `path` if the block succeeds.

    It lies in a hidden sibling, `.NAME.RANDOM.partial/new`, so that it can be renamed. What writers
    of `path` that were killed have left is removed. Only the last to begin may put something at
    `path`: should an earlier one still live, it fails with StudyError and changes nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        (folder / _OPEN).touch()
        _take_over(path, folder)
        yield folder / "new"
        try:
            (folder / _OPEN).unlink()
        except FileNotFoundError:
            raise StudyError(f"{path}: another job has begun to write it, this one ends") from None
        _put(folder / "new", path, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _take_over(path: Path, folder: Path) -> None:
    """Remove what other writers of `path` have left, or are still writing.

    It is moved before it is removed: a writer that still lives might make its folder anew and
    fill it (as zarr does), but finds no `_OPEN` there, and so never renames the half of a thing.
    """
    left = re.compile(rf"\.{re.escape(path.name)}\.[^.]+\.partial")
    for other in path.parent.iterdir():
        if left.fullmatch(other.name) and other != folder:
            with suppress(FileNotFoundError):
                other.rename(folder / other.name)
            shutil.rmtree(folder / other.name, ignore_errors=True)


def _put(new: Path, path: Path, folder: Path) -> None:
    """Rename `new` to `path`; a folder that is there cannot be replaced and goes to `folder`."""
    while True:
        try:
            new.replace(path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                raise
        with suppress(FileNotFoundError):
            path.rename(Path(mkdtemp(dir=folder)) / path.name)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
