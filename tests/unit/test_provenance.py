"""Inputs, code, versions and run times of a study, as its manifest states them."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from repositories import commit, git
from universality.views import provenance

ROOT = Path(__file__).parents[2]
DIGEST = "0" * 64


def config(**changes: Any) -> dict[str, Any]:
    """Return the tiny study with other sources."""
    study: dict[str, Any] = yaml.safe_load((ROOT / "studies" / "tiny.yaml").read_text())
    study["models"]["llama"]["source"] = {"random": "model"}
    study["models"]["neox"]["source"] = {"random": "llama"}
    for comparison in study["comparisons"]:
        comparison.setdefault("rows", "aligned")
    return study | changes


def source(**keys: Any) -> dict[str, Any]:
    return {"share": 1.0} | keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "a.txt").write_text("text")
    return tmp_path


def test_inputs_once_each_with_hash_licence_and_users(folder: Path) -> None:
    sources = {
        "web": source(wheel="texts==1.0", sha256=DIGEST),
        "same": source(wheel="texts==1.0", sha256=DIGEST),
        "docs": source(sdist="docs==2", sha256=DIGEST),
        "hub": source(hub="owner/texts", revision="c" * 40),
        "mine": source(path="*.txt"),
    }
    study = config(corpus={"sources": sources})
    study["models"]["neox"]["source"] = {"hub": "owner/model", "revision": "d" * 40}
    found = provenance.inputs(study, folder, {"models.neox": "mit", "corpus.sources.web": "bsd"})
    assert [(entry["kind"], entry["used_by"], entry["license"]) for entry in found] == [
        ("wheel", ["corpus.sources.web", "corpus.sources.same"], "bsd"),
        ("sdist", ["corpus.sources.docs"], None),
        ("hub dataset", ["corpus.sources.hub"], None),
        ("file", ["corpus.sources.mine"], None),
        ("file", ["models.llama"], None),
        ("hub model", ["models.neox"], "mit"),
    ]
    assert (found[0]["requirement"], found[0]["sha256"]) == ("texts==1.0", DIGEST)
    assert (found[5]["repository"], found[5]["revision"]) == ("owner/model", "d" * 40)
    assert found[3]["sha256"] == hashlib.sha256(b"text").hexdigest()
    assert (found[3]["path"], found[3]["bytes"]) == (str(folder / "a.txt"), 4)


def test_inputs_of_a_model_in_parts_and_of_dictionaries(folder: Path) -> None:
    study = config(corpus={"sources": {}})
    wheel = {"wheel": "one==1", "sha256": DIGEST, "member": "a"}
    study["models"]["neox"]["source"] = {
        "parts": [wheel, wheel | {"wheel": "two==1"}],
        "sha256": DIGEST,
        "license_from": {"wheel": "terms==1", "sha256": DIGEST, "member": "LICENSE"},
    }
    study["dictionaries"]["topk-s0"] = {"release": "scope", "id": "layer_{layer}/x"}
    study["dictionaries"]["topk-s1"] = {"path": "saes/{model}/{layer}"}
    for name in ("cfg.json", "sae_weights.safetensors"):
        (folder / "saes" / "llama" / "2").mkdir(parents=True, exist_ok=True)
        (folder / "saes" / "llama" / "2" / name).write_text("")
    found = provenance.inputs(study, folder, {})
    assert [e["requirement"] for e in found if e["kind"] == "wheel"] == [
        "one==1",
        "two==1",
        "terms==1",
    ]
    assert {e["id"] for e in found if e["kind"] == "SAE release"} == {
        f"layer_{layer}/x" for layer in (1, 2, 3)
    }
    assert [e["used_by"] for e in found if "safetensors" in e.get("path", "")] == [
        ["dictionaries.topk-s1"]
    ]


def benchmark(path: Path, seconds: float, memory: str, ended: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t{memory}\n")
    os.utime(path, (ended, ended))
    return path


def test_run_times_are_those_of_the_jobs_that_are_named(tmp_path: Path) -> None:
    one = benchmark(tmp_path / "sae" / "one.tsv", 10.04, "500.5", ended=100)
    two = benchmark(tmp_path / "sae" / "two.tsv", 20, "-", ended=200)
    benchmark(tmp_path / "sae" / "of-a-removed-subject.tsv", 1000, "9000", ended=9000)
    tables = benchmark(tmp_path / "tables.tsv", 1, "NA", ended=300)
    found = provenance.run_times(
        {"sae": [one, two, tmp_path / "absent.tsv"], "tables": [tables], "snapshot": []}
    )
    assert found == {
        "rules": {
            "sae": {"jobs": 3, "seconds": 30.0, "max_rss_mb": 500.5},
            "tables": {"jobs": 1, "seconds": 1.0, "max_rss_mb": None},
        },
        "started": "1970-01-01T00:01:29+00:00",
        "ended": "1970-01-01T00:05:00+00:00",
    }
    assert provenance.run_times({})["started"] is None


def test_the_code_is_a_commit_with_or_without_changes(tmp_path: Path) -> None:
    assert provenance.code(tmp_path) == {"commit": None, "modified": None}
    (tmp_path / "rules").mkdir()
    (tmp_path / "Snakefile").write_text("one")
    git(tmp_path, "init", "--quiet")
    # A copy that lies in another project's repository is none of its commits.
    assert provenance.code(tmp_path)["commit"] is None
    commit(tmp_path)
    clean = provenance.code(tmp_path)
    assert (len(clean["commit"]), clean["modified"]) == (40, False)
    (tmp_path / "results.csv").write_text("not code")
    assert provenance.code(tmp_path) == clean
    (tmp_path / "rules" / "new.smk").write_text("code")
    assert provenance.code(tmp_path) == clean | {"modified": True}


def test_versions_of_the_environments_beside_the_running_one(tmp_path: Path) -> None:
    files = [tmp_path / "envs" / f"{rule}.yaml" for rule in ("sae", "tables", "never-ran")]
    (tmp_path / "envs").mkdir()
    for file in files:
        file.write_text(f"dependencies of {file.stem}")
    for name, rule, version in (("1a_", "sae", "2.13"), ("2b_", "tables", "3.1")):
        packages = tmp_path / "conda" / name / "lib" / "python3.13" / "site-packages"
        (packages / f"some-{version}.dist-info").mkdir(parents=True)
        metadata = packages / f"some-{version}.dist-info" / "METADATA"
        metadata.write_text(f"Metadata-Version: 2.1\nName: some\nVersion: {version}\n")
        (tmp_path / "conda" / f"{name}.yaml").write_text(f"dependencies of {rule}")
    found = provenance.environments(tmp_path / "conda" / "2b_", files)
    assert found == {"sae": {"some": "2.13"}, "tables": {"some": "3.1"}}
    assert provenance.environments(tmp_path / "envs", files) == {}
