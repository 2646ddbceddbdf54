"""The tiny study on a real SLURM cluster, and the faults that it is said to survive.

One study meets them all: a job of it is cancelled, jobs run out of memory, and its main process is
killed, cleared up after and started again. Whatever `sbatch` is on the PATH is used.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checkouts import Checkout, checkout, jobs, table_bytes

# They ask Snakemake about this very workflow.
LOCAL = {"dag", "report", "all"}
PROFILE = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "4")
# Too little for any job at first, as sums of a group too.
SHORT_OF_MEMORY = (
    "--set-resources",
    "alignment:mem_mb=100 if attempt == 1 else 2000",
    "activations:mem_mb=300 if attempt == 1 else 4000",
)
PATIENCE = 900  # seconds


@dataclass
class Run:
    """A main process, what it said, and what SLURM knows of its jobs (by id)."""

    copy: Checkout
    log: Path
    process: subprocess.Popen[bytes]
    jobs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def id(self) -> str:
        return re.findall(r"SLURM run ID: (\S+)", self.said + "SLURM run ID: unknown")[0]

    def look(self) -> None:
        """Ask SLURM about the jobs; it forgets finished ones after a while, so ask often."""
        shown = subprocess.run(
            ["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True
        ).stdout
        for line in shown.splitlines():
            job = dict(re.findall(r"([\w/]+)=(\S*)", line))
            if job.get("JobName") == self.id:
                self.jobs[job["JobId"]] = job

    def until(self, happens: Callable[[], bool]) -> None:
        """Wait, looking at the jobs."""
        end = time.monotonic() + PATIENCE
        while True:
            self.look()
            if happens():
                return
            assert time.monotonic() < end, self.said[-5000:]
            time.sleep(1)

    def of(self, rule: str, state: str) -> list[str]:
        """Return the ids of the jobs of a rule (or of a group) in this state."""
        return [
            number
            for number, job in self.jobs.items()
            if job["Comment"].startswith(f"rule_{rule}") and job["JobState"] == state
        ]

    def finish(self) -> None:
        self.until(lambda: self.process.poll() is not None)
        self.look()

    def submitted(self) -> dict[str, str]:
        """Return the SLURM job of each submission, by Snakemake's id; the last of retried ones."""
        return dict(re.findall(r"Job (\S+) has been submitted with SLURM jobid (\d+)", self.said))

    def outputs(self) -> dict[str, str]:
        """Return what each job that was started writes, by Snakemake's id."""
        pattern = r"^ +output: (.+)\n(?: +(?!output:|jobid:).*\n)*? +jobid: (\d+)$"
        return {job: output for output, job in re.findall(pattern, self.said, re.MULTILINE)}

    def finished(self) -> set[str]:
        """Return what the jobs have written that were seen to finish."""
        outputs = self.outputs()
        done = re.findall(r"^Finished jobid: (\d+)", self.said, re.MULTILINE)
        return {outputs[job] for job in done if job in outputs}


def start(copy: Checkout, *arguments: str) -> Run:
    log = copy.root / f"run-{time.monotonic_ns()}.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            copy.command(*PROFILE, *arguments),
            cwd=copy.root,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Run(copy, log, process)


def recover(copy: Checkout) -> subprocess.CompletedProcess[str]:
    """Run what `make recover` runs."""
    command = [copy.python, "scripts/recover.py", "studies/tiny.yaml"]
    return subprocess.run(command, cwd=copy.root, capture_output=True, text=True, check=False)


@dataclass
class Story:
    """What happened to the study."""

    copy: Checkout
    first: Run
    second: Run
    cancelled: str
    refused: subprocess.CompletedProcess[str]
    recovered: subprocess.CompletedProcess[str]
    left_in_queue: str

    @property
    def jobs(self) -> dict[str, dict[str, str]]:
        return self.first.jobs | self.second.jobs

    @property
    def orphans(self) -> set[str]:
        """The jobs that the recovery says it has cancelled."""
        told = re.search(r"the killed run had left: ([\d ]+)$", self.recovered.stdout, re.MULTILINE)
        assert told, self.recovered.stdout + self.recovered.stderr
        return set(told[1].split())


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    if not shutil.which("sbatch"):
        reason = "there is no SLURM: `sbatch` is not on the PATH"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    copy = checkout(tmp_path_factory.mktemp("slurm") / "checkout")
    runs: list[Run] = []
    try:
        first = start(copy, *SHORT_OF_MEMORY)
        runs.append(first)
        first.until(lambda: bool(first.of("tokens", "RUNNING")))
        cancelled = first.of("tokens", "RUNNING")[0]
        subprocess.run(["scancel", cancelled], check=True)
        refused = recover(copy)
        # What was short of memory has passed, the next jobs are under way.
        first.until(lambda: bool(first.of("alignment", "COMPLETED") and first.of("sae", "RUNNING")))
        first.process.kill()
        first.process.wait()
        recovered = recover(copy)
        queue = ["squeue", "--noheader", f"--name={first.id}"]
        left = subprocess.run(queue, capture_output=True, text=True, check=True).stdout
        first.look()
        second = start(copy)
        runs.append(second)
        second.finish()
    finally:
        for run in runs:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGINT)
                run.process.wait()
        recover(copy)
    assert second.process.returncode == 0, second.said[-5000:]
    return Story(copy, first, second, cancelled, refused, recovered, left)


def test_the_tables_are_those_of_a_local_run(story: Story, tiny: Checkout) -> None:
    assert table_bytes(story.copy) == table_bytes(tiny)
    assert story.copy.planned() == {}


def test_every_job_went_through_sbatch(story: Story, tiny: Checkout) -> None:
    for run in (story.first, story.second):
        assert set(run.submitted().values()) <= run.jobs.keys()
    here = re.findall(r"^localrule (\w+):", story.second.said, re.MULTILINE)
    assert set(here) == LOCAL - {"dag"}  # done in the first run, at once
    # What the Snakemakes on the nodes say that they have done; a job's own two name it both.
    ran = {
        (rule, output)
        for number in story.jobs
        for log in (story.copy.root / ".snakemake/slurm_logs").rglob(f"{number}.log")
        for rule, output in re.findall(
            r"^ *rule (\w+):\n(?: +input: .*\n)? +output: (.*)$", log.read_text(), re.MULTILINE
        )
    }
    counts = jobs((tiny.root / "output.txt").read_text())
    assert Counter(rule for rule, _ in ran) == {r: n for r, n in counts.items() if r not in LOCAL}


def test_slurm_saw_what_the_rules_ask_for(story: Story) -> None:
    said = story.second.said
    asked = {
        job: (int(memory), int(minutes))
        for job, memory, minutes in re.findall(
            r"^    jobid: (\d+)\n(?:    .*\n)*?    resources: .*\bmem_mb=(\d+).*\bruntime=(\d+)",
            said,
            re.MULTILINE,
        )
    }
    single = {n: job for n, job in story.second.submitted().items() if n.isdigit()}
    assert len(single) >= 6
    for number, job in single.items():
        assert request(story.jobs[job]) == (1, *asked[number])
    groups = Counter(
        (re.sub("_.*", "", job["Comment"].removeprefix("rule_")), *request(job))
        for job in story.second.jobs.values()
        if job["JobId"] not in single.values()
    )
    # Cpus and memory of the widest level; hours of one level after the other.
    assert groups["comparison", 4, 4 * 3000, 120 + 120 + 240] == 1
    assert groups["comparison", 1, 3000, 120 + 120 + 240] == 1
    assert groups["labels", 4, 4 * 2000, 60] == 1
    assert groups["labels", 2, 2 * 2000, 60] == 1
    assert groups["quality", 4, 4 * 3000, 60] == 1


def request(job: dict[str, str]) -> tuple[int, int, int]:
    """Return the cpus, the memory in MB and the minutes that SLURM was asked for."""
    memory = re.fullmatch(r"(\d+)([MG])", job["MinMemoryNode"])
    assert memory
    days, hours, minutes = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):00", job["TimeLimit"]).groups()  # type: ignore[union-attr]
    return (
        int(job["NumCPUs"]),
        int(memory[1]) * {"M": 1, "G": 1024}[memory[2]],
        (int(days or 0) * 24 + int(hours)) * 60 + int(minutes),
    )


@pytest.mark.parametrize(
    ("name", "first", "second"), [("activations", "300M", "4000M"), ("alignment", "200M", "4000M")]
)
def test_a_job_over_its_memory_is_retried_with_more(
    story: Story, name: str, first: str, second: str
) -> None:
    run = story.first
    tried = {n: job for n, job in run.jobs.items() if job["Comment"].startswith(f"rule_{name}")}
    killed = [n for n, job in tried.items() if job["MinMemoryNode"] == first]
    again = {n: job for n, job in tried.items() if n not in killed}
    assert {job["MinMemoryNode"] for job in again.values()} == {second}
    assert len(again) == len(killed)
    # Unless the main process was killed meanwhile, but that is after the first of them.
    passed = [job["JobState"] for n, job in again.items() if n not in story.orphans]
    assert passed
    assert set(passed) == {"COMPLETED"}
    for number in killed:
        assert f"'{number}' failed" in run.said or name == "alignment"  # groups: no number
        (log,) = (story.copy.root / ".snakemake/slurm_logs").rglob(f"{number}.log")
        assert re.search("exceeded memory limit|oom", log.read_text(), re.IGNORECASE)
    assert f"Error in {'group' if name == 'alignment' else 'rule'} {name}" in run.said
    assert run.said.count("Trying to restart job") >= len(killed)


def test_a_cancelled_job_is_reported_and_run_again(story: Story) -> None:
    run, job = story.first, story.first.jobs[story.cancelled]
    assert job["JobState"] == "CANCELLED"
    assert f"SLURM-job '{story.cancelled}' failed, SLURM status is: 'CANCELLED'" in run.said
    again = [j["JobState"] for j in run.jobs.values() if j["Comment"] == job["Comment"]]
    assert again == ["CANCELLED", "COMPLETED"]


def test_recovery_is_refused_beside_a_run(story: Story) -> None:
    assert story.refused.returncode == 1
    assert f"Snakemake is running in this directory (process {story.first.process.pid}" in (
        story.refused.stderr
    )


def test_a_killed_study_goes_on(story: Story) -> None:
    """Nothing that was finished is done again, and no orphan writes beside its duplicate."""
    first, second = story.first, story.second
    assert story.recovered.returncode == 0, story.recovered.stderr
    assert story.left_in_queue == ""
    assert story.orphans & set(first.of("sae", "CANCELLED"))
    assert {first.jobs[number]["JobState"] for number in story.orphans} == {"CANCELLED"}
    assert len(first.finished()) >= 6
    assert first.finished() & set(second.outputs().values()) == set()
    began = min(job["SubmitTime"] for job in second.jobs.values())
    assert all(first.jobs[number]["EndTime"] <= began for number in story.orphans)
