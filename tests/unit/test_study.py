"""What a configuration means: defaults, subjects, comparisons, identities."""

import copy
import inspect
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from universality import study
from universality.errors import StudyError
from universality.features.matching import MATCHERS
from universality.features.training import ARCHITECTURES
from universality.inputs import activations, hooks
from universality.inputs.markup import FORMATS
from universality.similarity.metrics import METRICS

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "schemas" / "config.schema.yaml").read_text())
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "studies").glob("*.yaml"))]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def resolve(config: Any, root: Path = ROOT) -> dict[str, Any]:
    return study.resolve(config, SCHEMA, root)


@pytest.fixture
def tiny() -> dict[str, Any]:
    config = read(ROOT / "studies" / "tiny.yaml")
    config["models"]["llama-random"] = {"source": {"random": "llama"}, "layers": [2]}
    return config


@pytest.fixture
def default() -> dict[str, Any]:
    return read(ROOT / "config.yaml")


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def parts(schema: Any) -> list[dict[str, Any]]:
    """Return all parts of a schema that are schemas themselves."""
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    inner += [
        schema[k] for k in ("items", "additionalProperties") if isinstance(schema.get(k), dict)
    ]
    return [schema, *(part for child in inner for part in parts(child))]


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    objects = [part for part in parts(SCHEMA) if part.get("type") == "object"]
    assert len(objects) > 20
    assert all("additionalProperties" in part for part in objects)


def test_defaults_of_the_schema_fit_it() -> None:
    with_default = [part for part in parts(SCHEMA) if "default" in part]
    assert len(with_default) > 20
    for part in with_default:
        jsonschema.validate(part["default"], part | {"$defs": SCHEMA["$defs"]})


def test_the_schema_lists_what_the_library_has() -> None:
    properties = SCHEMA["properties"]
    options = properties["activations"]["properties"]
    assert options["hook"]["enum"] == list(hooks.HOOKS)
    assert options["dtype"]["enum"] == list(activations.DTYPES)
    assert set(properties["scoring"]["properties"]["metrics"]["properties"]) == set(METRICS)
    for name, metric in METRICS.items():
        described = properties["scoring"]["properties"]["metrics"]["properties"][name]
        if "$ref" in described:
            described = SCHEMA["$defs"][described["$ref"].rsplit("/", 1)[1]]
        taken = inspect.signature(metric).parameters.values()
        options = {p.name: p.default for p in taken if p.kind is p.KEYWORD_ONLY}
        stated = {k: v["default"] for k, v in described["properties"].items() if k != "methods"}
        assert stated == options, name
    methods = properties["matching"]["properties"]["methods"]
    assert methods["items"]["enum"] == methods["default"] == list(MATCHERS)
    assert SCHEMA["$defs"]["methods"]["items"]["enum"] == list(MATCHERS)
    train = properties["dictionaries"]["additionalProperties"]["properties"]["train"]
    assert train["properties"]["architecture"]["enum"] == list(ARCHITECTURES)
    source = properties["corpus"]["properties"]["sources"]["additionalProperties"]
    assert set(source["properties"]["format"]["enum"]) == set(FORMATS)


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_our_studies_resolve(file: Path) -> None:
    config = read(file)
    before = copy.deepcopy(config)
    resolved = resolve(config)
    assert config == before
    assert resolve(resolved) == resolved
    assert study.comparisons(resolved)
    json.dumps(resolved, allow_nan=False)


def test_defaults() -> None:
    minimal: dict[str, Any] = {
        "study": "minimal",
        "corpus": {"documents": 9, "sources": {"x": {"path": "config.yaml", "share": 1}}},
        "models": {"m": {"source": {"random": "resources/tiny/llama"}, "layers": [0]}},
        "dictionaries": {
            "a": {"train": {"architecture": "standard", "width": 8}, "seed": 0},
            "b": {"neurons": {}},
        },
        "comparisons": [{"kind": "ceiling", "model": "m", "dictionaries": ["a", "b"]}],
        "scoring": {"metrics": {"svcca": {}}},
    }
    resolved = resolve(minimal)
    assert resolved["seed"] == 0
    assert resolved["corpus"] == minimal["corpus"] | {
        "document_tokens": 128,
        "max_tokens": 256,
        "splits": {"train": 0.6, "match": 0.2, "heldout": 0.2},
    }
    assert resolved["models"] == {"m": minimal["models"]["m"] | {"depth": 4}}
    assert resolved["dictionaries"]["a"]["train"] == {
        "architecture": "standard",
        "width": 8,
        "epochs": 5,
        "batch": 4096,
        "learning_rate": 0.001,
        "sae_lens": {},
    }
    assert resolved["dictionaries"]["b"] == {"neurons": {}}
    assert resolved["comparisons"][0]["rows"] == "aligned"
    assert resolved["activations"] == {
        "hook": "resid_post",
        "dtype": "bfloat16",
        "batch_tokens": 2048,
        "massive_norm": 5,
    }
    assert resolved["gate"] == {"max_fvu": 0.5, "on_failure": "stop"}
    assert resolved["labels"] == {"top": 5}
    assert resolved["matching"]["min_firings"] == 10
    assert resolved["matching"]["methods"][0] == "max_correlation"
    assert resolved["selection"]["exclude_labels"] == []
    assert resolved["scoring"] == {
        "metrics": {"svcca": {"k": 10}},
        "permutations": 1000,
        "protocols": ["calibrated", "published"],
        "detail": {
            "draws": 100,
            "rematchings": 19,
            "refits": 9,
            "methods": ["hungarian"],
            "metrics": ["svcca"],
        },
    }
    assert len(resolved["published"]) == 11
    assert all(resolved["published"].values())
    assert resolved["subspaces"] == {"categories": {}, "min_words": 1, "min_pairs": 10}
    assert set(resolved) == set(SCHEMA["properties"]) - {"pathvars"}


def backwards(value: Any) -> Any:
    """Return the same with the keys of all mappings in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_the_order_of_keys_means_nothing(file: Path) -> None:
    config = read(file)
    assert json.dumps(resolve(backwards(config))) == json.dumps(resolve(config))
    assert list(resolve(backwards(config))["corpus"]["splits"]) == ["train", "match", "heldout"]


def test_a_stated_depth_that_is_known_anyway_means_nothing(tiny: dict[str, Any]) -> None:
    before = json.dumps(resolve(tiny))
    tiny["models"]["llama"] = {"depth": 4} | tiny["models"]["llama"]
    assert json.dumps(resolve(tiny)) == before


def test_defaults_are_not_shared_between_studies(tiny: dict[str, Any]) -> None:
    del tiny["matching"]
    resolve(tiny)["matching"]["methods"].clear()
    assert len(resolve(tiny)["matching"]["methods"]) == 5


def test_comparisons_of_the_default_study(default: dict[str, Any]) -> None:
    found = study.comparisons(resolve(default))
    a = [f"smollm2-135m.{layer}" for layer in (7, 14, 21)]
    b = [f"gemma3-270m.{layer}" for layer in (4, 8, 13)]
    cross = [f"{i}.topk-s0--{j}.topk-s0" for i in a for j in b]
    expected = {
        "cross": cross,
        "ceiling": [f"{i}.topk-s0--{i}.topk-s1" for i in a + b],
        "floor": [
            *(f"smollm2-135m-random.14.topk-s0--{j}.topk-s0" for j in b),
            "smollm2-135m.14.neurons--gemma3-270m.8.neurons",
            *(f"{name}--permuted" for name in cross),
        ],
    }
    assert list(found) == [name for names in expected.values() for name in names]
    assert [len(names) for names in expected.values()] == [9, 6, 3 + 1 + 9]
    for kind, names in expected.items():
        assert {found[name].kind for name in names} == {kind}
    for name, comparison in found.items():
        assert comparison.id == name
        assert comparison.permuted == name.endswith("--permuted")


def test_subjects_of_the_default_study(default: dict[str, Any]) -> None:
    found = study.subjects(resolve(default))
    trained = {"smollm2-135m": (7, 14, 21), "gemma3-270m": (4, 8, 13)}
    expected = {
        f"{m}.{i}.topk-s{s}" for m, layers in trained.items() for i in layers for s in (0, 1)
    }
    expected |= {"smollm2-135m-random.14.topk-s0"}
    expected |= {"smollm2-135m.14.neurons", "gemma3-270m.8.neurons"}
    assert set(found) == expected
    assert found["gemma3-270m.13.topk-s1"] == study.Subject("gemma3-270m", 13, "topk-s1")
    assert all(subject.id == name for name, subject in found.items())


def test_comparisons_of_the_tiny_study(tiny: dict[str, Any]) -> None:
    found = study.comparisons(resolve(tiny))
    assert {name: comparison.kind for name, comparison in found.items()} == {
        "llama.1.topk-s0--neox.3.topk-s0": "cross",
        "llama.2.topk-s0--neox.3.topk-s0": "cross",
        "llama.2.topk-s0--llama.2.topk-s1": "ceiling",
        "llama.2.neurons--neox.3.neurons": "floor",
        "llama.2.topk-s0--neox.3.topk-s0--permuted": "floor",
    }


def test_a_dictionary_for_each_side(tiny: dict[str, Any]) -> None:
    tiny["comparisons"] = [
        {"kind": "cross", "a": "neox", "b": "llama", "dictionaries": ["topk-s1", "neurons"]},
        # One model at two layers is no comparison with itself.
        {"kind": "cross", "a": "llama", "b": "llama", "dictionary": "topk-s0"}
        | {"layers_a": [1], "layers_b": [2]},
    ]
    assert list(study.comparisons(resolve(tiny))) == [
        "neox.3.topk-s1--llama.1.neurons",
        "neox.3.topk-s1--llama.2.neurons",
        "llama.1.topk-s0--llama.2.topk-s0",
    ]


def test_the_same_comparison_twice_is_one(tiny: dict[str, Any]) -> None:
    tiny["comparisons"] = [tiny["comparisons"][0], tiny["comparisons"][0] | {"layers_a": [2]}]
    assert len(study.comparisons(resolve(tiny))) == 2


def test_layers_follow_the_models_own_order(tiny: dict[str, Any]) -> None:
    tiny["models"]["llama"]["layers"] = [2, 0, 1]
    names = list(study.comparisons(resolve(tiny)))
    assert [name.split(".")[1] for name in names[:3]] == ["2", "0", "1"]


def test_digest() -> None:
    # A change here makes every study run anew.
    assert study.digest({"a": [1, 2.5, None, True, "é"]}) == "c9d0aad476"
    assert study.digest({"a": 1, "b": 2}) == study.digest({"b": 2, "a": 1})
    values = [1, "1", 1.5, [1], [[1]], {"a": 1}, {"a": 2}, {"b": 1}, None, True, [1, 2], [2, 1]]
    assert len({study.digest(value) for value in values}) == len(values)
    assert study.digest(1, 2) != study.digest([1, 2])
    with pytest.raises(ValueError, match="not JSON compliant"):
        study.digest(float("nan"))


def test_model_definition(tiny: dict[str, Any]) -> None:
    models = resolve(tiny)["models"]
    folder = {"random": "resources/tiny/llama"}
    assert study.model_definition(models, "llama", 5) == [folder, 4, 5, ["resources/tiny/llama"]]
    assert study.model_definition(models, "llama-random", 5) == [
        {"random": "llama"},
        4,
        5,
        [folder, 4, 5, ["resources/tiny/llama"]],
    ]
    hub = {"hub": "a/b", "revision": COMMIT}
    assert study.model_definition({"m": {"source": hub, "depth": 6}}, "m", 5) == [hub, 6]


def test_a_model_is_redefined_by_what_it_starts_from_and_not_by_its_layers() -> None:
    def definition(**base: Any) -> str:
        random = {"source": {"random": "base"}, "depth": 6, "layers": [0]}
        models = {"base": base | {"depth": 6}, "random": random}
        return study.digest(study.model_definition(models, "random", 0))

    hub = {"hub": "a/b", "revision": COMMIT}
    one = definition(source=hub, layers=[0])
    assert definition(source=hub, layers=[1, 2], bos="<s>") == one
    assert definition(source=hub | {"revision": COMMIT[::-1]}, layers=[0]) != one


@pytest.mark.parametrize(
    ("entry", "source"),
    [
        ({"train": {"width": 8}, "seed": 0}, "train"),
        ({"release": "r", "id": "i"}, "release"),
        ({"path": "p"}, "path"),
        ({"neurons": {}}, "neurons"),
        ({"random": {"width": 8, "k": 1}, "seed": 0}, "random"),
    ],
)
def test_dictionary_source(entry: dict[str, Any], source: str) -> None:
    assert study.dictionary_source(entry) == source


def test_files(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/c/1.txt", "a.md", "b/c/3.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")

    def found(path: str) -> list[str]:
        return [str(f.relative_to(tmp_path)) for f in study.files(path, tmp_path)]

    assert found("a.md") == ["a.md"]
    assert found(str(tmp_path / "a.md")) == ["a.md"]
    assert found("b") == ["b/2.txt", "b/c/1.txt", "b/c/3.md"]
    assert found("**/*.txt") == found(f"{tmp_path}/**/*.txt") == ["b/2.txt", "b/c/1.txt"]
    assert found("b/*") == ["b/2.txt"]
    assert found("b/[c]/?.md") == ["b/c/3.md"]
    assert found("none") == found("none/*") == []


def test_text_files_of_many_kinds(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text("x")
    tiny["models"] = {
        "m": {"source": {"random": str(ROOT / "resources/tiny/llama")}, "layers": [0]}
    }
    tiny["comparisons"] = [
        {"kind": "ceiling", "model": "m", "dictionaries": ["topk-s0", "topk-s1"]}
    ]
    for path in ("texts", "texts/one.txt", "texts/*.txt", f"{tmp_path}/texts/*.txt"):
        tiny["corpus"]["sources"] = {"x": {"path": path, "share": 1}}
        assert resolve(tiny, tmp_path)["corpus"]["sources"]["x"]["path"] == path


def test_sae_files(tiny: dict[str, Any], tmp_path: Path) -> None:
    subject = study.Subject("llama", 2, "mine")
    folder = tmp_path / "saes" / "llama-2"
    expected = [folder / "cfg.json", folder / "sae_weights.safetensors"]
    assert study.sae_files("saes/{model}-{layer}", subject, tmp_path) == expected
    tiny["dictionaries"]["mine"] = {"path": str(tmp_path / "saes" / "{model}-{layer}")}
    tiny["comparisons"] = [
        {"kind": "ceiling", "model": "llama", "dictionaries": ["mine", "topk-s0"], "layers_a": [2]}
    ]
    folder.mkdir(parents=True)
    expected[0].write_text("{}")
    message = r"dictionaries\.mine\.path: no file is at '.*llama-2/sae_weights\.safetensors'"
    with pytest.raises(StudyError, match=message):
        resolve(tiny)
    expected[1].write_text("")
    assert "llama.2.mine" in study.subjects(resolve(tiny))


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 4},
        {"n_layer": 4},
        {"n_layers": 4},
        {"num_layers": 4},
        {"num_hidden_layers": 9, "text_config": {"num_hidden_layers": 4}},
    ],
)
@pytest.mark.parametrize("source", ["path", "random"])
def test_depth_of_a_folder(
    tiny: dict[str, Any], tmp_path: Path, config: dict[str, Any], source: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    tiny["models"]["neox"] = {"source": {source: str(tmp_path)}, "layers": [3]}
    resolve(tiny)
    tiny["models"]["neox"]["layers"] = [3, 4]
    with pytest.raises(StudyError, match=r"^models\.neox\.layers: the model has no layer 4; its 4"):
        resolve(tiny)


def test_a_folder_that_does_not_tell_its_depth(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "new", "num_hidden_layers": "many"}')
    tiny["models"]["neox"] = {"source": {"path": str(tmp_path)}, "layers": [3]}
    with pytest.raises(StudyError, match=r"^models\.neox: needs the key 'depth'"):
        resolve(tiny)
    tiny["models"]["neox"]["depth"] = 4
    resolve(tiny)


def test_a_gguf_file_needs_its_depth(tiny: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    tiny["models"]["neox"] = {"source": {"path": str(tmp_path / "m.gguf")}, "layers": [3]}
    with pytest.raises(StudyError, match=r"^models\.neox: needs the key 'depth'"):
        resolve(tiny)
    tiny["models"]["neox"]["depth"] = 4
    resolve(tiny)


def scored(metrics: dict[str, Any], **changes: Any) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "studies/tiny.yaml").read_text())
    config["scoring"]["metrics"] = metrics
    return resolve(config | changes)


def test_a_metric_under_a_name_of_its_own_and_one_score_for_each_k() -> None:
    config = scored(
        {"mine": {"metric": "rsa", "inside": "cosine"}, "mutual_knn": {"k": [5, 2]}, "svcca": {}}
    )
    assert study.metrics(config) == [
        ("svcca", "svcca", {"k": 10}),
        ("mutual_knn_5", "mutual_knn", {"k": 5, "distance": "cosine"}),
        ("mutual_knn_2", "mutual_knn", {"k": 2, "distance": "cosine"}),
        ("mine", "rsa", {"inside": "cosine", "outside": "spearman"}),
    ]


def test_a_metric_may_score_some_of_the_matchings() -> None:
    some = {"mutual_knn": {"k": [5, 2], "methods": ["hungarian"]}, "rsa": {}}
    config = scored(some)
    assert study.metric_methods(config) == {
        "rsa": config["matching"]["methods"],
        "mutual_knn_5": ["hungarian"],
        "mutual_knn_2": ["hungarian"],
    }
    assert ("rsa", "rsa", {"inside": "pearson", "outside": "spearman"}) in study.metrics(config)


def test_some_metrics_are_looked_at_in_detail() -> None:
    metrics = {"mutual_knn": {"k": [5, 2]}, "rsa": {}}
    all_of_them = scored(metrics)
    assert sorted(study.detailed_metrics(all_of_them)) == sorted(study.metrics(all_of_them))
    some = {"metrics": metrics, "detail": {"metrics": ["mutual_knn"]}}
    labels = [label for label, _, _ in study.detailed_metrics(scored({}, scoring=some))]
    assert labels == ["mutual_knn_5", "mutual_knn_2"]
    with pytest.raises(StudyError, match=r"detail.metrics: 'cka' is not among scoring.metrics"):
        scored({}, scoring={"metrics": metrics, "detail": {"metrics": ["cka"]}})


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"mine": {"metric": "rsb"}}, r"scoring.metrics.mine.metric: found 'rsb'; valid: svcca, "),
        ({"mine": {"metric": "rsa", "k": 3}}, r"scoring.metrics.mine: unknown key 'k'; valid: met"),
        ({"mine": {"metric": "svcca", "k": 0}}, r"scoring.metrics.mine: k: found 0, expected at"),
        ({"mine": {}}, r"scoring.metrics.mine: missing key 'metric'"),
        (
            {"rsa": {"methods": ["hungarian"]}, "svcca": {"methods": ["one_to_two"]}},
            r"scoring.metrics.svcca.methods\[0\]: found 'one_to_two'; valid: ",
        ),
        (
            {"mutual_knn": {"k": [5]}, "mutual_knn_5": {"metric": "rsa"}},
            r"scoring.metrics: two scores would be called 'mutual_knn_5'; rename one of them",
        ),
        ({"activation_cka": {"metric": "cka"}}, r"two scores would be called 'activation_cka'"),
    ],
)
def test_metrics_that_cannot_be(metrics: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        scored(metrics)


def test_details_are_for_matchings_that_there_are() -> None:
    matching = {"methods": ["one_to_one", "mutual_nearest"]}
    assert scored({"rsa": {}}, matching=matching)["scoring"]["detail"]["methods"] == ["one_to_one"]
    with pytest.raises(StudyError, match=r"detail.methods: 'hungarian' is not among matching.meth"):
        scored(
            {},
            matching=matching,
            scoring={"metrics": {"rsa": {}}, "detail": {"methods": ["hungarian"]}},
        )


def test_a_feature_has_no_more_words_than_labels() -> None:
    subspaces = {"categories": {"A": ["x"]}, "min_words": 4}
    assert scored({"rsa": {}}, subspaces=subspaces)
    with pytest.raises(StudyError, match=r"subspaces.min_words: found 4; .* labels.top = 3"):
        scored({"rsa": {}}, subspaces=subspaces, labels={"top": 3})


def test_words_of_categories_are_local_files() -> None:
    config = yaml.safe_load((ROOT / "studies/tiny.yaml").read_text())
    config["subspaces"]["categories"] = {"A": "resources/categories/time.txt", "B": ["x"]}
    assert ROOT / "resources/categories/time.txt" in study.local_files(resolve(config), ROOT)
    config["subspaces"]["categories"]["A"] = "resources/none.txt"
    with pytest.raises(StudyError, match=r"categories.A: no file is at 'resources/none.txt'"):
        resolve(config)


@pytest.mark.parametrize("name", ["config.yaml", "studies/tiny.yaml", "tests/unit/every_key.yaml"])
def test_a_resolved_configuration_resolves_to_itself(name: str) -> None:
    """Also in the order of keys, which counts in the parameters of a job."""
    once = resolve(yaml.safe_load((ROOT / name).read_text()))
    assert json.dumps(resolve(json.loads(json.dumps(once)))) == json.dumps(once)
