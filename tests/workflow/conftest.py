"""The tiny study, run once for all tests; each test that changes something works on a copy."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    "Snakefile",
    "config.yaml",
    "envs",
    "profiles",
    "report",
    "resources",
    "rules",
    "schemas",
    "scripts",
    "studies",
)


class Checkout:
    """A copy of the workflow in which Snakemake runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def study(self) -> Path:
        """The results of the tiny study."""
        return self.root / "results" / "tiny"

    @property
    def shared(self) -> Path:
        """What several studies share."""
        return self.root / "results" / "shared"

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the tiny study."""
        command = [sys.executable, "-m", "snakemake", "--configfile", "studies/tiny.yaml"]
        command += arguments
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return the jobs that a run would do, by rule (without `all`)."""
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stderr
        return jobs(done.stdout + done.stderr)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace `old`, which must be there, in a file."""
        path = self.root / file
        text = path.read_text()
        assert old in text, f"{file} no longer holds {old!r}"
        path.write_text(text.replace(old, new))


def jobs(output: str) -> dict[str, int]:
    """Read Snakemake's last table of job counts."""
    if "Job stats:" not in output:
        return {}
    table = output.rsplit("Job stats:", 1)[1].split("\n\n", 1)[0]
    found = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    return {rule: n for rule, n in found.items() if rule not in ("all", "total")}


def checkout(root: Path) -> Checkout:
    """Copy the workflow's files to `root`."""
    root.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, root / part)
    return Checkout(root)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The tiny study, finished. Not to be changed."""
    copy = checkout(tmp_path_factory.mktemp("tiny") / "checkout")
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 0, done.stderr[-5000:]
    (copy.root / "output.txt").write_text(done.stdout + done.stderr)
    return copy


@pytest.fixture
def finished(tiny: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished tiny study, to be changed."""
    root = tmp_path / "checkout"
    shutil.copytree(tiny.root, root, symlinks=True)
    return Checkout(root)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Checkout]:
    """Make a copy of the workflow in which nothing has run."""
    return lambda: checkout(tmp_path / "fresh")
