# Do different language models learn the same feature spaces?
# The study's configuration is config.yaml, or the file named by --configfile (never both merged).
from snakemake.utils import min_version

min_version("9.27")

if not workflow.configfiles:

    configfile: "config.yaml"


include: "rules/common.smk"


pathvars:
    shared=SHARED,
    study=OUT,


report: "report/workflow.rst"


wildcard_constraints:
    layer="[0-9]+",


include: "rules/inputs.smk"
include: "rules/features.smk"
include: "rules/similarity.smk"
include: "rules/views.smk"


rule all:
    default_target: True
    input:
        "<study>/summary.md",
        "<study>/report.html",
        "<study>/tables/manifest.json",
        expand("<study>/labels/{subject}.parquet", subject=SUBJECTS),
    localrule: True


onsuccess:
    print(closing_words())
