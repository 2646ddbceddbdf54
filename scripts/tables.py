"""Assemble the study's tables."""

import job

job.start(snakemake)

import json
from pathlib import Path

import numpy as np
import pandas as pd

from universality import documents, store
from universality.documents import SPLITS
from universality.views import tables

options = snakemake.params
folder = Path(snakemake.output[0]).parent

scores = pd.read_parquet(snakemake.input.scores)
scores = scores.assign(protocol="calibrated", subspace="all", ci_low=np.nan, ci_high=np.nan)
scores["reason"] = scores["reason"].replace("", None)

SIDES = ["kind", "model_a", "layer_a", "dictionary_a", "model_b", "layer_b", "dictionary_b"]
matches = []
for path, (name, *sides) in zip(snakemake.input.matchings, options.comparisons, strict=True):
    matching = store.open_store(path, "matching")
    methods = np.array(matching.attributes["methods"])
    pairs = {
        column: matching.read(column) for column in tables.COLUMNS["matches"] if column in matching
    }
    pairs["method"] = methods[pairs["method"]]
    matches.append(
        pd.DataFrame({"comparison": name, **dict(zip(SIDES, sides, strict=True)), **pairs})
    )

n_documents = len(documents.read(Path(snakemake.input.corpus)))
alignments = []
for path, (model_a, model_b) in zip(snakemake.input.alignments, options.alignments, strict=True):
    alignment = store.open_store(path, "alignment")
    counts = np.bincount(alignment.read("split"), minlength=len(SPLITS)).tolist()
    tokens, shares = alignment.attributes["tokens"], alignment.attributes["shares"]
    alignments.append(
        {
            "model_a": model_a,
            "model_b": model_b,
            "documents": n_documents,
            "tokens_a": tokens[0],
            "tokens_b": tokens[1],
            "aligned": sum(counts),
            "share_a": shares[0],
            "share_b": shares[1],
            **dict(zip(SPLITS, counts, strict=True)),
        }
    )

models = [json.loads((Path(path) / "model.json").read_text()) for path in snakemake.input.models]
frames = {
    "saes": pd.DataFrame([json.loads(Path(path).read_text()) for path in snakemake.input.quality]),
    "matches": pd.concat(matches, ignore_index=True),
    "scores": scores,
    "alignments": pd.DataFrame(alignments),
    "models": pd.DataFrame(models).rename(columns={"depth": "layers"}),
}
for table, frame in frames.items():
    rows = frame[list(tables.COLUMNS[table])] if len(frame) else tables.empty(table)
    tables.write(rows, table, folder / table)
    print(f"{table}: {len(frame)} rows")
