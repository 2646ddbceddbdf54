"""Draw the study's figures from its tables."""

import job

job.start(snakemake)

from pathlib import Path

from universality.views import style, tables
from universality.views.figures import draw

frames = {Path(path).stem: tables.read(Path(path), Path(path).stem) for path in snakemake.input}
folder = Path(snakemake.output[0]).parent
for name in snakemake.params.figures:
    style.save(draw(name, frames), folder / name)
    print(name)
