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
comparisons = {
    name: {"comparison": name} | dict(zip([*SIDES, "permuted"], sides, strict=True))
    for name, *sides in snakemake.params.comparisons
}
for path in snakemake.input.scores:
    scores = store.open_store(path, "scores")
    null = scores.read("null")
    comparison = comparisons[scores.attributes["comparison"]]
    for row in scores.attributes["scores"]:
        draws = row.pop("draws")
        nulls.append(None if draws is None else null[draws])
        rows.append(comparison | {"subspace": "all"} | row)
for path in snakemake.input.subspaces:
    for row in pd.read_parquet(path).to_dict("records"):
        draws = row.pop("draws")
        nulls.append(None if draws is None else draws)
        rows.append(comparisons[Path(path).stem] | row)
table = corrected(pd.DataFrame(rows), nulls).drop(columns="permuted")
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
