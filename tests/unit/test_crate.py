"""The RO-Crate of a study: what the specification asks for, and nothing that is not there."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from universality.views import crate

SHA = hashlib.sha256(b"text").hexdigest()
INPUTS: list[dict[str, Any]] = [
    {"kind": "wheel", "requirement": "Some_Texts==1.2", "sha256": SHA, "license": "MIT"},
    {"kind": "sdist", "requirement": "docs==5", "sha256": SHA, "license": None},
    {"kind": "hub model", "repository": "owner/model", "revision": "c" * 40, "license": "apache"},
    {"kind": "hub dataset", "repository": "owner/texts", "revision": "d" * 40, "license": None},
    {"kind": "SAE release", "release": "gemma-scope", "id": "layer_3/width", "license": None},
    {"kind": "file", "path": "my texts/a.jsonl", "sha256": SHA, "bytes": 4, "license": None},
]
MANIFEST: dict[str, Any] = {
    "configuration": {"study": "mine"},
    "inputs": [entry | {"used_by": ["models.a", "models.b"]} for entry in INPUTS],
    "workflow": {"commit": "a" * 40, "modified": True},
    "versions": {"snakemake": "9.27.1"},
    "started": "2026-01-02T03:04:05+00:00",
    "ended": "2026-01-02T04:04:05+00:00",
}
RESULTS = [Path("configuration.json"), Path("summary.md"), Path("tables/saes.parquet")]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for file in (*RESULTS, Path("workflow/Snakefile"), Path("workflow/envs/requirements.lock")):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"content of {file}")
    return tmp_path


@pytest.fixture
def entities(study: Path) -> dict[str, dict[str, Any]]:
    content = crate.describe(study, RESULTS, MANIFEST, "Ada")
    return {entity["@id"]: entity for entity in content["@graph"]}


def ids(value: Any) -> list[str]:
    return [v["@id"] for v in (value if isinstance(value, list) else [value])]


def test_the_root_says_what_the_crate_is(entities: dict[str, dict[str, Any]]) -> None:
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert "https://w3id.org/ro/crate/1.1" in ids(descriptor["conformsTo"])
    assert ids(descriptor["about"]) == ["./"]
    assert ids(root["conformsTo"]) == [
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ]
    assert {"name", "description", "license", "datePublished"} <= set(root)
    assert ids(root["mainEntity"]) == ["workflow/Snakefile"]
    workflow = entities["workflow/Snakefile"]
    assert set(workflow["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert workflow["version"] == "a" * 40 + " and changes"
    language = entities[ids(workflow["programmingLanguage"])[0]]
    assert (language["name"], language["version"]) == ("Snakemake", "9.27.1")


def test_the_run_joins_who_how_inputs_and_results(entities: dict[str, dict[str, Any]]) -> None:
    run = entities["#run"]
    assert run["@type"] == "CreateAction"
    assert (run["startTime"], run["endTime"]) == (MANIFEST["started"], MANIFEST["ended"])
    assert entities[ids(run["agent"])[0]]["name"] == "Ada"
    assert ids(run["instrument"]) == ["workflow/Snakefile"]
    assert ids(run["result"]) == ["summary.md", "tables/saes.parquet"]
    assert "--configfile configuration.json" in run["description"]
    read = ids(run["object"])
    assert read[0] == "configuration.json"
    assert len(read) == 1 + len(INPUTS)
    assert f"pkg:pypi/some-texts@1.2?checksum=sha256:{SHA}" in read
    assert f"pkg:huggingface/owner/model@{'c' * 40}" in read
    assert f"pkg:huggingface/datasets/owner/texts@{'d' * 40}" in read
    assert "#sae-gemma-scope-layer_3-width" in read
    parts = ids(entities["./"]["hasPart"])
    assert set(read) - set(parts) == {"#sae-gemma-scope-layer_3-width"}


def test_inputs_have_hashes_licences_and_users(entities: dict[str, dict[str, Any]]) -> None:
    wheel = entities[f"pkg:pypi/some-texts@1.2?checksum=sha256:{SHA}"]
    assert (wheel["sha256"], wheel["license"]) == (SHA, "MIT")
    assert wheel["description"] == "used by models.a, models.b"
    # RFC 6920: the name of a file that lies anywhere is its hash, in unpadded base64url.
    file = entities["ni:///sha-256;mC2ePrmW9VnmM_TRlN7zdh2Qn1o7ZH0ahR_q1nwyydE"]
    assert (file["name"], file["contentSize"]) == ("my texts/a.jsonl", "4")
    assert "license" not in file


def test_every_mentioned_entity_is_described(entities: dict[str, dict[str, Any]]) -> None:
    def mentioned(value: Any) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(mentioned, value))
        return {value["@id"]} if isinstance(value, dict) else set()

    used = set().union(*(mentioned(list(entity.values())) for entity in entities.values()))
    known = {"https://w3id.org/ro/crate/1.1", "https://doi.org/10.1093/bioinformatics/bts480"}
    assert used - set(entities) == known | {"https://snakemake.readthedocs.io"}


def test_files_are_in_place_with_their_hashes(
    study: Path, entities: dict[str, dict[str, Any]]
) -> None:
    for file in RESULTS:
        content = (study / file).read_bytes()
        described = entities[file.as_posix()]
        assert described["sha256"] == hashlib.sha256(content).hexdigest()
        assert described["contentSize"] == str(len(content))
        assert described["encodingFormat"]


def test_the_crate_is_the_same_each_time_and_can_be_read(study: Path) -> None:
    first, second = (crate.describe(study, RESULTS, MANIFEST, "Ada") for _ in range(2))
    assert first == second
    (study / "ro-crate-metadata.json").write_text(json.dumps(first))
    read = ROCrate(study)
    assert read.mainEntity.id == "workflow/Snakefile"
    parts = {part.id for part in read.data_entities}
    assert {"summary.md", "tables/saes.parquet", "workflow/"} <= parts
