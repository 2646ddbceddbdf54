"""`make verify` finds what was damaged on disk and names the command that makes it again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checkouts import Checkout, table_bytes
from dry_runs import CONFIG, planned
from reruns import after
from verify import damaged

BESIDE = ("nulls", "intervals", "sensitivity", "subspaces", "published")


def verify(copy: Checkout, config: str = CONFIG) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/verify.py", "results", config],
        cwd=copy.root,
        env=os.environ | {"PYTHONPATH": "scripts"},
        capture_output=True,
        text=True,
        check=False,
    )


def flip(path: Path) -> None:
    """Change a bit and not the date, as a bad disk does."""
    content, dates = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_nothing_is_damaged(tiny: Checkout) -> None:
    done = verify(tiny)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 damaged of ")
    # 33 stores, 22 tables, 6 files with labels, 19 with what is beside the scores, 4 SAEs and what
    # measures them, 2 models, ...
    assert int(done.stdout.split()[3]) >= 93


def test_the_command_repairs(finished: Checkout, tiny: Checkout) -> None:
    """Also when something that was made from a damaged store is damaged itself."""
    flip(finished.study / "features/neox.3.topk-s0.zarr/values/c/0")
    (finished.study / "matchings/llama.2.topk-s0--neox.3.topk-s0.zarr/a/c/0").unlink()
    flip(finished.study / "tables/scores.csv")
    assert planned(finished) == {}

    done = verify(finished)
    assert done.returncode == 1
    damaged = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("damaged:")]
    assert damaged == [
        "results/tiny/features/neox.3.topk-s0.zarr",
        "results/tiny/matchings/llama.2.topk-s0--neox.3.topk-s0.zarr",
        "results/tiny/tables/scores.csv",
    ]
    (command,) = [line for line in done.stdout.splitlines() if "--force" in line]
    subprocess.run(command, shell=True, cwd=finished.root, capture_output=True, check=True)
    assert verify(finished).returncode == 0
    assert table_bytes(finished) == table_bytes(tiny)
    assert planned(finished) == {}


def test_all_kinds_of_damage_are_told_in_a_line_each(finished: Checkout) -> None:
    """One run, since each starts with imports: what is damaged, by what it must be called."""
    shared, study = finished.shared, finished.study
    hostile: dict[str, object] = {
        "a": "{",
        "b": [],
        "c": {"attributes": []},
        "d": {"attributes": {"kind": ["x"]}, "zarr_format": 3, "node_type": "group"},
        "e": {"attributes": {"kind": "features"}, "zarr_format": 3, "node_type": "group"},
    }
    for name, content in hostile.items():
        folder = study / "features" / f"{name}.zarr"
        folder.mkdir()
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / "zarr.json").write_text(text)
    (study / "features" / "deep.zarr").mkdir()
    (study / "features" / "deep.zarr" / "zarr.json").write_text("[" * 100_000)
    (study / "features" / "nothing.zarr").mkdir()
    # Half-written: no damage.
    (study / "features" / ".x.zarr.partial").mkdir()

    dump = one(shared, "activations/llama-*/resid_post.1.*.zarr")
    large = json.loads((dump / "norm/zarr.json").read_text())
    large["shape"] = large["chunk_grid"]["configuration"]["chunk_shape"] = [10**15]
    (dump / "norm/zarr.json").write_text(json.dumps(large))
    many = one(shared, "activations/llama-*/resid_post.2.*.zarr")
    claims = json.loads((many / "zarr.json").read_text())
    array = json.loads((many / "norm/zarr.json").read_text())
    claims["attributes"]["arrays"]["norm"][1] = array["shape"] = [10**15]
    array["chunk_grid"]["configuration"]["chunk_shape"] = [1]
    (many / "zarr.json").write_text(json.dumps(claims))
    (many / "norm/zarr.json").write_text(json.dumps(array))

    truncate(one(shared, "corpora/*.jsonl"))
    truncate(one(shared, "models/neox-*") / "model.safetensors")
    (one(shared, "models/llama-*") / "tokenizer.json").unlink()
    download = shared / "downloads/some-1-0123456789.whl"
    download.parent.mkdir()
    download.write_text("not what has this hash")
    (study / "saes/neox.3.topk-s0/sae_weights.safetensors").unlink()
    truncate(study / "quality/neox.3.topk-s0.json")
    truncate(study / "labels/neox.3.topk-s0.parquet")
    beside = [next((study / folder).glob("*.parquet")) for folder in BESIDE]
    for path in beside:
        truncate(path)
    truncate(study / "calibration.parquet")
    flip(study / "tables/matches.parquet")
    other = finished.root / "results/other study/saes/x"
    other.mkdir(parents=True)

    done = verify(finished)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    damaged = {
        line.removeprefix("damaged: results/")
        for line in done.stdout.splitlines()
        if line.startswith("damaged:")
    }
    assert damaged == {
        *(f"tiny/features/{name}.zarr" for name in ("a", "b", "c", "d", "e", "deep", "nothing")),
        str(dump.relative_to(finished.root / "results")),
        str(many.relative_to(finished.root / "results")),
        *(
            str(one(shared, pattern).relative_to(finished.root / "results"))
            for pattern in ("corpora/*", "models/neox-*", "models/llama-*", "downloads/*")
        ),
        "tiny/saes/neox.3.topk-s0",
        "tiny/quality/neox.3.topk-s0.json",
        "tiny/labels/neox.3.topk-s0.parquet",
        *(str(path.relative_to(finished.root / "results")) for path in beside),
        "tiny/calibration.parquet",
        "tiny/tables/matches.parquet",
        "other study/saes/x",
    }
    assert f"--configfile {CONFIG} --force results/" in done.stdout
    assert "<the file of study other study> --force 'results/other study/saes/x'" in done.stdout


@pytest.mark.parametrize(
    ("damage", "name"),
    [(flip, "values/c/0"), (Path.unlink, "indptr/c/0"), (Path.unlink, "values/zarr.json")],
)
def test_any_damaged_part_of_a_store(
    scratch: Checkout, damage: Callable[[Path], None], name: str
) -> None:
    store = scratch.study / "features/llama.1.topk-s0.zarr"
    before = (store / name).read_bytes()
    damage(store / name)
    try:
        assert list(damaged(scratch.root / "results")[0]) == [store]
    finally:
        (store / name).write_bytes(before)


def test_forcing_a_damaged_output_reruns_what_follows(scratch: Checkout) -> None:
    store = "results/tiny/scores/llama.2.topk-s0--neox.3.topk-s0.zarr"
    assert planned(scratch, "--force", store) == {"scores": 1}
    assert planned(scratch, "--forcerun", store) == after("scores", scores=1)


def test_a_configuration_that_is_not_there(tiny: Checkout) -> None:
    done = verify(tiny, "studies/none.yaml")
    assert done.returncode == 0  # nothing is damaged, so it is not needed
    assert "Traceback" not in done.stderr
