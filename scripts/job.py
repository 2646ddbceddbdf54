"""What every script of a rule does first: log, end with its run, tell failures, import its own."""

import os
import select
import site
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any

import failures


def start(snakemake: Any) -> None:
    """Send everything that is printed to the job's log, a failure in as few words as possible.

    The job ends when the Snakemake that started it has gone: a killed run leaves none that would
    write beside its duplicate in the next one. The numerical libraries take their number of threads
    from the environment that Snakemake sets.
    """
    sys.excepthook = lambda *error: _tell(*error, snakemake)
    _import_from_own_environment()
    sys.stdout.flush()
    sys.stderr = sys.stdout = open(snakemake.log[0], "w", buffering=1)  # noqa: SIM115
    # Set by rules/common.smk, anew in every process that starts jobs.
    if "SNAKEMAKE_PID" in os.environ:
        run = int(os.environ["SNAKEMAKE_PID"])
        threading.Thread(target=_end_with, args=(run,), daemon=True).start()


def _import_from_own_environment() -> None:
    """In a conda environment, do without the packages of the Python that runs Snakemake.

    Snakemake lets scripts fall back on them, which would hide what an environment lacks.
    """
    if os.path.realpath(os.environ.get("CONDA_PREFIX", "")) == os.path.realpath(sys.prefix):
        own = [*site.getsitepackages(), site.getusersitepackages()]
        sys.path[:] = [p for p in sys.path if p in own or os.path.basename(p) != "site-packages"]


def _tell(
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
    snakemake: Any,
) -> None:
    """Print what happened to the log; to the terminal where there is no log, or no room for it."""
    told = failures.message(error, snakemake)
    told = told or "".join(traceback.format_exception(kind, error, trace)).rstrip()
    try:
        print(told, file=sys.stderr, flush=True)
    except OSError:
        print(told, file=sys.__stderr__, flush=True)


def _end_with(run: int) -> None:
    """End this process as soon as the process `run` has gone."""
    try:
        select.select([os.pidfd_open(run)], [], [])
    except ProcessLookupError:
        pass
    except (AttributeError, OSError):  # only Linux has it, and not all releases
        while _lives(run):
            time.sleep(0.5)
    try:
        print("the run that started this job has gone, so the job ends")
    finally:
        os._exit(1)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
