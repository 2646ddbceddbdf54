"""Score matched decoder rows, and correlations, against other nulls than random pairings."""

import job

job.start(snakemake)

from pathlib import Path

import pandas as pd

from universality import store
from universality.files import replacing
from universality.similarity import comparison_nulls
from universality.similarity.redone import redone

COLUMNS = [
    "method",
    "subspace",
    "metric",
    "null",
    "n",
    "value",
    "m",
    "null_mean",
    "null_sd",
    "null_quantile",
    "p",
    "reason",
]

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
correlation = store.open_store(snakemake.input.correlation, "correlation")
again = {}
if "rematching" in snakemake.input.keys():
    rematching = store.open_store(snakemake.input.rematching, "rematchings")
    again = redone(rematching.read_all(), rematching.attributes, "shifted")
rows = comparison_nulls.rows(
    matching.read_all(),
    matching.attributes["methods"],
    options.methods,
    tuple(
        store.open_store(path, "features").read("decoder")
        for path in (snakemake.input.a, snakemake.input.b)
    ),
    (correlation.read("a"), correlation.read("b")),
    again,
    options.metrics,
    options.draws,
    options.seed,
)
table = pd.DataFrame(rows, columns=COLUMNS)
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
print(table.to_string())
