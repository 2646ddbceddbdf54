"""The committed state of this repository in another folder, and what a study needs there."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from universality import configuration, study
from universality.errors import StudyError

ROOT = Path(__file__).parents[1]


def git(*arguments: str, folder: Path = ROOT) -> str:
    """Return what git prints; StudyError when it fails."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StudyError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.stdout


def checkout(folder: Path) -> None:
    """Make `folder` a checkout of this repository's HEAD, unless it is one already."""
    commit = git("rev-parse", "HEAD")
    if (folder / ".git").is_dir() and git("rev-parse", "HEAD", folder=folder) == commit:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The last commit alone; git takes a depth from URLs only.
    git("clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(folder))
    git("remote", "remove", "origin", folder=folder)


def resolved(file: Path) -> dict[str, Any]:
    """Return the configuration in `file`; the working directory must be the repository's root."""
    if Path.cwd() != ROOT:
        raise StudyError(f"{Path.cwd()}: run this in {ROOT}")
    schema = configuration.read(ROOT / "schemas" / "config.schema.yaml")
    return study.resolve(configuration.read(file), schema, Path())


def results(config: Mapping[str, Any]) -> Path:
    """Return the folder of a study's results, as its configuration says it."""
    places = config.get("pathvars", {})
    return Path(places.get("study") or f"{places.get('results', 'results')}/{config['study']}")


def add(files: Iterable[Path], folder: Path) -> list[Path]:
    """Copy those files of the working directory that `folder` lacks there, and return them."""
    added = []
    for file in files:
        if file.is_absolute() or ".." in file.parts:
            raise StudyError(f"{file}: found outside; valid: a path from {ROOT} to a file in it")
        if not (folder / file).exists():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / file)
            added.append(file)
    return added
