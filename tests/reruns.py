"""What is to rerun in the tiny study after a change, from the reviewed facts of reruns.yaml."""

from pathlib import Path

import yaml

from checkouts import ROOT

_FACTS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
SCRIPTS = ROOT / "scripts"
RULES = list(_FACTS["readers"])
JOBS: dict[str, int] = _FACTS["jobs"]
FILES = sorted(file.relative_to(SCRIPTS).as_posix() for file in SCRIPTS.rglob("*.py"))


def after(*rules: str, **counts: int) -> dict[str, int]:
    """Return the jobs to do, by rule, when all jobs of `rules` rerun, with all that reads them.

    `counts` corrects the number of jobs of a rule, where fewer than all of them rerun, or none.
    """
    found: dict[str, int] = {}
    for first in rules:
        for rule in _readers(first) if first in JOBS else ():
            number = _FACTS["fewer"].get(first, {}).get(rule, JOBS[rule])
            found[rule] = max(number, found.get(rule, 0))
    return {rule: number for rule, number in (found | counts).items() if number}


def of_comparisons(n: int, detailed: int, cross: int) -> dict[str, int]:
    """Return the jobs of n comparisons: how many are looked at in detail, how many are cross."""
    all_of_them = dict.fromkeys(("correlation", "matching", "scores", "intervals"), n)
    in_detail = dict.fromkeys(("sensitivity", "subspaces", "published"), detailed)
    return all_of_them | in_detail | dict.fromkeys(("rematching", "nulls"), cross)


def after_editing(file: str) -> dict[str, int]:
    """Return the jobs to do when a file below scripts/ was edited."""
    return after(*rules_of(file))


def rules_of(file: str) -> list[str]:
    """Return the rules whose script is, or imports, a file below scripts/."""
    if file.removesuffix(".py") in RULES:
        return [file.removesuffix(".py")]
    assert file in _FACTS["modules"], (
        f"scripts/{file} is new: add it to `modules` in tests/reruns.yaml, with the rules whose "
        "script imports it (a rule's own script: to `readers` and `jobs`)"
    )
    listed = _FACTS["modules"][file]
    return RULES if listed == "all" else listed


def _readers(rule: str) -> set[str]:
    """Return the rule and all rules that read what it makes, directly or not."""
    found, waiting = {rule}, [rule]
    while waiting:
        for reader in _FACTS["readers"][waiting.pop()]:
            if reader not in found:
                found.add(reader)
                waiting.append(reader)
    return found
