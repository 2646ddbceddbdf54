"""What a job that fails says: one message when a user can do something, else a traceback."""

import errno
import re
from collections.abc import Iterator
from typing import Any

from universality.errors import StudyError

_NO_ROOM = {
    errno.ENOSPC: "no space left on the disk; free some",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EROFS: "the file system is read-only; make it writable",
}
_NO_RIGHT = dict.fromkeys(
    (errno.EACCES, errno.EPERM), "no permission; see who owns the file and its folder"
)
# Libraries that are not written in Python tell the same in words, in errors of their own kinds.
_NO_ROOM_WORDS = {
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "Read-only file system": errno.EROFS,
}
_NO_MEMORY_WORDS = re.compile(
    r"not enough memory|(can't|cannot) allocate memory|failed to map segment|std::bad_alloc"
    r"|can't start new thread",
    re.IGNORECASE,
)


def message(error: BaseException, snakemake: Any) -> str | None:
    """Return what to tell the user of the job about `error`, or None when it is a bug.

    The cause of an error is looked at too: what a library makes of a full disk is often wrong.
    """
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; the same command goes on with this job"
    for cause in _causes(error):
        told = _no_room(cause, snakemake) or _no_memory(cause, snakemake)
        if told:
            return told
    if isinstance(error, StudyError):
        return f"StudyError: {error}"
    if isinstance(error, OSError) and error.errno in _NO_RIGHT:
        return f"{_place(error, snakemake)}: {_NO_RIGHT[error.errno]}, and run the command again"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _no_room(error: BaseException, snakemake: Any) -> str | None:
    code = error.errno if isinstance(error, OSError) else None
    for words, number in _NO_ROOM_WORDS.items():
        if words in str(error) and not isinstance(error, StudyError):
            code = number
    if code not in _NO_ROOM:
        return None
    return (
        f"{_place(error, snakemake)}: cannot be written, {_NO_ROOM[code]}, and run the command "
        "again (finished jobs are kept)"
    )


def _place(error: BaseException, snakemake: Any) -> str:
    """Return the file that an error is about: as its users know it, not as it is being written."""
    file = getattr(error, "filename", None) or snakemake.output[0]
    return re.sub(r"\.([^/]+)\.[^./]+\.partial(/.*)?$", r"\1", str(file))


def _no_memory(error: BaseException, snakemake: Any) -> str | None:
    lines, rule = str(error).strip().splitlines() or [type(error).__name__], snakemake.rule
    what = next(filter(_NO_MEMORY_WORDS.search, lines), lines[0])
    if type(error).__name__ == "OutOfMemoryError":
        return (
            f"rule {rule}: the GPU has too little memory ({what}); let fewer jobs share it "
            "(--resources gpu_jobs=1) or lower activations.batch_tokens"
        )
    found = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if not found and (isinstance(error, StudyError) or not _NO_MEMORY_WORDS.search(str(error))):
        return None
    asked = snakemake.resources.get("mem_mb", 0)
    return (
        f"rule {rule}: not enough memory ({what}); the job asked for "
        f"mem_mb={asked}. On a cluster give it more: --set-resources {rule}:mem_mb={2 * asked}. On "
        "this machine free some, run fewer jobs at once (--cores 1), or raise the limit (ulimit -v)"
    )
