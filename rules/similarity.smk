# How similar matched decoder directions are, against nulls.


rule scores:
    input:
        matching="<study>/matchings/{comparison}.zarr",
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
        metrics=STUDY["scoring"]["metrics"],
        permutations=STUDY["scoring"]["permutations"],
        seed=SEED,
        code=code("scores"),
    script:
        "../scripts/scores.py"


rule calibration:
    input:
        of_comparisons("<study>/scores/{comparison}.zarr"),
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
                c.kind,
                c.a.model,
                c.a.layer,
                c.a.dictionary,
                c.b.model,
                c.b.layer,
                c.b.dictionary,
                c.permuted,
            )
            for c in COMPARISONS.values()
        ],
        code=code("calibration"),
    script:
        "../scripts/calibration.py"
