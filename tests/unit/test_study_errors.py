"""Every broken configuration gives one readable StudyError that names the key and what is valid."""

import contextlib
import copy
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
TINY, DEFAULT = (
    yaml.safe_load((ROOT / name).read_text()) for name in ("studies/tiny.yaml", "config.yaml")
)
# One more model, so that a chain of re-initialised models can break.
TINY["models"]["llama-random"] = {"source": {"random": "llama"}, "layers": [2]}
BROKEN = yaml.safe_load((ROOT / "tests" / "unit" / "broken_configurations.yaml").read_text())
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA = "ab" * 32


def at(key: str) -> Place:
    """Return `a.0.b` as a path of keys and indices."""
    return tuple(int(part) if part.isdigit() else part for part in key.split("."))


def message(config: Any, root: Path = ROOT) -> str:
    """Return the text of the one StudyError that `config` gives."""
    with pytest.raises(StudyError) as caught:
        study.resolve(config, SCHEMA, root)
    text = str(caught.value)
    assert text.isprintable(), text
    assert len(text) < 600, text
    return text


@pytest.mark.parametrize(
    "case", BROKEN, ids=lambda case: f"{case['key']}={case.get('value')!r:.30}"
)
def test_broken(case: dict[str, Any]) -> None:
    assert message(changed(TINY, at(case["key"]), case.get("value", REMOVED))) == case["message"]


def test_there_are_enough() -> None:
    assert len(BROKEN) >= 100


BAD_NAMES = ["../x", "..", "a/b", "", "a--b", "-x", "x-", "a b", "a\n", "étude", "٣", "*", "x" * 81]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_make_no_file_names(name: str) -> None:
    expected = (
        f"{name!r}, expected at most 80 letters, digits, '_', '.' and single '-' "
        "(names become parts of file names)"
    )
    assert message(TINY | {"study": name}) == f"study: found {expected}"
    for what in ("models", "dictionaries"):
        some = next(iter(TINY[what].values()))
        config = changed(TINY, (what, name), some)
        assert message(config) == f"{what}: found the name {expected}"
    config = changed(TINY, ("corpus", "sources", name), {"path": "x", "share": 0.5})
    assert message(config) == f"corpus.sources: found the name {expected}"


@pytest.mark.parametrize("name", ["a", "7", "gpt2.v1_x", "a-b.c-D", "x" * 80])
def test_names_that_are_valid(name: str) -> None:
    assert study.resolve(TINY | {"study": name}, SCHEMA, ROOT)["study"] == name


@pytest.mark.parametrize("path", ["x" * 5000, "y" * 300 + "/*", "a\0b", "a\0b/*", "**x", "~", "."])
def test_impossible_paths(path: str, tmp_path: Path) -> None:
    config = changed(TINY, at("corpus.sources.manual.path"), path)
    assert message(config, tmp_path).startswith("corpus.sources.manual.path: no file is at ")
    for kind in ("path", "random"):
        config = changed(TINY, at("models.llama.source"), {kind: path})
        config["corpus"]["sources"] = {"x": {"path": str(ROOT / "config.yaml"), "share": 1}}
        assert message(config, tmp_path).startswith(f"models.llama.source.{kind}: ")


def test_missing_sae(tmp_path: Path) -> None:
    path = f"{tmp_path}/{{model}}/{{layer}}"
    config = changed(TINY, at("dictionaries.topk-s0"), {"path": path})
    expected = f"dictionaries.topk-s0.path: no file is at '{tmp_path}/llama/1/cfg.json'"
    assert message(config) == expected


@pytest.mark.parametrize("config", [None, [], "text", 3, {}, {"study": "x"}])
def test_no_configuration(config: Any) -> None:
    assert message(config).startswith("the configuration: ")


def test_the_deepest_of_several_errors_is_told() -> None:
    config = changed(changed(TINY, at("seed"), "x"), at("models.llama.layers"), ["deep"])
    assert message(config).startswith("models.llama.layers[0]: found 'deep'")


def test_layer_of_a_model_that_is_only_described() -> None:
    config = changed(DEFAULT, at("models.smollm2-135m.layers"), [30])
    expected = "models.smollm2-135m.layers: the model has no layer 30; its 30 blocks are 0 to 29"
    assert message(config) == expected
    config = changed(DEFAULT, at("models.smollm2-135m-random.depth"), REMOVED)
    config = changed(config, at("models.smollm2-135m-random.layers"), [30])
    assert message(config).startswith(
        "models.smollm2-135m-random.layers: the model has no layer 30"
    )
    config = changed(DEFAULT, at("models.smollm2-135m.depth"), REMOVED)
    assert message(config).startswith("models.smollm2-135m: needs the key 'depth'")


def test_two_subjects_of_one_name() -> None:
    models, dictionaries, cross = TINY["models"], TINY["dictionaries"], TINY["comparisons"][0]
    config = TINY | {
        "models": models | {"llama.1": models["llama"]},
        "dictionaries": dictionaries | {"2.x": {"neurons": {}}, "x": {"neurons": {}}},
        "comparisons": [cross | {"dictionary": "2.x"}, cross | {"a": "llama.1", "dictionary": "x"}],
    }
    assert message(config) == (
        "comparisons[1]: two subjects are called 'llama.1.2.x'; rename a model or a dictionary"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot read"),
        ("[]", "cannot read"),
        ("3", "cannot read"),
        ("\xff", "cannot read"),
        ("[" * 100_000, "cannot read"),
        ("{}", "needs the key 'depth'"),
        ('{"num_hidden_layers": 1e999}', "needs the key 'depth'"),
        ('{"num_hidden_layers": true}', "needs the key 'depth'"),
        ('{"text_config": 3}', "cannot read"),
        ('{"num_hidden_layers": 0}', "states 0 blocks; valid: 1 to 10000"),
        ('{"num_hidden_layers": 1000000000}', "states 1000000000 blocks; valid: 1 to 10000"),
    ],
)
def test_damaged_config_of_a_model(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    config = changed(TINY, at("models.neox.source"), {"path": str(tmp_path)})
    found = message(config)
    assert found.startswith("models.neox")
    assert reason in found


def test_paths_are_relative_to_the_root(tmp_path: Path) -> None:
    assert message(TINY, tmp_path) == (
        "corpus.sources.manual.path: no file is at 'resources/tiny/manual.jsonl'"
    )


def places(value: Any, here: Place = ()) -> list[Place]:
    """Return the places of all values inside `value`."""
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        inner = ()
    return [here, *(place for key, part in inner for place in places(part, (*here, key)))]


ODD = st.sampled_from(
    ["..", "../x", "a/b", "--", "", "a\n", "٣", "*", "[", "{layer}", "~", "\0", "é"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    ODD,
    st.dates(),
    st.binary(max_size=3),
    st.sampled_from(["llama", "neox", "topk-s0", "neurons", "random", "config.yaml", COMMIT, SHA]),
)
KEYS = st.one_of(
    st.sampled_from(sorted({str(part) for place in places(TINY) for part in place})),
    st.text(max_size=4),
    st.integers(-1, 3),
    st.none(),
    ODD,
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_junk_anywhere_resolves_or_gives_one_study_error(data: st.DataObject) -> None:
    config = {"whole": copy.deepcopy(TINY)}
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(config)[1:]))
        inner: Any = config
        for part in place:
            inner = inner[part]
        if isinstance(inner, dict) and data.draw(st.booleans()):
            inner[data.draw(KEYS)] = data.draw(JUNK)
        else:
            config = changed(config, place, data.draw(st.one_of(st.just(REMOVED), JUNK)))
        if "whole" not in config:
            return
    with contextlib.suppress(StudyError):
        resolved = study.resolve(config["whole"], SCHEMA, ROOT)
        # What resolves can be worked with.
        study.digest(resolved)
        for name in resolved["models"]:
            study.model_definition(resolved["models"], name, resolved["seed"])
        for subject in study.subjects(resolved).values():
            study.dictionary_source(resolved["dictionaries"][subject.dictionary])
