"""Match two subjects again on documents that do not correspond, and on resampled documents."""

import job

job.start(snakemake)

from universality import seeds, store
from universality.features.matrix import Features
from universality.features.rematching import rematchings

options = snakemake.params
rematchings(
    Features(snakemake.input.a),
    Features(snakemake.input.b),
    store.open_store(snakemake.input.alignment, "alignment"),
    store.open_store(snakemake.input.correlation, "correlation"),
    snakemake.output[0],
    options.methods,
    options.shifts,
    options.refits,
    # The same for all comparisons: what has as many documents is shifted and drawn alike.
    seeds.generator(options.seed, "rematching"),
    {"comparison": snakemake.wildcards.comparison},
)
