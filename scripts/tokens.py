"""Tokenize the corpus with one model's tokenizer."""

import job

job.start(snakemake)

from dataclasses import asdict
from pathlib import Path

from universality import documents, store
from universality.files import sha256
from universality.inputs import tokenization

texts = [document.text for document in documents.read(Path(snakemake.input.corpus))]
options = snakemake.params
tokens = asdict(
    tokenization.tokenize(
        tokenization.load(Path(snakemake.input.model)), texts, options.bos, options.max_tokens
    )
)
attributes = {
    "model": options.model,
    "corpus_sha256": sha256(Path(snakemake.input.corpus)),
    "documents": len(texts),
    "truncated": tokens.pop("truncated"),
}
store.write(snakemake.output[0], "tokens", tokens, attributes)
print(f"{len(tokens['ids'])} tokens, {attributes['truncated']} documents cut off")
