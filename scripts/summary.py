"""Say in plain sentences what the study found."""

import job

job.start(snakemake)

from pathlib import Path

from universality.files import replacing
from universality.views import summary, tables

frames = {Path(path).stem: tables.read(Path(path), Path(path).stem) for path in snakemake.input}
with replacing(Path(snakemake.output.summary)) as temporary:
    temporary.write_text(summary.markdown(frames, snakemake.params.study))
with replacing(Path(snakemake.output.answers)) as temporary:
    temporary.write_text("\n".join(summary.answers(frames)) + "\n")
