"""Score the geometry of matched decoder rows against random pairings, and their correlations."""

import job

job.start(snakemake)

import dataclasses
import math

import numpy as np

from universality import seeds, store
from universality.similarity.scoring import refused, score

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
pairs = {name: matching.read(name) for name in matching.attributes["arrays"]}
sides = [store.open_store(path, "features") for path in (snakemake.input.a, snakemake.input.b)]
decoders = [side.read("decoder") if "decoder" in side else None for side in sides]
NO_DECODER = "the residual basis has no decoder directions: compare its correlations"
NO_NULL = "no permutation null: compare with the floor comparisons"

rows, nulls = [], []
for number, method in enumerate(matching.attributes["methods"]):
    of_method = pairs["method"] == number
    kept = of_method & pairs["kept"]
    for chosen, name in ((of_method, "none"), (kept, "kept")):
        for metric in ("correlation_fit", "correlation_heldout"):
            r = pairs[metric][chosen]
            value = float(r.mean(dtype=np.float64)) if len(r) else None
            reason = NO_NULL if len(r) else "no pairs"
            row = {"n": len(r), "value": value, "reason": reason}
            rows.append({"method": method, "filter": name, "metric": metric, "row": None, **row})
    for metric, settings in options.metrics.items():
        if decoders[0] is None or decoders[1] is None:
            result = refused(int(kept.sum()), options.permutations, NO_DECODER)
        else:
            # The same generator for every cell: cells of equal n get the same permutations.
            rng = seeds.generator(options.seed, "permutations")
            a, b = decoders[0][pairs["a"][kept]], decoders[1][pairs["b"][kept]]
            result = score(a, b, metric, settings, options.permutations, rng)
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
        nulls.append(fields.pop("null"))
        finite = {
            key: None if isinstance(field, float) and math.isnan(field) else field
            for key, field in fields.items()
        }
        place = {"method": method, "filter": "kept", "metric": metric, "row": len(nulls) - 1}
        rows.append(place | finite)
        print(f"{method} {metric}: {finite}")
store.write(
    snakemake.output[0],
    "scores",
    {"null": np.array(nulls).reshape(len(nulls), options.permutations)},
    {"comparison": snakemake.wildcards.comparison, "scores": rows},
)
