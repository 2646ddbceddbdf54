"""Thousands of broken configurations: each is one message that names the key, no traceback.

Every key of three configurations, which together use every key there is, is given values of wrong
types, out of its range, of odd characters, is removed, and gets an unknown neighbour.
"""

import copy
import datetime
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from example_configurations import REMOVED, Place, changed
from hypothesis import given, settings
from hypothesis import strategies as st

from universality import study
from universality.errors import StudyError

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text())
BASES = {
    name: yaml.safe_load((ROOT / name).read_text())
    for name in ("config.yaml", "studies/tiny.yaml", "tests/unit/every_key.yaml")
}
HUGE = 10**5000  # more digits than Python prints

# What is never valid where a value of some type is; the names are those of JSON schema.
WRONG: dict[str, list[Any]] = {
    "object": [None, True, 7, 1.5, "text", [], [{}], datetime.date(2024, 1, 1)],
    "array": [None, True, 7, 1.5, "text", {}, {"0": 1}, [None], [[]], [{}], [math.nan], [b"x"]],
    "string": [None, True, 7, 1.5, HUGE, [], ["text"], {}, {"a": "b"}, b"bytes", "\ud800", ""],
    "integer": [
        None,
        True,
        1.0,
        1e-320,
        "7",
        "1e400",
        "٣",
        "",
        [],
        [7],
        {},
        -1,
        10**30,
        HUGE,
        -HUGE,
    ],
    "number": [None, True, "0.5", "", [], [0.5], {}, 10**30, HUGE, math.nan, math.inf, -math.inf],
    "boolean": [None, 0, 1, "yes", "true", [], {}, [True]],
}
# Not valid as a name of anything, as a pinned requirement, a hash, a repository or a choice.
ODD = ["../x", "..", ".", "/abs", "a/b", "-x", "a b", "{x}", "{", "<x>", "*", "a\n", "\n", "\0"]
ODD += ["~", "\u202eabc", "\u200b", "\ufeffa", "é", "😀", "a" * 300, "$(id)", "`id`", "%s", "a\\b"]
# Not valid as a path inside of an archive.
OUTSIDE = ["../x", "..", "/abs", "a/../../b", "a/..", "..\\b", "C:\\b", "a" * 501, "a\n"]

OWNED = ("owner/name", "a/b")  # the only one of ODD that is valid somewhere


def part(schema: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return the part of the schema that is about a place."""
    for name in (*place, None):
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        if isinstance(name, int):
            schema = schema["items"]
        elif name is not None:
            schema = schema.get("properties", {}).get(name) or schema["additionalProperties"]
    return schema


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Iterate over the places of all values inside `value`."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for name, content in inner:
        yield (*here, name)
        yield from places(content, (*here, name))


def wrong_values(schema: dict[str, Any]) -> Iterator[Any]:
    """Iterate over values that break this part of the schema, whatever stands beside it."""
    if "enum" in schema:
        yield from [*WRONG["string"], *ODD, "unknown"]
        return
    if isinstance(schema["type"], list):  # the fields of sae-lens: any plain value
        yield from ([], {}, math.nan, HUGE, b"x")
        return
    yield from WRONG[schema["type"]]
    if "pattern" in schema:
        folder = [value for value in ODD if set(value) & set("{}\n\0")]
        odd = {"a path": OUTSIDE, "a folder": folder}.get(
            " ".join(schema["description"].split()[:2]), ODD
        )
        yield from (value for value in odd if (schema["description"], value) != OWNED)
    if "minimum" in schema:
        yield schema["minimum"] - 1
    if "exclusiveMinimum" in schema:
        yield from (schema["exclusiveMinimum"], -1, -1e300)
    if "maximum" in schema:
        yield from (schema["maximum"] + 1, 1e300)
    if schema["type"] == "array" and "minItems" in schema:
        yield []


def may_be_empty(schema: dict[str, Any], value: Any) -> bool:
    """Say whether a value is empty, of the right type, and no shorter than the schema wants."""
    empty = {"string": "", "array": []}.get(str(schema.get("type")))
    return value == empty and not schema.keys() & {"minLength", "minItems", "enum", "pattern"}


def broken(config: dict[str, Any]) -> Iterator[tuple[Place, Any, dict[str, Any]]]:
    """Iterate over (place, value, configuration) of all that can be broken at one place."""
    yield from (((name,), 1, config | {name: 1}) for name in ("typo", "Study", "", "\n", "\u202e"))
    for place in places(config):
        schema = part(SCHEMA, place)
        for value in wrong_values(schema):
            if not may_be_empty(schema, value):
                yield place, value, changed(config, place, value)
        if schema.get("additionalProperties") is False:
            for name in ("typo", "../x", "a\n", 3, None, True, 1.5, datetime.date(2024, 1, 1)):
                yield (*place, name), 1, changed(config, (*place, name), 1)
        if isinstance(schema.get("propertyNames"), dict):
            bad = ODD if "$ref" in schema["propertyNames"] else []
            for name in [*bad, "", 3, None, True, "\ud800"]:
                yield (*place, name), {}, changed(config, (*place, name), {})
        for name in schema.get("required", []):
            yield (*place, name), REMOVED, changed(config, (*place, name), REMOVED)


def key(place: Place) -> str:
    """Return the way in which messages write a place."""
    text = "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in place)
    return text.lstrip(".") or "the configuration"


def names_it(message: str, place: Place) -> bool:
    """Say whether a message names the key, or the one around it and what is there."""
    return message.startswith((key(place), key(place[:-1]) + ":", key(place[:-1]) + "["))


def refused(config: Any, root: Path = ROOT) -> str | None:
    """Return the message of the StudyError, or None for a configuration that is valid."""
    try:
        study.resolve(config, SCHEMA, root)
    except StudyError as error:
        text = str(error)
        assert text.isprintable(), text
        assert len(text) < 800, text
        return text
    return None


@pytest.mark.parametrize("name", BASES)
def test_the_bases_are_valid(name: str) -> None:
    assert refused(BASES[name]) is None


def test_the_bases_use_every_key() -> None:
    def keys(schema: dict[str, Any], here: str = "") -> Iterator[str]:
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        for name, inner in schema.get("properties", {}).items():
            yield f"{here}.{name}"
            yield from keys(inner, f"{here}.{name}")
        for what in ("additionalProperties", "items"):
            if isinstance(schema.get(what), dict):
                yield from keys(schema[what], f"{here}.*")

    def used(value: Any, schema: dict[str, Any], here: str = "") -> Iterator[str]:
        yield here
        if "$ref" in schema:
            schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        if isinstance(value, list):
            for item in value:
                yield from used(item, schema["items"], f"{here}.*")
        elif isinstance(value, dict):
            for name, inner in value.items():
                known = name in schema.get("properties", {})
                rest = schema["properties"][name] if known else schema["additionalProperties"]
                yield from used(inner, rest, f"{here}.{name}" if known else f"{here}.*")

    assert set(keys(SCHEMA)) <= {use for base in BASES.values() for use in used(base, SCHEMA)}


# The two studies repeat much of what the third has already: each fifth of theirs will do.
@pytest.mark.parametrize(("name", "step"), [*zip(BASES, (5, 5, 1), strict=True)])
def test_everything_broken_is_refused_by_name(name: str, step: int) -> None:
    count = 0
    for place, value, config in itertools.islice(broken(BASES[name]), 0, None, step):
        message = refused(config)
        assert message is not None, (place, str(value) if value is not HUGE else "huge")
        assert names_it(message, place), (place, message)
        count += 1
    assert count >= 400


# What cannot be followed to its end.


def cyclic() -> dict[str, Any]:
    """Return a configuration that contains itself."""
    config = copy.deepcopy(BASES["studies/tiny.yaml"])
    config["gate"]["again"] = config
    return config


def bomb() -> dict[str, Any]:
    """Return a configuration of 10 ** 12 values, which are 120 in memory."""
    lists: list[Any] = ["x"] * 10
    for _ in range(11):
        lists = [lists] * 10
    return BASES["studies/tiny.yaml"] | {"bomb": lists}


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


TINY = BASES["studies/tiny.yaml"]
CHAIN = {f"m{i}": {"source": {"random": f"m{i + 1}"}, "layers": [1]} for i in range(3000)}
WIDE = {"source": {"hub": "a/b", "revision": "0" * 40}, "depth": 9000, "layers": list(range(9000))}
LONG = {"a" * 80: TINY["models"]["llama"], "b" * 80: TINY["models"]["neox"]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (cyclic(), "gate.again.gate: nested more than 16 deep, or contains itself"),
        (bomb(), "bomb: the configuration has more than 100000 values here"),
        (TINY | {"bomb": nested(100_000)}, "bomb[0][0]: nested more than 16 deep"),
        (TINY | {"seed": ["x", 1] * 60_000}, "seed: the configuration has more than 100000 values"),
        (TINY | {"models": {"l": {"layers": ["x", 1] * 20_000}}}, "models.l.layers[0]: found 'x'"),
        (TINY | {str(i): i for i in range(20_000)}, "the configuration: unknown key '0', '1'"),
        (TINY | {"study": "x" * 10**7}, "study: found a text of 10000000 characters"),
        (TINY | {"models": TINY["models"] | CHAIN}, "models.m0.source.random: a chain of more"),
        (
            TINY
            | {
                "models": {"wide": WIDE, "other": WIDE},
                "comparisons": [
                    {"kind": "cross", "a": "wide", "b": "other", "dictionary": "neurons"}
                ],
            },
            "comparisons[0]: there are more than 100000 comparisons",
        ),
        (
            TINY
            | {
                "models": LONG,
                "dictionaries": {"c" * 80: {"neurons": {}}},
                "comparisons": [
                    {"kind": "cross", "a": "a" * 80, "b": "b" * 80, "dictionary": "c" * 80}
                ],
            },
            "comparisons[0]: the name 'aaa",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_end(config: Any, message: str) -> None:
    found = refused(config)
    assert found is not None
    assert found.startswith(message)


def test_an_endless_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "_MOST_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.txt").touch()
    config = copy.deepcopy(TINY)
    for path in (str(tmp_path), f"{tmp_path}/*.txt", f"{tmp_path}/" + "**/" * 30 + "*"):
        config["corpus"]["sources"]["manual"]["path"] = path
        found = refused(config)
        assert found is not None
        assert found.startswith("corpus.sources.manual.path: more than 3 files are at ")


@pytest.mark.parametrize(
    "name", ["a{b}.txt", "{model}.txt", "<study>.txt", "a\nb.txt", "\x1b[2J.txt"]
)
def test_files_whose_names_mean_something_to_the_workflow(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    config = copy.deepcopy(TINY)
    config["corpus"]["sources"]["manual"]["path"] = str(tmp_path)
    found = refused(config)
    assert found is not None
    assert found.startswith("corpus.sources.manual.path: the file ")


KEYS = sorted({str(name) for base in BASES.values() for p in places(base) for name in p})
# Drawn by name, since hypothesis prints what it draws from.
MONSTERS = {"huge": HUGE, "-huge": -HUGE, "nested": nested(50), "cyclic": cyclic(), "bomb": bomb()}
NAMES = st.one_of(
    st.sampled_from(KEYS),
    st.text(max_size=5),
    st.integers(),
    st.none(),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([10**30, 1e-320, "", "a" * 20_000, "\ud800", *ODD]),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.binary(max_size=3),
        st.sampled_from(sorted(MONSTERS)).map(lambda name: MONSTERS[name]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.frozensets(st.integers(), max_size=2),
        st.dictionaries(NAMES, inner, max_size=3),
    ),
    max_leaves=6,
)


@given(value=VALUES)
@settings(max_examples=200, deadline=None)
def test_any_value_is_refused(value: Any) -> None:
    assert refused(value) is not None


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_value_at_any_place(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from(sorted(BASES)))
    place = data.draw(st.sampled_from(list(places(BASES[base]))))
    value = data.draw(VALUES)
    message = refused(changed(BASES[base], place, value))
    # Where the new value is what stood there, or as good, the configuration is valid.
    if message is not None:
        assert key(place).split(".")[0].split("[")[0] in message or "comparisons" in message
