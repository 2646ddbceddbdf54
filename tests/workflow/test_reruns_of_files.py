"""What Snakemake does when inputs or outputs are touched, changed or deleted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checkouts import Checkout
from dry_runs import configured, dry_run, planned, replaced
from reruns import JOBS, after

PAIR = "llama.2.topk-s0--neox.3.topk-s0"

# An output of each rule, and what its deletion reruns: what people look at comes back. The others
# are only made again when something needs them, so they can be deleted to save space.
OUTPUTS: dict[str, dict[str, int]] = {
    "shared/corpora/*.jsonl": {},
    "shared/models/llama-*": {},
    "shared/tokens/llama-*.zarr": {},
    "shared/alignments/llama-*--neox-*.zarr": {},
    "shared/activations/llama-*/resid_post.2.*.zarr": {},
    "tiny/saes/llama.2.topk-s0": {},
    "tiny/quality/llama.2.topk-s0.json": {},
    "tiny/features/llama.2.topk-s0.zarr": {},
    # Of the subject in three comparisons.
    "tiny/labels/llama.2.topk-s0.parquet": after(
        "labels",
        labels=1,
        matching=3,
        scores=3,
        intervals=3,
        nulls=1,
        sensitivity=2,
        subspaces=2,
        published=2,
    ),
    f"tiny/correlations/{PAIR}.zarr": {},
    f"tiny/matchings/{PAIR}.zarr": {},
    f"tiny/scores/{PAIR}.zarr": {},
    "shared/published_activations/llama-*/resid_post.2.*.zarr": {},
    f"tiny/rematchings/{PAIR}.zarr": {},
    f"tiny/nulls/{PAIR}.parquet": {},
    f"tiny/intervals/{PAIR}.parquet": {},
    f"tiny/sensitivity/{PAIR}.parquet": {},
    f"tiny/subspaces/{PAIR}.parquet": {},
    f"tiny/subspaces/{PAIR}.nulls.parquet": {},
    f"tiny/published/{PAIR}.parquet": {},
    "tiny/calibration.parquet": {},
    "tiny/tables/scores.csv": after("tables"),
    "tiny/tables/matches.parquet": after("tables"),
    "tiny/figures/grid_rsa.png": after("figures"),
    "tiny/figures/dag.svg": after("dag"),
    "tiny/summary.md": after("summary"),
    "tiny/answers.txt": after("summary"),
    "tiny/tables/manifest.json": after("manifest"),
    "tiny/configuration.json": after("manifest"),
    "tiny/report.html": after("report"),
    "tiny/ro-crate-metadata.json": after("crate"),
    "tiny/workflow": after("crate"),
    "tiny/logs/tables.log": {},
    "tiny/benchmarks/tables.tsv": {},
}


def one(scratch: Checkout, pattern: str) -> Path:
    (found,) = (scratch.root / "results").glob(pattern)
    return found


@contextmanager
def deleted(path: Path) -> Iterator[None]:
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_deleted_output(scratch: Checkout, output: str) -> None:
    with deleted(one(scratch, output)):
        assert planned(scratch) == OUTPUTS[output]


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_touched_output(scratch: Checkout, output: str) -> None:
    """Nothing reruns: files count by content, folders by the date that Snakemake keeps in them."""
    path = one(scratch, output)
    dates = path.stat()
    path.touch()
    try:
        assert planned(scratch) == {}
    finally:
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


@pytest.mark.parametrize(
    ("output", "readers"),
    [
        ("tiny/quality/llama.2.topk-s0.json", after("tables")),
        ("tiny/tables/scores.parquet", after("figures", "summary", "manifest")),
        ("tiny/tables/scores.csv", after("manifest")),
        ("tiny/summary.md", after("manifest")),
        ("tiny/figures/grid_rsa.svg", after("report")),
    ],
)
def test_an_edited_output(scratch: Checkout, output: str, readers: dict[str, int]) -> None:
    """A file counts as an input of what reads it; it is not made again itself."""
    path = one(scratch, output)
    with replaced(path, path.read_bytes() + b" "):
        assert planned(scratch) == readers


def test_a_deleted_intermediate_that_is_needed_is_made_first(scratch: Checkout) -> None:
    config = configured(scratch, lambda config: config["scoring"].update(permutations=199))
    with deleted(one(scratch, "tiny/features/neox.3.neurons.zarr")):
        # Made again, it is newer than its labels and correlation.
        assert planned(scratch, config=config) == after(
            "labels",
            labels=1,
            features=1,
            correlation=1,
            matching=1,
            scores=5,
            intervals=1,
            nulls=0,
            sensitivity=0,
        )


def test_everything_deleted_reruns_everything(scratch: Checkout) -> None:
    with deleted(scratch.root / "results"):
        assert planned(scratch) == JOBS


def test_a_text_with_the_same_content_and_another_date(scratch: Checkout) -> None:
    path = scratch.root / "resources/tiny/tales.jsonl"
    path.touch()
    assert planned(scratch) == {}


def test_a_text_with_other_content(scratch: Checkout) -> None:
    path = scratch.root / "resources/tiny/tales.jsonl"
    with replaced(path, path.read_bytes() + b"\n"):
        assert planned(scratch) == after("corpus")


def test_a_file_of_a_model_with_other_content(scratch: Checkout) -> None:
    """Both layers of llama, and every comparison, but not neox and its layer."""
    path = scratch.root / "resources/tiny/llama/config.json"
    with replaced(path, path.read_bytes() + b"\n"):
        assert planned(scratch) == after(
            "model",
            model=1,
            tokens=1,
            activations=2,
            published_activations=2,
            sae=3,
            sae_quality=3,
            features=4,
            labels=4,
        )


def test_a_file_of_words_of_a_category(scratch: Checkout) -> None:
    words = scratch.root / "words.txt"
    words.write_text("old\ngirl\n")

    def change(config: dict) -> None:
        config["subspaces"]["categories"]["Tales"] = "words.txt"

    config = configured(scratch, change)
    assert planned(scratch, config=config) == after("subspaces")
    # Edited as an input that exists: the content counts.
    assert "words.txt" in dry_run(scratch, config=config)
    words.unlink()


def test_a_store_whose_content_changed_is_not_seen(scratch: Checkout) -> None:
    """Hence `make verify`."""
    store = one(scratch, f"tiny/correlations/{PAIR}.zarr")
    chunk = store / "fit/c/0/0"
    with replaced(chunk, b"damaged"):
        assert planned(scratch) == {}
