"""Say in plain sentences what the study found."""

import job

job.start(snakemake)

from pathlib import Path

from universality.views import summary, tables

frames = {Path(path).stem: tables.read(Path(path), Path(path).stem) for path in snakemake.input}
Path(snakemake.output.summary).write_text(summary.markdown(frames, snakemake.params.study))
Path(snakemake.output.answers).write_text("\n".join(summary.answers(frames)) + "\n")
