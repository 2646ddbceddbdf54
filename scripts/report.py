"""Make Snakemake's own report of the finished tables, figures and summary."""

import job

job.start(snakemake)

import nested

targets = [str(path) for path in snakemake.input]
nested.snakemake_output(snakemake, "--report", snakemake.output[0], "--", *targets)
