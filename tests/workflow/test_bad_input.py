"""Bad configurations and files, through Snakemake itself: one message, no traceback, no results."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checkouts import Checkout, checkout
from hostile import Evil

TINY = (Path(__file__).parents[2] / "studies" / "tiny.yaml").read_text()
LATIN = TINY.replace("study: tiny", 'study: "caf\u00e9"').encode("latin-1")
BOMB = "b0: &b0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 10)}]\n" for i in range(1, 12)
)

# The content of a configuration file, and what is told of it.
BAD = {
    "prose": ("This is: no: YAML", "bad.yaml, line 1: not YAML"),
    "empty": ("", "bad.yaml: found nothing, expected a mapping"),
    "list": ("- study\n- seed\n", "bad.yaml: found list, expected a mapping"),
    "tabs": (TINY.replace("  documents", "\tdocuments"), "line 8: not YAML"),
    "duplicate": (
        TINY + "seed: 2\n",
        f"line {len(TINY.splitlines()) + 1}: key 'seed' stands twice in one mapping",
    ),
    "tag": (
        TINY.replace("seed: 1", 'seed: !!python/object/apply:os.system ["x"]'),
        "line 5: not YAML",
    ),
    "alias": (TINY.replace("seed: 1", "seed: *nothing"), "line 5: not YAML"),
    "nul": (TINY.replace("tiny\n", "ti\0ny\n"), "cannot be read as YAML"),
    "two": (TINY + "---\nstudy: b\n", "not YAML"),
    "bomb": (TINY + BOMB, "the configuration has more than 100000 values here"),
    "hexadecimal": (TINY.replace("seed: 1", "seed: 0x" + "f" * 5000), "seed: found a whole number"),
    "surrogate": (TINY.replace("study: tiny", 'study: "\\ud800"'), "study: found '\\ud800'"),
    "name": (TINY.replace("study: tiny", "study: ../x"), "study: found '../x', expected"),
    "exponent": (TINY.replace("max_fvu: 0.9", "max_fvu: 1.0e+400"), "gate.max_fvu: found inf"),
    "null": (TINY.replace("seed: 1", "seed:"), "seed: found None, expected a whole number"),
    "circle": (TINY.replace("random: resources/tiny/llama", "random: llama"), "a circle, llama"),
}
# What Snakemake itself cannot read, before it reads this workflow: its traceback ends in why.
UNREADABLE = {
    "latin": (LATIN, "cannot be read as YAML", "UnicodeDecodeError"),
    "utf-16": (TINY.encode("utf-16"), "cannot be read as YAML", "UnicodeDecodeError"),
    "cyclic": (
        TINY.replace("gate: {", "gate: &gate { again: *gate,").encode(),
        "line 37: this value contains itself",
        "RecursionError",
    ),
    "date": (
        TINY.replace("study: tiny", "study: 2024-13-45").encode(),
        "line 4: month must be in 1..12",
        "month must be in 1..12",
    ),
    "nested": (b"seed: " + b"[" * 3000 + b"]" * 3000, "cannot be read as YAML", "RecursionError"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the workflow in which nothing ever runs."""
    return checkout(tmp_path_factory.mktemp("bad") / "checkout")


def check(copy: Checkout, file: str) -> subprocess.CompletedProcess[str]:
    """Do what `make run` does first."""
    command = [sys.executable, "scripts/check.py", file]
    return subprocess.run(command, cwd=copy.root, capture_output=True, text=True, check=False)


def plan(copy: Checkout, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    return subprocess.run(command, cwd=copy.root, capture_output=True, text=True, check=False)


def one_message(done: subprocess.CompletedProcess[str], copy: Checkout) -> str:
    """Return what was said, which is short and no traceback, when nothing was begun."""
    output = done.stderr + done.stdout
    assert done.returncode != 0
    assert "Traceback" not in output
    assert len([line for line in output.splitlines() if line.strip()]) <= 5
    assert not (copy.root / "results").exists()
    return output


@pytest.mark.parametrize("what", BAD)
def test_bad_files(copy: Checkout, what: str) -> None:
    content, expected = BAD[what]
    (copy.root / "bad.yaml").write_text(content)
    found = one_message(check(copy, "bad.yaml"), copy)
    assert len(found.splitlines()) == 1
    assert expected in found
    # What Snakemake cannot read, it says itself, without a line.
    if what == "prose" or ("YAML" not in expected and "mapping" not in expected):
        found = one_message(plan(copy, "--configfile", "bad.yaml"), copy)
        assert ("Config file" if what == "prose" else expected) in found


@pytest.mark.parametrize("what", UNREADABLE)
def test_files_that_snakemake_cannot_read(copy: Checkout, what: str) -> None:
    content, expected, theirs = UNREADABLE[what]
    (copy.root / "bad.yaml").write_bytes(content)
    assert f"bad.yaml{', ' if 'line' in expected else ': '}{expected}" in one_message(
        check(copy, "bad.yaml"), copy
    )
    done = plan(copy, "--configfile", "bad.yaml")
    assert done.returncode != 0
    assert theirs in done.stderr.strip().splitlines()[-1]
    assert not (copy.root / "results").exists()


def test_no_file(copy: Checkout) -> None:
    (copy.root / "folder.yaml").mkdir()
    for file, reason in (("none.yaml", "No such file"), ("folder.yaml", "Is a directory")):
        found = one_message(check(copy, file), copy)
        assert found.startswith(f"{file}: cannot be read as YAML (")
        assert reason in found
        done = plan(copy, "--configfile", file)
        assert done.returncode != 0
        assert reason in done.stderr.strip().splitlines()[-1]


def test_templates_are_refused(copy: Checkout) -> None:
    trace = copy.root / "trace"
    (copy.root / "bad.yaml").write_text(
        f"__use_yte__: true\nstudy: ?open({str(trace)!r}, 'w').close()\n"
    )
    assert "runs code; write it out" in one_message(check(copy, "bad.yaml"), copy)
    assert not trace.exists()
    one_message(plan(copy, "--configfile", "bad.yaml"), copy)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("seed=x", "seed: found 'x', expected a whole number"),
        ("typo=1", "the configuration: unknown key 'typo'"),
        ("corpus={documents: many}", "corpus.documents: found 'many', expected a whole number"),
        ("models=&a [*a]", "models: found '&a [*a]', expected a mapping of keys to values"),
    ],
)
def test_values_of_the_command_line(copy: Checkout, value: str, expected: str) -> None:
    assert expected in one_message(plan(copy, "--config", value), copy)


def test_file_names_with_a_meaning(fresh: Callable[[], Checkout]) -> None:
    copy = fresh()
    shutil.copy(copy.root / "resources/tiny/manual.jsonl", copy.root / "resources/tiny/{x}.jsonl")
    copy.edit("studies/tiny.yaml", "tiny/manual.jsonl", "tiny/*x*.jsonl")
    found = one_message(copy.snakemake("--cores", "1"), copy)
    assert (
        "corpus.sources.manual.path: the file 'resources/tiny/{x}.jsonl' must be renamed" in found
    )


# Damaged files, through the jobs that read them.


def test_damaged_files_end_in_one_message_in_the_log(finished: Checkout) -> None:
    """One run; each damaged file fails the one job that reads it, and no code of it runs."""
    trace, logs = finished.root / "trace", finished.study / "logs"
    shared = finished.shared
    (sae,) = finished.study.glob("saes/llama.2.topk-s0")
    (sae / "sae_weights.safetensors").write_bytes(pickle.dumps(Evil(trace)))
    (other,) = finished.study.glob("saes/llama.1.topk-s0")
    config = json.loads((other / "cfg.json").read_text())
    (other / "cfg.json").write_text(json.dumps(config | {"d_in": 7}))
    (store,) = finished.study.glob("features/llama.2.topk-s1.zarr")
    (store / "indices" / "c" / "0").write_bytes(b"x" * 50)
    (model,) = shared.glob("models/neox-*")
    (model / "model.safetensors").write_bytes(pickle.dumps(Evil(trace)))
    (dump,) = shared.glob("activations/neox-*/*.zarr")
    targets = {
        finished.study / "features" / "llama.2.topk-s0.zarr": (
            logs / "features" / "llama.2.topk-s0.log",
            "saes/llama.2.topk-s0: not a readable SAE",
        ),
        finished.study / "features" / "llama.1.topk-s0.zarr": (
            logs / "features" / "llama.1.topk-s0.log",
            "saes/llama.1.topk-s0/cfg.json: d_in is 7, the arrays have 32",
        ),
        finished.study / "labels" / "llama.2.topk-s1.parquet": (
            logs / "labels" / "llama.2.topk-s1.log",
            "features/llama.2.topk-s1.zarr, array 'indices': the content is damaged",
        ),
        dump: (
            next((shared / "logs" / "activations").glob("neox-*.log")),
            "the model cannot be loaded",
        ),
    }
    for target in targets:
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    done = finished.snakemake(
        "--cores", "2", "--keep-going", "--rerun-triggers", "params", "--",
        *(str(target.relative_to(finished.root)) for target in targets),
    )  # fmt: skip
    assert done.returncode != 0
    assert not trace.exists()
    for target, (log, expected) in targets.items():
        said = log.read_text()
        assert "Traceback" not in said
        assert said.strip().splitlines()[-1].startswith("StudyError: "), said
        assert expected in said
        assert not target.exists()
