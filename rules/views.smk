# What people look at, from tables alone: tables, figures, summary, report.


rule tables:
    input:
        corpus=CORPUS_FILE,
        quality=qualities(),
        matchings=of_comparisons("<study>/matchings/{comparison}.zarr"),
        scores="<study>/calibration.parquet",
        nulls=of_comparisons("<study>/nulls/{comparison}.parquet", CROSS),
        subspace_nulls=of_comparisons("<study>/subspaces/{comparison}.nulls.parquet", IN_SUBSPACES),
        intervals=of_comparisons("<study>/intervals/{comparison}.parquet"),
        sensitivity=of_comparisons("<study>/sensitivity/{comparison}.parquet", DETAILED),
        published=of_comparisons("<study>/published/{comparison}.parquet", PUBLISHED),
        alignments=[alignment_store(a, b) for a, b in sorted(ALIGNED)],
        models=[model_folder(model) for model in MODELS],
    output:
        [
            report(
                f"<study>/tables/{table}.csv",
                caption="../report/tables.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in TABLES
            if table != "matches"
        ],
        # Too long for a page of the report.
        "<study>/tables/matches.csv",
        expand("<study>/tables/{table}.parquet", table=TABLES),
    log:
        "<study>/logs/tables.log",
    benchmark:
        "<study>/benchmarks/tables.tsv"
    conda:
        "../envs/tables.yaml"
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
            )
            for name, c in COMPARISONS.items()
        ],
        alignments=sorted(ALIGNED),
        saes=[(s.model, s.layer, s.dictionary) for s in SUBJECTS.values() if has_sae(s.dictionary)],
        models=list(MODELS),
        stored=study.digest((ROOT / "resources" / "published.json").read_text()),
        code=code("tables"),
    script:
        "../scripts/tables.py"


rule figures:
    input:
        expand("<study>/tables/{table}.parquet", table=TABLES),
    output:
        [
            report(
                f"<study>/figures/{figure}.svg",
                caption=f"../report/{caption}.rst",
                category="Figures",
                labels={"figure": figure.replace("_", " ")},
            )
            for figure, caption in FIGURES.items()
        ],
        expand("<study>/figures/{figure}.png", figure=FIGURES),
    log:
        "<study>/logs/figures.log",
    benchmark:
        "<study>/benchmarks/figures.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        figures=list(FIGURES),
        code=code("figures"),
    script:
        "../scripts/figures.py"


rule summary:
    input:
        expand("<study>/tables/{table}.parquet", table=TABLES),
    output:
        summary=report("<study>/summary.md", caption="../report/summary.rst", category="Summary"),
        answers="<study>/answers.txt",
    log:
        "<study>/logs/summary.log",
    benchmark:
        "<study>/benchmarks/summary.tsv"
    conda:
        "../envs/summary.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        study=STUDY["study"],
        code=code("summary"),
    script:
        "../scripts/summary.py"


# Asks Snakemake about this workflow, so it runs beside it and never on a node. So does the report.
rule dag:
    output:
        svg=report(
            "<study>/figures/dag.svg",
            caption="../report/dag.rst",
            category="Figures",
            labels={"figure": "dag"},
        ),
        png="<study>/figures/dag.png",
    log:
        "<study>/logs/dag.log",
    benchmark:
        "<study>/benchmarks/dag.tsv"
    localrule: True
    conda:
        "../envs/dag.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        shape=rule_graph_shape(),
        places=places(),
        code=code("dag"),
    script:
        "../scripts/dag.py"


# After everything that takes time, so that all run times are there.
rule manifest:
    input:
        expand("<study>/figures/{figure}.png", figure=FIGURES),
        expand("<study>/labels/{subject}.parquet", subject=SUBJECTS),
        "<study>/summary.md",
        tables=expand("<study>/tables/{table}.{type}", table=TABLES, type=["csv", "parquet"]),
        local=[str(file) for file in study.local_files(STUDY, Path())],
    output:
        manifest="<study>/tables/manifest.json",
        configuration="<study>/configuration.json",
    log:
        "<study>/logs/manifest.log",
    benchmark:
        "<study>/benchmarks/manifest.tsv"
    conda:
        "../envs/manifest.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        config=STUDY,
        texts=packed_texts(),
        benchmarks=benchmarks(),
        code=code("manifest"),
    script:
        "../scripts/manifest.py"


rule report:
    input:
        expand("<study>/figures/{figure}.svg", figure=[*FIGURES, "dag"]),
        "<study>/summary.md",
        "<study>/tables/manifest.json",
    output:
        "<study>/report.html",
    log:
        "<study>/logs/report.log",
    benchmark:
        "<study>/benchmarks/report.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        places=places(),
        captions=captions(),
        code=code("report"),
    script:
        "../scripts/report.py"


# What of the study is described for others, as an RO-Crate: a folder to publish or archive as it is.
rule crate:
    input:
        expand("<study>/tables/{table}.{type}", table=TABLES, type=["csv", "parquet"]),
        expand("<study>/figures/{figure}.{type}", figure=[*FIGURES, "dag"], type=["svg", "png"]),
        expand("<study>/labels/{subject}.parquet", subject=SUBJECTS),
        "<study>/summary.md",
        "<study>/answers.txt",
        "<study>/report.html",
        configuration="<study>/configuration.json",
        manifest="<study>/tables/manifest.json",
    output:
        crate="<study>/ro-crate-metadata.json",
        workflow=directory("<study>/workflow"),
    log:
        "<study>/logs/crate.log",
    benchmark:
        "<study>/benchmarks/crate.tsv"
    conda:
        "../envs/crate.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code("crate"),
    script:
        "../scripts/crate.py"
