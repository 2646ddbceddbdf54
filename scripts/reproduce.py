"""Run a committed study again and say cell by cell whether its tables agree (`make reproduce`).

The committed code runs in a checkout of its own, reproduced/<study>; the working tree stays as it
is. When it was interrupted, the same command goes on where it was.
"""

import argparse
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

import committed
from universality import study
from universality.errors import StudyError
from universality.views import agreement

SHOWN = 20  # cells that are printed; all are in differences.csv


def reproduce(configfile: Path, changes: dict[str, float]) -> bool:
    """Run a study again, print and write what differs, and return whether all tables agree.

    Args:
        configfile: the study's configuration, a committed file named from the repository's root.
        changes: of the tolerances, by kind of column.
    """
    allowed = agreement.tolerances(changes)
    old, folder, results = prepare(configfile)
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile"]
    if subprocess.run([*command, str(configfile)], cwd=folder, check=False).returncode:
        raise StudyError(f"{configfile}: the run in {folder} failed, see above")
    cells = pd.concat(
        agreement.compare(table, read((folder / results / name).read_text()), name[:-4], allowed)
        for name, table in old.items()
    )
    report = folder / "differences.csv"
    cells[cells["verdict"] != "equal"].to_csv(report, index=False)
    print(agreement.summary(cells, allowed, SHOWN), f"all that is not equal: {report}", sep="\n")
    return agreement.agree(cells)


def prepare(configfile: Path) -> tuple[dict[str, pd.DataFrame], Path, Path]:
    """Return the committed tables by file name, a checkout without them, and their folder in it."""
    config = committed.resolved(configfile)
    results = committed.results(config)
    listed = committed.git("ls-tree", "--name-only", "HEAD", f"{results / 'tables'}/").split()
    names = [Path(name).name for name in listed if name.endswith(".csv")]
    if not names:
        raise StudyError(f"{configfile}: no csv file in {results / 'tables'} is committed")
    folder = committed.ROOT / "reproduced" / config["study"]
    committed.checkout(folder)
    if not (folder / ".snakemake").exists():
        # Before the first run: nothing that was committed may pass for a new result.
        shutil.rmtree(folder / results)
    if configfile.is_absolute() or not (folder / configfile).is_file():
        raise StudyError(f"{configfile}: no such file is committed")
    committed.add(study.local_files(config, Path()), folder)
    show = {name: committed.git("show", f"HEAD:{results / 'tables' / name}") for name in names}
    return {name: read(text) for name, text in show.items()}, folder, results / "tables"


def read(csv: str) -> pd.DataFrame:
    """Return a table with all cells as the text that they are in a csv file."""
    return pd.read_csv(io.StringIO(csv), dtype="str", keep_default_na=False)


def tolerance(text: str) -> tuple[str, float]:
    """Read `kind=number`."""
    name, _, value = text.partition("=")
    return name, float(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configfile", type=Path, help="the study's configuration, committed")
    parser.add_argument(
        "tolerance",
        nargs="*",
        type=tolerance,
        help=f"for a kind of column, instead of {agreement.TOLERANCES}, e.g. measured=0.01",
    )
    given = parser.parse_args()
    try:
        sys.exit(not reproduce(given.configfile, dict(given.tolerance)))
    except StudyError as error:
        sys.exit(str(error))
