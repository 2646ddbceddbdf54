"""Each rule's environment holds what its script imports, nothing else, and agrees with the lock."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from universality import modules

ROOT = Path(__file__).parents[2]
RULES = sorted(
    path.stem for path in (ROOT / "scripts").glob("*.py") if "snakemake" in path.read_text()
)
RULES = [name for name in RULES if name not in ("job", "nested", "torch_job", "verify")]
# Packages whose import has another name, in conda-forge's words.
PACKAGES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "markdown_it": "markdown-it-py",
    "pypi_simple": "pypi-simple",
    "sae_lens": "sae-lens",
    "yaml": "pyyaml",
}
# What is used without being imported: by a package for a file format, or as a program.
UNSEEN = {
    "calibration": {"pyarrow"},
    "dag": {"snakemake-minimal", "pygments", "jsonschema", "pyyaml", "pyarrow"},
    "download": {"pip"},
    "figures": {"pyarrow"},
    "labels": {"pyarrow"},
    "manifest": {"pyarrow"},
    "matching": {"pyarrow"},
    "model": {"accelerate", "gguf"},
    "report": {"snakemake-minimal", "pygments", "jsonschema", "pyyaml"},
    "sae": {"pip"},
    "summary": {"pyarrow"},
    "tables": {"pyarrow"},
}
IN_LOCK = {"pytorch": "torch", "matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}


def imported(file: Path) -> Iterator[str]:
    """Yield the top-level names that a file imports when it runs."""
    tree = ast.parse(file.read_bytes())
    typing = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def requirements(rule: str) -> dict[str, str]:
    """Return the packages of a rule's environment with their ranges, conda's and pip's."""
    entries = yaml.safe_load((ROOT / "envs" / f"{rule}.yaml").read_text())["dependencies"]
    flat = [e for e in entries if isinstance(e, str)]
    flat += [e for entry in entries if isinstance(entry, dict) for e in entry["pip"]]
    return dict(entry.split(" ", 1) for entry in flat)


def lock() -> dict[str, str]:
    lines = (ROOT / "envs" / "requirements.lock").read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins}


def test_every_rule_has_its_script_and_environment() -> None:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    scripts = set(re.findall(r'"\.\./scripts/(\w+)\.py"', text))
    envs = set(re.findall(r'"\.\./envs/(\w+)\.yaml"', text))
    assert scripts == envs == set(RULES) == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


@pytest.mark.parametrize("rule", RULES)
def test_an_environment_holds_what_its_script_imports_and_nothing_else(rule: str) -> None:
    files = modules.dependencies(ROOT / "scripts" / f"{rule}.py")
    own = {"universality", *(path.stem for path in (ROOT / "scripts").glob("*.py"))}
    names = {name for file in files for name in imported(file)}
    third = {PACKAGES.get(n, n) for n in names - own - set(sys.stdlib_module_names)}
    assert set(requirements(rule)) == third | UNSEEN.get(rule, set()) | {"python"}


@pytest.mark.parametrize("rule", RULES)
def test_an_environment_agrees_with_the_lock(rule: str) -> None:
    pins = lock()
    for package, allowed in requirements(rule).items():
        if package in ("python", "pip"):
            continue
        version = pins[canonicalize_name(IN_LOCK.get(package, package))]
        assert SpecifierSet(allowed).contains(version), f"{package} {allowed}, locked {version}"
