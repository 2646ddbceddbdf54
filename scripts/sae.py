"""Make the SAE of one (model, layer, dictionary): train, draw, copy or download it."""

import job

job.start(snakemake)

from pathlib import Path

import torch_job
from universality import device, seeds, store
from universality.features import saes
from universality.files import replacing

torch_job.start(snakemake)

dictionary = snakemake.params.dictionary
model, layer = snakemake.wildcards.model, int(snakemake.wildcards.layer)
if "seed" in dictionary:
    # Not the dictionary's name: two names with one seed and definition are one SAE.
    seed = seeds.integer(snakemake.params.seed, "sae", model, layer, dictionary["seed"])

with replacing(Path(snakemake.output[0])) as folder:
    if "train" in dictionary:
        from universality.features import training
        from universality.features.rows import open_activations

        activations = open_activations(
            snakemake.input.activations,
            snakemake.input.tokens,
            snakemake.input.corpus,
            snakemake.params.massive_norm,
        )
        trained = training.train(activations, dictionary["train"], seed, device.best())
        training.save(trained, folder)
    elif "random" in dictionary:
        width = store.open_store(snakemake.input.activations, "activations")["resid"].shape[1]
        saes.save(saes.random(width, **dictionary["random"], seed=seed), folder)
    elif "release" in dictionary:
        from universality.features import releases

        sae_id = dictionary["id"].replace("{layer}", str(layer))
        releases.download(dictionary["release"], sae_id, folder)
    else:
        saes.save(saes.load(Path(snakemake.input.files[0]).parent), folder)
