"""What the tiny study's manifest and crate say about the run that just was."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from checkouts import Checkout

pytestmark = pytest.mark.workflow
AFTER = {"manifest", "dag", "report", "crate"}


@pytest.fixture(scope="module")
def manifest(tiny: Checkout) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((tiny.study / "tables" / "manifest.json").read_text())
    return content


def test_every_job_before_it_counts(tiny: Checkout, manifest: dict[str, Any]) -> None:
    found: dict[str, int] = {}
    for root in (tiny.study / "benchmarks", tiny.shared / "benchmarks"):
        for file in root.rglob("*.tsv"):
            rule = file.relative_to(root).parts[0].removesuffix(".tsv")
            found[rule] = found.get(rule, 0) + 1
    counted = {rule: times["jobs"] for rule, times in manifest["rules"].items()}
    assert counted == {rule: n for rule, n in found.items() if rule not in AFTER}
    assert all(times["seconds"] > 0 for times in manifest["rules"].values())
    assert manifest["started"] < manifest["ended"]


def test_inputs_and_tables_have_their_hashes(tiny: Checkout, manifest: dict[str, Any]) -> None:
    inputs = {entry["path"]: entry for entry in manifest["inputs"]}
    model_files = ("config.json", "tokenizer.json", "tokenizer_config.json")
    assert set(inputs) == {
        *("resources/tiny/tales.jsonl", "resources/tiny/manual.jsonl"),
        *(f"resources/tiny/{model}/{name}" for model in ("llama", "neox") for name in model_files),
    }
    for path, entry in inputs.items():
        assert entry["sha256"] == sha256(tiny.root / path)
    for name, digest in manifest["tables"].items():
        assert digest == sha256(tiny.study / "tables" / name)
    assert manifest["seeds"] == {"study": 1, "dictionaries": {"topk-s0": 0, "topk-s1": 1}}


def test_the_crate_holds_what_reruns_the_study(tiny: Checkout) -> None:
    graph = json.loads((tiny.study / "ro-crate-metadata.json").read_text())["@graph"]
    for entity in graph:
        if "contentSize" in entity and ":" not in entity["@id"]:
            assert entity["sha256"] == sha256(tiny.study / entity["@id"]), entity["@id"]
    # The described command: the copied code and configuration are those that made the study.
    snakefile = str(tiny.study / "workflow" / "Snakefile")
    configuration = str(tiny.study / "configuration.json")
    assert tiny.planned("--snakefile", snakefile, "--configfile", configuration) == {}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
