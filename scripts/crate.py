"""Describe the finished study as an RO-Crate, with a copy of the code that made it."""

import job

job.start(snakemake)

import getpass
import json
import shutil
from pathlib import Path

import nested
from universality.files import replacing
from universality.views import crate, provenance

target = Path(snakemake.output.crate)
with replacing(Path(snakemake.output.workflow)) as folder:
    folder.mkdir()
    for part in provenance.CODE:
        source = nested.SNAKEFILE.with_name(part)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / part, ignore=ignored)
        elif source.is_file():
            shutil.copyfile(source, folder / part)

manifest = json.loads(Path(snakemake.input.manifest).read_text())
results = [Path(file).relative_to(target.parent) for file in sorted(set(snakemake.input))]
described = crate.describe(target.parent, results, manifest, getpass.getuser())
with replacing(target) as temporary:
    temporary.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
