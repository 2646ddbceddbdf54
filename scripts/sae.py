"""Make the SAE of one (model, layer, dictionary): train, draw, copy or download it."""

import job

job.start(snakemake)
job.torch_threads(snakemake)

from pathlib import Path

from universality import device, seeds
from universality.features import saes

folder, options = Path(snakemake.output[0]), snakemake.params
wildcards = snakemake.wildcards
subject = wildcards.model, int(wildcards.layer), wildcards.dictionary

if "train" in options.keys():
    from universality.features import training
    from universality.features.rows import open_activations

    activations = open_activations(
        snakemake.input.activations,
        snakemake.input.tokens,
        snakemake.input.corpus,
        options.massive_norm,
    )
    # The dictionary's own seed stands in place of its name: two names with one seed are one SAE.
    seed = seeds.integer(options.study_seed, "sae", *subject[:2], options.seed)
    training.save(training.train(activations, options.train, seed, device.best()), folder)
elif "random" in options.keys():
    from universality import store

    width = store.open_store(snakemake.input.activations, "activations")["resid"].shape[1]
    seed = seeds.integer(options.study_seed, "random sae", *subject[:2], options.seed)
    saes.save(saes.random(width, options.random["width"], options.random["k"], seed), folder)
elif "release" in options.keys():
    from universality.features import releases

    sae_id = options.id.replace("{layer}", wildcards.layer)
    releases.download(options.release, sae_id, folder)
else:
    saes.save(saes.load(Path(snakemake.input[0]).parent), folder)
