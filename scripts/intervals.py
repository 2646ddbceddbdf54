"""Say how far the scores of a comparison would move with other documents, or other pairs."""

import job

job.start(snakemake)

from pathlib import Path

import numpy as np
import pandas as pd

from universality import seeds, store
from universality.features.aligned import aligned_rows, row_order
from universality.features.matrix import Features
from universality.features.moments import document_sums, mean_correlations
from universality.files import replacing
from universality.similarity.comparison_intervals import choices, correlation_rows, geometry_rows
from universality.similarity.intervals import BOOTSTRAPS, document_weights
from universality.similarity.redone import redone

COLUMNS = ["method", "filter", "metric", "resampled", "draws", "low", "high", "reason"]

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
pairs, methods = matching.read_all(), matching.attributes["methods"]
sides = Features(snakemake.input.a), Features(snakemake.input.b)
permute_rows = seeds.integer(options.seed, "permuted rows") if options.permuted else None

# A pair that several methods have found is correlated once.
both, place = np.unique(np.stack([pairs["a"], pairs["b"]]), axis=1, return_inverse=True)
chosen = np.zeros((2 * len(methods), both.shape[1]), bool)
for number, here in enumerate(choices(pairs, methods).values()):
    chosen[number, place.ravel()[here]] = True
means, documents = {}, {}
aligned = aligned_rows(*sides, store.open_store(snakemake.input.alignment, "alignment"))
for metric, split in (("correlation_fit", "match"), ("correlation_heldout", "heldout")):
    rows = aligned[split]
    order = row_order(len(rows.b), split, permute_rows)
    sums = document_sums(sides[0].rows(rows.a), sides[1].rows(rows.b[order]), rows.document, *both)
    rng = seeds.generator(options.seed, "documents", split)
    documents[metric] = len(np.unique(rows.document))
    weights = document_weights(rng, documents[metric], BOOTSTRAPS)
    means[metric] = mean_correlations(weights, sums, chosen)

refits = {}
if "rematching" in snakemake.input.keys():
    rematching = store.open_store(snakemake.input.rematching, "rematchings")
    refits = redone(rematching.read_all(), rematching.attributes, "refitted")
decoders = tuple(side.store.read("decoder") if "decoder" in side.store else None for side in sides)
table = pd.DataFrame(
    correlation_rows(pairs, methods, means, documents, refits)
    + geometry_rows(
        pairs, methods, options.methods, decoders, options.metrics, options.draws, options.seed
    ),
    columns=COLUMNS,
).astype({"low": "float64", "high": "float64"})
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
print(table.to_string())
