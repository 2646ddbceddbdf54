"""`make archive`, and there, on a machine without network, `make run`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkouts import Checkout
from repositories import commit, repository


def without_network() -> list[str]:
    """Return the command that runs another one without a network; skip where that is impossible."""
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *root]
    works = (
        shutil.which("unshare") and not subprocess.run([*command, "true"], check=False).returncode
    )
    if not works:
        assert not os.environ.get("CI"), "`unshare --net` does not work here"
        pytest.skip("`unshare --net` does not work here")
    return command


def test_an_archive_runs_without_network(tmp_path: Path, tiny: Checkout) -> None:
    command = without_network()
    root = repository(tmp_path / "repository")
    commit(root)
    made = subprocess.run(
        [sys.executable, "scripts/archive.py", "studies/tiny.yaml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, (made.stdout + made.stderr)[-5000:]
    (root / "tiny.tar").rename(tmp_path / "tiny.tar")
    shutil.rmtree(root)

    place, home = tmp_path / "elsewhere", tmp_path / "home"
    place.mkdir()
    home.mkdir()
    # Nothing that this machine's pip knows or has cached may help.
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "XDG_"))}
    env |= {"HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable}
    steps = "tar xf ../tiny.tar && cd universality && make run STUDY=studies/tiny.yaml"
    done = subprocess.run(
        [*command, "sh", "-c", steps],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    (tmp_path / "tiny.tar").unlink()
    tables = place / "universality" / "results" / "tiny" / "tables"
    for table in sorted((tiny.study / "tables").glob("*.csv")):
        assert (tables / table.name).read_bytes() == table.read_bytes(), table.name
    shutil.rmtree(place)  # two gigabytes
