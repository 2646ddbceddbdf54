"""What a rerun gives is what a run from nothing gives, also beside another study."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from checkouts import Checkout, checkout, table_bytes
from dry_runs import CONFIG, configured, planned
from reruns import after

Config = dict[str, Any]

# Of the four comparisons that are left, two are looked at in detail.
LEFT = dict.fromkeys(("matching", "scores", "intervals"), 4)
LEFT |= dict.fromkeys(("sensitivity", "subspaces", "published"), 2) | {"nulls": 1}


def changed(config: Config) -> None:
    """Change settings at several depths of the workflow, and compare layer 1 no longer."""
    config["scoring"]["permutations"] = 199
    config["selection"]["min_correlation"] = 0.06
    config["dictionaries"]["topk-s1"]["train"]["width"] = 80
    config["comparisons"][0]["layers_a"] = [2]


def configure(copy: Checkout, change: Callable[[Config], Any]) -> None:
    """Change the configuration of the tiny study itself."""
    (copy.root / configured(copy, change)).replace(copy.root / CONFIG)


def run(copy: Checkout, *arguments: str) -> None:
    done = copy.snakemake("--cores", "2", *arguments)
    assert done.returncode == 0, done.stderr[-5000:]


def hashes(*folders: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below folders."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The changed study, run where nothing was, one job at a time: that makes no difference."""
    copy = checkout(tmp_path_factory.mktemp("alone") / "checkout")
    configure(copy, changed)
    run(copy, "--cores", "1")
    return copy


@dataclass
class History:
    """What happened to a finished tiny study: another study ran, then its own settings changed."""

    copy: Checkout
    before: dict[str, str]
    beside: dict[str, str]
    planned_beside: dict[str, int]
    planned_changed: dict[str, int]


@pytest.fixture(scope="module")
def history(tiny: Checkout, tmp_path_factory: pytest.TempPathFactory) -> History:
    root = tmp_path_factory.mktemp("history") / "checkout"
    shutil.copytree(tiny.root, root, symlinks=True)
    copy = Checkout(root)
    mine = copy.study, *copy.shared.iterdir()
    before = hashes(*mine)

    def other(config: Config) -> None:
        changed(config)
        config["study"] = "other"

    (copy.root / configured(copy, other)).replace(copy.root / "studies/other.yaml")
    done = copy.snakemake("--cores", "2", "--configfile", "studies/other.yaml")
    assert done.returncode == 0, done.stderr[-5000:]
    beside, planned_beside = hashes(*mine), planned(copy)

    configure(copy, changed)
    planned_changed = planned(copy)
    run(copy)
    return History(copy, before, beside, planned_beside, planned_changed)


def test_another_study_changes_nothing_of_the_first(history: History) -> None:
    assert history.before == history.beside
    assert history.planned_beside == {}


def test_a_study_beside_another_gives_what_it_gives_alone(
    history: History, alone: Checkout
) -> None:
    other = history.copy.root / "results/other"
    for file, content in table_bytes(alone).items():
        assert (other / "tables" / file).read_bytes() == content, file


def test_a_rerun_gives_what_a_fresh_run_gives(history: History, alone: Checkout) -> None:
    of_one_sae = {"sae": 1, "sae_quality": 1, "features": 1, "labels": 1, "correlation": 1}
    assert history.planned_changed == after("matching", "published", **LEFT) | of_one_sae
    assert table_bytes(history.copy) == table_bytes(alone)
    for figure in (alone.study / "figures").glob("*.svg"):
        assert (history.copy.study / "figures" / figure.name).read_bytes() == figure.read_bytes()
    assert (history.copy.study / "summary.md").read_bytes() == (
        alone.study / "summary.md"
    ).read_bytes()


def test_what_is_compared_no_longer_is_read_no_longer(history: History, alone: Checkout) -> None:
    study = history.copy.study
    assert (study / "features/llama.1.topk-s0.zarr").exists()  # until somebody deletes it
    for name in ("tables/scores.csv", "tables/manifest.json", "ro-crate-metadata.json"):
        assert "llama.1.topk-s0" not in (study / name).read_text()
    jobs = [
        {rule: row["jobs"] for rule, row in json.loads(path.read_text())["rules"].items()}
        for path in (study / "tables/manifest.json", alone.study / "tables/manifest.json")
    ]
    assert jobs[0] == jobs[1]
    assert jobs[0]["activations"] == 2


def test_settings_changed_back_rerun_again(history: History, tiny: Checkout) -> None:
    """What layer 1 had left still holds, but for what the filters and scoring read."""
    back = history.copy.root / "back.yaml"
    shutil.copy(tiny.root / CONFIG, back)
    of_one_sae = {"sae": 1, "sae_quality": 1, "features": 1, "labels": 1, "correlation": 1}
    expected = after("matching", "published", **LEFT) | of_one_sae
    assert planned(history.copy, config="back.yaml") == expected


def test_given_models_and_saes_depend_on_no_seed(finished: Checkout) -> None:
    """And not on the norm above which the rows for training are left out."""
    (model,) = finished.shared.glob("models/llama-*")
    shutil.copytree(finished.study / "saes", finished.root / "given")
    config = yaml.safe_load((finished.root / CONFIG).read_text())
    source = {"path": str(model.relative_to(finished.root))}

    def give_model(config: Config) -> None:
        config["models"]["llama"]["source"] = source

    configure(finished, give_model)
    assert planned(finished, "--until", "model") == {"model": 1}
    run(finished, "--until", "model")
    seed = configured(finished, lambda config: config.update(seed=2))
    assert planned(finished, "--until", "model", config=seed) == {"model": 1}  # neox is random

    def give_saes(new: Config) -> None:
        new.update(config)
        new["dictionaries"]["topk-s0"] = {"path": "given/{model}.{layer}.topk-s0"}

    configure(finished, give_saes)
    assert planned(finished, "--until", "sae") == {"sae": 3}
    run(finished, "--until", "sae")
    norm = configured(finished, lambda config: config["activations"].update(massive_norm=6))
    assert planned(finished, "--until", "sae", config=norm) == {"sae": 1}  # topk-s1 is trained
    new = configured(finished, lambda config: config.update(seed=2))
    assert planned(finished, "--until", "sae", config=new)["sae"] == 1
