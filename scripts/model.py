"""Make a model's folder from whatever source the configuration names."""

import job

job.start(snakemake)

from pathlib import Path

import torch_job
from universality import seeds
from universality.files import replacing
from universality.inputs import checkpoints, models

torch_job.start(snakemake)

options = snakemake.params
inputs = [Path(file) for file in snakemake.input]
place = Path(options.place) if options.place else inputs[0]
seed = None
if options.seed is not None:
    seed = seeds.integer(options.seed, "random model", options.model)
with replacing(Path(snakemake.output[0])) as folder:
    checkpoints.make(options.source, place, inputs, folder, seed)
    license_name = models.collect_licenses(inputs, folder / "licenses")
    provenance = {
        "model": options.model,
        "source": models.source_name(options.source),
        "license": options.source.get("license") or license_name,
    }
    models.describe(folder, provenance, options.depth)
