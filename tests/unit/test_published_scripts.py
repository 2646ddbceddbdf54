"""The two scripts of the published protocol, on small stores and a tiny model."""

import json
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import example_comparison as example
import numpy as np
import pandas as pd
import pytest
import torch
from example_models import build
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

import job
import torch_job
from universality import documents, store
from universality.features.encodings import Encodings
from universality.features.ladder import CHOICES, Ladder, states
from universality.similarity.published import Scorer

SCRIPTS = Path(__file__).parents[2] / "scripts"
SELECTION = {"min_correlation": 0.3, "shared_label": False, "exclude_labels": []}


class Names(dict[Any, Any]):
    """What Snakemake lets a script reach by name, by attribute and by number."""

    __getattr__ = dict.__getitem__


def run(script: str, monkeypatch: pytest.MonkeyPatch, output: Path, **parts: Any) -> None:
    monkeypatch.setattr(job, "start", lambda snakemake: None)
    monkeypatch.setattr(torch_job, "start", lambda snakemake: None)
    named = {part: Names(names) for part, names in parts.items()}
    snakemake = SimpleNamespace(**named, output=[str(output)], threads=1)
    run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": snakemake})


def scored(folder: Path, monkeypatch: pytest.MonkeyPatch, choices: dict[str, bool]) -> pd.DataFrame:
    inputs = {
        "correlation": "correlation.zarr",
        "alignment": "alignment.zarr",
        "corpus": "corpus.jsonl",
        "a": "features_a.zarr",
        "b": "features_b.zarr",
    }
    for side in "ab":
        inputs |= {
            f"tokens_{side}": f"tokens_{side}.zarr",
            f"activations_{side}": f"padded_{side}.zarr",
            f"sae_{side}": f"sae_{side}",
            f"labels_{side}": f"labels_{side}.parquet",
        }
    params = {"choices": choices, "selection": SELECTION, "svcca": {"k": 1}}
    run(
        "published",
        monkeypatch,
        folder / "published.parquet",
        input={name: str(folder / path) for name, path in inputs.items()},
        params=params | {"permutations": 49, "seed": 3, "code": ""},
    )
    return pd.read_parquet(folder / "published.parquet")


def test_the_ladder_of_a_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    c = example.make(tmp_path)
    found = scored(tmp_path, monkeypatch, dict.fromkeys(CHOICES, True))
    columns = ["step", "correction", "metric", "n", "k", "value", "null_mean", "m", "p", "reason"]
    assert list(found.columns) == columns
    assert found["correction"].tolist() == [
        name for name in ("published", *CHOICES) for _ in range(2)
    ]
    assert found["step"].tolist() == [step for step in range(12) for _ in range(2)]
    assert found["metric"].tolist() == ["svcca", "rsa"] * 12

    encodings = Encodings(c.a, c.b, c.alignment, c.texts, example.CPU)
    pairs = Ladder(encodings, c.correlation, SELECTION)
    decoders = (side.features.store.read("decoder") for side in (c.a, c.b))
    scorer = Scorer(*decoders, {"k": 1}, 49, 3)
    expected = [
        row
        for _, state in states(dict.fromkeys(CHOICES, True))
        for row in scorer.rows(*pairs.pairs(state), state["one_component"], state["shuffled_p"])
    ]
    for name in ("n", "k", "value", "null_mean", "m", "p"):
        theirs = np.array([row[name] for row in expected], float)
        np.testing.assert_array_equal(found[name].to_numpy(float), theirs)
    assert found["value"].notna().sum() > 20
    assert (found["reason"].isna() == found["value"].notna()).all()


def test_a_study_that_takes_one_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example.make(tmp_path)
    choices = dict.fromkeys(CHOICES, False) | {"shuffled_p": True}
    found = scored(tmp_path, monkeypatch, choices)
    assert found["correction"].tolist() == ["published"] * 2 + ["shuffled_p"] * 2
    before, after = found.iloc[:2], found.iloc[2:]
    assert before["value"].tolist() == after["value"].tolist()
    np.testing.assert_allclose(after["p"], (1 + 49 * before["p"].to_numpy()) / 50)


def test_an_sae_of_another_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example.make(tmp_path)
    (tmp_path / "sae_a").rename(tmp_path / "was_a")
    (tmp_path / "sae_b").rename(tmp_path / "sae_a")
    (tmp_path / "was_a").rename(tmp_path / "sae_b")
    with pytest.raises(Exception, match=r"the SAE takes activations of width 72, .* width 60"):
        scored(tmp_path, monkeypatch, dict.fromkeys(CHOICES, True))


def test_the_padded_dump_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = build("llama")
    model.save_pretrained(tmp_path / "model")
    vocabulary = {f"<{i}>": i for i in range(50)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(vocabulary)), eos_token="<7>"
    )
    tokenizer.save_pretrained(tmp_path / "model")
    corpus = [
        documents.Document(i, "s", split, "x")
        for i, split in enumerate(("train", "match", "heldout", "match"))
    ]
    documents.write(corpus, tmp_path / "corpus.jsonl")
    ids = np.arange(10, 22)
    arrays = {"ids": ids.astype(np.int32), "document": np.repeat(np.arange(4, dtype=np.int32), 3)}
    arrays = {name: array[:-1] for name, array in arrays.items()}  # the last has two tokens
    store.write(tmp_path / "tokens.zarr", "tokens", arrays, {"corpus_sha256": "c"})
    run(
        "published_activations",
        monkeypatch,
        tmp_path / "padded.zarr",
        input={
            "tokens": str(tmp_path / "tokens.zarr"),
            "model": str(tmp_path / "model"),
            "corpus": str(tmp_path / "corpus.jsonl"),
        },
        params={"model": "mine", "code": ""},
        wildcards={"hook": "resid_post", "layer": "2", "dtype": "float32", "batch_tokens": "64"},
    )
    found = store.open_store(tmp_path / "padded.zarr", "published_activations")
    assert "padded with token 7: the tokenizer's EOS token" in capsys.readouterr().out
    assert found.read("document").tolist() == [1, 1, 1, 3, 3, 3]
    assert found.read("row").tolist() == [3, 4, 5, 9, 10, -1]
    padded = torch.tensor([[13, 14, 15], [19, 20, 7]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    with torch.inference_mode():
        states_ = model(padded, attention_mask=mask, output_hidden_states=True).hidden_states
    for name, expected in (("input", states_[2]), ("output", states_[3])):
        exact = expected.flatten(0, 1).numpy()
        np.testing.assert_allclose(found.read(name), exact, rtol=1e-4, atol=1e-4)
    said = {name: found.attributes[name] for name in ("model", "hook", "layer", "pad", "dtype")}
    assert said == {
        "model": "mine",
        "hook": "resid_post",
        "layer": 2,
        "pad": 7,
        "dtype": "float32",
    }
    assert json.dumps(found.attributes)
