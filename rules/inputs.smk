# Text and models in: downloads, corpus, models, tokens, alignments, activations.


# The only rules that need a network, with the SAEs of a release. They run where Snakemake runs, since
# the nodes of a cluster often have none.
rule download:
    output:
        "<shared>/downloads/{distribution}",
    log:
        "<shared>/logs/download/{distribution}.log",
    benchmark:
        "<shared>/benchmarks/download/{distribution}.tsv"
    wildcard_constraints:
        distribution=any_of(DISTRIBUTIONS),
    localrule: True
    conda:
        "../envs/download.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    params:
        distribution=lambda wildcards: DISTRIBUTIONS[wildcards.distribution],
        code=code("download"),
    script:
        "../scripts/download.py"


rule snapshot:
    output:
        directory("<shared>/snapshots/{snapshot}"),
    log:
        "<shared>/logs/snapshot/{snapshot}.log",
    benchmark:
        "<shared>/benchmarks/snapshot/{snapshot}.tsv"
    wildcard_constraints:
        snapshot=any_of(SNAPSHOTS),
    localrule: True
    conda:
        "../envs/snapshot.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=600,
    params:
        source=lambda wildcards: SNAPSHOTS[wildcards.snapshot],
        code=code("snapshot"),
    script:
        "../scripts/snapshot.py"


# A target: everything that needs a network, for a study that goes on without one.
rule downloads:
    input:
        expand("<shared>/downloads/{distribution}", distribution=DISTRIBUTIONS),
        expand("<shared>/snapshots/{snapshot}", snapshot=SNAPSHOTS),
        [
            f"<study>/saes/{subject.id}"
            for subject in SUBJECTS.values()
            if subject.dictionary in dictionaries("release")
        ],
    localrule: True


rule corpus:
    input:
        [file for source in STUDY["corpus"]["sources"].values() for file in text_files(source)],
    output:
        CORPUS_FILE,
    log:
        f"<shared>/logs/corpus/{CORPUS}.log",
    benchmark:
        f"<shared>/benchmarks/corpus/{CORPUS}.tsv"
    conda:
        "../envs/corpus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        corpus=CORPUS_OPTIONS,
        files={name: len(text_files(s)) for name, s in STUDY["corpus"]["sources"].items()},
        seed=SEED,
        code=code("corpus"),
    script:
        "../scripts/corpus.py"


rule model:
    input:
        lambda wildcards: model_files(MODEL_OF[wildcards.model_id]),
    output:
        directory("<shared>/models/{model_id}"),
    log:
        "<shared>/logs/model/{model_id}.log",
    benchmark:
        "<shared>/benchmarks/model/{model_id}.tsv"
    wildcard_constraints:
        model_id=any_of(MODEL_IDS.values()),
    conda:
        "../envs/model.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=60,
    params:
        model=lambda wildcards: MODEL_OF[wildcards.model_id],
        source=lambda wildcards: MODELS[MODEL_OF[wildcards.model_id]]["source"],
        place=lambda wildcards: model_place(MODEL_OF[wildcards.model_id]),
        depth=lambda wildcards: MODELS[MODEL_OF[wildcards.model_id]]["depth"],
        seed=lambda wildcards: model_seed(MODEL_OF[wildcards.model_id]),
        code=code("model"),
    script:
        "../scripts/model.py"


rule tokens:
    input:
        corpus=CORPUS_FILE,
        model=lambda wildcards: model_folder(MODEL_OF[wildcards.token_id]),
    output:
        directory("<shared>/tokens/{token_id}.zarr"),
    log:
        "<shared>/logs/tokens/{token_id}.log",
    benchmark:
        "<shared>/benchmarks/tokens/{token_id}.tsv"
    wildcard_constraints:
        token_id=any_of(TOKEN_IDS.values()),
    conda:
        "../envs/tokens.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        model=lambda wildcards: MODEL_OF[wildcards.token_id],
        bos=lambda wildcards: MODELS[MODEL_OF[wildcards.token_id]].get("bos"),
        max_tokens=STUDY["corpus"]["max_tokens"],
        code=code("tokens"),
    script:
        "../scripts/tokens.py"


rule alignment:
    input:
        corpus=CORPUS_FILE,
        a="<shared>/tokens/{token_id_a}.zarr",
        b="<shared>/tokens/{token_id_b}.zarr",
    output:
        directory("<shared>/alignments/{token_id_a}--{token_id_b}.zarr"),
    log:
        "<shared>/logs/alignment/{token_id_a}--{token_id_b}.log",
    benchmark:
        "<shared>/benchmarks/alignment/{token_id_a}--{token_id_b}.tsv"
    wildcard_constraints:
        token_id_a=any_of(TOKEN_IDS.values()),
        token_id_b=any_of(TOKEN_IDS.values()),
    conda:
        "../envs/alignment.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code("alignment"),
    script:
        "../scripts/alignment.py"


rule activations:
    input:
        tokens="<shared>/tokens/{token_id}.zarr",
        model=lambda wildcards: model_folder(MODEL_OF[wildcards.token_id]),
    output:
        directory("<shared>/activations/{token_id}/{hook}.{layer}.{dtype}.{batch_tokens}.zarr"),
    log:
        "<shared>/logs/activations/{token_id}.{hook}.{layer}.{dtype}.{batch_tokens}.log",
    benchmark:
        "<shared>/benchmarks/activations/{token_id}.{hook}.{layer}.{dtype}.{batch_tokens}.tsv"
    wildcard_constraints:
        token_id=any_of(TOKEN_IDS.values()),
        hook="[a-z_]+",
        dtype="[a-z0-9]+",
        batch_tokens="[0-9]+",
    conda:
        "../envs/activations.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
        gpu_jobs=ON_GPU,
    params:
        model=lambda wildcards: MODEL_OF[wildcards.token_id],
        code=code("activations"),
    script:
        "../scripts/activations.py"


# What the source's code feeds its SAEs: another layer's output, special positions and padding kept.
rule published_activations:
    input:
        corpus=CORPUS_FILE,
        tokens="<shared>/tokens/{token_id}.zarr",
        model=lambda wildcards: model_folder(MODEL_OF[wildcards.token_id]),
    output:
        directory(
            "<shared>/published_activations/{token_id}/{hook}.{layer}.{dtype}.{batch_tokens}.zarr"
        ),
    log:
        "<shared>/logs/published_activations/{token_id}.{hook}.{layer}.{dtype}.{batch_tokens}.log",
    benchmark:
        "<shared>/benchmarks/published_activations/{token_id}.{hook}.{layer}.{dtype}.{batch_tokens}.tsv"
    wildcard_constraints:
        token_id=any_of(TOKEN_IDS.values()),
        hook="[a-z_]+",
        dtype="[a-z0-9]+",
        batch_tokens="[0-9]+",
    conda:
        "../envs/published_activations.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=120,
        gpu_jobs=ON_GPU,
    params:
        model=lambda wildcards: MODEL_OF[wildcards.token_id],
        code=code("published_activations"),
    script:
        "../scripts/published_activations.py"
