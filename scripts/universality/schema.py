"""Checking a configuration against its JSON schema, with errors that a person can read."""

import copy
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jsonschema

from universality.errors import StudyError


def _unique(
    _: Any, wanted: bool, value: Any, __: Any
) -> Iterator[jsonschema.exceptions.ValidationError]:
    """Check `uniqueItems` in linear time, whatever the items are."""
    if wanted and isinstance(value, list) and len(set(map(repr, value))) < len(value):
        yield jsonschema.exceptions.ValidationError("not unique")


# As in JSON Schema, but no 3.0 where a whole number is wanted, and neither NaN nor infinity.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"uniqueItems": _unique},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: (
                type(value) is int or (type(value) is float and math.isfinite(value))
            ),
        }
    ),
)
_TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a finite number",
    "boolean": "true or false",
    "null": "nothing",
}
_LIMITS = {
    "exclusiveMinimum": "more than {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "a length of at least {}",
    "minProperties": "a length of at least {}",
    "minLength": "a length of at least {}",
}


# More than any study needs, little enough to be looked at as a whole. The depth is that of the
# schema and then some; values that appear in several places count each time.
_MOST_VALUES, _MOST_DEPTH, _MOST_CHARACTERS = 100_000, 16, 10_000


def complete(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `config` with all defaults of `schema` filled in.

    The order of keys means nothing, so they come in the schema's order, and names sorted.

    Raises a StudyError that names the key, what was found and what is valid.
    """
    _check_size(config)
    # Of several errors, the first of the deepest: the others may follow from it.
    error = max(_Validator(schema).iter_errors(config), key=lambda e: len(e.path), default=None)
    if error is not None:
        raise StudyError(_explain(error))
    # Plain mappings: those that Snakemake makes of a JSON file would count as changed parameters.
    completed: dict[str, Any] = json.loads(json.dumps(config))
    _fill(completed, schema, schema)
    return completed


def _check_size(config: Any) -> None:
    """Raise StudyError for what has no end, is too much, or does not print."""
    for count, (place, value) in enumerate(_values(config)):
        if count > _MOST_VALUES:
            raise StudyError(
                f"{_key(place[:1])}: the configuration has more than {_MOST_VALUES} values here"
            )
        if len(place) > _MOST_DEPTH:
            raise StudyError(
                f"{_key(place[:3])}: nested more than {_MOST_DEPTH} deep, or contains itself"
            )
        if isinstance(value, int) and value.bit_length() > 64:
            raise StudyError(f"{_key(place)}: found a whole number of {value.bit_length()} bits")
        if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
            raise StudyError(
                f"{_key(place)}: found a text of {len(value)} characters, expected at most "
                f"{_MOST_CHARACTERS}"
            )
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            raise StudyError(f"{_key(place)}: found {short(value)}, half of a character")


def _values(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Iterate over all values inside `value` with their places, as deep as is looked at."""
    yield place, value
    if len(place) > _MOST_DEPTH:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield place, name
            yield from _values(inner, (*place, name))
    elif isinstance(value, list | tuple | set):
        for number, inner in enumerate(value):
            yield from _values(inner, (*place, number))


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
        for name in sorted(value, key=_place(schema)):
            value[name] = value.pop(name)
    elif isinstance(value, list):
        for item in value:
            _fill(item, schema.get("items", {}), root)


def _place(schema: Mapping[str, Any]) -> Callable[[str], tuple[int, str]]:
    """Return what to sort the keys of an object by."""
    places = {name: place for place, name in enumerate(schema.get("properties", {}))}
    return lambda name: (places.get(name, len(places)), name)


def _explain(error: jsonschema.ValidationError) -> str:
    """Return one sentence for a schema error: the key, what was found, what is valid."""
    key = _key(tuple(error.absolute_path))
    schema, rule = error.schema, str(error.validator)
    found = f"found {short(error.instance)}"
    if "propertyNames" in error.schema_path:
        found = f"found the name {short(error.instance)}"
    if rule == "additionalProperties":
        known = schema.get("properties", {})
        unknown = listed(short(name) for name in error.instance if name not in known)
        return f"{key}: unknown key {unknown}; valid: {', '.join(known) or 'none'}"
    if rule == "required":
        missing = [repr(name) for name in schema["required"] if name not in error.instance]
        return f"{key}: missing key {', '.join(missing)}"
    if rule == "enum":
        return f"{key}: {found}; valid: {', '.join(schema['enum'])}"
    if rule == "type":
        types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        return f"{key}: {found}, expected {' or '.join(_TYPES[name] for name in types)}"
    if rule == "uniqueItems":
        return f"{key}: {found}, expected no entry twice"
    if "description" in schema:
        return f"{key}: {found}, expected {schema['description']}"
    limits = [text.format(schema[limit]) for limit, text in _LIMITS.items() if limit in schema]
    return f"{key}: {found}, expected {' and '.join(limits)}"


def _key(place: tuple[Any, ...]) -> str:
    """Return a place in the configuration as its users write it, such as comparisons[0].a."""
    parts = (
        f".{part}"
        if isinstance(part, str) and part.isprintable() and len(part) <= 80
        else f"[{short(part)}]"
        for part in place
    )
    return "".join(parts).lstrip(".") or "the configuration"


def short(value: Any, quote: bool = True) -> str:
    """Return a value as one line of limited length."""
    text = repr(value) if quote else " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


def listed(values: Iterable[Any]) -> str:
    """Return the first of some values, and how many there are when they are too many."""
    texts = [str(value) for value in values]
    return ", ".join(texts if len(texts) <= 20 else [*texts[:20], f"... ({len(texts)} in all)"])
