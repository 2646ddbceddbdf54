"""A study that is killed again and again gives the tables of an undisturbed one."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from checkouts import Checkout, checkout, jobs, table_bytes

KILLS = 50


class Run:
    """A run of the tiny study in a process group of its own, whose output tells what runs."""

    def __init__(self, copy: Checkout, *arguments: str) -> None:
        self._file = copy.root / "output.txt"
        with self._file.open("w") as output:
            self.process = subprocess.Popen(
                copy.command("--cores", "2", *arguments),
                cwd=copy.root,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *error: object) -> None:
        """Leave no process behind, whatever a test found."""
        if self.processes():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def output(self) -> str:
        """Return what Snakemake has printed so far."""
        return self._file.read_text()

    def ended(self) -> set[str]:
        """Return the ids of the jobs that have ended."""
        return set(re.findall(r"^Finished jobid: (\d+)", self.output(), re.M))

    def running(self) -> set[str]:
        """Return the rules of the jobs that have begun and not ended."""
        begun = re.findall(
            r"^(?:local)?rule (\w+):.*?^    jobid: (\d+)", self.output(), re.M | re.S
        )
        ended = self.ended()
        return {rule for rule, job in begun if job not in ended} - {"all"}

    def processes(self) -> list[int]:
        """Return the living processes of the run and of its jobs."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, _, group = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:3]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(group) == self.process.pid and state != "Z":
                found.append(int(folder.name))
        return found

    def wait_until(self, come: Callable[[], bool]) -> bool:
        """Wait until the moment has come; False when the run ended first."""
        while self.process.poll() is None:
            if come():
                return self.process.poll() is None
            time.sleep(0.02)
        return False

    def kill(self, everything: bool) -> None:
        """Kill -9 Snakemake alone, or with all its jobs, as when the power goes."""
        if everything:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()

    def assert_nothing_lives_on(self) -> None:
        """Jobs end with the run that started them (a nested Snakemake a little later)."""
        deadline = time.monotonic() + 30
        while self.processes():
            assert time.monotonic() < deadline, "jobs of a killed run still run"
            time.sleep(0.05)


def moment(run: Run, hit: Counter[str], rng: random.Random) -> Callable[[], bool]:
    """Draw when to kill a run: while it starts, after some jobs, or in the first job of a rule.

    Counted in jobs, so that a slow machine gets as far as a fast one.
    """
    at, enough = time.monotonic() + rng.uniform(0.3, 2), rng.randint(1, 5)
    while_starting, late, early = rng.random() < 0.2, rng.uniform(0, 1), rng.uniform(0, 0.4)

    def come() -> bool:
        if while_starting:
            return time.monotonic() > at
        if run.running() - hit.keys():
            time.sleep(early)
            return bool(run.running() - hit.keys())
        if len(run.ended()) < enough:
            return False
        time.sleep(late)
        return True

    return come


def locks(copy: Checkout) -> list[Path]:
    return list((copy.root / ".snakemake" / "locks").glob("*.lock"))


def assert_undisturbed(copy: Checkout, tiny: Checkout) -> None:
    """The study is finished and whole, and is the undisturbed one."""
    assert table_bytes(copy) == table_bytes(tiny)
    for name in ("summary.md", "answers.txt", *(f"figures/{f}.svg" for f in ("grid_rsa", "dag"))):
        assert (copy.study / name).read_bytes() == (tiny.study / name).read_bytes(), name
    assert (copy.study / "report.html").read_text().rstrip().endswith("</html>")
    assert list((copy.root / "results").rglob("*.partial")) == []
    assert locks(copy) == []
    assert copy.planned() == {}
    command = [sys.executable, "scripts/verify.py", "results", "studies/tiny.yaml"]
    assert subprocess.run(command, cwd=copy.root, check=False).returncode == 0


def test_killed_at_fifty_moments(tiny: Checkout, tmp_path: Path) -> None:
    """Studies begin in empty directories and are killed on their way until 50 kills are survived.

    After each kill the user does what Snakemake says: unlocks, and runs the same command.
    """
    rng = random.Random(7)
    hit: Counter[str] = Counter()
    kills = 0
    while kills < KILLS:
        copy = checkout(tmp_path / f"{kills}-kills-before")
        while True:
            with Run(copy) as run:
                if kills == KILLS or not run.wait_until(moment(run, hit, rng)):
                    assert run.process.wait() == 0, run.output()[-5000:]
                    break
                hit.update(run.running())
                run.kill(everything=rng.random() < 0.5)
                kills += 1
                if locks(copy):
                    if kills == 1:
                        refused = copy.snakemake("--cores", "2")
                        assert refused.returncode != 0
                        assert "can be removed with the --unlock argument" in refused.stderr
                    done = copy.snakemake("--unlock")
                    assert done.returncode == 0, done.stderr
                run.assert_nothing_lives_on()
        assert_undisturbed(copy, tiny)
        shutil.rmtree(copy.root)
    print(f"jobs killed, by rule: {dict(hit)}")
    # A job that takes a third of a second may slip through.
    missed = jobs((tiny.root / "output.txt").read_text()).keys() - hit.keys()
    assert len(missed) <= 2, missed


@pytest.fixture
def halfway(finished: Checkout) -> Checkout:
    """The tiny study up to its features."""
    for place in finished.study.iterdir():
        if place.name not in ("saes", "quality", "features", "labels", "logs", "benchmarks"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    shutil.rmtree(finished.study / "logs" / "correlation")
    return finished


@pytest.mark.parametrize(
    ("number", "everything"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["ctrl-c", "SIGINT", "SIGTERM"],
)
def test_a_run_that_is_asked_to_stop(
    halfway: Checkout, tiny: Checkout, number: signal.Signals, everything: bool
) -> None:
    """It stops with no lock and nothing half done, its jobs say why, and the next run goes on."""
    logs = halfway.study / "logs" / "correlation"
    with Run(halfway) as run:
        assert run.wait_until(lambda: any(logs.glob("*.log")))
        if everything:
            os.killpg(run.process.pid, number)
        else:
            os.kill(run.process.pid, number)
        assert run.process.wait() != 0
        assert "Traceback" not in run.output()
        run.assert_nothing_lives_on()
    said = [log.read_text() for log in logs.iterdir()]
    assert not any("Traceback" in text for text in said)
    assert any("interrupted" in text for text in said) == everything
    assert locks(halfway) == []
    assert list((halfway.root / "results").rglob("*.partial")) == []
    done = halfway.snakemake("--cores", "2")
    assert done.returncode == 0, done.stderr[-5000:]
    assert_undisturbed(halfway, tiny)
