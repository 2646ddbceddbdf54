"""The tiny study, run once for all tests; each test that changes something works on a copy."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from checkouts import Checkout, checkout


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The tiny study, finished. Not to be changed."""
    copy = checkout(tmp_path_factory.mktemp("tiny") / "checkout")
    done = copy.snakemake("--cores", "2")
    assert done.returncode == 0, done.stderr[-5000:]
    (copy.root / "output.txt").write_text(done.stdout + done.stderr)
    return copy


@pytest.fixture(scope="session")
def scratch(tiny: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the finished tiny study for dry runs; a test puts back what it changes."""
    root = tmp_path_factory.mktemp("scratch") / "checkout"
    shutil.copytree(tiny.root, root, symlinks=True)
    return Checkout(root)


@pytest.fixture
def finished(tiny: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the finished tiny study, to be changed."""
    root = tmp_path / "checkout"
    shutil.copytree(tiny.root, root, symlinks=True)
    return Checkout(root)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Checkout]:
    """Make a copy of the workflow in which nothing has run."""
    return lambda: checkout(tmp_path / "fresh")
