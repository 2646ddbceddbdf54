"""Make Snakemake's own report of the finished tables, figures and summary."""

import job

job.start(snakemake)

from pathlib import Path

import nested
from universality.files import replacing

targets = [str(path) for path in snakemake.input]
with replacing(Path(snakemake.output[0])) as temporary:
    page = temporary.with_suffix(".html")  # tells Snakemake what to make
    nested.snakemake_output(snakemake, "--report", str(page), "--", *targets)
    page.rename(temporary)
