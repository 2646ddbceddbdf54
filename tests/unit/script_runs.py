"""Running a rule's script in the process of the test, with what Snakemake would give it."""

from collections.abc import Mapping
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import pytest

import job

SCRIPTS = Path(__file__).parents[2] / "scripts"


class Names(dict[str, Any]):
    """What Snakemake lets one reach as items and as attributes."""

    __getattr__ = dict.__getitem__


def run(
    rule: str,
    monkeypatch: pytest.MonkeyPatch,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    params: Mapping[str, Any],
) -> None:
    """Run the script of a rule; its output comes to the standard output."""
    monkeypatch.setattr(job, "start", lambda snakemake: None)
    snakemake = SimpleNamespace(
        input=Names(inputs),
        output=Names(outputs | {0: next(iter(outputs.values()))}),
        params=Names(params),
    )
    run_path(str(SCRIPTS / f"{rule}.py"), {"snakemake": snakemake})
