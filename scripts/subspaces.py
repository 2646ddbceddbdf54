"""Score the pairs of each semantic category against random pairs of the same number."""

import job

job.start(snakemake)

from pathlib import Path

import pandas as pd

from universality import store
from universality.features import categories
from universality.files import replacing
from universality.similarity import subspaces

NUMBERS = ["value", "null_mean", "null_sd", "null_quantile", "p", "effect"]
SCORES = [
    "protocol",
    "method",
    "filter",
    "subspace",
    "metric",
    "n",
    "k_a",
    "k_b",
    "value",
    "null",
    "null_mean",
    "null_sd",
    "null_quantile",
    "m",
    "p",
    "effect",
    "reason",
    "draws",
]
NULLS = [
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
decoders, labels = [], []
for side in "ab":
    decoders.append(store.open_store(snakemake.input[side], "features").read("decoder"))
    path = snakemake.input[f"labels_{side}"]
    labels.append(pd.read_parquet(path, columns=["feature", "word"]))

files = iter(snakemake.input.categories)
naming = {}
for name, words in options.categories.items():
    if isinstance(words, list):
        words = categories.listed(words, f"subspaces.categories.{name}")
    else:
        words = categories.read(Path(next(files)))
    naming[name] = tuple(
        categories.naming(
            table["feature"].to_numpy(), table["word"], len(decoder), words, options.min_words
        )
        for table, decoder in zip(labels, decoders, strict=True)
    )
    print(f"{name}: {len(words)} words, features of a, b: {[int(n.sum()) for n in naming[name]]}")

rows = subspaces.rows(
    matching.read_all(),
    matching.attributes["methods"],
    options.methods,
    naming,
    tuple(decoders),
    options.metrics,
    options.min_pairs,
    options.permutations,
    options.draws,
    options.seed,
)
table = pd.DataFrame(rows).assign(protocol="calibrated", filter="kept")
table = table.astype(dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(["k_a", "k_b"], "Int64"))
ours = table["null"] == "random_pairs"
for frame, path in (
    (table.loc[ours, SCORES], snakemake.output.scores),
    (table.loc[~ours, NULLS], snakemake.output.nulls),
):
    with replacing(Path(path)) as temporary:
        frame.to_parquet(temporary, index=False)
print(table.loc[ours, ["method", "subspace", "metric", "n", "value", "p", "reason"]].to_string())
