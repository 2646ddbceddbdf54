"""Full disks, little memory, two runs at once: a clear message, and the next run goes on."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checkouts import Checkout, table_bytes

CONFIG = "studies/tiny.yaml"
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--configfile", CONFIG]
LIMIT_BYTES = 640_000_000  # more than Snakemake takes, less than torch


def unshared(*options: str) -> list[str]:
    """Return the start of a command that runs with its own mounts or network.

    Where that is not allowed the test is left out, but never in CI.
    """
    command = ["unshare", *options]
    possible = shutil.which("unshare") and not subprocess.run([*command, "true"]).returncode
    if not possible and not os.environ.get("CI"):
        pytest.skip(f"{' '.join(command)} is not possible here (needs Linux and root)")
    assert possible
    return command


def run(copy: Checkout, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, its whole output in `stdout`."""
    return subprocess.run(
        command,
        cwd=copy.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def said(copy: Checkout, *command: str) -> str:
    """Return the output of a run that fails: without traceback, without damage, without litter."""
    done = run(copy, *command)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout, done.stdout[-5000:]
    assert_nothing_is_damaged(copy)
    return done.stdout


def assert_nothing_is_damaged(copy: Checkout) -> None:
    verified = run(copy, sys.executable, "scripts/verify.py", "results", CONFIG)
    assert verified.returncode == 0, verified.stdout
    assert list((copy.root / "results").rglob("*.partial")) == []


def assert_completes(copy: Checkout, tiny: Checkout) -> None:
    """The next run makes the study that an undisturbed one makes."""
    done = run(copy, *SNAKEMAKE, "--cores", "2")
    assert done.returncode == 0, done.stdout[-5000:]
    assert table_bytes(copy) == table_bytes(tiny)
    assert_nothing_is_damaged(copy)
    assert copy.planned() == {}


@pytest.fixture
def halfway(finished: Checkout) -> Checkout:
    """The tiny study up to its features."""
    for place in finished.study.iterdir():
        if place.name not in ("saes", "quality", "features", "labels", "logs", "benchmarks"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    return finished


@contextmanager
def small_disk(folder: Path, free_bytes: int) -> Iterator[None]:
    """Put the folder's content on a disk of its own with so much room left on it."""
    content = folder.with_name("content")
    folder.rename(content)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", folder], check=True)
    try:
        shutil.copytree(content, folder, symlinks=True, dirs_exist_ok=True)
        with (folder / "filler").open("wb") as filler:
            left = os.statvfs(folder)
            filler.write(bytes(left.f_bavail * left.f_frsize - free_bytes))
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("free_bytes", [0, 200_000], ids=["full", "nearly full"])
def test_a_full_disk(halfway: Checkout, tiny: Checkout, free_bytes: int) -> None:
    unshared("--mount")  # says whether this user may mount
    results = halfway.root / "results"
    with small_disk(results, free_bytes):
        output = said(halfway, *SNAKEMAKE, "--cores", "2")
        assert re.search(
            r"^results/tiny/.*: cannot be written, no space left on the disk", output, re.M
        )
        assert "free some, and run the command again (finished jobs are kept)" in output
        (results / "filler").unlink()
        assert_completes(halfway, tiny)


def test_results_that_are_read_only(halfway: Checkout, tiny: Checkout) -> None:
    mounts = 'mount --bind results results && mount -o remount,bind,ro results && exec "$@"'
    read_only = [*unshared("--mount"), "sh", "-c", mounts, "sh"]
    output = said(halfway, *read_only, *SNAKEMAKE, "--cores", "2")
    assert "results: cannot be written, the file system is read-only" in output
    assert_completes(halfway, tiny)


def test_too_little_memory(halfway: Checkout, tiny: Checkout) -> None:
    shutil.rmtree(halfway.study / "saes" / "neox.3.topk-s0")
    limited = ["sh", "-c", f'ulimit -v {LIMIT_BYTES // 1024} && exec "$@"', "sh"]
    output = said(
        halfway, *limited, *SNAKEMAKE, "--cores", "1", "--", "results/tiny/saes/neox.3.topk-s0"
    )
    assert "rule sae: not enough memory (" in output
    assert "--set-resources sae:mem_mb=8000" in output
    assert_completes(halfway, tiny)


def test_two_runs_at_once(halfway: Checkout, tiny: Checkout) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*SNAKEMAKE, "--cores", "1"], cwd=halfway.root, **quiet) as first:
        locks = halfway.root / ".snakemake" / "locks"
        while first.poll() is None and not list(locks.glob("*.output.lock")):
            time.sleep(0.02)
        second = run(halfway, *SNAKEMAKE, "--cores", "1")
        assert second.returncode != 0
        assert "no other Snakemake process is trying to create the same files" in second.stdout
        assert "It can be removed with the --unlock argument" in second.stdout
        assert "Traceback" not in second.stdout
    assert first.returncode == 0
    assert table_bytes(halfway) == table_bytes(tiny)
    assert halfway.planned() == {}


def test_a_model_on_disk_that_is_cut_off(finished: Checkout) -> None:
    (made,) = finished.shared.glob("models/llama-*")
    shutil.copytree(made, finished.root / "mine")
    finished.edit(CONFIG, "{ random: resources/tiny/llama }", "{ path: mine }")
    weights = finished.root / "mine" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    planned = finished.snakemake("--dry-run")
    found = re.findall(
        r"output: (results/shared/models/llama-\w+)", planned.stdout + planned.stderr
    )
    (folder,) = set(found)
    output = said(finished, *SNAKEMAKE, "--cores", "1", "--", folder)
    assert "mine/model.safetensors: not a whole safetensors file" in output
    assert not (finished.root / folder).exists()
    weights.write_bytes(whole)
    assert run(finished, *SNAKEMAKE, "--cores", "1", "--", folder).returncode == 0
