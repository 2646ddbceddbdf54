# How similar matched decoder directions are, against nulls.


rule scores:
    input:
        matching="<study>/matchings/{comparison}.zarr",
        correlation="<study>/correlations/{comparison}.zarr",
        alignment=compared_alignment,
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
    output:
        directory("<study>/scores/{comparison}.zarr"),
    log:
        "<study>/logs/scores/{comparison}.log",
    benchmark:
        "<study>/benchmarks/scores/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(COMPARISONS),
    conda:
        "../envs/scores.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=240,
    params:
        metrics=METRICS,
        scored=study.metric_methods(STUDY),
        permutations=SCORING["permutations"],
        detailed=SCORING["detail"]["methods"],
        seed=SEED,
        code=code("scores"),
    script:
        "../scripts/scores.py"


rule nulls:
    input:
        unpack(rematched),
        matching="<study>/matchings/{comparison}.zarr",
        correlation="<study>/correlations/{comparison}.zarr",
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
    output:
        "<study>/nulls/{comparison}.parquet",
    log:
        "<study>/logs/nulls/{comparison}.log",
    benchmark:
        "<study>/benchmarks/nulls/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(CROSS),
    conda:
        "../envs/nulls.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        methods=SCORING["detail"]["methods"],
        metrics=IN_DETAIL,
        draws=SCORING["detail"]["draws"],
        seed=SEED,
        code=code("nulls"),
    script:
        "../scripts/nulls.py"


rule intervals:
    input:
        unpack(rematched),
        matching="<study>/matchings/{comparison}.zarr",
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
        alignment=compared_alignment,
    output:
        "<study>/intervals/{comparison}.parquet",
    log:
        "<study>/logs/intervals/{comparison}.log",
    benchmark:
        "<study>/benchmarks/intervals/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(COMPARISONS),
    conda:
        "../envs/intervals.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        methods=SCORING["detail"]["methods"],
        metrics=IN_DETAIL,
        draws=SCORING["detail"]["draws"],
        permuted=lambda wildcards: COMPARISONS[wildcards.comparison].permuted,
        seed=SEED,
        code=code("intervals"),
    script:
        "../scripts/intervals.py"


rule sensitivity:
    input:
        unpack(both_labels),
        matching="<study>/matchings/{comparison}.zarr",
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
    output:
        "<study>/sensitivity/{comparison}.parquet",
    log:
        "<study>/logs/sensitivity/{comparison}.log",
    benchmark:
        "<study>/benchmarks/sensitivity/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(DETAILED),
    conda:
        "../envs/sensitivity.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        methods=SCORING["detail"]["methods"],
        metrics=IN_DETAIL,
        selection=STUDY["selection"],
        seed=SEED,
        code=code("sensitivity"),
    script:
        "../scripts/sensitivity.py"


rule subspaces:
    input:
        unpack(both_labels),
        matching="<study>/matchings/{comparison}.zarr",
        a=compared("a", "<study>/features/{subject}.zarr"),
        b=compared("b", "<study>/features/{subject}.zarr"),
        categories=category_files(),
    output:
        scores="<study>/subspaces/{comparison}.parquet",
        nulls="<study>/subspaces/{comparison}.nulls.parquet",
    log:
        "<study>/logs/subspaces/{comparison}.log",
    benchmark:
        "<study>/benchmarks/subspaces/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(IN_SUBSPACES),
    conda:
        "../envs/subspaces.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=240,
    params:
        methods=SCORING["detail"]["methods"],
        metrics=IN_DETAIL,
        categories=CATEGORIES,
        min_words=STUDY["subspaces"]["min_words"],
        min_pairs=STUDY["subspaces"]["min_pairs"],
        permutations=SCORING["permutations"],
        draws=SCORING["detail"]["draws"],
        seed=SEED,
        code=code("subspaces"),
    script:
        "../scripts/subspaces.py"


# The source's own protocol, and one correction after the other up to ours.
rule published:
    input:
        unpack(published_inputs),
        correlation="<study>/correlations/{comparison}.zarr",
        alignment=compared_alignment,
        corpus=CORPUS_FILE,
    output:
        "<study>/published/{comparison}.parquet",
    log:
        "<study>/logs/published/{comparison}.log",
    benchmark:
        "<study>/benchmarks/published/{comparison}.tsv"
    wildcard_constraints:
        comparison=any_of(PUBLISHED),
    conda:
        "../envs/published.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=240,
        gpu_jobs=ON_GPU,
    params:
        choices=STUDY["published"],
        selection=STUDY["selection"],
        svcca={label: options for label, _, options in METRICS}.get("svcca", {}),
        permutations=SCORING["permutations"],
        seed=SEED,
        code=code("published"),
    script:
        "../scripts/published.py"


rule calibration:
    input:
        scores=of_comparisons("<study>/scores/{comparison}.zarr"),
        subspaces=of_comparisons("<study>/subspaces/{comparison}.parquet", IN_SUBSPACES),
    output:
        "<study>/calibration.parquet",
    log:
        "<study>/logs/calibration.log",
    benchmark:
        "<study>/benchmarks/calibration.tsv"
    conda:
        "../envs/calibration.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        comparisons=[
            (
                name,
                c.kind,
                c.a.model,
                c.a.layer,
                c.a.dictionary,
                c.b.model,
                c.b.layer,
                c.b.dictionary,
                c.permuted,
            )
            for name, c in COMPARISONS.items()
        ],
        code=code("calibration"),
    script:
        "../scripts/calibration.py"
