"""Clear up after a killed run, so that the same command can go on (`make recover`).

A Snakemake that was killed cannot cancel the SLURM jobs that it had submitted. They would go on
writing beside the duplicates that the next run submits, so they are cancelled before the lock is
removed. Finished files stay as they are.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from universality.errors import StudyError

# Seconds to wait: for the local jobs of a run that was killed this very moment, and for SLURM.
_LOCAL_PATIENCE = 5
_SLURM_PATIENCE = 300


def main(configfile: str) -> None:
    """Clear up the current directory; say what was found and done.

    Raises StudyError when something still runs, or might. Then the lock stays.
    """
    refuse_beside_a_run(Path.cwd())
    print(f"no Snakemake of this directory runs on {socket.gethostname()}")
    cancelled = cancel(run_ids(Path(".snakemake/log")))
    print(f"SLURM jobs that the killed run had left: {' '.join(cancelled) or 'none'}")
    removed = remove_unfinished(Path("results"))
    print(f"unfinished files and folders removed: {len(removed)}")
    unlock(configfile)
    print("the working directory is unlocked; now run the same command as before")


def refuse_beside_a_run(folder: Path) -> None:
    """Raise StudyError when a Snakemake of this machine works in `folder`."""
    end = time.monotonic() + _LOCAL_PATIENCE
    while found := list(running(folder)):
        if time.monotonic() > end:
            ids = " ".join(str(process.pid) for process in found)
            raise StudyError(
                f"Snakemake is running in this directory (process {ids}): wait for it, or end it "
                f"with `kill -INT {ids}`, which cancels its jobs"
            )
        time.sleep(0.5)


def running(folder: Path) -> Iterator[psutil.Process]:
    """Yield the Snakemakes of this machine that work in `folder`.

    Those that run in a job of a cluster do not count: it is SLURM that ends them.
    """
    for process in psutil.process_iter():
        try:
            is_snakemake = any(Path(word).name == "snakemake" for word in process.cmdline()[:4])
            if is_snakemake and Path(process.cwd()) == folder and not _in_a_cluster_job(process):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # gone meanwhile, or somebody else's


def _in_a_cluster_job(process: psutil.Process) -> bool:
    family = [process, *process.parents()]
    return any("--mode remote" in " ".join(member.cmdline()) for member in family)


def run_ids(logs: Path) -> list[str]:
    """Return the ids under which the runs of this directory submitted jobs: their jobs' names."""
    found = {
        run
        for log in logs.glob("*.snakemake.log")
        for run in re.findall(r"SLURM run ID: (\S+)", log.read_text(errors="replace"))
    }
    return sorted(found)


def cancel(runs: list[str]) -> list[str]:
    """Cancel all jobs of these runs, wait until they are gone, and return their ids."""
    if not runs:
        return []
    if not shutil.which("squeue"):
        raise StudyError(
            "jobs were submitted to SLURM from here, but there is no `squeue` on this machine: run "
            "`make recover` where there is one. If their jobs have long gone, `snakemake --unlock` "
            "is enough"
        )
    cancelled: set[str] = set()
    end = time.monotonic() + _SLURM_PATIENCE
    # Twice nobody, since an `sbatch` that was under way when the run was killed may be late.
    looks = 0
    while looks < 2:
        left = _queued(runs)
        looks = 0 if left else looks + 1
        if left - cancelled:
            # Its errors do not matter: most are of jobs that have just ended.
            subprocess.run(["scancel", *sorted(left - cancelled)], check=False)
            cancelled |= left
        if left and time.monotonic() > end:
            raise StudyError(f"SLURM has not ended the jobs {' '.join(sorted(left))}; try later")
        time.sleep(1)
    return sorted(cancelled)


def _queued(runs: list[str]) -> set[str]:
    """Return the ids of the jobs of these runs that are waiting, running or just ending."""
    command = ["squeue", "--noheader", "--format=%i", f"--name={','.join(runs)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(f"squeue failed, so the lock stays: {done.stderr.strip()}")
    return set(done.stdout.split())


def remove_unfinished(results: Path) -> list[Path]:
    """Remove what killed jobs had begun to write below `results` and return it."""
    found = []
    for folder, folders, files in os.walk(results):
        unfinished = [n for n in [*folders, *files] if n.startswith(".") and n.endswith(".partial")]
        for path in (Path(folder, name) for name in unfinished):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            found.append(path)
        # Neither into what was removed nor into stores, which hold no siblings of other outputs.
        folders[:] = [n for n in folders if n not in unfinished and not n.endswith(".zarr")]
    return found


def unlock(configfile: str) -> None:
    """Remove the lock of the working directory, which is one for all its studies."""
    command = [sys.executable, "-m", "snakemake", "--unlock", "--configfile", configfile]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(
            f"the lock could not be removed with the study {configfile} (to take another, "
            f"`make recover STUDY=FILE`): {done.stderr.strip()}"
        )


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except StudyError as error:
        sys.exit(str(error))
