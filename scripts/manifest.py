"""Record what made the study: versions, hashes, configuration, machine, seeds, run times."""

import job

job.start(snakemake)

import json
import platform
from importlib import metadata
from pathlib import Path

import pandas as pd

from universality.files import replacing, sha256

times = {}
for root in snakemake.params.benchmarks:
    for file in sorted(Path(root).rglob("*.tsv")):
        rule = file.relative_to(root).parts[0].removesuffix(".tsv")
        times.setdefault(rule, []).append(pd.read_csv(file, sep="\t").iloc[0])
manifest = {
    "configuration": snakemake.params.config,
    "seed": snakemake.params.config["seed"],
    "distributions": snakemake.params.distributions,
    "tables": {Path(path).name: sha256(Path(path)) for path in snakemake.input},
    "versions": {"python": platform.python_version()}
    | {d.metadata["Name"]: d.version for d in metadata.distributions()},
    "machine": {"system": platform.platform(), "processor": platform.processor()},
    "rules": {
        rule: {
            "jobs": len(rows),
            "seconds": round(float(sum(row["s"] for row in rows)), 1),
            "max_rss_mb": max(
                (row["max_rss"] for row in rows if row["max_rss"] != "-"), default=None
            ),
        }
        for rule, rows in times.items()
    },
}
with replacing(Path(snakemake.output[0])) as temporary:
    temporary.write_text(json.dumps(manifest, indent=1, sort_keys=True, default=float) + "\n")
