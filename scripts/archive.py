"""Pack a study for a machine without network: `make archive`, there `make run` (see README).

One tar file: the committed workflow as a git checkout, the study's configuration and local files,
all that it downloads, and the packages of the lock as wheels for this platform and this version of
Python. Nothing that was computed goes along.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import committed
from universality import study
from universality.errors import StudyError
from universality.views import provenance

LOCK = "envs/requirements.lock"
WHEELS = "wheels"  # the Makefile's setup installs from here when it is there


def archive(configfile: Path, target: Path | None, wheels: Path | None) -> None:
    """Write the archive of a study.

    Args:
        configfile: the study's configuration, a path in this folder; it need not be committed.
        target: the tar file; by default <study>.tar.
        wheels: a folder that holds the wheels already; by default they are made.
    """
    config = committed.resolved(configfile)
    target = target or Path(f"{config['study']}.tar")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".archive") as temporary:
        folder = Path(temporary) / "universality"
        committed.checkout(folder)
        added = committed.add([configfile, *study.local_files(config, Path())], folder)
        added += fetch(configfile, folder)
        if wheels is None:
            make_wheels(folder / LOCK, folder / WHEELS)
        else:
            shutil.copytree(wheels, folder / WHEELS)
        partial = Path(temporary) / "partial.tar"
        with tarfile.open(partial, "w") as tar:
            tar.add(folder, folder.name)
        partial.replace(target)
    size = target.stat().st_size / 1e6
    names = ", ".join(map(str, added)) or "none"
    print(f"{target}: {size:.0f} MB; beside the commit and the wheels: {names}")
    if committed.git("status", "--porcelain", "--", *provenance.CODE):
        print("the working tree has changes that are not committed: they are not in the archive")


def fetch(configfile: Path, folder: Path) -> list[Path]:
    """Download what the study needs, where it is not yet, and copy it; return the paths.

    The committed code in `folder` says what that is.
    """
    snakemake = [sys.executable, "-m", "snakemake", "downloads"]
    snakemake += ["--snakefile", str(folder / "Snakefile"), "--configfile", str(configfile)]
    if subprocess.run([*snakemake, "--cores", "4"], check=False).returncode:
        raise StudyError(f"{configfile}: the downloads failed, see above")
    told = subprocess.run([*snakemake, "--summary"], capture_output=True, text=True, check=True)
    found = [Path(line.split("\t")[0]) for line in told.stdout.splitlines()[1:]]
    for path in found:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy2)(path, folder / path)
    return found


def make_wheels(lock: Path, folder: Path) -> None:
    """Get the wheels of a lock for this platform and Python, built where there is only source."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--requirement", str(lock), "--wheel-dir", str(folder)]
    if subprocess.run(command, check=False).returncode:
        raise StudyError(f"{lock}: pip could not get all packages, see above")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configfile", type=Path, help="the study's configuration")
    parser.add_argument("--to", type=Path, help="the tar file (default: <study>.tar)")
    parser.add_argument("--wheels", type=Path, help="a folder with them, for another platform say")
    given = parser.parse_args()
    try:
        archive(given.configfile, given.to, given.wheels)
    except StudyError as error:
        sys.exit(str(error))
