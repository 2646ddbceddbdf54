"""`make recover` refuses beside a live run, cancels only its own jobs, removes only litter."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import recover
from universality.errors import StudyError

RUN = "30dd3568-bd1d-457f-a711-751d6bf219e6"


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recover, "_LOCAL_PATIENCE", 0)
    monkeypatch.setattr(recover.time, "sleep", lambda _: None)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `squeue` that lists the file `queue`, a `scancel` that empties it, and what was asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "squeue").write_text(f'#!/bin/sh\necho "squeue $*" >> {tmp_path}/asked\n')
    (programs / "scancel").write_text(f'#!/bin/sh\necho "scancel $*" >> {tmp_path}/asked\n')
    with (programs / "squeue").open("a") as file:
        file.write(f"/bin/cat {tmp_path}/queue\n")
    with (programs / "scancel").open("a") as file:
        file.write(f": > {tmp_path}/queue\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    (tmp_path / "queue").touch()
    monkeypatch.setenv("PATH", str(programs))
    return tmp_path


def test_run_ids_are_read_from_all_logs(tmp_path: Path) -> None:
    (tmp_path / "2026-01-01T000000.1.snakemake.log").write_text(f"x\nSLURM run ID: {RUN}\ny\n")
    (tmp_path / "2026-01-02T000000.1.snakemake.log").write_text("SLURM run ID: site_b1\n\xff")
    (tmp_path / "2026-01-03T000000.1.snakemake.log").write_text("a local run\n")
    assert recover.run_ids(tmp_path) == [RUN, "site_b1"]
    assert recover.run_ids(tmp_path / "none") == []


def test_jobs_of_these_runs_alone_are_cancelled(slurm: Path) -> None:
    (slurm / "queue").write_text("7\n8\n")
    assert recover.cancel([RUN, "site_b1"]) == ["7", "8"]
    asked = (slurm / "asked").read_text().splitlines()
    look = f"squeue --noheader --format=%i --name={RUN},site_b1"
    assert asked == [look, "scancel 7 8", look, look]


def test_nothing_is_asked_without_runs(slurm: Path) -> None:
    assert recover.cancel([]) == []
    assert not (slurm / "asked").exists()


def test_a_job_that_stays_is_named(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (slurm / "queue").write_text("7\n")
    (slurm / "bin" / "scancel").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setattr(recover, "_SLURM_PATIENCE", 0)
    with pytest.raises(StudyError, match="not ended the jobs 7"):
        recover.cancel([RUN])


def test_a_slurm_that_does_not_answer_is_no_empty_queue(slurm: Path) -> None:
    (slurm / "bin" / "squeue").write_text("#!/bin/sh\necho no controller >&2\nexit 1\n")
    with pytest.raises(StudyError, match="squeue failed, so the lock stays: no controller"):
        recover.cancel([RUN])
    (slurm / "bin" / "squeue").unlink()
    with pytest.raises(StudyError, match="there is no `squeue` on this machine"):
        recover.cancel([RUN])


def test_only_what_is_unfinished_is_removed(tmp_path: Path) -> None:
    kept = [
        tmp_path / "s" / "a.zarr" / "c" / "0",
        tmp_path / "s" / ".hidden",
        tmp_path / "s.partial",
    ]
    unfinished = [
        tmp_path / "s" / ".a.zarr.k3xq.partial" / "new",
        tmp_path / "s" / ".b.csv.partial",
    ]
    for file in kept + unfinished:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    assert set(recover.remove_unfinished(tmp_path)) == {unfinished[0].parent, unfinished[1]}
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)
    assert recover.remove_unfinished(tmp_path / "none") == []


@pytest.fixture
def process(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is called snakemake, with the arguments that the test names."""
    (tmp_path / "snakemake").write_text("import time\ntime.sleep(60)\n")
    command = [sys.executable, str(tmp_path / "snakemake"), *request.param]
    with subprocess.Popen(command, cwd=tmp_path) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("process", [["--cores", "2"]], indirect=True)
def test_a_live_run_of_this_directory_is_found(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    recover.refuse_beside_a_run(tmp_path / "other")
    with pytest.raises(StudyError, match=rf"running in this directory \(process {process.pid}\)"):
        recover.refuse_beside_a_run(tmp_path)
    process.kill()
    process.wait()
    recover.refuse_beside_a_run(tmp_path)


@pytest.mark.parametrize("process", [["--executor", "x", "--mode", "remote"]], indirect=True)
def test_the_snakemake_of_a_clusters_job_is_no_run(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    recover.refuse_beside_a_run(tmp_path)
    assert process.poll() is None
