"""The container recipe makes the environments of the rules as they are now."""

import os
from collections.abc import Callable
from pathlib import Path

from checkouts import Checkout

RECIPE = Path(__file__).parents[2] / "Dockerfile"
# Snakemake asks conda what it is before it writes a recipe, and nothing else.
CONDA = """\
#!/bin/sh
case "$*" in
    "info --json") echo '{"platform": "linux-64", "conda_prefix": "/"}' ;;
    --version) echo conda 24.7.1 ;;
    "config --get channel_priority --json") echo '{"get": {"channel_priority": "strict"}}' ;;
    *) exit 1 ;;
esac
"""


def test_the_recipe_is_what_snakemake_makes_of_the_environments(
    fresh: Callable[[], Checkout], tmp_path: Path
) -> None:
    conda = tmp_path / "bin" / "conda"
    conda.parent.mkdir()
    conda.write_text(CONDA)
    conda.chmod(0o755)
    path = f"{conda.parent}{os.pathsep}{os.environ['PATH']}"
    done = fresh().snakemake("--containerize", env={"PATH": path})
    assert done.returncode == 0, done.stderr
    assert RECIPE.read_text() == done.stdout, "run: snakemake --containerize > Dockerfile"
