"""What the tiny study gives, recomputed from its stores by plain and slow means."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from transformers import AutoModel

from checkouts import Checkout
from universality import documents, store
from universality.documents import SPLITS
from universality.features.matrix import Features
from universality.views import tables

CROSS = "llama.2.topk-s0--neox.3.topk-s0"


def table(tiny: Checkout, name: str) -> pd.DataFrame:
    return tables.read(tiny.study / "tables" / f"{name}.parquet", name)


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_everything_is_there_and_said(tiny: Checkout) -> None:
    output = (tiny.root / "output.txt").read_text()
    assert "Mean held-out correlation of matched features" in output
    for place in ("summary.md", "tables", "figures", "report.html"):
        assert f"results/tiny/{place}" in output
        assert (tiny.study / place).exists()
    for name in ("grid_svcca", "grid_rsa", "correlation_by_layer", "sae_quality", "dag"):
        assert (tiny.study / "figures" / f"{name}.svg").stat().st_size > 1000
        assert (tiny.study / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_report_holds_figures_and_captions(tiny: Checkout) -> None:
    report = (tiny.study / "report.html").read_text()
    for name in ("grid_svcca.svg", "correlation_by_layer.svg", "dag.svg", "summary.md"):
        assert name in report


@pytest.mark.parametrize("name", list(tables.COLUMNS))
def test_tables_keep_the_contract_in_both_formats(tiny: Checkout, name: str) -> None:
    frame = table(tiny, name)
    assert len(frame)
    from_csv = tables.read(tiny.study / "tables" / f"{name}.csv", name)
    pd.testing.assert_frame_equal(frame, from_csv)


def test_table_rows(tiny: Checkout) -> None:
    scores = table(tiny, "scores")
    assert scores["comparison"].nunique() == 5
    # Per comparison and method: two correlations, unfiltered and filtered, three quantiles and four
    # shares of the held-out one, and two metrics; three more and co-activation for hungarian,
    # and for each side the features with a partner.
    calibrated = scores.query("protocol == 'calibrated' and subspace == 'all'")
    size = calibrated.groupby(["comparison", "method"]).size()
    more = {"hungarian": 5, "max_correlation": 4, "max_correlation_reverse": 4}
    assert all(n == 13 + more.get(method, 0) for (_, method), n in size.items())
    assert set(scores["kind"]) == {"cross", "ceiling", "floor"}
    assert len(table(tiny, "saes")) == 4
    assert scores.loc[scores["value"].isna(), "reason"].notna().all()


def test_no_document_is_in_two_splits(tiny: Checkout) -> None:
    corpus = documents.read(one(tiny.shared, "corpora/*.jsonl"))
    texts = {split: {d.text for d in corpus if d.split == split} for split in SPLITS}
    assert sum(map(len, texts.values())) == len(corpus) == 360
    assert [len(texts[split]) for split in SPLITS] == [180, 90, 90]
    alignment = store.open_store(
        one(tiny.shared, "alignments/llama-??????????--neox*"), "alignment"
    )
    split = documents.split_codes(corpus)
    np.testing.assert_array_equal(alignment.read("split"), split[alignment.read("document")])


def aligned(tiny: Checkout, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the dense features of both sides of the cross comparison on a split's rows."""
    alignment = store.open_store(
        one(tiny.shared, "alignments/llama-??????????--neox*"), "alignment"
    )
    a = Features(tiny.study / "features" / "llama.2.topk-s0.zarr")
    b = Features(tiny.study / "features" / "neox.3.topk-s0.zarr")
    rows = alignment.read("row_a"), alignment.read("row_b")
    keep = a.usable[rows[0]] & b.usable[rows[1]]
    keep &= alignment.read("split") == SPLITS.index(split)
    return a.rows(rows[0][keep]).toarray(), b.rows(rows[1][keep]).toarray()


@pytest.mark.parametrize(
    ("split", "column"), [("match", "correlation_fit"), ("heldout", "correlation_heldout")]
)
def test_correlations_are_those_of_numpy(tiny: Checkout, split: str, column: str) -> None:
    a, b = aligned(tiny, split)
    full = np.corrcoef(a.T.astype(float), b.T.astype(float))[: a.shape[1], a.shape[1] :]
    matches = table(tiny, "matches").query("comparison == @CROSS")
    assert len(matches) > 100
    expected = full[matches["a"], matches["b"]]
    np.testing.assert_allclose(matches[column], expected, atol=1e-6)


def test_hungarian_is_optimal(tiny: Checkout) -> None:
    correlation = store.open_store(tiny.study / "correlations" / f"{CROSS}.zarr", "correlation")
    fit = correlation.read("fit")
    rows, columns = linear_sum_assignment(-fit)
    matches = table(tiny, "matches").query("comparison == @CROSS and method == 'hungarian'")
    assert matches["correlation_fit"].sum() == pytest.approx(fit[rows, columns].sum(), abs=1e-4)
    assert matches["a"].is_unique
    assert matches["b"].is_unique
    assert (matches["kept"] == (matches["correlation_fit"] > 0.05)).mean() > 0.5


def test_participating_features_fire_enough_in_every_split(tiny: Checkout) -> None:
    correlation = store.open_store(tiny.study / "correlations" / f"{CROSS}.zarr", "correlation")
    for side, name in enumerate("ab"):
        enough = np.logical_and.reduce(
            [(aligned(tiny, split)[side] != 0).sum(0) >= 5 for split in SPLITS]
        )
        assert enough[correlation.read(name)].all()


def test_scores_are_those_of_independent_code(tiny: Checkout) -> None:
    matches = table(tiny, "matches").query(
        "comparison == @CROSS and method == 'hungarian' and kept"
    )
    scores = table(tiny, "scores").query(
        "comparison == @CROSS and method == 'hungarian' and subspace == 'all'"
    )
    value = scores.query("filter == 'kept'").set_index("metric")["value"]
    decoders = [
        store.open_store(tiny.study / "features" / f"{subject}.zarr", "features").read("decoder")
        for subject in CROSS.split("--")
    ]
    a, b = decoders[0][matches["a"]], decoders[1][matches["b"]]
    rsa = spearmanr(pdist(a, "correlation"), pdist(b, "correlation")).statistic
    assert value["rsa"] == pytest.approx(rsa, abs=1e-5)
    bases = [np.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :2] for x in (a, b)]
    svcca = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()
    assert value["svcca"] == pytest.approx(svcca, abs=1e-5)
    assert value["correlation_heldout"] == pytest.approx(matches["correlation_heldout"].mean())


def test_activations_are_those_of_the_model(tiny: Checkout) -> None:
    tokens = store.open_store(one(tiny.shared, "tokens/llama-??????????.zarr"), "tokens")
    dump = one(tiny.shared, "activations/llama-??????????/resid_post.1.float32.4096.zarr")
    resid = store.open_store(dump, "activations").read("resid")
    model = AutoModel.from_pretrained(one(tiny.shared, "models/llama-??????????")).eval()
    document = tokens.read("document")
    for chosen in (0, 7, 359):
        rows = np.flatnonzero(document == chosen)
        ids = torch.from_numpy(tokens.read("ids")[rows].astype(np.int64))[None]
        with torch.inference_mode():
            hidden = model(ids, output_hidden_states=True).hidden_states[2][0]
        np.testing.assert_allclose(resid[rows], hidden.numpy(), atol=1e-5)


def test_permuted_rows_are_a_floor(tiny: Checkout) -> None:
    scores = table(tiny, "scores").query("metric == 'correlation_heldout' and filter == 'none'")
    value = scores.set_index(["comparison", "method"])["value"]
    assert abs(value[f"{CROSS}--permuted", "hungarian"]) < 0.05 < value[CROSS, "hungarian"]


def test_manifest(tiny: Checkout) -> None:
    manifest = json.loads((tiny.study / "tables" / "manifest.json").read_text())
    assert manifest["configuration"]["study"] == "tiny"
    assert manifest["rules"]["sae"]["jobs"] == 4
    assert manifest["versions"]["torch"].startswith("2.13")


def test_no_text_of_the_corpus_is_in_the_tables(tiny: Checkout) -> None:
    corpus = documents.read(one(tiny.shared, "corpora/*.jsonl"))
    shown = "".join(path.read_text() for path in (tiny.study / "tables").glob("*.csv"))
    assert not any(document.text[:40] in shown for document in corpus)


def test_a_second_run_does_nothing(tiny: Checkout) -> None:
    assert tiny.planned() == {}


def test_another_number_of_threads_agrees(finished: Checkout, tiny: Checkout) -> None:
    """Two threads add up in another order: SAEs differ by rounding, conclusions do not."""
    set_threads = ["--set-threads", "sae=2", "activations=2", "--cores", "2"]
    done = finished.snakemake(*set_threads, "--forcerun", "activations")
    assert done.returncode == 0, done.stderr[-5000:]
    keys = tables.KEYS["scores"]
    before, after = (
        table(run, "scores").set_index(keys)["value"].dropna() for run in (tiny, finished)
    )
    difference = (before - after).abs().dropna()
    assert difference.quantile(0.5) < 0.01
    assert difference.max() < 0.2


def test_summary_says_what_the_tables_say(tiny: Checkout) -> None:
    summary = (tiny.study / "summary.md").read_text()
    scores = table(tiny, "scores").query(
        "kind == 'cross' and method == 'hungarian' and metric == 'correlation_heldout' "
        "and filter == 'none'"
    )
    said = re.search(r"\(topk-s0\): (\d\.\d+) over 2 cross cells", summary)
    assert said is not None
    assert float(said[1]) == pytest.approx(scores["value"].mean(), abs=5e-4)
