"""Read every store below a folder and name those that are not what was written (`make verify`)."""

import json
import sys
from pathlib import Path

from universality import store
from universality.errors import StudyError


def damaged(root: Path) -> dict[Path, str]:
    """Return the reason for each damaged store below `root`, by its path."""
    found = {}
    for path in sorted(p for p in root.rglob("*.zarr") if p.is_dir()):
        try:
            kind = json.loads((path / "zarr.json").read_text())["attributes"]["kind"]
            store.verify(path, kind)
        except (OSError, ValueError, KeyError, TypeError) as error:
            found[path] = f"{path}: its zarr.json is not readable ({error!r})"
        except StudyError as error:
            found[path] = str(error)
    return found


if __name__ == "__main__":
    reasons = damaged(Path(sys.argv[1]))
    for path, reason in reasons.items():
        print(f"{reason}\n  make it again: snakemake --force {path}; then run the study")
    print(f"{len(reasons)} damaged stores below {sys.argv[1]}")
    sys.exit(bool(reasons))
