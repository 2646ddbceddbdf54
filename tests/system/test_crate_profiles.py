"""The RO-Crate of a finished study passes an independent validator."""

import importlib.resources
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkouts import Checkout

# In an environment of its own: it wants older releases of packages of the lock.
VALIDATOR = "roc-validator==0.13.0"
SCRIPT = Path(__file__).with_name("validate_crate.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the validator."""
    folder = tmp_path_factory.mktemp("validator")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", VALIDATOR]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        assert not os.environ.get("CI"), done.stderr
        pytest.skip(f"{VALIDATOR} cannot be installed here")
    return folder / "bin" / "python"


def problems(python: Path, crate: Path, folder: Path) -> list[str]:
    """Return what the profiles require and the crate lacks."""
    folder.mkdir()
    context = importlib.resources.files("rocrate") / "data" / "ro-crate.jsonld"
    command = [str(python), str(SCRIPT), str(crate), str(context)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return (folder / "found.txt").read_text().splitlines()


def test_the_crate_keeps_its_profiles(python: Path, tiny: Checkout, tmp_path: Path) -> None:
    assert problems(python, tiny.study, tmp_path / "whole") == []

    # The validator is awake: it finds what is missing.
    copy = tmp_path / "copy"
    shutil.copytree(tiny.study, copy)
    content = json.loads((copy / "ro-crate-metadata.json").read_text())
    run = next(entity for entity in content["@graph"] if entity["@id"] == "#run")
    del run["instrument"]
    (copy / "ro-crate-metadata.json").write_text(json.dumps(content))
    (copy / "summary.md").unlink()
    found = " ".join(problems(python, copy, tmp_path / "broken"))
    assert "instrument" in found
    assert "summary.md" in found
