"""Getting files: distributions of a Python package index and snapshots of the Hugging Face hub.

Everything is pinned: a distribution by version and SHA-256, a snapshot by commit. Nothing that is
downloaded is ever built, installed or executed.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import requests
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, canonicalize_version
from pypi_simple import (
    DistributionPackage,
    NoSuchProjectError,
    PyPISimple,
    UnparsableFilenameError,
    UnsupportedContentTypeError,
    parse_filename,
)

from universality.errors import StudyError
from universality.files import replacing
from universality.files import sha256 as sha256_of
from universality.progress import progress

T = TypeVar("T")

TIMEOUT_SECONDS = 60


def fetch_distribution(
    requirement: str,
    kind: Literal["wheel", "sdist"],
    sha256: str,
    folder: Path,
    *,
    retries: int = 4,
    wait: float = 2.0,
) -> Path:
    """Download the distribution file of a pinned requirement and check its content.

    The index is the one pip is set to use (`PIP_INDEX_URL`, then pip's `global.index-url`), and the
    public Python package index otherwise. A file already in `folder` with the right SHA-256 is
    returned without a network.

    Args:
        requirement: `package==version`.
        kind: `wheel` or `sdist`. A version has one sdist but may have many wheels: the one
            published with this SHA-256 is taken.
        sha256: of the file, in hexadecimal.
        folder: where the file is put, under its own name.
        retries: how often a failed request is repeated.
        wait: seconds before the first repetition; doubled for each further one.

    Raises:
        StudyError: the requirement is not pinned, the index does not have it or cannot be reached,
            or the content has another SHA-256.
    """
    name, version = _pinned(requirement)
    sha256 = sha256.lower()
    for path in _present(folder, name, version, kind):
        if sha256_of(path) == sha256:
            return path
    with _index() as index:
        where = _without_credentials(index.endpoint)
        try:
            packages = _patiently(lambda: _packages(index, name), retries, wait)
            package = _choose(packages, requirement, version, kind, sha256, where)
            return _patiently(
                lambda: _download(index, package, requirement, sha256, folder), retries, wait
            )
        except NoSuchProjectError:
            raise StudyError(
                f"{requirement}: the package index {where} has no package named {name!r}; "
                "check the spelling, or set PIP_INDEX_URL to an index that has it"
            ) from None
        except (requests.RequestException, UnsupportedContentTypeError) as error:
            raise StudyError(
                f"{requirement}: could not be downloaded from the package index {where} "
                f"({type(error).__name__}); check the network, or set PIP_INDEX_URL to an index "
                f"that can be reached, or put the file into {folder} by hand"
            ) from error


def _pinned(requirement: str) -> tuple[str, str]:
    """Split `package==version` into its two parts."""
    try:
        parsed = Requirement(requirement)
        (pin,) = parsed.specifier
        if pin.operator != "==" or "*" in pin.version or parsed.extras or parsed.marker:
            raise ValueError
    except (InvalidRequirement, ValueError):
        raise StudyError(
            f"requirement {requirement!r} is not pinned; write it as 'package==version'"
        ) from None
    return parsed.name, pin.version


def _present(folder: Path, name: str, version: str, kind: str) -> Iterator[Path]:
    """Iterate over the files in `folder` that are named as the wanted distribution."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            found_name, found_version, found_kind = parse_filename(path.name, name)
        except UnparsableFilenameError:
            continue
        if (
            found_kind == kind
            and canonicalize_name(found_name) == canonicalize_name(name)
            and canonicalize_version(found_version) == canonicalize_version(version)
        ):
            yield path


def _index() -> PyPISimple:
    """Return a client of the index that pip is set to use."""
    url = os.environ.get("PIP_INDEX_URL")
    if not url:
        # Not `config get`, which in older releases of pip does not see the file of PIP_CONFIG_FILE.
        command = [sys.executable, "-m", "pip", "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True).stdout
        found = re.search(r"^global\.index-url='(.*)'$", listed, re.MULTILINE)
        url = found[1] if found else None
    return PyPISimple(url) if url else PyPISimple()


def _without_credentials(url: str) -> str:
    """Remove the user and password from a URL that will be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _packages(index: PyPISimple, name: str) -> list[DistributionPackage]:
    return index.get_project_page(name, timeout=TIMEOUT_SECONDS).packages


def _choose(
    packages: Sequence[DistributionPackage],
    requirement: str,
    version: str,
    kind: str,
    sha256: str,
    where: str,
) -> DistributionPackage:
    """Return the one file of this version and kind that is, or may be, the one with this hash."""
    wanted = canonicalize_version(version)
    files = [
        package
        for package in packages
        if package.package_type == kind
        and package.version is not None
        and canonicalize_version(package.version) == wanted
    ]
    if not files:
        others = len({p.version for p in packages if p.package_type == kind})
        raise StudyError(
            f"{requirement}: the package index {where} has no {kind} of this version, "
            f"but of {others} others; check the version"
        )
    # An index need not publish hashes; then the content alone can tell.
    possible = [p for p in files if p.digests.get("sha256", sha256).lower() == sha256]
    if not possible:
        found = ", ".join(f"{p.filename} has {p.digests['sha256']}" for p in files)
        raise StudyError(
            f"{requirement}: no {kind} with sha256 {sha256} in the package index {where}; "
            f"found: {found}; correct the sha256 only if you trust that file"
        )
    return possible[0]


def _download(
    index: PyPISimple, package: DistributionPackage, requirement: str, sha256: str, folder: Path
) -> Path:
    """Download one file of the index into `folder`."""
    target = folder / Path(package.filename).name
    with replacing(target) as temporary:
        index.download_package(
            package,
            temporary,
            verify=False,
            progress=lambda size: progress(size or 0, package.filename, "B"),
            timeout=TIMEOUT_SECONDS,
        )
        found = sha256_of(temporary)
        if found != sha256:
            raise StudyError(
                f"{requirement}: {package.filename} was downloaded with sha256 {found}, but "
                f"{sha256} is configured; correct the sha256 only if you trust that file"
            )
    return target


def _patiently(request: Callable[[], T], retries: int, wait: float) -> T:
    """Repeat a request that failed for a reason that may pass (not for a 404 or the like)."""
    for attempt in range(retries):
        try:
            return request()
        except requests.RequestException as error:
            status = error.response.status_code if error.response is not None else None
            if status is not None and status < 500 and status != 429:
                raise
            time.sleep(wait * 2**attempt)
    return request()
