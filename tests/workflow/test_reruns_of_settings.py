"""A changed setting reruns what reads it, and what follows from that; nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from checkouts import Checkout
from dry_runs import CONFIG, configured, planned, replaced
from reruns import after, of_comparisons

Config = dict[str, Any]

# One subject less or more concerns one job of each of these rules.
ONE_SUBJECT = {"sae": 1, "sae_quality": 1, "features": 1, "labels": 1}


def update(*path: str | int, **values: Any) -> Callable[[Config], None]:
    """Return what sets keys of the mapping at `path`."""

    def change(config: Config) -> None:
        place: Any = config
        for key in path:
            place = place[key]
        place.update(values)

    return change


def without_neox(config: Config) -> None:
    del config["models"]["neox"]
    config["comparisons"] = [c for c in config["comparisons"] if c["kind"] == "ceiling"]


def with_a_third_model(config: Config) -> None:
    config["models"]["third"] = {"source": {"random": "resources/tiny/llama"}, "layers": [0]}
    new = {"kind": "cross", "a": "llama", "b": "third", "dictionary": "topk-s0", "layers_a": [1]}
    config["comparisons"].append(new)


def compare_other_seeds_of_layer_1(config: Config) -> None:
    config["comparisons"][1]["layers_a"] = [1, 2]


def permute_layer_1(config: Config) -> None:
    config["comparisons"][3]["layers_a"] = [1, 2]


def swap_thresholds(config: Config) -> None:
    config["matching"] |= {"min_firings": 3, "min_documents": 5}


CASES: dict[str, tuple[Callable[[Config], None], dict[str, int]]] = {
    # What is compared. The new layer meets both layers of llama, and permuted rows.
    "layer added": (
        update("models", "neox", layers=[3, 4]),
        after("activations", activations=1, **ONE_SUBJECT, **of_comparisons(3, 2, 2))
        | {"published_activations": 1},
    ),
    "model added": (
        with_a_third_model,
        after(
            "model",
            model=1,
            tokens=1,
            alignment=1,
            activations=1,
            published_activations=1,
            **ONE_SUBJECT,
            **of_comparisons(1, 1, 1),
        ),
    ),
    "model removed": (without_neox, after("calibration", "dag")),
    "comparison with a new subject added": (
        compare_other_seeds_of_layer_1,
        after("sae", **ONE_SUBJECT, **of_comparisons(1, 1, 0)),
    ),
    "comparison of known subjects added": (
        permute_layer_1,
        after("correlation", **of_comparisons(1, 0, 0)),
    ),
    "comparison removed": (lambda config: config["comparisons"].pop(), after("calibration")),
    "seed": (update(seed=2), after("corpus", "model")),
    # The corpus, and how a model reads it. Splits stand in the corpus, so they make another one.
    "documents": (update("corpus", documents=300), after("corpus")),
    "document_tokens": (update("corpus", document_tokens=40), after("corpus")),
    "splits": (
        update("corpus", splits={"train": 0.4, "match": 0.3, "heldout": 0.3}),
        after("corpus"),
    ),
    "share": (
        lambda config: [s.update(share=0.5) for s in config["corpus"]["sources"].values()],
        after("corpus"),
    ),
    "max_tokens": (update("corpus", max_tokens=30), after("tokens")),
    "bos of neox": (
        lambda config: config["models"]["neox"].pop("bos"),
        after(
            "tokens",
            tokens=1,
            alignment=1,
            activations=1,
            published_activations=1,
            sae=1,
            sae_quality=1,
            features=2,
            labels=2,
            **of_comparisons(4, 2, 2),
        ),
    ),
    # Activations.
    "hook": (
        update("activations", hook="mlp_out"),
        after("activations", "published_activations"),
    ),
    "dtype": (
        update("activations", dtype="bfloat16"),
        after("activations", "published_activations"),
    ),
    "batch_tokens": (
        update("activations", batch_tokens=2048),
        after("activations", "published_activations"),
    ),
    "massive_norm": (update("activations", massive_norm=6), after("sae", "features")),
    # Dictionaries.
    "width of one SAE seed": (
        update("dictionaries", "topk-s1", "train", width=80),
        after("sae", **ONE_SUBJECT, **of_comparisons(1, 1, 0)),
    ),
    "width of the other": (
        update("dictionaries", "topk-s0", "train", width=80),
        after("sae", sae=3, sae_quality=3, features=3, labels=3, **of_comparisons(4, 3, 2)),
    ),
    "epochs of all": (
        lambda config: [
            config["dictionaries"][d]["train"].update(epochs=5) for d in ("topk-s0", "topk-s1")
        ],
        after("sae"),
    ),
    "SAE seed": (
        update("dictionaries", "topk-s1", seed=2),
        after("sae", **ONE_SUBJECT, **of_comparisons(1, 1, 0)),
    ),
    "a random dictionary in place of neurons": (
        update("dictionaries", neurons={"random": {"width": 64, "k": 8}, "seed": 0}),
        after("sae", "dag", sae=2, sae_quality=2, features=2, labels=2, **of_comparisons(1, 0, 0)),
    ),
    "gate": (update("gate", max_fvu=0.8), after("sae_quality")),
    "gate.on_failure": (update("gate", on_failure="continue"), after("sae_quality")),
    # Labels reach matchings, since a label is excluded.
    "labels.top": (update("labels", top=6), after("labels")),
    "exclude_labels": (
        update("selection", exclude_labels=["the"]),
        after("matching", "published"),
    ),
    "exclude_labels off": (
        update("selection", exclude_labels=[]),
        after("matching", "published", "dag"),
    ),
    "shared_label": (update("selection", shared_label=True), after("matching", "published")),
    "min_correlation": (
        update("selection", min_correlation=0.06),
        after("matching", "published"),
    ),
    # Matching and scoring.
    "min_firings": (update("matching", min_firings=6), after("correlation")),
    "min_documents": (update("matching", min_documents=4), after("correlation")),
    "min_firings and min_documents swapped": (swap_thresholds, after("correlation")),
    "method": (update("matching", methods=["hungarian"]), after("matching")),
    "permutations": (
        update("scoring", permutations=199),
        after("scores", "subspaces", "published"),
    ),
    # The published protocol ends with the study's own svcca.
    "metric": (
        update("scoring", metrics={"rsa": {}, "svcca": {"k": 2}}),
        after("scores", "nulls", "intervals", "sensitivity", "subspaces"),
    ),
    "metric's option": (
        update("scoring", metrics={"svcca": {"k": 3}, "rsa": {}}),
        after("scores", "nulls", "intervals", "sensitivity", "subspaces", "published"),
    ),
    "draws": (
        update("scoring", "detail", draws=30),
        after("nulls", "intervals", "subspaces"),
    ),
    "rematchings": (update("scoring", "detail", rematchings=6), after("rematching", intervals=2)),
    "refits": (update("scoring", "detail", refits=5), after("rematching", intervals=2)),
    "metrics looked at in detail": (
        update("scoring", "detail", metrics=["rsa"]),
        after("nulls", "intervals", "sensitivity", "subspaces"),
    ),
    "matchings that a metric scores": (
        update("scoring", "metrics", rsa={"methods": ["hungarian"]}),
        after("scores"),
    ),
    "no rematchings": (
        update("scoring", "detail", rematchings=0, refits=0),
        after("nulls", "intervals", "dag", intervals=2),
    ),
    "matchings looked at in detail": (
        update("scoring", "detail", methods=["one_to_one"]),
        after("scores", "rematching", "sensitivity", "subspaces", "nulls", "intervals"),
    ),
    "only calibrated": (update("scoring", protocols=["calibrated"]), after("tables", "dag")),
    "a choice of the published protocol": (
        update(published={"pre_activations": False}),
        after("published"),
    ),
    "a category": (update("subspaces", "categories", New=["the"]), after("subspaces")),
    "words of a category": (update("subspaces", "categories", Tales=["a"]), after("subspaces")),
    "no categories": (lambda config: config.pop("subspaces"), after("calibration", "dag")),
    "min_words": (update("subspaces", min_words=2), after("subspaces")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_changed_setting(scratch: Checkout, case: str) -> None:
    change, expected = CASES[case]
    assert planned(scratch, config=configured(scratch, change)) == expected


def backwards(value: Any) -> Any:
    """Return the same with the keys of all mappings in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def all_backwards(config: Config) -> None:
    turned = backwards(config)
    config.clear()
    config.update(turned)
    assert next(iter(config)) == "subspaces"


SAME = {
    "renamed, without comments": lambda config: None,
    "reordered": all_backwards,
    "depth stated": update("models", "llama", depth=4),
    "default stated": lambda config: config["comparisons"][0].update(rows="aligned"),
}


@pytest.mark.parametrize("case", SAME)
def test_a_configuration_that_means_the_same(scratch: Checkout, case: str) -> None:
    assert planned(scratch, config=configured(scratch, SAME[case])) == {}


def test_what_nothing_uses_is_only_recorded(scratch: Checkout) -> None:
    config = configured(scratch, update("dictionaries", unused={"neurons": {}}))
    assert planned(scratch, config=config) == after("manifest")


def test_a_comment_in_the_configuration(scratch: Checkout) -> None:
    file = scratch.root / CONFIG
    with replaced(file, b"# A comment.\n" + file.read_bytes()):
        assert planned(scratch) == {}


def test_threads_and_profiles(scratch: Checkout) -> None:
    assert planned(scratch, "--set-threads", "sae=2", "--cores", "2") == {}
    assert planned(scratch, "--workflow-profile", "profiles/slurm") == {}
    profile = scratch.root / "profiles/default/config.yaml"
    with replaced(profile, profile.read_bytes().replace(b"gpu_jobs: 4", b"gpu_jobs: 1")):
        assert planned(scratch) == {}
