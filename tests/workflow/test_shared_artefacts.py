"""Studies share what is the same thing, and never overwrite what another one made."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from checkouts import Checkout, jobs
from dry_runs import configured, dry_run
from reruns import JOBS, after

Config = dict[str, Any]
OWN = after("sae", "features", "dag")
"""The jobs of a study that shares all it can: those from SAEs on, and the figure of its rules."""


def text_share(config: Config) -> None:
    for source in config["corpus"]["sources"].values():
        source["share"] = 0.5


def sources_in_another_order(config: Config) -> None:
    config["corpus"]["sources"] = dict(reversed(config["corpus"]["sources"].items()))
    config["corpus"]["splits"] = dict(reversed(config["corpus"]["splits"].items()))


DUMPS = ("activations", "published_activations")


# What another study does differently, and the first rule whose results it cannot share.
CASES: dict[str, tuple[Callable[[Config], Any], tuple[str, ...]]] = {
    "nothing": (lambda config: None, ()),
    "order of keys": (sources_in_another_order, ()),
    "depth": (lambda config: config["models"]["neox"].update(depth=6), ()),
    "massive_norm": (lambda config: config["activations"].update(massive_norm=4), ()),
    "width": (lambda config: config["dictionaries"]["topk-s0"]["train"].update(width=80), ()),
    "hook": (lambda config: config["activations"].update(hook="mlp_out"), DUMPS),
    "dtype": (lambda config: config["activations"].update(dtype="bfloat16"), DUMPS),
    "batch_tokens": (
        lambda config: config["activations"].update(batch_tokens=512),
        DUMPS,
    ),
    "max_tokens": (lambda config: config["corpus"].update(max_tokens=40), ("tokens",)),
    "documents": (lambda config: config["corpus"].update(documents=300), ("corpus",)),
    "share": (text_share, ("corpus",)),
    "seed": (lambda config: config.update(seed=2), ("corpus", "model")),
}


@pytest.mark.parametrize("case", CASES)
def test_another_study(scratch: Checkout, case: str) -> None:
    change, first = CASES[case]
    config = configured(scratch, lambda config: (config.update(study="other"), change(config)))
    said = dry_run(scratch, config=config)
    assert jobs(said) == after(*first) | OWN
    outputs = [
        output
        for line in re.findall(r"^ +output: (.*)$", said, re.MULTILINE)
        for output in line.split(", ")
    ]
    assert len(outputs) >= sum(OWN.values())
    for output in outputs:
        assert output.startswith(("results/other/", "results/shared/"))
        assert not (scratch.root / output).exists()


def test_a_model_that_two_studies_name_differently_is_two(scratch: Checkout) -> None:
    """The name of a model stands in its provenance, and draws its weights when they are random."""

    def rename(config: Config) -> None:
        config["study"] = "other"
        config["models"]["alpaca"] = config["models"].pop("llama")
        for comparison in config["comparisons"]:
            for key in ("a", "model"):
                if key in comparison:
                    comparison[key] = "alpaca"

    planned = jobs(dry_run(scratch, config=configured(scratch, rename)))
    shared = {"corpus": 0, "model": 1, "tokens": 1, "alignment": 2, "activations": 2}
    shared |= {"published_activations": 2}
    assert planned == {rule: n for rule, n in (JOBS | shared).items() if n}
