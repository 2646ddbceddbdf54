# Do different language models learn the same feature spaces?
# The study's configuration is config.yaml, or the file named by --configfile (never both merged).
from snakemake.utils import min_version

min_version("9.27")

if not workflow.configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"


pathvars:
    shared="<results>/shared",
    study=f"<results>/{STUDY['study']}",


report: "report/workflow.rst"


wildcard_constraints:
    layer="[0-9]+",


include: "rules/inputs.smk"
include: "rules/features.smk"
include: "rules/similarity.smk"
include: "rules/views.smk"


rule all:
    input:
        "<study>/summary.md",
        "<study>/answers.txt",
        "<study>/report.html",
        expand("<study>/tables/{table}.{format}", table=TABLES, format=["csv", "parquet"]),
        expand("<study>/figures/{figure}.{format}", figure=[*FIGURES, "dag"], format=["svg", "png"]),
        "<study>/tables/manifest.json",
        "<study>/configuration.json",
        "<study>/ro-crate-metadata.json",
        "<study>/workflow",
        expand("<study>/labels/{subject}.parquet", subject=SUBJECTS),
    localrule: True


onstart:
    check_writable()


onsuccess:
    print(closing_words())
