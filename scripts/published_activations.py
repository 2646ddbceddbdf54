"""Dump what goes into and comes out of one block for the match split, padded as the source does."""

import job

job.start(snakemake)

from pathlib import Path

from transformers import AutoTokenizer

import torch_job
from universality import device, documents, store
from universality.documents import SPLITS
from universality.inputs import activations, models, padded

torch_job.start(snakemake)

hook, layer = snakemake.wildcards.hook, int(snakemake.wildcards.layer)
dtype = snakemake.wildcards.dtype
folder = Path(snakemake.input.model)
tokens = store.open_store(snakemake.input.tokens, "tokens")
place = device.best()
model = models.load(folder, activations.DTYPES[dtype], place)
tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
pad, source = padded.padding_token(tokenizer, model)
print(f"on {place}, {snakemake.threads} threads; padded with token {pad}: {source}")
split = documents.split_codes(documents.read(Path(snakemake.input.corpus)))
padded.dump(
    model,
    tokens,
    split == SPLITS.index("match"),
    snakemake.output[0],
    layer,
    hook,
    dtype,
    int(snakemake.wildcards.batch_tokens),
    pad,
    {
        "model": snakemake.params.model,
        "hook": hook,
        "layer": layer,
        "pad": pad,
        "corpus_sha256": tokens.attributes["corpus_sha256"],
        "tokens_sha256": tokens.attributes["sha256"],
    },
)
