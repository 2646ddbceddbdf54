"""List the contexts in which each feature of a subject is most active, in the match split."""

import job

job.start(snakemake)

from pathlib import Path

import numpy as np

from universality import documents, store
from universality.documents import SPLITS
from universality.features import labels
from universality.features.matrix import Features
from universality.files import replacing

corpus = documents.read(Path(snakemake.input.corpus))
texts, split = [document.text for document in corpus], documents.split_codes(corpus)
tokens = store.open_store(snakemake.input.tokens, "tokens")
document, start, end = (tokens.read(name) for name in ("document", "start", "end"))
features = Features(snakemake.input.features)
rows = np.flatnonzero(features.usable & (split[document] == SPLITS.index("match")))
table = labels.table(features.rows(rows), rows, document, start, end, texts, snakemake.params.top)
with replacing(Path(snakemake.output[0])) as temporary:
    table.to_parquet(temporary, index=False)
