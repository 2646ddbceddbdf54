"""Cut the study's text sources into documents and split them."""

import job

job.start(snakemake)

from pathlib import Path

from universality import documents, seeds
from universality.inputs import corpus, texts

# English prose has about this many characters to a token of a large vocabulary.
CHARACTERS_PER_TOKEN = 4.3

options, files = snakemake.params.corpus, iter(snakemake.input)
sources = {}
for name, source in options["sources"].items():
    mine = [Path(next(files)) for _ in range(snakemake.params.files[name])]
    if "hub" in source:
        mine = sorted(mine[0].rglob("*.parquet"))
    rng = seeds.generator(snakemake.params.seed, "texts", name)
    sources[name] = texts.read_source(source, mine, rng)

drawn = corpus.build(
    sources,
    options["documents"],
    {name: source["share"] for name, source in options["sources"].items()},
    round(options["document_tokens"] * CHARACTERS_PER_TOKEN),
    options["splits"],
    snakemake.params.seed,
)
documents.write(drawn, Path(snakemake.output[0]))
