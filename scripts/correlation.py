"""Correlate all features of two subjects over the tokens that both models have read."""

import job

job.start(snakemake)

from universality import seeds, store
from universality.features.correlation import correlate
from universality.features.matrix import Features

options = snakemake.params
correlate(
    Features(snakemake.input.a),
    Features(snakemake.input.b),
    store.open_store(snakemake.input.alignment, "alignment"),
    snakemake.output[0],
    options.participation["min_firings"],
    options.participation["min_documents"],
    seeds.integer(options.seed, "permuted rows") if options.permuted else None,
    {"comparison": snakemake.wildcards.comparison, "permuted": options.permuted},
)
