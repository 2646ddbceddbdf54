"""What a configuration means: checked values, subjects, comparisons, and identities of artefacts.

Everything here is decided before a job runs. `resolve` turns a configuration into one with every
default filled in, or raises one StudyError that names the key, what was found and what is valid.
"""

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from universality.errors import StudyError

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
    resolved = copy.deepcopy(dict(config))
    _check_schema(resolved, schema)
    _check_corpus(resolved["corpus"], root)
    _check_models(resolved["models"], root)
    _check_dictionaries(resolved["dictionaries"])
    comparisons(resolved)
    return resolved


def digest(*parts: Any) -> str:
    """Return 10 hexadecimal digits that identify JSON values."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def model_definition(models: Mapping[str, Any], name: str, seed: int) -> list[Any]:
    """Return what makes a model what it is: its source, and that of what it re-initialises."""
    source = models[name]["source"]
    base = source.get("random")
    if base is None:
        return [source]
    inner = model_definition(models, base, seed) if base in models else [base]
    return [source, seed, inner]


def comparisons(config: Mapping[str, Any]) -> dict[str, Comparison]:
    """Return all comparisons of a resolved configuration by id, in its order."""
    found: dict[str, Comparison] = {}
    for number, entry in enumerate(config["comparisons"]):
        for comparison in _grid(config, entry, f"comparisons[{number}]"):
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


def find(path: str, root: Path) -> Path:
    """Return the file or folder of a configuration's `path`: absolute, or relative to `root`."""
    return Path(path) if Path(path).is_absolute() else root / path


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
    pair = entry.get("dictionaries") or [entry["dictionary"]] * 2
    for name in (a, b):
        _known(f"{key}", "model", name, models)
    for name in pair:
        _known(f"{key}", "dictionary", name, dictionaries)
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
            raise StudyError(f"{key}: layer {layer} is not among models.{model}.layers {valid}")
    return chosen or valid


def _known(key: str, what: str, name: str, valid: Mapping[str, Any]) -> None:
    if name not in valid:
        raise StudyError(f"{key}: no {what} is named '{name}'; valid: {', '.join(valid)}")


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
            f"{key}.revision: '{revision}' is not a commit (40 hexadecimal digits); a floating "
            "revision needs allow_floating: true"
        )


def _check_corpus(corpus: Mapping[str, Any], root: Path) -> None:
    for what, shares in (
        ("corpus.splits", corpus["splits"]),
        ("corpus.sources.*.share", {n: s["share"] for n, s in corpus["sources"].items()}),
    ):
        total = math.fsum(shares.values())
        if not abs(total - 1) <= 1e-6:  # also caught: not a number
            parts = ", ".join(f"{name} {share}" for name, share in shares.items())
            raise StudyError(f"{what}: the shares add up to {total:.6g}, not 1 ({parts})")
    for name, source in corpus["sources"].items():
        key = f"corpus.sources.{name}"
        kind = _kind(key, source, _TEXT_SOURCES)
        if kind == "path" and not _exists(source["path"], root):
            raise StudyError(f"{key}.path: no file or folder '{find(source['path'], root)}'")
        if kind == "hub":
            _pinned(key, source)


def _exists(path: str, root: Path) -> bool:
    if any(c in path for c in "*?["):
        return any(True for _ in root.glob(path)) if not Path(path).is_absolute() else True
    return find(path, root).exists()


def _check_models(models: Mapping[str, Any], root: Path) -> None:
    for name, model in models.items():
        key = f"models.{name}"
        kind = _kind(f"{key}.source", model["source"], _MODEL_SOURCES)
        if kind == "hub":
            _pinned(f"{key}.source", model["source"])
        depth = _depth(models, name, root, ())
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
            f"{key}: needs the key 'depth' (number of blocks), since its source cannot be looked "
            "into before it is downloaded"
        )
    if found is not None and stated is not None and found != stated:
        raise StudyError(f"{key}.depth: says {stated} blocks, but the model has {found}")
    return int(found if found is not None else stated)


def _depth_of_folder(
    key: str, path: str, models: Mapping[str, Any], root: Path, where: str
) -> int | None:
    folder = find(path, root)
    if where == "path" and folder.is_file() and folder.suffix == ".gguf":
        return None
    file = folder / "config.json"
    if not file.is_file():
        names = f" nor a model (valid: {', '.join(models)})" if where == "random" else ""
        raise StudyError(f"{key}: '{path}' is not a model folder with a config.json{names}")
    try:
        config = json.loads(file.read_text())
        text = config.get("text_config", config)
        return int(text.get("num_hidden_layers") or text["n_layer"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"{key}: cannot read the number of layers in {file} ({error})") from error


def _check_dictionaries(dictionaries: Mapping[str, Any]) -> None:
    for name, entry in dictionaries.items():
        key = f"dictionaries.{name}"
        kind = _kind(key, entry, _DICTIONARY_SOURCES)
        if kind == "train":
            options = entry["train"]
            sparse = options["architecture"] in ("topk", "batchtopk")
            if sparse != ("k" in options):
                verb = "needs" if sparse else "takes no"
                raise StudyError(f"{key}.train: '{options['architecture']}' {verb} the key 'k'")
        if kind in ("train", "random"):
            options = entry[kind]
            if options.get("k", 1) > options["width"]:
                raise StudyError(
                    f"{key}.{kind}.k: {options['k']} active features of only {options['width']}"
                )


def _check_schema(config: dict[str, Any], schema: Mapping[str, Any]) -> None:
    """Check `config` against `schema` and fill in its defaults, in place."""
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(config), key=lambda e: len(e.path)
    )
    if errors:
        raise StudyError(_explain(errors[-1]))
    _fill(config, schema, schema)


def _fill(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if "default" in part and name not in value:
                value[name] = copy.deepcopy(part["default"])
            if name in value:
                _fill(value[name], part, root)
        rest = schema.get("additionalProperties")
        if isinstance(rest, Mapping):
            for name in value:
                if name not in schema.get("properties", {}):
                    _fill(value[name], rest, root)
    elif isinstance(value, list):
        for item in value:
            _fill(item, schema.get("items", {}), root)


def _explain(error: jsonschema.ValidationError) -> str:
    """Return one sentence for a schema error: the key, what was found, what is valid."""
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    key = key.lstrip(".") or "the configuration"
    schema, found = error.schema, _short(error.instance)
    match error.validator:
        case "additionalProperties":
            extra = sorted(set(map(str, error.instance)) - set(schema["properties"]))
            unknown = ", ".join(f"'{name}'" for name in extra)
            return f"{key}: unknown key {unknown}; valid: {', '.join(schema['properties'])}"
        case "required":
            missing = [name for name in schema["required"] if name not in error.instance]
            return f"{key}: missing key {', '.join(repr(name) for name in missing)}"
        case "enum":
            return f"{key}: found {found}; valid: {', '.join(map(str, schema['enum']))}"
        case "type":
            return f"{key}: found {found}, expected {schema['type']}"
        case "pattern":
            return f"{key}: found {found}, expected {schema.get('description', schema['pattern'])}"
        case _:
            return f"{key}: {_short(error.message, quote=False)}"


def _short(value: Any, quote: bool = True) -> str:
    text = repr(value) if quote else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
