"""What the profiles ask a cluster for, by dry run and by the calls of `sbatch` themselves."""

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from checkouts import ROOT, Checkout

HERE = {"all", "dag", "report"}  # run beside Snakemake
ON_GPU = {
    "activations",
    "sae",
    "sae_quality",
    "features",
    "published_activations",
    "published",
}


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())


def planned(copy: Checkout, *arguments: str) -> dict[str, list[dict[str, str]]]:
    """Return the resources of each job that a dry run plans, by rule, without those run here."""
    done = copy.snakemake("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    found = defaultdict(list)
    blocks = re.split(r"^ *(?:local)?rule (?=\w+:$)", done.stdout + done.stderr, flags=re.MULTILINE)
    for block in blocks[1:]:
        rule = block.split(":", 1)[0]
        (resources,) = re.findall(r"^ +resources: (.*)$", block, re.MULTILINE)
        found[rule].append(dict(re.findall(r"(\w+)=([^,]*)", resources)))
    return {rule: jobs for rule, jobs in found.items() if rule not in HERE}


def test_the_profiles_differ_only_in_what_they_are_for() -> None:
    slurm, gpu = profile("slurm"), profile("slurm-gpu")
    assert slurm["groups"].pop("sae_quality") == "quality"
    assert slurm["group-components"].pop("quality")
    assert set(gpu.pop("set-resources")) == ON_GPU
    assert slurm == gpu
    local = profile("default")
    for key in ("rerun-triggers", "max-checksum-file-size"):  # else switching would rerun
        assert slurm[key] == local[key]


def test_each_job_asks_for_memory_and_time(fresh: Callable[[], Checkout]) -> None:
    copy = fresh()
    first = planned(copy, "--workflow-profile", "profiles/slurm")
    second = planned(copy, "--workflow-profile", "profiles/slurm", "--attempt", "2")
    assert len(first) >= 22
    for rule, jobs in first.items():
        for job, again in zip(jobs, second[rule], strict=True):
            assert int(job["mem_mb"]) >= 200, rule
            assert int(job["runtime"]) > 0, rule
            assert int(again["mem_mb"]) == 2 * int(job["mem_mb"]), rule
            assert not {"gpu", "slurm_partition", "slurm_account"} & job.keys()


@pytest.mark.parametrize("name", ["slurm", "slurm-gpu"])
def test_a_site_is_named_in_one_place(fresh: Callable[[], Checkout], name: str) -> None:
    copy = fresh()
    file = f"profiles/{name}/config.yaml"
    copy.edit(file, "# slurm_account: my-project", "slurm_account: chem-42")
    copy.edit(file, "# slurm_partition: main", "slurm_partition: cpu-long")
    for rule, jobs in planned(copy, "--workflow-profile", f"profiles/{name}").items():
        on_gpu = name == "slurm-gpu" and rule in ON_GPU
        for job in jobs:
            assert job["slurm_account"] == "chem-42"
            assert job["slurm_partition"] == ("gpu" if on_gpu else "cpu-long")
            assert job.get("gpu") == ("1" if on_gpu else None), rule


def test_sbatch_is_asked_for_a_gpu(finished: Checkout, tmp_path: Path) -> None:
    """A stand-in notes what it is asked, and refuses it; jobs of all kinds are ready at once."""
    programs = tmp_path / "bin"
    programs.mkdir()
    answers = {"sbatch": f'echo "$*" >> {tmp_path}/asked; exit 1', "sinfo": "echo 'main*'"}
    for program in ("sbatch", "sinfo", "squeue", "sacct", "sacctmgr", "scontrol", "scancel"):
        (programs / program).write_text(f"#!/bin/sh\n{answers.get(program, ':')}\n")
        (programs / program).chmod(0o755)
    ready = [
        next(finished.shared.glob("activations/neox-*/*.zarr")),
        finished.study / "saes" / "llama.2.topk-s1",
        finished.study / "quality" / "llama.1.topk-s0.json",
        finished.study / "features" / "llama.2.neurons.zarr",
        *finished.shared.glob("alignments/*.zarr"),  # two, which go together
    ]
    done = finished.snakemake(
        *("--workflow-profile", "profiles/slurm-gpu", "--retries", "0", "--forcerun"),
        *(str(path.relative_to(finished.root)) for path in ready),
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
    )
    assert done.returncode != 0
    asked = {
        re.findall(r"--comment rule_(\w+?)(?:_wildcards|_alignment)", call)[0]: call
        for call in (tmp_path / "asked").read_text().splitlines()
    }
    assert {rule: options(call) for rule, call in asked.items()} == {
        "activations": ("gpu", "1", "1", "8000", "240"),
        "sae": ("gpu", "1", "1", "8000", "240"),
        "sae_quality": ("gpu", "1", "1", "8000", "60"),
        "features": ("gpu", "1", "1", "8000", "120"),
        "alignment": ("main", None, "2", "4000", "30"),
    }


def options(call: str) -> tuple[str | None, ...]:
    """Return the partition, GPUs, cpus, memory (MB) and time (minutes) that a call asks for."""
    names = ("-p ", "--gpus=", "--cpus-per-task=", "--mem ", "-t ")
    found = (re.search(rf" {name}(\S+)", call) for name in names)
    return tuple(match and match[1] for match in found)
