"""Each expected failure is one line that says what happened, where, and what to do."""

import errno
import os
import types

import numpy as np
import pyarrow as pa
import pytest
import torch

import failures
from universality.errors import StudyError

JOB = types.SimpleNamespace(
    output=["results/tiny/out.zarr"], rule="scores", resources={"mem_mb": 2000}
)


def raised(cause: BaseException, error: BaseException | None = None) -> BaseException:
    """Return an error as it is caught: `error` from `cause`, or `cause` itself."""
    try:
        try:
            raise cause
        except BaseException as caught:
            if error is None:
                raise
            raise error from caught
    except BaseException as caught:
        return caught


def system(code: int, *file: str) -> OSError:
    return OSError(code, os.strerror(code), *file)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "cannot be written, no space left on the disk; free some"),
        (errno.EDQUOT, "cannot be written, the disk quota is used up"),
        (errno.EROFS, "cannot be written, the file system is read-only; make it writable"),
        (errno.EACCES, "no permission; see who owns the file"),
    ],
)
def test_files_that_cannot_be_written(code: int, words: str) -> None:
    told = failures.message(raised(system(code, "results/a.csv")), JOB)
    assert told is not None
    assert told.startswith(f"results/a.csv: {words}")
    assert "run the command again" in told
    assert "\n" not in told


def test_the_file_is_named_as_users_know_it() -> None:
    hidden = "results/tiny/.a.b.zarr.x1_y2z3w.partial/new/c/0"
    told = failures.message(raised(system(errno.ENOSPC, hidden)), JOB)
    assert str(told).startswith("results/tiny/a.b.zarr: cannot be written")
    assert str(failures.message(raised(system(errno.ENOSPC)), JOB)).startswith(
        "results/tiny/out.zarr: cannot be written"
    )


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("SafetensorError: I/O error: No space left on device (os error 28)"),
        RuntimeError("snakemake --report: OSError: [Errno 28] No space left on device: 'x'"),
        raised(system(errno.ENOSPC), StudyError("hub/x: could not be downloaded; try again")),
    ],
)
def test_a_full_disk_behind_another_error(error: BaseException) -> None:
    assert "cannot be written, no space left" in str(failures.message(error, JOB))


def numpy_refuses() -> None:
    np.empty(1 << 55)


def torch_refuses() -> None:
    torch.empty(1 << 55)


def arrow_refuses() -> None:
    pa.allocate_buffer(1 << 60)


@pytest.mark.parametrize("refuse", [numpy_refuses, torch_refuses, arrow_refuses])
def test_memory_that_a_library_does_not_get(refuse: types.FunctionType) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        refuse()
    told = failures.message(caught.value, JOB)
    assert told is not None
    assert told.startswith("rule scores: not enough memory (")
    assert "mem_mb=2000" in told
    assert "--set-resources scores:mem_mb=4000" in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        system(errno.ENOMEM),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        raised(MemoryError("of zarr"), StudyError("a.zarr: no readable store is here")),
    ],
)
def test_memory_that_is_missing_in_other_words(error: BaseException) -> None:
    assert str(failures.message(error, JOB)).startswith("rule scores: not enough memory (")


def test_the_line_that_tells_of_memory_is_quoted() -> None:
    error = ImportError("\nIMPORTANT: READ THIS\nlibx.so: failed to map segment\nmore\n")
    assert "not enough memory (libx.so: failed to map segment);" in str(
        failures.message(error, JOB)
    )


def test_memory_of_a_gpu() -> None:
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
    told = str(failures.message(error, JOB))
    assert told.startswith("rule scores: the GPU has too little memory (CUDA out of memory. Tried")
    assert "--resources gpu_jobs=1" in told


@pytest.mark.parametrize(
    "error",
    [
        StudyError("gate.max_fvu: too much"),
        raised(KeyError("x"), StudyError("gate.max_fvu: too much")),
        raised(system(errno.EACCES, "x"), StudyError("gate.max_fvu: too much")),
    ],
)
def test_a_study_error_is_its_message(error: BaseException) -> None:
    assert failures.message(error, JOB) == "StudyError: gate.max_fvu: too much"


@pytest.mark.parametrize(
    "error", [KeyError("x"), system(errno.ENOENT, "x"), AssertionError(), RuntimeError("shapes")]
)
def test_a_bug_keeps_its_traceback(error: BaseException) -> None:
    assert failures.message(error, JOB) is None
