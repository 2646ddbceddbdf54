"""Dump what one layer of a model holds at every token of the corpus."""

import job

job.start(snakemake)

from pathlib import Path

import torch_job
from universality import device, store
from universality.inputs import activations, models

torch_job.start(snakemake)

hook, layer = snakemake.wildcards.hook, int(snakemake.wildcards.layer)
dtype = snakemake.wildcards.dtype
tokens = store.open_store(snakemake.input.tokens, "tokens")
place = device.best()
model = models.load(Path(snakemake.input.model), activations.DTYPES[dtype], place)
print(f"on {place}, {snakemake.threads} threads")
activations.dump(
    model,
    tokens,
    snakemake.output[0],
    layer,
    hook,
    dtype,
    int(snakemake.wildcards.batch_tokens),
    {
        "model": snakemake.params.model,
        "hook": hook,
        "layer": layer,
        "corpus_sha256": tokens.attributes["corpus_sha256"],
        "tokens_sha256": tokens.attributes["sha256"],
    },
)
