"""Find outputs that were damaged after they were written, and say how to make them again.

For `make verify`. Snakemake makes a missing output again, but never looks into one that is there.
Arrays, tables and downloads are compared with the hashes that were recorded when they were made;
other files are read, which finds most damage, but not every flipped bit.
"""

import json
import math
import os
import shlex
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pyarrow.parquet as pq
from safetensors import safe_open

from universality import configuration, documents, store
from universality.errors import StudyError, reason
from universality.features import saes
from universality.files import sha256

# More than any store of ours has; a zarr.json that claims more would be read for years.
_MOST_CHUNKS, _LARGEST_CHUNK = 10**6, 2**30


def _store(path: Path) -> None:
    kind = json.loads((path / "zarr.json").read_bytes())["attributes"]["kind"]
    opened = store.open_store(path, kind)
    for name in opened.attributes["arrays"]:
        array = opened[name]
        if (
            array.nchunks > _MOST_CHUNKS
            or math.prod(array.chunks) * array.dtype.itemsize > _LARGEST_CHUNK
        ):
            raise StudyError(f"array '{name}' claims to be larger than any that is written")
    store.verify(path, kind)


def _download(path: Path) -> None:
    recorded = path.name.rsplit("-", 1)[1].split(".")[0]
    found = sha256(path)[: len(recorded)]
    if found != recorded:
        raise StudyError(f"its sha256 begins with {found}, not with {recorded}")


def _model(folder: Path) -> None:
    for name in ("config.json", "model.json", "tokenizer.json"):
        _json(folder / name)
    index = folder / "model.safetensors.index.json"
    shards = set(_json(index)["weight_map"].values()) if index.exists() else set()
    weights = {folder / name for name in shards} | set(folder.glob("*.safetensors"))
    if not weights:
        raise StudyError("no weights (*.safetensors) are here")
    for file in weights:
        with safe_open(file, "numpy"):
            pass  # the header has been compared with the length of the file


def _table(path: Path) -> None:
    manifest = path.with_name("manifest.json")
    recorded = _json(manifest)["tables"].get(path.name) if manifest.exists() else None
    if recorded is not None and sha256(path) != recorded:
        raise StudyError("it is not the table whose sha256 manifest.json holds")


def _json(path: Path) -> dict:
    return json.loads(path.read_bytes())


_FRAMES = ("labels", "nulls", "intervals", "sensitivity", "subspaces", "published")

# By place below `results`; what matches is an output of a rule.
CHECKS: dict[str, Callable[[Path], object]] = {
    "**/*.zarr": _store,
    "shared/downloads/*": _download,
    "shared/corpora/*.jsonl": documents.read,
    "shared/models/*": _model,
    "*/saes/*": saes.load,
    "*/quality/*.json": _json,
    **{f"*/{made}/*.parquet": pq.read_table for made in _FRAMES},
    "*/calibration.parquet": pq.read_table,
    "*/tables/manifest.json": _json,
    "*/tables/*.csv": _table,
    "*/tables/*.parquet": _table,
}


def damaged(root: Path) -> tuple[dict[Path, str], int]:
    """Return why each damaged output below `root` is damaged, and how many outputs were read."""
    reasons, count = {}, 0
    for pattern, check in CHECKS.items():
        for path in sorted(root.glob(pattern)):
            # A name with a dot in front is of something that is being written.
            if any(part.startswith(".") for part in path.relative_to(root).parts):
                continue
            count += 1
            try:
                check(path)
            except Exception as error:  # what a reader raises depends on where the damage is
                reasons[path] = reason(error)
    return reasons, count


def commands(paths: Iterable[Path], root: Path, configfile: Path) -> list[str]:
    """Return a command for each study which makes its outputs among `paths` again.

    What studies share is made again by the study of `configfile`. The configuration of other
    studies is not known here.
    """
    mine = configuration.read(configfile).get("study")
    by_study = defaultdict(list)
    for path in paths:
        owner = path.relative_to(root).parts[0]
        by_study[mine if owner == "shared" else owner].append(str(path))
    python = os.path.relpath(sys.executable)
    found = []
    for study, outputs in by_study.items():
        file = shlex.quote(str(configfile)) if study == mine else f"<the file of study {study}>"
        run = f"{shlex.quote(python)} -m snakemake --configfile {file}"
        # In two steps: forcing alone would leave what was made from them as it is.
        found.append(f"{run} --force {shlex.join(outputs)} && {run}")
    return found


def report(reasons: Mapping[Path, str], count: int, root: Path, configfile: Path) -> str:
    """Return what `make verify` prints."""
    lines = [f"damaged: {path}\n  {why}" for path, why in reasons.items()]
    lines.append(f"{len(reasons)} damaged of {count} outputs below {root}")
    if reasons:
        lines.append("To make them again, and all that was made from them:")
        lines += [f"  {command}" for command in commands(reasons, root, configfile)]
        lines.append("An output that no rule produces any more can be deleted instead.")
    return "\n".join(lines)


if __name__ == "__main__":
    place, file = map(Path, sys.argv[1:])
    try:
        bad, read = damaged(place)
        print(report(bad, read, place, file))
    except StudyError as error:
        sys.exit(str(error))
    sys.exit(bool(bad))
