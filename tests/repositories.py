"""Copies of the workflow that are git repositories."""

import os
import shutil
import subprocess
from pathlib import Path

from checkouts import ROOT, checkout

_WHO = {"GIT_AUTHOR_NAME": "a", "GIT_COMMITTER_NAME": "a"}
_WHO |= {"GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: Path, *arguments: str) -> None:
    """Run git in a repository, whoever and wherever this is."""
    command = ["git", "-C", str(folder), *arguments]
    subprocess.run(command, env=os.environ | _WHO, check=True, capture_output=True)


def repository(root: Path) -> Path:
    """Make a repository of the workflow's files, nothing committed so far."""
    checkout(root)
    for file in ("Makefile", "LICENSE"):
        shutil.copy2(ROOT / file, root / file)
    git(root, "init", "--quiet")
    return root


def commit(root: Path) -> None:
    """Commit all that is new and changed."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "all of it")
