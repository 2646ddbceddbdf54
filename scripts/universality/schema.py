"""Checking a configuration against its JSON schema, with errors that a person can read."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import jsonschema

from universality.errors import StudyError

# As in JSON Schema, but no 3.0 where a whole number is wanted, and neither NaN nor infinity.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
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


def complete(config: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `config` with all defaults of `schema` filled in.

    Raises a StudyError that names the key, what was found and what is valid.
    """
    # Of several errors, the first of the deepest: the others may follow from it.
    error = max(_Validator(schema).iter_errors(config), key=lambda e: len(e.path), default=None)
    if error is not None:
        raise StudyError(_explain(error))
    completed = copy.deepcopy(dict(config))
    _fill(completed, schema, schema)
    return completed


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
    key = "".join(
        f".{part}" if isinstance(part, str) and part.isprintable() else f"[{part!r}]"
        for part in error.absolute_path
    )
    key = key.lstrip(".") or "the configuration"
    schema, rule = error.schema, str(error.validator)
    found = f"found {short(error.instance)}"
    if "propertyNames" in error.schema_path:
        found = f"found the name {short(error.instance)}"
    if rule == "additionalProperties":
        known = schema.get("properties", {})
        unknown = ", ".join(short(name) for name in error.instance if name not in known)
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


def short(value: Any, quote: bool = True) -> str:
    """Return a value as one line of limited length."""
    text = repr(value) if quote else " ".join(str(value).split())
    return text if len(text) <= 120 else text[:117] + "..."
