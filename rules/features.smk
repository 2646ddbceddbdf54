# What a subject is and what corresponds: SAEs, their quality, features, labels, correlations, matchings.


rule sae:
    input:
        unpack(sae_inputs),
    output:
        directory("<study>/saes/{model}.{layer}.{dictionary}"),
    log:
        "<study>/logs/sae/{model}.{layer}.{dictionary}.log",
    benchmark:
        "<study>/benchmarks/sae/{model}.{layer}.{dictionary}.tsv"
    wildcard_constraints:
        model=any_of(MODELS),
        dictionary=any_of(dictionaries("train", "random", "path")),
    conda:
        "../envs/sae.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
        gpu_jobs=ON_GPU,
    params:
        dictionary=lambda wildcards: DICTIONARIES[wildcards.dictionary],
        seed=lambda wildcards: sae_option(wildcards.dictionary, SEED, "train", "random"),
        massive_norm=lambda wildcards: sae_option(
            wildcards.dictionary, STUDY["activations"]["massive_norm"], "train"
        ),
        code=code("sae"),
    script:
        "../scripts/sae.py"


# Needs a network, as the downloads of the inputs wing.
use rule sae as sae_release with:
    wildcard_constraints:
        model=any_of(MODELS),
        dictionary=any_of(dictionaries("release")),
    localrule: True


# The gate. Its result does not change the features, so features do not depend on it; it comes first,
# and a failure stops the study.
rule sae_quality:
    input:
        activations=lambda wildcards: activations_store(wildcards.model, wildcards.layer),
        tokens=lambda wildcards: tokens_store(wildcards.model),
        corpus=CORPUS_FILE,
        sae="<study>/saes/{model}.{layer}.{dictionary}",
    output:
        "<study>/quality/{model}.{layer}.{dictionary}.json",
    log:
        "<study>/logs/sae_quality/{model}.{layer}.{dictionary}.log",
    benchmark:
        "<study>/benchmarks/sae_quality/{model}.{layer}.{dictionary}.tsv"
    wildcard_constraints:
        model=any_of(MODELS),
        dictionary=any_of(DICTIONARIES),
    priority: 10
    conda:
        "../envs/sae_quality.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=60,
        gpu_jobs=ON_GPU,
    params:
        gate=lambda wildcards: STUDY["gate"]
        | {"random": wildcards.dictionary in dictionaries("random")},
        massive_norm=STUDY["activations"]["massive_norm"],
        code=code("sae_quality"),
    script:
        "../scripts/sae_quality.py"


rule features:
    input:
        unpack(subject_inputs),
    output:
        directory("<study>/features/{model}.{layer}.{dictionary}.zarr"),
    log:
        "<study>/logs/features/{model}.{layer}.{dictionary}.log",
    benchmark:
        "<study>/benchmarks/features/{model}.{layer}.{dictionary}.tsv"
    wildcard_constraints:
        model=any_of(MODELS),
        dictionary=any_of(DICTIONARIES),
    conda:
        "../envs/features.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=120,
        gpu_jobs=ON_GPU,
    params:
        massive_norm=STUDY["activations"]["massive_norm"],
        code=code("features"),
    script:
        "../scripts/features.py"


rule labels:
    input:
        features="<study>/features/{model}.{layer}.{dictionary}.zarr",
        tokens=lambda wildcards: tokens_store(wildcards.model),
        corpus=CORPUS_FILE,
    output:
        "<study>/labels/{model}.{layer}.{dictionary}.parquet",
    log:
        "<study>/logs/labels/{model}.{layer}.{dictionary}.log",
    benchmark:
        "<study>/benchmarks/labels/{model}.{layer}.{dictionary}.tsv"
    wildcard_constraints:
        model=any_of(MODELS),
        dictionary=any_of(DICTIONARIES),
    conda:
        "../envs/labels.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        top=STUDY["labels"]["top"],
        code=code("labels"),
    script:
        "../scripts/labels.py"


rule correlation:
    input:
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
        alignment=compared_alignment,
    output:
        directory("<study>/correlations/{comparison}.zarr"),
    log:
        "<study>/logs/correlation/{comparison}.log",
    benchmark:
        "<study>/benchmarks/correlation/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(COMPARISONS),
    conda:
        "../envs/correlation.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=120,
    params:
        permuted=lambda wildcards: COMPARISONS[wildcards.comparison].permuted,
        # By name: Snakemake compares the values of parameters, whichever has which.
        participation={key: STUDY["matching"][key] for key in ("min_firings", "min_documents")},
        seed=SEED,
        code=code("correlation"),
    script:
        "../scripts/correlation.py"


rule matching:
    input:
        unpack(matching_labels),
        correlation="<study>/correlations/{comparison}.zarr",
    output:
        directory("<study>/matchings/{comparison}.zarr"),
    log:
        "<study>/logs/matching/{comparison}.log",
    benchmark:
        "<study>/benchmarks/matching/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(COMPARISONS),
    conda:
        "../envs/matching.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=120,
    params:
        methods=STUDY["matching"]["methods"],
        selection=STUDY["selection"],
        code=code("matching"),
    script:
        "../scripts/matching.py"


# The null of a matching: the same search among documents that do not correspond.
rule rematching:
    input:
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
        alignment=compared_alignment,
        correlation="<study>/correlations/{comparison}.zarr",
    output:
        directory("<study>/rematchings/{comparison}.zarr"),
    log:
        "<study>/logs/rematching/{comparison}.log",
    benchmark:
        "<study>/benchmarks/rematching/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(REMATCHED),
    conda:
        "../envs/rematching.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=240,
    params:
        methods=SCORING["detail"]["methods"],
        shifts=SCORING["detail"]["rematchings"],
        refits=SCORING["detail"]["refits"],
        seed=SEED,
        code=code("rematching"),
    script:
        "../scripts/rematching.py"
