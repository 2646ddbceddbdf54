"""Each rule's environment holds what its script imports, nothing else, and agrees with the lock."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from universality import modules

ROOT = Path(__file__).parents[2]
RULES = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
WORKFLOW = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
# Packages whose import has another name, in conda-forge's words.
PACKAGES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "markdown_it": "markdown-it-py",
    "pypi_simple": "pypi-simple",
    "sae_lens": "sae-lens",
    "yaml": "pyyaml",
}
PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
# What is used without being imported: by a package for a file format, or as a program.
UNSEEN = {
    "calibration": {"pyarrow"},
    "download": {"pip"},
    "figures": {"pyarrow"},
    "intervals": {"pyarrow"},
    "labels": {"pyarrow"},
    "matching": {"pyarrow"},
    "model": {"accelerate", "gguf"},
    "nulls": {"pyarrow"},
    "published": {"pyarrow"},
    "report": {"pygments"},
    "sensitivity": {"pyarrow"},
    "subspaces": {"pyarrow"},
    "summary": {"pyarrow"},
    "tables": {"pyarrow"},
}
# A script with this call runs Snakemake, which reads the whole workflow.
NESTED = "nested.snakemake_output("


def imported(source: str) -> Iterator[str]:
    """Yield the top-level names that Python code imports when it runs."""
    tree = ast.parse(source)
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


def workflow_imports() -> str:
    """Return the import statements of the Snakefile and the rules, as Python code."""
    text = "".join(path.read_text() for path in WORKFLOW)
    return "\n".join(re.findall(r"^(?:import|from) .+$", text, re.MULTILINE))


def needed(rule: str, folder: Path) -> set[str]:
    """Return the packages that a rule's script imports, directly or not, in conda-forge's words."""
    script = ROOT / "scripts" / f"{rule}.py"
    files = modules.dependencies(script)
    if NESTED in script.read_text():
        statements = folder / "workflow.py"
        statements.write_text(workflow_imports())
        (folder / "universality").symlink_to(ROOT / "scripts" / "universality")
        files += modules.dependencies(statements)
    names = {name for file in files for name in imported(file.read_text())}
    own = {"universality", *(path.stem for path in (ROOT / "scripts").glob("*.py"))}
    return {PACKAGES.get(name, name) for name in names - own - set(sys.stdlib_module_names)}


def environment(rule: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what conda and what pip installs for a rule: packages with their ranges."""
    entries = yaml.safe_load((ROOT / "envs" / f"{rule}.yaml").read_text())["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str)]
    pip = [entry for part in entries if isinstance(part, dict) for entry in part["pip"]]
    return dict(entry.split(" ") for entry in conda), dict(entry.split(" ") for entry in pip)


def lock() -> dict[str, str]:
    """Return the locked version of each package, by PyPI's normalised name."""
    lines = (ROOT / "envs" / "requirements.lock").read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pins}


def test_every_script_runs_in_the_environment_of_its_name() -> None:
    text = "".join(path.read_text() for path in WORKFLOW)
    pairs = re.findall(
        r'"\.\./envs/(\w+)\.yaml"(?:(?!^rule ).)*?"\.\./scripts/(\w+)\.py"',
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert sorted(pairs) == [(rule, rule) for rule in RULES]
    assert len(re.findall(r"^    script:$", text, re.MULTILINE)) == len(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_an_environment_comes_from_conda_forge_alone(rule: str) -> None:
    content = yaml.safe_load((ROOT / "envs" / f"{rule}.yaml").read_text())
    assert content["channels"] == ["conda-forge"]
    assert set(content) == {"channels", "dependencies"}


@pytest.mark.parametrize("rule", RULES)
def test_an_environment_holds_what_its_script_imports_and_nothing_else(
    rule: str, tmp_path: Path
) -> None:
    conda, pip = environment(rule)
    tools = {"python", "pip"} if pip else {"python"}
    assert set(conda) | set(pip) == needed(rule, tmp_path) | UNSEEN.get(rule, set()) | tools


@pytest.mark.parametrize("rule", RULES)
def test_an_environment_agrees_with_the_lock(rule: str) -> None:
    pins = lock()
    conda, pip = environment(rule)
    assert conda["python"] == ">=3.11,<3.14"
    for package, allowed in conda.items():
        if package not in ("python", "pip"):
            version = pins[canonicalize_name(PYPI.get(package, package))]
            wanted = Requirement(f"{package} {allowed}")
            assert wanted.specifier.contains(version), f"{wanted}, locked {version}"
    for package, allowed in pip.items():
        assert allowed == f"=={pins[canonicalize_name(package)]}", package


def test_a_package_has_the_same_range_in_every_environment() -> None:
    ranges: dict[str, set[str]] = {}
    for rule in RULES:
        conda, pip = environment(rule)
        for package, allowed in [*conda.items(), *pip.items()]:
            ranges.setdefault(package, set()).add(allowed)
    assert {package: found for package, found in ranges.items() if len(found) > 1} == {}
