"""What a job's script does first, in real processes: log, end with its run, tell its failure."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"

# What Snakemake puts before a script, as far as it matters here.
BEFORE = f"""
import sys, types
sys.path.append({str(SCRIPTS)!r})
snakemake = types.SimpleNamespace(
    log=["log"], output=["results/out.json"], rule="features", resources={{"mem_mb": 3000}}
)
"""
START = "import job\njob.start(snakemake)\n"
WITHOUT_PIDFD = "import os\nif hasattr(os, 'pidfd_open'): del os.pidfd_open\n"

# Stands for Snakemake: starts a job through a shell which, as some do, stays between them.
RUN = """
import os, subprocess, sys
os.environ["SNAKEMAKE_PID"] = str(os.getpid())
sys.exit(subprocess.call(["bash", "-c", f"{sys.executable} script.py; exit $?"]))
"""


def lives(process: int) -> bool:
    """Say whether a process lives; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(true: Callable[[], bool]) -> bool:
    """Wait until something is true, for at most half a minute."""
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return true()


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script that fails as told, and return the process with the log as its output."""

    def run(body: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(BEFORE + START + body)
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        done.stdout = (tmp_path / "log").read_text()
        return done

    return run


@pytest.mark.parametrize("before", ["", WITHOUT_PIDFD], ids=["pidfd", "polling"])
def test_a_job_ends_with_its_run_even_behind_a_shell(tmp_path: Path, before: str) -> None:
    body = "import os, time\nopen('pid', 'w').write(f'{os.getpid()}.')\ntime.sleep(600)\n"
    (tmp_path / "script.py").write_text(before + BEFORE + START + body)
    run = subprocess.Popen([sys.executable, "-c", RUN], cwd=tmp_path, start_new_session=True)
    pid = tmp_path / "pid"
    try:
        assert eventually(lambda: pid.exists() and pid.read_text().endswith("."))
        job = int(pid.read_text()[:-1])
        assert lives(job)
        run.kill()
        run.wait()
        assert eventually(lambda: not lives(job))
        assert "the run that started this job has gone" in (tmp_path / "log").read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.parametrize("before", ["", WITHOUT_PIDFD], ids=["pidfd", "polling"])
def test_a_job_whose_run_lives_is_left_alone(tmp_path: Path, before: str) -> None:
    body = "import time\ntime.sleep(1.2)\nprint('done')\n"
    (tmp_path / "script.py").write_text(before + BEFORE + START + body)
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "log").read_text() == "done\n"


def test_a_job_whose_run_is_gone_before_it_begins(
    job: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    done = job("import time\ntime.sleep(600)\n", SNAKEMAKE_PID=str(gone.pid))
    assert done.returncode == 1
    assert "the run that started this job has gone" in done.stdout


def test_prints_and_tracebacks_go_to_the_log(
    job: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = job("print('half of it')\nassert 1 > 2, 'a bug'\n")
    assert done.returncode == 1
    assert done.stderr == ""
    first, second, *_, last = done.stdout.splitlines()
    assert (first, second) == ("half of it", "Traceback (most recent call last):")
    assert last == "AssertionError: a bug"


def test_a_study_error_is_its_message_alone(
    job: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = job(
        "from universality.errors import StudyError\n"
        "try: {}['a']\n"
        "except KeyError as error: raise StudyError('models.a: no such model') from error\n"
    )
    assert done.returncode == 1
    assert done.stdout == "StudyError: models.a: no such model\n"


def test_a_message_that_the_log_cannot_take_goes_to_the_terminal(
    job: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = job("sys.stdout = sys.stderr = open('/dev/full', 'w')\nprint('x' * 9999, flush=True)\n")
    assert done.returncode != 0
    assert done.stderr.startswith("results/out.json: cannot be written, no space left on the disk")


def test_an_interrupt_is_one_line(job: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = job("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(9)")
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "interrupted; the same command goes on with this job\n"


def test_it_imports_nothing_heavy() -> None:
    command = "import sys, job; print({'numpy', 'torch', 'zarr'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
