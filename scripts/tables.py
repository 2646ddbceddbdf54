"""Assemble the study's tables."""

import job

job.start(snakemake)

import json
from pathlib import Path

import numpy as np
import pandas as pd

from universality import documents, store
from universality.documents import SPLITS
from universality.similarity import source_nulls
from universality.views import assembly, tables
from universality.views.positions import positions

options = snakemake.params
folder = Path(snakemake.output[0]).parent

SIDES = ["kind", "model_a", "layer_a", "dictionary_a", "model_b", "layer_b", "dictionary_b"]
comparisons = {name: dict(zip(SIDES, sides, strict=True)) for name, *sides in options.comparisons}


def collected(paths):
    """Return the rows of one file for each comparison, with what names the comparison."""
    frames = []
    for path in paths:
        name = Path(path).name.removesuffix(".parquet").removesuffix(".nulls")
        frames.append(pd.read_parquet(path).assign(comparison=name, **comparisons[name]))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


intervals = collected(snakemake.input.intervals)
published = collected(snakemake.input.published)
scores = assembly.scores(pd.read_parquet(snakemake.input.scores), intervals, published)

matches = []
for path in snakemake.input.matchings:
    matching = store.open_store(path, "matching")
    name, methods = matching.attributes["comparison"], np.array(matching.attributes["methods"])
    pairs = {
        column: matching.read(column) for column in tables.COLUMNS["matches"] if column in matching
    }
    pairs["method"] = methods[pairs["method"]]
    matches.append(pd.DataFrame({"comparison": name, **comparisons[name], **pairs}))

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
    "positions": positions(scores),
    "nulls": collected([*snakemake.input.nulls, *snakemake.input.subspace_nulls]),
    "intervals": intervals,
    "sensitivity": collected(snakemake.input.sensitivity),
    "published_vs_calibrated": published,
    "source_nulls": pd.DataFrame(source_nulls.table(source_nulls.stored())),
    "alignments": pd.DataFrame(alignments),
    "models": pd.DataFrame(models).rename(columns={"depth": "layers"}),
}
for table, frame in frames.items():
    rows = frame[list(tables.COLUMNS[table])] if len(frame) else tables.empty(table)
    tables.write(rows, table, folder / table)
    print(f"{table}: {len(frame)} rows")
