"""The workflow as a module of another workflow, with results elsewhere and two studies at once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from checkouts import Checkout, checkout, jobs
from repositories import commit, git, repository

pytestmark = pytest.mark.workflow

PARENT = """
configfile: "studies.yaml"

rule all:
    input:
        "copied.md",

module universality:
    snakefile: "{snakefile}"
    config: config["first"]
    pathvars:
        results="elsewhere"

use rule * from universality as universality_*

use rule scores from universality as universality_scores with:
    threads: 2

rule copied:
    input:
        rules.universality_all.input,
    output:
        "copied.md",
    shell:
        "cp {{input[0]}} {{output}}"

module other:
    snakefile: "{snakefile}"
    config: config["second"]
    pathvars:
        results="third/place"

use rule * from other as other_*
"""


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """A folder with a workflow that uses this one for two studies, apart from this one's folder."""
    code = checkout(tmp_path / "code").root
    first = yaml.safe_load((code / "studies" / "tiny.yaml").read_text())
    folder = tmp_path / "parent"
    shutil.copytree(code / "resources", folder / "resources")
    # A trap: were it loaded, keys of two studies would be mixed.
    (folder / "config.yaml").write_text("study: not-this-one\n")
    studies = {"first": first, "second": first | {"study": "second", "seed": 2}}
    (folder / "studies.yaml").write_text(yaml.safe_dump(studies, sort_keys=False))
    (folder / "Snakefile").write_text(PARENT.format(snakefile=code / "Snakefile"))
    return folder


def snakemake(folder: Path, *arguments: str, **env: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout + done.stderr


def test_two_studies_in_one_workflow(parent: Path) -> None:
    planned = jobs(snakemake(parent, "--dry-run", "universality_all", "other_all"))
    for prefix in ("universality", "other"):
        counts = {rule: n for rule, n in planned.items() if rule.startswith(f"{prefix}_")}
        assert counts[f"{prefix}_sae"] == 4
        assert counts[f"{prefix}_crate"] == counts[f"{prefix}_report"] == 1


def test_a_module_gives_the_same_tables_elsewhere(parent: Path, tiny: Checkout) -> None:
    output = snakemake(parent)
    # The target is the parent's; the second study, which it does not ask for, does not run.
    assert (parent / "copied.md").is_file()
    made = {path.name for path in parent.iterdir()} - {".snakemake"}
    assert made == {
        *("Snakefile", "config.yaml", "studies.yaml", "resources"),
        *("copied.md", "elsewhere"),
    }
    assert {path.name for path in (parent / "elsewhere").iterdir()} == {"shared", "tiny"}
    study = parent / "elsewhere" / "tiny"
    for table in sorted((tiny.study / "tables").glob("*.csv")):
        assert (study / "tables" / table.name).read_bytes() == table.read_bytes(), table.name
    for file in ("report.html", "figures/dag.svg", "ro-crate-metadata.json", "logs/tables.log"):
        assert (study / file).is_file(), file
    assert "universality_scores" in output
    assert "Nothing to be done" in snakemake(parent, "--dry-run")


def test_results_moved_by_the_configuration(fresh: Callable[[], Checkout]) -> None:
    copy = fresh()
    copy.edit("studies/tiny.yaml", "study: tiny\n", "study: tiny\npathvars: { results: moved }\n")
    done = copy.snakemake("--dry-run", "moved/tiny/summary.md")
    assert done.returncode == 0, done.stderr
    assert "output: moved/shared/corpora/" in done.stdout
    assert "results/" not in done.stdout


REMOTE = """
configfile: "studies/tiny.yaml"

module universality:
    snakefile: github("someone/universality", path="Snakefile", tag="v1")
    config: config
    pathvars:
        results="elsewhere"

use rule * from universality as universality_*
"""


def test_a_module_on_github(tmp_path: Path) -> None:
    code = repository(tmp_path / "code")
    commit(code)
    git(code, "tag", "v1")
    # What Snakemake makes of a repository on GitHub before it reads from it.
    cache = tmp_path / "cache"
    clone = "snakemake/snakemake/source-cache/snakemake-git-cache/github.com/someone/universality"
    git(tmp_path, "clone", "--quiet", "--bare", str(code), str(cache / clone))
    folder = tmp_path / "parent"
    for part in ("resources", "studies"):
        shutil.copytree(code / part, folder / part)
    shutil.rmtree(code)
    (folder / "Snakefile").write_text(REMOTE)
    # One job that imports the library, one that asks Snakemake about the workflow.
    wanted = ("--until", "universality_corpus", "universality_dag")
    snakemake(folder, *wanted, XDG_CACHE_HOME=str(cache))
    assert list((folder / "elsewhere" / "shared" / "corpora").glob("*.jsonl"))
    assert (folder / "elsewhere" / "tiny" / "figures" / "dag.svg").is_file()
