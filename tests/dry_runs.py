"""Dry runs without the start of Snakemake, which takes longer than they do.

Python's fork server imports Snakemake once, and each dry run is a fork of it: a third of the time.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from checkouts import ROOT, Checkout, jobs

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["__main__", "pandas", "snakemake.cli"])
CONFIG = "studies/tiny.yaml"


def dry_run(copy: Checkout, *arguments: str, config: str = CONFIG) -> str:
    """Return what a dry run of a study prints."""
    output = copy.root / "dry-run.txt"
    command = ["--dry-run", "--configfile", config, *arguments]
    process = _FORKS.Process(target=_run, args=(copy.root, command, output))
    process.start()
    process.join()
    said = output.read_text()
    output.unlink()
    assert process.exitcode == 0, said
    return said


def planned(copy: Checkout, *arguments: str, config: str = CONFIG) -> dict[str, int]:
    """Return the jobs that a run would do, by rule (without `all`)."""
    return jobs(dry_run(copy, *arguments, config=config))


def _run(folder: Path, command: list[str], output: Path) -> None:
    # The workflow is to import the library of its own copy, not ours.
    ours = {"", str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests")}
    sys.path[:] = [path for path in sys.path if path not in ours]
    os.chdir(folder)
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)

    from snakemake.cli import main

    main(command)


def configured(copy: Checkout, change: Callable[[dict[str, Any]], Any]) -> str:
    """Write a changed copy of the tiny study's configuration; return its name."""
    config = yaml.safe_load((copy.root / CONFIG).read_text())
    change(config)
    (copy.root / "changed.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return "changed.yaml"


@contextmanager
def replaced(file: Path, content: bytes) -> Iterator[None]:
    """Give a file another content inside the block, and then the old one with its date."""
    before, dates = file.read_bytes(), file.stat()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(dates.st_atime_ns, dates.st_mtime_ns))
