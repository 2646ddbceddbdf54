"""Every rule in its own conda environment, made by the `conda` that is on the PATH."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from checkouts import ROOT, Checkout, checkout, jobs, table_bytes

pytestmark = pytest.mark.skipif(
    not (shutil.which("conda") or "CI" in os.environ), reason="there is no `conda` on the PATH"
)

# Put into each environment, it makes every Python there write down, when it ends, what ran and
# where each of its modules came from.
RECORDER = """
import atexit, json, os, sys, time

def record(folder):
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    with open(os.path.join(folder, f"{os.getpid()}-{time.time_ns()}.json"), "w") as file:
        json.dump({"main": sys.argv[0], "prefix": sys.prefix, "modules": files}, file)

if "MODULE_RECORDS" in os.environ:
    atexit.register(record, os.environ["MODULE_RECORDS"])
"""


@dataclass
class Run:
    """What the recorder wrote down when a Python ended."""

    main: str
    prefix: str
    modules: dict[str, str | None]


@dataclass
class Deployed:
    """A checkout whose rules run in conda environments that lie in `prefix`."""

    copy: Checkout
    prefix: Path
    records: Path  # where the recorder writes

    def arguments(self, *arguments: str) -> list[str]:
        return ["--sdm", "conda", "--conda-prefix", str(self.prefix), *arguments]

    def environments(self) -> dict[Path, str]:
        """Return the definition of each environment that was made."""
        return {
            file.with_suffix(""): file.read_text()
            for file in self.prefix.glob("*.yaml")
            if file.with_suffix("").is_dir()
        }

    def environment(self, rule: str) -> Path:
        """Return the folder of a rule's environment."""
        wanted = (self.copy.root / "envs" / f"{rule}.yaml").read_text()
        (found,) = [folder for folder, text in self.environments().items() if text == wanted]
        return found

    def runs(self, main: str) -> list[Run]:
        """Return the runs of Python whose main file matches this expression."""
        found = [Run(**json.loads(file.read_text())) for file in self.records.iterdir()]
        return [run for run in found if re.search(main, run.main)]

    def script_runs(self) -> list[tuple[str, Run]]:
        """Return the runs of the rules' scripts, each with the script's name."""
        # Snakemake runs a copy of the script.
        runs = self.runs(r"/\.snakemake/scripts/\w+\.\w+\.py$")
        return [(run.main.split(".")[-2], run) for run in runs]

    def foreign(self, run: Run) -> dict[str, str]:
        """Return the modules that are neither the environment's nor this workflow's."""
        mine = (run.prefix, self.copy.root / "scripts", self.copy.root / ".snakemake" / "scripts")
        # Not absolute is the file that torch.ops, made in memory, pretends to have.
        files = {n: os.path.normpath(f) for n, f in run.modules.items() if f and os.path.isabs(f)}
        return {
            name: file
            for name, file in files.items()
            if not any(Path(file).is_relative_to(place) for place in mine)
        }


def install_recorder(python: Path) -> None:
    place = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", place], capture_output=True, text=True, check=True)
    packages = Path(done.stdout.strip())
    (packages / "module_recorder.py").write_text(RECORDER)
    (packages / "module_recorder.pth").write_text("import module_recorder\n")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Snakemake and nothing else.

    Snakemake lets scripts fall back on the packages of the Python that it runs in, which would
    hide what an environment lacks.
    """
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    wanted = f"snakemake=={metadata.version('snakemake')}"
    lock = ROOT / "envs" / "requirements.lock"
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", lock, wanted], check=True)
    return python


@pytest.fixture(scope="module")
def deployed(driver: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """A checkout in which nothing has run, with all environments that the tiny study needs."""
    root = tmp_path_factory.mktemp("conda")
    made = Deployed(checkout(root / "checkout", str(driver)), root / "envs", root / "records")
    done = made.copy.snakemake(*made.arguments("--cores", "2", "--conda-create-envs-only"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (made.copy.root / "results").exists()
    return made


@pytest.fixture(scope="module")
def study(deployed: Deployed, driver: Path) -> Deployed:
    """The tiny study, finished under conda, with a record of each script's run."""
    deployed.records.mkdir()
    for python in [driver, *(env / "bin" / "python" for env in deployed.environments())]:
        install_recorder(python)
    environment = {"MODULE_RECORDS": str(deployed.records)}
    done = deployed.copy.snakemake(*deployed.arguments("--cores", "2"), env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (deployed.copy.root / "output.txt").write_text(done.stdout + done.stderr)
    return deployed


def test_each_rule_of_the_study_gets_its_environment(deployed: Deployed) -> None:
    rules = deployed.copy.planned(*deployed.arguments("--forceall"))
    assert len(rules) > 15
    wanted = {(deployed.copy.root / "envs" / f"{rule}.yaml").read_text() for rule in rules}
    assert sorted(deployed.environments().values()) == sorted(wanted)


def test_snakemake_alone_reads_and_lints_the_workflow(deployed: Deployed) -> None:
    done = deployed.copy.snakemake("--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_script_ran_in_the_environment_of_its_rule(study: Deployed) -> None:
    ran = jobs((study.copy.root / "output.txt").read_text())
    assert Counter(script for script, _ in study.script_runs()) == ran
    for script, run in study.script_runs():
        assert Path(run.prefix) == study.environment(script)


def test_all_imports_of_a_script_came_from_its_environment(study: Deployed, driver: Path) -> None:
    for script, run in study.script_runs():
        for name, file in study.foreign(run).items():
            # Snakemake hands its own package over, for the object `snakemake`.
            assert name.startswith("snakemake"), f"{script} got {name} from {file}"
            assert Path(file).is_relative_to(driver.parents[1])


def test_snakemake_within_a_script_is_that_of_its_environment(
    study: Deployed, driver: Path
) -> None:
    runs = study.runs(r"snakemake/__main__\.py$")
    nested = [run for run in runs if Path(run.prefix) != driver.parents[1]]
    assert {Path(r.prefix) for r in nested} == {study.environment(r) for r in ("dag", "report")}
    assert [study.foreign(run) for run in nested] == [{}, {}]


def test_tables_are_those_of_a_run_without_conda(study: Deployed, tiny: Checkout) -> None:
    assert table_bytes(study.copy) == table_bytes(tiny)


def test_a_second_run_has_nothing_to_do(study: Deployed) -> None:
    done = study.copy.snakemake(*study.arguments("--cores", "2"))
    assert "Nothing to be done" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dependencies:", "# Edited.\ndependencies:"),
        ("scipy >=1.17,<2", "scipy >=1.17.1,<2"),
    ],
    ids=["comment", "range"],
)
def test_an_edited_environment(study: Deployed, tmp_path: Path, old: str, new: str) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(study.copy.root, root, symlinks=True)
    copy = Checkout(root, study.copy.python)
    copy.edit("envs/scores.yaml", old, new)
    after = ["calibration", "tables", "figures", "summary", "manifest", "report", "crate"]
    assert copy.planned(*study.arguments()) == {"scores": 5} | dict.fromkeys(after, 1)
