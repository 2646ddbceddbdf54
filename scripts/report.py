"""Make Snakemake's own report of the finished tables, figures and summary."""

import job

job.start(snakemake)

import nested

nested.snakemake_output(
    snakemake.params, *map(str, snakemake.input), "--report", snakemake.output[0]
)
