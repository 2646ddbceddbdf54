"""Score one comparison by the published protocol, then after each correction applied in turn."""

import job

job.start(snakemake)

from pathlib import Path

import pandas as pd

import torch_job
from universality import device, documents, store
from universality.features import ladder, saes
from universality.features.encodings import Encodings, Side
from universality.features.matrix import Features
from universality.features.selection import top_words
from universality.files import replacing
from universality.similarity.published import Scorer

torch_job.start(snakemake)

options = snakemake.params


def side(name):
    """Return one side of the comparison."""
    labels = pd.read_parquet(snakemake.input[f"labels_{name}"], columns=["feature", "word"])
    activations = store.open_store(snakemake.input[f"activations_{name}"], "published_activations")
    sae = saes.load(Path(snakemake.input[f"sae_{name}"]))
    return Side(
        Features(snakemake.input[name]),
        sae.fitting(activations["output"].shape[1], snakemake.input[f"sae_{name}"]),
        activations,
        store.open_store(snakemake.input[f"tokens_{name}"], "tokens"),
        top_words(labels["feature"].to_numpy(), labels["word"].tolist()),
    )


sides = side("a"), side("b")
pairs = ladder.Ladder(
    Encodings(
        *sides,
        store.open_store(snakemake.input.alignment, "alignment"),
        [document.text for document in documents.read(Path(snakemake.input.corpus))],
        device.best(),
    ),
    store.open_store(snakemake.input.correlation, "correlation"),
    options.selection,
)
scorer = Scorer(
    *(one.features.store.read("decoder") for one in sides),
    options.svcca,
    options.permutations,
    options.seed,
)
rows = []
for step, (correction, choices) in enumerate(ladder.states(options.choices)):
    a, b = pairs.pairs(choices)
    for row in scorer.rows(a, b, choices["one_component"], choices["shuffled_p"]):
        rows.append({"step": step, "correction": correction} | row)
        print(rows[-1])
numbers = dict.fromkeys(("k", "value", "null_mean", "p"), float)
with replacing(Path(snakemake.output[0])) as temporary:
    pd.DataFrame(rows).astype(numbers).to_parquet(temporary, index=False)
