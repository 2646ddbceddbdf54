"""A script's dependencies are found by reading it, and its digest changes when they do."""

import ast
from pathlib import Path

import pytest

from universality import modules

SCRIPTS = Path(__file__).parents[2] / "scripts"

FILES = {
    "job.py": "import sys\n",
    "script.py": "import job\nimport numpy as np\nfrom lib import direct\nprint(np, direct)\n",
    "lib/__init__.py": "",
    "lib/direct.py": (
        "import os.path\n\n\ndef f():\n"
        "    from lib.inner.deep import g\n\n    class A:\n        import lib.late as late\n"
        "    return g, A\n"
    ),
    "lib/late.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lib.typed\n",
    "lib/typed.py": "import lib.direct  # a circle\n",
    "lib/inner/__init__.py": "from lib.inner.from_init import *\n",
    "lib/inner/from_init.py": "x = 1\n",
    "lib/inner/deep.py": "from lib.inner import sibling as other\nfrom lib.values import VALUE\n",
    "lib/inner/sibling.py": "é = 'ünïcode'\n",
    "lib/inner/unused.py": "import lib.unused_too\n",
    "lib/values.py": "VALUE = 1\n",
    "lib/unused_too.py": "",
    "lib/VALUE.py": "",
    "other.py": "import lib.inner.unused\n",
    "numpy/readme.txt": "",
}
USED = {
    "job.py",
    "script.py",
    "lib/__init__.py",
    "lib/direct.py",
    "lib/late.py",
    "lib/typed.py",
    "lib/inner/__init__.py",
    "lib/inner/from_init.py",
    "lib/inner/deep.py",
    "lib/inner/sibling.py",
    "lib/values.py",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_dependencies(project: Path) -> None:
    found = modules.dependencies(project / "script.py")
    assert [file.relative_to(project).as_posix() for file in found] == sorted(
        USED, key=lambda name: project / name
    )


def test_dependencies_of_a_script_that_imports_nothing(project: Path) -> None:
    (project / "alone.py").write_text("print('hello')\n")
    assert modules.dependencies(project / "alone.py") == [project / "alone.py"]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_digest_changes_exactly_with_what_is_used(project: Path, name: str) -> None:
    before = modules.digest(project / "script.py")
    assert len(before) == 10
    assert int(before, 16) >= 0
    with (project / name).open("a") as file:
        file.write("\n")
    assert (modules.digest(project / "script.py") != before) == (name in USED)


def test_digest_does_not_depend_on_the_place(project: Path, tmp_path: Path) -> None:
    before = modules.digest(project / "script.py")
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert modules.digest(moved / "script.py") == before


def test_digest_tells_where_content_lies(project: Path) -> None:
    before = modules.digest(project / "script.py")
    deep, values = (project / "lib" / name for name in ("inner/from_init.py", "values.py"))
    a, b = deep.read_text(), values.read_text()
    deep.write_text(b)
    values.write_text(a)
    assert modules.digest(project / "script.py") != before


def test_a_new_module_that_takes_the_place_of_a_name(project: Path) -> None:
    # `from lib.values import VALUE`: VALUE becomes a module when values becomes a package.
    before = modules.digest(project / "script.py")
    (project / "lib" / "values").mkdir()
    (project / "lib" / "values" / "VALUE.py").write_text("")
    assert modules.digest(project / "script.py") != before


def names(script: str) -> set[str]:
    found = modules.dependencies(SCRIPTS / script)
    return {file.relative_to(SCRIPTS).as_posix() for file in found}


def test_scoring_does_not_depend_on_models_nor_models_on_scoring() -> None:
    scores, activations = names("scores.py"), names("activations.py")
    assert "universality/similarity/metrics/rsa.py" in scores
    assert not any("/inputs/" in name or "/views/" in name for name in scores)
    assert "universality/inputs/hooks.py" in activations
    assert not any("/similarity/" in name or "/features/" in name for name in activations)
    for used in (scores, activations):
        assert {"job.py", "universality/store.py", "universality/__init__.py"} <= used


@pytest.mark.parametrize("file", sorted(SCRIPTS.rglob("*.py")), ids=lambda file: file.stem)
def test_our_own_imports_are_absolute(file: Path) -> None:
    # Relative imports would not be found.
    for node in ast.walk(ast.parse(file.read_bytes())):
        assert not (isinstance(node, ast.ImportFrom) and node.level), ast.unparse(node)
