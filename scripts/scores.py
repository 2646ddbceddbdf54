"""Score the geometry of matched decoder rows against random pairings, and their correlations."""

import job

job.start(snakemake)

from universality import store
from universality.similarity.comparison import scores

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
sides = [store.open_store(path, "features") for path in (snakemake.input.a, snakemake.input.b)]
rows, nulls = scores(
    {name: matching.read(name) for name in matching.attributes["arrays"]},
    matching.attributes["methods"],
    *(side.read("decoder") if "decoder" in side else None for side in sides),
    options.metrics,
    options.permutations,
    options.seed,
)
attributes = {"comparison": snakemake.wildcards.comparison, "scores": rows}
store.write(snakemake.output[0], "scores", {"null": nulls}, attributes)
for row in rows:
    print(row)
