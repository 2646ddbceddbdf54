"""`make reproduce`: a committed study runs again elsewhere and its tables are compared."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkouts import Checkout
from repositories import commit, git, repository

pytestmark = pytest.mark.workflow


@pytest.fixture
def published(tmp_path: Path, tiny: Checkout) -> Path:
    """A repository with the committed tables of the tiny study; only its csv files."""
    root = repository(tmp_path / "repository")
    tables = root / "results" / "tiny" / "tables"
    tables.mkdir(parents=True)
    for table in (tiny.study / "tables").glob("*.csv"):
        shutil.copyfile(table, tables / table.name)
    (root / ".gitignore").write_text("reproduced\n")
    commit(root)
    return root


def reproduce(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/reproduce.py", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_a_committed_study_is_run_again_and_compared(published: Path) -> None:
    done = reproduce(published, "studies/tiny.yaml")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert done.stdout.count("The tables agree.") == 1
    copy = published / "reproduced" / "tiny"
    assert (copy / "results" / "tiny" / "summary.md").is_file()
    assert list(csv.reader((copy / "differences.csv").open())) == [
        ["table", "row", "column", "committed", "found", "difference", "verdict"]
    ]

    # One count and one measured value are committed wrong; the run itself is not repeated.
    saes = published / "results" / "tiny" / "tables" / "saes.csv"
    header, first, *rest = saes.read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    tokens, fvu = cells["tokens"], cells["fvu"]
    cells |= {"tokens": str(int(tokens) + 1), "fvu": str(float(fvu) + 0.001)}
    saes.write_text("\n".join([header, ",".join(cells.values()), *rest]) + "\n")
    again = compare_only(published, copy)
    assert again.returncode == 1, again.stderr
    assert f"tokens was '{int(tokens) + 1}', is '{tokens}'" in again.stdout
    assert "The tables do not agree." in again.stdout
    found = list(csv.DictReader((copy / "differences.csv").open()))
    assert [(row["column"], row["verdict"]) for row in found] == [
        ("fvu", "within"),
        ("tokens", "outside"),
    ]
    exact = compare_only(published, copy, "measured=0")
    assert exact.stdout.count(": outside, ") == 2


def compare_only(root: Path, copy: Path, *tolerance: str) -> subprocess.CompletedProcess[str]:
    """Commit the tables and reproduce them; the finished checkout passes for one of this commit."""
    commit(root)
    git(copy, "fetch", "--quiet", "--depth", "1", root.as_uri())
    git(copy, "update-ref", "--no-deref", "HEAD", "FETCH_HEAD")
    return reproduce(root, "studies/tiny.yaml", *tolerance)


def test_what_is_not_committed_cannot_be_reproduced(published: Path) -> None:
    git(published, "rm", "--quiet", "--cached", "-r", "results")
    (published / ".gitignore").write_text("results\n")
    commit(published)
    done = reproduce(published, "studies/tiny.yaml")
    assert done.returncode == 1
    assert done.stderr == "studies/tiny.yaml: no csv file in results/tiny/tables is committed\n"
    done = reproduce(published, "studies/tiny.yaml", "q=0.1")
    assert done.stderr.startswith("tolerance q=0.1: valid are numbers from 0 for measured")
