"""A finished study as an RO-Crate: what a machine can read about who made what from what.

The crate is a Workflow Run Crate (https://w3id.org/ro/wfrun/workflow): the study's folder, in which
one run of one workflow made the results from the inputs. Nothing is copied or moved; files are
described where they lie, inputs from elsewhere by what they are and their hash.
"""

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from universality.files import sha256

LICENSE = "https://spdx.org/licenses/MIT"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_FORMATS = {
    ".gz": "application/gzip",
    ".whl": "application/zip",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
}
_ABOUT = {
    "configuration.json": "the study's configuration, with every default",
    "tables/manifest.json": "inputs, versions, seeds, machine and run times",
}
_AGAIN = (
    "Run again with Snakemake {snakemake} and the packages of workflow/envs/requirements.lock: "
    "`snakemake --cores all --snakefile workflow/Snakefile --configfile configuration.json`, in a "
    "folder from which the relative paths of the configuration lead to the local files listed as "
    "objects. Everything else is downloaded and checked against the hashes given here."
)


def describe(
    folder: Path, results: Sequence[Path], manifest: Mapping[str, Any], agent: str
) -> dict[str, Any]:
    """Return the content of `ro-crate-metadata.json`, the same for the same study and manifest.

    Args:
        folder: the study's results; its `workflow/` holds the code.
        results: the files to describe, relative to `folder`.
        manifest: the content of `manifest.json`.
        agent: the name of who ran the study.
    """
    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    study = manifest["configuration"]["study"]
    crate.name = f"Do different language models learn the same feature spaces? Study {study}"
    crate.description = (
        "Sparse autoencoders of several language models, compared feature by feature and by the "
        "geometry of their decoders: tables, figures and what they were made from."
    )
    crate.license = crate.add(
        ContextEntity(crate, LICENSE, {"@type": "CreativeWork", "name": "MIT License"})
    )
    crate.root_dataset["datePublished"] = manifest["ended"]
    crate.root_dataset["conformsTo"] = [
        crate.add(
            ContextEntity(crate, url, {"@type": "CreativeWork", "name": name, "version": version})
        )
        for url, (name, version) in _PROFILES.items()
    ]
    workflow = _workflow(crate, manifest)
    made = [_result(crate, folder, file) for file in results if file.name != "configuration.json"]
    read = [_result(crate, folder, Path("configuration.json"))]
    read += [_input(crate, entry) for entry in manifest["inputs"]]
    person = ContextEntity(crate, "#agent", {"@type": "Person", "name": agent})
    action = ContextEntity(
        crate,
        "#run",
        {
            "@type": "CreateAction",
            "name": f"The run that made study {study}",
            "description": _AGAIN.format(snakemake=manifest["versions"]["snakemake"]),
            "startTime": manifest["started"],
            "endTime": manifest["ended"],
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
    )
    crate.add(person, action)
    action["agent"], action["instrument"] = person, workflow
    action["object"], action["result"] = read, made
    crate.root_dataset["mentions"], crate.root_dataset["author"] = action, person
    content: dict[str, Any] = crate.metadata.generate()
    return content


def _workflow(crate: ROCrate, manifest: Mapping[str, Any]) -> Entity:
    code = manifest["workflow"]
    workflow = crate.add_workflow(
        dest_path="workflow/Snakefile",
        source="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=manifest["versions"]["snakemake"],
        properties={
            "name": "universality",
            "license": {"@id": LICENSE},
            "encodingFormat": "text/plain",
        },
    )
    if code["commit"]:
        workflow["version"] = code["commit"] + (" and changes" if code["modified"] else "")
    name = "the code that ran, with the environments of its rules"
    folder = crate.add_dataset(dest_path="workflow", properties={"name": name})
    lock = {"name": "versions of all packages", "encodingFormat": "text/plain"}
    folder["hasPart"] = [
        workflow,
        crate.add_file(dest_path="workflow/envs/requirements.lock", source="lock", properties=lock),
    ]
    return workflow


def _result(crate: ROCrate, folder: Path, file: Path) -> Entity:
    properties = {
        "name": _ABOUT.get(file.as_posix(), file.name),
        "encodingFormat": _format(file),
        "contentSize": str((folder / file).stat().st_size),
        "sha256": sha256(folder / file),
    }
    return crate.add_file(source=folder / file, dest_path=file, properties=properties)


def _input(crate: ROCrate, entry: Mapping[str, Any]) -> Entity:
    """Add an input; its name is a URI that says what it is, wherever it may be found."""
    properties = {
        "description": "used by " + ", ".join(entry["used_by"]),
        "license": entry["license"],
        "sha256": entry.get("sha256"),
    }
    if entry["kind"] in ("wheel", "sdist"):
        package, version = entry["requirement"].split("==")
        uri = f"pkg:pypi/{package.lower().replace('_', '-')}@{version}"
        properties["name"] = f"{entry['requirement']} ({entry['kind']})"
        uri += f"?checksum=sha256:{entry['sha256']}"
        properties["encodingFormat"] = (
            f"application/{'zip' if entry['kind'] == 'wheel' else 'gzip'}"
        )
    elif entry["kind"] == "file":
        digest = base64.urlsafe_b64encode(bytes.fromhex(entry["sha256"])).decode().rstrip("=")
        uri = f"ni:///sha-256;{digest}"
        properties |= {"name": entry["path"], "contentSize": str(entry["bytes"])}
        properties["encodingFormat"] = _format(Path(entry["path"]))
    elif entry["kind"] == "SAE release":
        properties["name"] = f"SAE {entry['id']} of {entry['release']}"
        properties["@type"] = "CreativeWork"
        name = f"#sae-{entry['release']}-{entry['id']}".replace("/", "-")
        return crate.add(ContextEntity(crate, name, _known(properties)))
    else:
        place = "datasets/" if entry["kind"] == "hub dataset" else ""
        uri = f"pkg:huggingface/{place}{entry['repository']}@{entry['revision']}"
        properties |= {"name": entry["repository"], "version": entry["revision"]}
        # Not `add_dataset`: it would end the URI with a slash.
        properties["@type"] = "Dataset"
        dataset = crate.add(ContextEntity(crate, uri, _known(properties)))
        crate.root_dataset.append_to("hasPart", dataset)
        return dataset
    return crate.add_file(source=uri, properties=_known(properties))


def _format(file: Path) -> str:
    guessed = _FORMATS.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    return guessed or "application/octet-stream"


def _known(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
