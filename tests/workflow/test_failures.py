"""What goes wrong is said in one message, and leaves nothing half-done."""

from collections.abc import Callable

import pytest

from checkouts import Checkout

CONFIG = "studies/tiny.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tiny\nseed: 1\n", "tiny\nseed: one\n", "seed: found 'one', expected a whole number"),
        ("study: tiny", "studdy: tiny", "unknown key 'studdy'"),
        ("hungarian]", "munkres]", "munkres"),
        ("rsa: {}", "rsb: {}", "scoring.metrics.rsb: missing key 'metric'"),
        ("layers: [3] }", "layers: [3, 6] }", "models.neox.layers: the model has no layer 6"),
        ("b: neox, dictionary: topk-s0 }", "b: neo, dictionary: topk-s0 }", "valid: llama, neox"),
        ("train: 0.5", "train: 0.6", "corpus.splits: the shares add up to 1.1, not 1"),
        ("resources/tiny/tales.jsonl", "resources/tiny/none.jsonl", "corpus.sources.tales.path"),
    ],
)
def test_a_bad_configuration_is_one_message_before_any_job(
    fresh: Callable[[], Checkout], old: str, new: str, message: str
) -> None:
    copy = fresh()
    copy.edit(CONFIG, old, new)
    done = copy.snakemake("--cores", "1")
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len([line for line in done.stderr.splitlines() if line.strip()]) <= 4
    assert not (copy.root / "results").exists()


def test_the_gate_stops_a_study(finished: Checkout) -> None:
    finished.edit(CONFIG, "max_fvu: 0.9", "max_fvu: 0.001")
    done = finished.snakemake("--cores", "2")
    assert done.returncode != 0
    stopped = [
        log.stem
        for log in (finished.study / "logs" / "sae_quality").iterdir()
        if "gate.max_fvu: the SAE" in log.read_text().splitlines()[-1]
    ]
    assert stopped
    for subject in stopped:
        assert not (finished.study / "quality" / f"{subject}.json").exists()
    finished.edit(CONFIG, "on_failure: stop", "on_failure: continue")
    done = finished.snakemake("--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "False" in (finished.study / "tables" / "saes.csv").read_text()


def test_a_failed_job_leaves_no_output(finished: Checkout) -> None:
    """A damaged store is named in the log, and the job's own output does not appear."""
    damaged = finished.study / "features" / "neox.3.topk-s0.zarr" / "zarr.json"
    damaged.write_text("{")
    (finished.study / "labels" / "neox.3.topk-s0.parquet").unlink()
    done = finished.snakemake(
        "--cores", "1", "--rerun-triggers", "params", "--",
        "results/tiny/labels/neox.3.topk-s0.parquet",
    )  # fmt: skip
    assert done.returncode != 0
    log = (finished.study / "logs" / "labels" / "neox.3.topk-s0.log").read_text()
    assert "no readable features store is here" in log.strip().splitlines()[-1]
    assert not (finished.study / "labels" / "neox.3.topk-s0.parquet").exists()
