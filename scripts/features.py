"""Encode the activations of one subject with its dictionary."""

import job

job.start(snakemake)

from pathlib import Path

import torch_job
from universality import device
from universality.features import encoding, saes
from universality.features.rows import open_activations

torch_job.start(snakemake)

activations = open_activations(
    snakemake.input.activations,
    snakemake.input.tokens,
    snakemake.input.corpus,
    snakemake.params.massive_norm,
)
attributes = {
    "model": snakemake.wildcards.model,
    "layer": int(snakemake.wildcards.layer),
    "dictionary": snakemake.wildcards.dictionary,
    "activations_sha256": activations.store.attributes["sha256"],
}
if "sae" in snakemake.input.keys():
    sae = saes.load(Path(snakemake.input.sae)).fitting(activations.d, snakemake.input.sae)
    encoding.encode(activations, sae, snakemake.output[0], device.best(), attributes)
else:
    encoding.neurons(activations, snakemake.output[0], attributes)
