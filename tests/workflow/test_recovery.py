"""`make recover` after a local run: the lock goes, what is finished stays."""

import subprocess
from collections.abc import Callable

from checkouts import Checkout


def recover(copy: Checkout, study: str) -> subprocess.CompletedProcess[str]:
    command = [copy.python, "scripts/recover.py", study]
    return subprocess.run(command, cwd=copy.root, capture_output=True, text=True, check=False)


def test_a_lock_is_removed_whatever_study_set_it(fresh: Callable[[], Checkout]) -> None:
    copy = fresh()
    locks = copy.root / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/tiny/summary.md\n")
    (locks / "1.output.lock").write_text("results/other/summary.md\n")
    half = copy.study / "features" / ".a.zarr.k3xq.partial"
    half.mkdir(parents=True)
    (copy.study / "features" / "a.zarr").mkdir()
    locked = copy.snakemake("--cores", "1", "--until", "corpus")
    assert "LockException" in locked.stderr

    refused = recover(copy, "studies/none.yaml")
    assert refused.returncode == 1
    assert "could not be removed with the study studies/none.yaml" in refused.stderr
    assert "make recover STUDY=FILE" in refused.stderr
    assert locks.exists()

    done = recover(copy, "studies/tiny.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "SLURM jobs that the killed run had left: none",
        "unfinished files and folders removed: 0",  # the first call has removed it
        "the working directory is unlocked; now run the same command as before",
    ]
    assert [path.name for path in (copy.study / "features").iterdir()] == ["a.zarr"]
    assert copy.snakemake("--cores", "1", "--until", "corpus").returncode == 0
