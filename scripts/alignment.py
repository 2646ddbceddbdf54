"""Pair the token rows at which two models have read the same text."""

import job

job.start(snakemake)

from pathlib import Path

import numpy as np

from universality import documents, store
from universality.inputs.alignment import align, shares
from universality.inputs.tokens import from_store

sides = [store.open_store(path, "tokens") for path in (snakemake.input.a, snakemake.input.b)]
a, b = map(from_store, sides)
split = documents.split_codes(documents.read(Path(snakemake.input.corpus)))
alignment = align(a, b, split)
share_a, share_b = shares(alignment, a, b)
store.write(
    snakemake.output[0],
    "alignment",
    {
        "row_a": alignment.row_a,
        "row_b": alignment.row_b,
        "document": alignment.document,
        "split": alignment.split.astype(np.int8),
    },
    {
        "models": [side.attributes["model"] for side in sides],
        "tokens": [int((~side.special).sum()) for side in (a, b)],
        "shares": [share_a, share_b],
    },
)
print(f"aligned {share_a:.4f} of the tokens of a and {share_b:.4f} of those of b")
