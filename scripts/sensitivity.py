"""Score the pairs that pass each filter alone, and each threshold on the correlation."""

import job

job.start(snakemake)

from pathlib import Path

import pandas as pd

from universality import store
from universality.features import selection
from universality.files import replacing
from universality.similarity import sensitivity

NUMBERS = ["threshold", "share", "value", "null_mean", "null_quantile"]

options = snakemake.params
matching = store.open_store(snakemake.input.matching, "matching")
pairs = matching.read_all()
decoders, words = [], []
for side in "ab":
    decoders.append(store.open_store(snakemake.input[side], "features").read("decoder"))
    labels = pd.read_parquet(snakemake.input[f"labels_{side}"], columns=["feature", "word"])
    words.append(selection.top_words(labels["feature"].to_numpy(), labels["word"]))

sides = pairs["a"], pairs["b"], *words
junk = options.selection["exclude_labels"] or selection.JUNK
rows = sensitivity.rows(
    pairs,
    matching.attributes["methods"],
    options.methods,
    {
        "junk_labels": selection.no_junk(*sides, junk),
        "shared_label": selection.shares_label(*sides),
    },
    tuple(decoders),
    options.metrics,
    options.selection["min_correlation"],
    options.seed,
)
table = pd.DataFrame(rows).astype(dict.fromkeys(NUMBERS, "float64") | {"m": "Int64"})
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
print(table.to_string())
