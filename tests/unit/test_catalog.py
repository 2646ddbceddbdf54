"""What the Snakemake workflow catalog asks of a repository, beside clean linting and formatting."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# The catalog's documented keys.
FLAGS = {"desc", "flags"}
DEPLOYMENT = {"conda", "apptainer", "apptainer+conda", "report"}


@pytest.fixture
def usage() -> dict[str, Any]:
    settings = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert list(settings) == ["usage"]
    return settings["usage"]


def test_the_catalog_finds_the_workflow() -> None:
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "Snakefile").is_file()
    assert {path.suffix for path in (ROOT / "rules").iterdir()} == {".smk"}
    # With such a folder the catalog would look for Snakefile and rules in it.
    assert not (ROOT / "workflow").exists()


def test_settings_have_the_documented_keys_and_types(usage: dict[str, Any]) -> None:
    assert set(usage) == {"mandatory-flags", "software-stack-deployment", "report"}
    assert set(usage["mandatory-flags"]) == FLAGS
    assert set(usage["software-stack-deployment"]) == DEPLOYMENT
    values = [usage["report"], *usage["software-stack-deployment"].values()]
    assert all(isinstance(value, bool) for value in values)


def test_settings_are_true_of_this_workflow(usage: dict[str, Any]) -> None:
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    sources = rules + (ROOT / "Snakefile").read_text()
    deployment = usage["software-stack-deployment"]
    assert deployment["conda"] == ("conda:" in rules)
    containers = bool(re.search(r"^ *container(ized)?:", sources, re.MULTILINE))
    assert deployment["apptainer"] == deployment["apptainer+conda"] == containers
    assert usage["report"] == deployment["report"] == ("report(" in rules)


def test_configuration_instructions_lead_to_files_that_exist() -> None:
    folder = ROOT / "config"
    links = re.findall(r"\]\(([^)#]+)\)", (folder / "README.md").read_text())
    assert "../config.yaml" in links
    assert [link for link in links if not (folder / link).exists()] == []
