"""Correct the p-values of each grid for its number of cells."""

import job

job.start(snakemake)

from pathlib import Path

import pandas as pd

from universality import store
from universality.files import replacing
from universality.similarity.grids import corrected

SIDES = ["kind", "model_a", "layer_a", "dictionary_a", "model_b", "layer_b", "dictionary_b"]

rows, nulls = [], []
for path, sides in zip(snakemake.input, snakemake.params.comparisons, strict=True):
    scores = store.open_store(path, "scores")
    null = scores.read("null")
    comparison = {"comparison": scores.attributes["comparison"]}
    comparison |= dict(zip([*SIDES, "permuted"], sides, strict=True))
    for row in scores.attributes["scores"]:
        place = row.pop("null")
        nulls.append(None if place is None else null[place])
        rows.append(comparison | row)
table = corrected(pd.DataFrame(rows), nulls).drop(columns="permuted")
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
