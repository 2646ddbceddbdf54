"""Record what made the study: inputs, code, versions, configuration, seeds, machine, run times."""

import job

job.start(snakemake)

import csv
import json
import platform
import sys
import sysconfig
from pathlib import Path

import nested
from universality.files import replacing, sha256
from universality.inputs import archives
from universality.views import provenance

options, files = snakemake.params, snakemake.input
root = nested.SNAKEFILE.parent
tables = {Path(file).name: Path(file) for file in files.tables}

with tables["models.csv"].open(newline="") as opened:
    licenses = {f"models.{row['model']}": row["license"] or None for row in csv.DictReader(opened)}
for name, archive in options.texts.items():
    # Downloads may have been removed to save space.
    if Path(archive).is_file():
        licenses[f"corpus.sources.{name}"] = archives.licenses(Path(archive))[0]

seeds = {name: d["seed"] for name, d in options.config["dictionaries"].items() if "seed" in d}
benchmarks = {rule: [Path(name) for name in names] for rule, names in options.benchmarks.items()}
manifest = {
    "configuration": options.config,
    "seeds": {"study": options.config["seed"], "dictionaries": seeds},
    "inputs": provenance.inputs(options.config, Path(), licenses),
    "tables": {name: sha256(table) for name, table in tables.items()},
    "workflow": provenance.code(root),
    # The module is that of the Snakemake which runs this script.
    "versions": {
        "python": platform.python_version(),
        "snakemake": sys.modules["snakemake"].__version__,
    }
    | provenance.versions(Path(sysconfig.get_path("purelib"))),
    "environments": provenance.environments(
        Path(sys.prefix), sorted((root / "envs").glob("*.yaml"))
    ),
    "machine": provenance.computer(),
} | provenance.run_times(benchmarks)
with replacing(Path(snakemake.output.manifest)) as temporary:
    temporary.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
with replacing(Path(snakemake.output.configuration)) as temporary:
    temporary.write_text(json.dumps(options.config, indent=1, ensure_ascii=False) + "\n")
