"""Dumps hold what each document alone gives, whatever the batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from example_models import VOCABULARY, WIDTH, build
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from universality import store
from universality.errors import StudyError
from universality.inputs import activations, hooks

LAYER, BOS = 1, 1
# The third document is nothing but BOS; some are equally long.
LENGTHS = (5, 9, 1, 5, 30, 2, 12, 9)
MODELS = ("llama", "gemma3", "neox", "gpt2", "bert", "mpnet")


@pytest.fixture(scope="module")
def models() -> dict[str, PreTrainedModel]:
    return {name: build(name) for name in MODELS}


def tokens_in(
    folder: Path,
    lengths: tuple[int, ...] = LENGTHS,
) -> store.Store:
    """Write a store of tokens: documents of random tokens behind BOS."""
    rng = np.random.default_rng(0)
    ids = rng.integers(3, VOCABULARY, sum(lengths)).astype(np.int32)
    # Documents without any token leave a gap in the numbers.
    document = np.repeat(2 * np.arange(len(lengths), dtype=np.int32), lengths)
    start = np.flatnonzero(np.diff(document, prepend=-1))
    ids[start] = BOS
    store.write(folder / "tokens.zarr", "tokens", {"ids": ids, "document": document}, {})
    return store.open_store(folder / "tokens.zarr", "tokens")


@torch.inference_mode()
def one_by_one(model: PreTrainedModel, tokens: store.Store, layer: int = LAYER) -> np.ndarray:
    """Return the outputs of a block, each document alone, from `output_hidden_states`."""
    ids, document = tokens.read("ids"), tokens.read("document")
    rows = []
    for number in np.unique(document):
        alone = torch.from_numpy(ids[document == number]).long()[None]
        rows.append(model(input_ids=alone, output_hidden_states=True).hidden_states[layer + 1][0])
    return torch.cat(rows).numpy()


def dumped(
    model: PreTrainedModel,
    tokens: store.Store,
    folder: Path,
    batch_tokens: int = 64,
    dtype: str = "float32",
    hook: str = "resid_post",
) -> store.Store:
    said: dict[str, Any] = {"model": "m", "layer": LAYER}
    path = folder / "activations.zarr"
    activations.dump(model, tokens, path, LAYER, hook, dtype, batch_tokens, said)
    return store.open_store(path, "activations")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch_tokens", [1, 20, 10_000])
def test_dump_is_what_each_document_alone_gives(
    models: dict[str, PreTrainedModel], name: str, batch_tokens: int, tmp_path: Path
) -> None:
    tokens = tokens_in(tmp_path)
    found = dumped(models[name], tokens, tmp_path, batch_tokens)
    expected = one_by_one(models[name], tokens)
    resid = found.read("resid")
    assert resid.dtype == np.float32
    assert resid.shape == (sum(LENGTHS), WIDTH)
    # Rows differ by far more than the tolerance, so their order is tested, too.
    assert np.median(np.abs(np.diff(expected, axis=0))) > 0.1
    np.testing.assert_allclose(resid, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.read("row"), np.arange(sum(LENGTHS)))
    np.testing.assert_allclose(found.read("norm"), np.linalg.norm(resid, axis=1), rtol=1e-6)
    assert found.read("norm").dtype == np.float32


@pytest.mark.parametrize("window", [1, 2, 3, 8])
def test_windows_do_not_matter(
    models: dict[str, PreTrainedModel],
    window: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = tokens_in(tmp_path)
    monkeypatch.setattr(activations, "_WINDOW", window)
    found = dumped(models["llama"], tokens, tmp_path).read("resid")
    expected = one_by_one(models["llama"], tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_bfloat16_is_kept_as_its_bits(models: dict[str, PreTrainedModel], tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    exact = torch.from_numpy(dumped(models["llama"], tokens, tmp_path).read("resid"))
    found = dumped(models["llama"], tokens, tmp_path, dtype="bfloat16")
    bits = found.read("resid")
    assert bits.dtype == np.uint16
    decoded = torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16)
    assert torch.equal(decoded, exact.bfloat16())
    # By hand: a bfloat16 is the upper half of a float32.
    by_hand = (bits.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(by_hand, exact.bfloat16().float().numpy())
    np.testing.assert_allclose(found.read("norm"), np.linalg.norm(by_hand, axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", list(activations.DTYPES))
def test_a_model_in_bfloat16(tmp_path: Path, dtype: str) -> None:
    model, tokens = build("llama").to(torch.bfloat16), tokens_in(tmp_path)
    resid = dumped(model, tokens, tmp_path, dtype=dtype).read("resid")
    if dtype == "bfloat16":
        resid = (resid.astype(np.uint32) << 16).view(np.float32)
    close = one_by_one(build("llama"), tokens)
    assert np.corrcoef(resid.ravel(), close.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("hook", list(hooks.HOOKS))
def test_hooks(models: dict[str, PreTrainedModel], hook: str, tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path, (4, 6))
    found = dumped(models["neox"], tokens, tmp_path, hook=hook).read("resid")
    ids = torch.from_numpy(tokens.read("ids")).long()
    with torch.inference_mode():
        rows = [
            hooks.read(models["neox"], {"input_ids": part[None]}, LAYER, hook)[0]
            for part in (ids[:4], ids[4:])
        ]
    np.testing.assert_allclose(found, torch.cat(rows).numpy(), rtol=1e-5, atol=1e-5)


def test_attributes_say_what_made_it(models: dict[str, PreTrainedModel], tmp_path: Path) -> None:
    attributes = dumped(models["llama"], tokens_in(tmp_path), tmp_path).attributes
    assert (attributes["model"], attributes["layer"], attributes["dtype"]) == ("m", 1, "float32")
    assert sorted(attributes["arrays"]) == ["norm", "resid", "row"]
    store.verify(tmp_path / "activations.zarr", "activations")


def test_the_same_dump_twice_is_the_same(
    models: dict[str, PreTrainedModel], tmp_path: Path
) -> None:
    tokens = tokens_in(tmp_path)
    first, second = (dumped(models["llama"], tokens, tmp_path).attributes for _ in range(2))
    assert first == second


@pytest.mark.parametrize("dtype", list(activations.DTYPES))
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite(tmp_path: Path, dtype: str, value: float) -> None:
    model, tokens = build("gpt2"), tokens_in(tmp_path)
    last = int(tokens.read("ids")[-1])
    with torch.no_grad():
        model.get_input_embeddings().weight[last] = value
    message = (
        rf"layer 1, hook resid_post: the model gave values that are not finite in {dtype} "
        r"\(valid: bfloat16, float32\)"
    )
    with pytest.raises(StudyError, match=message):
        dumped(model, tokens, tmp_path, dtype=dtype)
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.zarr"]


def test_values_that_bfloat16_cannot_hold(tmp_path: Path) -> None:
    model, tokens = build("gpt2"), tokens_in(tmp_path)
    # Added to the stream by the last part of the block; the largest float32.
    with torch.no_grad():
        hooks.blocks(model)[LAYER].get_parameter("mlp.c_proj.bias")[3] = 3.4028e38
    assert np.isfinite(dumped(model, tokens, tmp_path).read("resid")).all()
    with pytest.raises(StudyError, match="not finite in bfloat16"):
        dumped(model, tokens, tmp_path, dtype="bfloat16")
    # The dump that was there is kept.
    found = store.open_store(tmp_path / "activations.zarr", "activations")
    assert found.attributes["dtype"] == "float32"


def test_what_stands_at_padded_positions_does_not_matter(tmp_path: Path) -> None:
    model, tokens = build("llama"), tokens_in(tmp_path)
    expected = one_by_one(model, tokens)
    with torch.no_grad():
        model.get_input_embeddings().weight[0] = 100  # the token of padding; never in the text
    found = dumped(model, tokens, tmp_path, 10_000).read("resid")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 100))
def test_batches(lengths: list[int], tokens: int) -> None:
    found = list(activations.batches(np.array(lengths, np.int64), tokens))
    assert sorted(document for batch in found for document in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[document] for document in batch)
        assert lengths[batch[0]] == longest
        assert len(batch) * longest <= tokens or len(batch) == 1
    # From long to short, so that neighbours are of similar length.
    order = [lengths[document] for batch in found for document in batch]
    assert order == sorted(order, reverse=True)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 100))
def test_batches_are_full(lengths: list[int], tokens: int) -> None:
    found = list(activations.batches(np.array(lengths, np.int64), tokens))
    for batch in found[:-1]:
        assert (len(batch) + 1) * lengths[batch[0]] > tokens


def test_batches_by_hand() -> None:
    assert list(activations.batches(np.array([3, 9, 4, 1]), 8)) == [[1], [2, 0], [3]]
    assert list(activations.batches(np.array([2, 2, 2]), 4)) == [[0, 1], [2]]
    assert list(activations.batches(np.array([], np.int64), 4)) == []
