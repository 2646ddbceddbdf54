"""Copies of the workflow in which tests run Snakemake."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
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

    def __init__(self, root: Path, python: str = sys.executable) -> None:
        self.root = root
        self.python = python

    @property
    def study(self) -> Path:
        """The results of the tiny study."""
        return self.root / "results" / "tiny"

    @property
    def shared(self) -> Path:
        """What several studies share."""
        return self.root / "results" / "shared"

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs Snakemake on the tiny study (in `self.root`)."""
        return [self.python, "-m", "snakemake", "--configfile", "studies/tiny.yaml", *arguments]

    def snakemake(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the tiny study, with additions to the environment."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=os.environ | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )

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


def checkout(root: Path, python: str = sys.executable) -> Checkout:
    """Copy the workflow's files to `root`; `python` is the one that has Snakemake."""
    root.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, root / part)
    return Checkout(root, python)


def table_bytes(copy: Checkout) -> dict[str, bytes]:
    """Return the content of each table of the study, by file name (without the manifest)."""
    files = (copy.study / "tables").iterdir()
    return {file.name: file.read_bytes() for file in files if file.name != "manifest.json"}
