"""Snapshots of hub repositories at a pinned commit."""

import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, errors, snapshot_download

from universality.errors import StudyError


def fetch_snapshot(
    repo: str,
    revision: str,
    patterns: Sequence[str],
    folder: Path,
    repo_type: Literal["model", "dataset"],
    *,
    allow_floating: bool = False,
) -> Path:
    """Download the files of a hub repository that match `patterns` into `folder`.

    Args:
        repo: `owner/name`.
        revision: the commit, 40 hexadecimal digits.
        patterns: globs of the files that are wanted, e.g. `*.safetensors`.
        folder: where the files are put, under the paths they have in the repository.
        repo_type: `model` or `dataset`.
        allow_floating: accept a branch or tag, whose content may change, as the revision.

    Returns:
        `folder`.

    Raises:
        StudyError: a floating revision, a repository that is missing, gated or out of reach, or no
            file that matches.
    """
    if not allow_floating and not re.fullmatch("[0-9a-f]{40}", revision):
        raise StudyError(
            f"{repo}: revision {revision!r} may move; give a commit of 40 hexadecimal digits, "
            "or allow floating revisions"
        )
    try:
        names = HfApi().list_repo_files(repo, revision=revision, repo_type=repo_type)
        wanted = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
        snapshot_download(
            repo, revision=revision, allow_patterns=wanted, local_dir=folder, repo_type=repo_type
        )
    except errors.GatedRepoError as error:
        raise StudyError(
            f"{repo}: this {repo_type} is gated; accept its licence on its page of the hub and set "
            "HF_TOKEN to a token of that account"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise StudyError(f"{repo}: the hub's {repo_type} has no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        raise StudyError(
            f"{repo}: the hub has no such {repo_type}, or it is private; check the name, or set "
            "HF_TOKEN to a token that may read it"
        ) from error
    # Network errors are of whatever HTTP library the hub's client is built on.
    except Exception as error:
        raise StudyError(
            f"{repo}: could not be downloaded from the hub ({type(error).__name__}: {error}); "
            "check the network and the name, or use a `path` to a copy"
        ) from error
    if not wanted:
        raise StudyError(
            f"{repo}: no file at {revision} matches {', '.join(patterns)}; "
            f"it has {', '.join(sorted(names)[:20]) or 'none'}"
        )
    # When the network fails half-way, snapshot_download is content with what is in the folder.
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise StudyError(f"{repo}: the hub did not give {', '.join(missing)}; try again")
    return folder
