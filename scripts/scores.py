"""Score the geometry of matched decoder rows against random pairings, and their correlations."""

import job

job.start(snakemake)

from universality import store
from universality.features.aligned import aligned_rows
from universality.features.coactivation import coactivation
from universality.features.matrix import Features
from universality.similarity.comparison import Coactivation, partners, scores

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
correlation = store.open_store(snakemake.input.correlation, "correlation")
alignment = store.open_store(snakemake.input.alignment, "alignment")
sides = Features(snakemake.input.a), Features(snakemake.input.b)

heldout = aligned_rows(*sides, alignment)["heldout"]
coactivations = []
for side, rows, name in zip(sides, (heldout.a, heldout.b), "ab", strict=True):
    participating = correlation.read(name)
    coactivations.append(Coactivation(participating, coactivation(side, rows, participating)))
found, nulls = scores(
    matching.read_all(),
    matching.attributes["methods"],
    tuple(side.store.read("decoder") if "decoder" in side.store else None for side in sides),
    options.metrics,
    options.permutations,
    options.seed,
    tuple(coactivations),
    options.detailed,
    options.scored,
)
found += partners(correlation.read("fit"), correlation.read("heldout"))
attributes = {"comparison": snakemake.wildcards.comparison, "scores": found}
store.write(snakemake.output[0], "scores", {"null": nulls}, attributes)
for row in found:
    print(row)
