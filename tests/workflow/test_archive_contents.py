"""What `make archive` packs; tests/system/test_archive.py runs the result without a network."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from repositories import commit, repository

pytestmark = pytest.mark.workflow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository and, not committed, a study with a local text and a downloaded one."""
    root = repository(tmp_path / "repository")
    (root / "not_part_of_it.txt").write_text("committed")
    commit(root)
    (root / "not_part_of_it.txt").write_text("changed")
    wheel = root / "texts.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("texts/a.txt", "A text.\n\nAnother text.\n")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    downloads = root / "results" / "shared" / "downloads"
    downloads.mkdir(parents=True)
    wheel.rename(downloads / f"texts-1.0-{sha256[:10]}.whl")
    (downloads / "of-another-study.whl").write_text("")
    (root / "mine").mkdir()
    (root / "mine" / "a.txt").write_text("My text.\n")
    study = yaml.safe_load((root / "studies" / "tiny.yaml").read_text())
    packed = {"wheel": "texts==1.0", "sha256": sha256, "members": "*.txt", "format": "plain"}
    sources = {"packed": packed | {"share": 0.5}, "mine": {"path": "mine/*.txt", "share": 0.5}}
    study["corpus"]["sources"] = sources
    (root / "mine" / "study.yaml").write_text(yaml.safe_dump(study))
    (root / "wheels-made-before").mkdir()
    (root / "wheels-made-before" / "some.whl").write_text("")
    return root


def archive(root: Path, configfile: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/archive.py", configfile, "--to", "out/study.tar"]
    command += ["--wheels", "wheels-made-before"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_an_archive_holds_the_commit_and_what_the_study_needs(root: Path) -> None:
    done = archive(root, "mine/study.yaml")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    with tarfile.open(root / "out" / "study.tar") as tar:
        names = {name.removeprefix("universality/") for name in tar.getnames()}
        text = tar.extractfile("universality/not_part_of_it.txt")
        assert text is not None
        assert text.read() == b"committed"
    assert {"Makefile", "Snakefile", "scripts/universality/study.py", ".git/HEAD"} <= names
    assert {"mine/study.yaml", "mine/a.txt", "wheels/some.whl"} <= names
    assert [n for n in names if n.startswith("results/shared/downloads/")] == [
        str(file.relative_to(root)) for file in (root / "results").rglob("texts-1.0-*.whl")
    ]
    assert [file.name for file in (root / "out").iterdir()] == ["study.tar"]


def test_files_outside_cannot_go_along(root: Path, tmp_path: Path) -> None:
    (tmp_path / "far.txt").write_text("Far away.")
    file = root / "mine" / "study.yaml"
    file.write_text(file.read_text().replace("mine/*.txt", str(tmp_path / "far.txt")))
    done = archive(root, "mine/study.yaml")
    assert done.returncode == 1
    assert done.stderr == (
        f"{tmp_path / 'far.txt'}: found outside; valid: a path from {root} to a file in it\n"
    )
    assert not list((root / "out").iterdir())
