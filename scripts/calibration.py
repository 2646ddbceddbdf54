"""Correct the p-values of each grid for its number of cells."""

import job

job.start(snakemake)

import numpy as np
import pandas as pd

from universality import store
from universality.similarity.calibration import benjamini_hochberg, max_t

SIDES = ["kind", "model_a", "layer_a", "dictionary_a", "model_b", "layer_b", "dictionary_b"]
# The cells of a grid differ in their layers alone.
GRID = [
    "kind",
    "model_a",
    "dictionary_a",
    "model_b",
    "dictionary_b",
    "permuted",
    "method",
    "filter",
]

rows, nulls = [], []
for path, sides in zip(snakemake.input, snakemake.params.comparisons, strict=True):
    scores = store.open_store(path, "scores")
    null = scores.read("null")
    for row in scores.attributes["scores"]:
        place = row.pop("row")
        nulls.append(np.full(null.shape[1], np.nan) if place is None else null[place])
        comparison = {"comparison": scores.attributes["comparison"]}
        rows.append(comparison | dict(zip([*SIDES, "permuted"], sides, strict=True)) | row)
frame = pd.DataFrame(rows)
numbers = ["value", "null_mean", "null_sd", "null_quantile", "p", "effect"]
frame[numbers] = frame[numbers].astype(float)
frame["p_maxt"] = frame["q_bh"] = np.nan
for _, cells in frame.groupby([*GRID, "metric"]):
    frame.loc[cells.index, "q_bh"] = benjamini_hochberg(cells["p"].to_numpy())
    null = np.array([nulls[i] for i in cells.index])
    frame.loc[cells.index, "p_maxt"] = max_t(
        np.where(cells["p"].notna(), cells["value"], np.nan), null
    )
frame.drop(columns="permuted").to_parquet(snakemake.output[0], index=False)
