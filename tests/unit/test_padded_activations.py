"""The padded dump is what transformers gives for one padded batch, before and after a block."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from example_models import LAYERS, VOCABULARY, WIDTH, build
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from universality import store
from universality.errors import StudyError
from universality.inputs import hooks, padded

LAYER, PAD = 2, 2
# Of documents 0, 2, 4, ...; those with odd numbers have no token at all.
LENGTHS = (5, 9, 1, 5, 12, 2)
MODELS = ("llama", "gemma3", "neox", "gpt2", "bert", "opt")


@pytest.fixture(scope="module")
def models() -> dict[str, PreTrainedModel]:
    return {name: build(name) for name in MODELS}


def tokens_in(folder: Path, lengths: tuple[int, ...] = LENGTHS) -> store.Store:
    ids = np.random.default_rng(0).integers(3, VOCABULARY, sum(lengths)).astype(np.int32)
    document = np.repeat(2 * np.arange(len(lengths), dtype=np.int32), lengths)
    store.write(folder / "tokens.zarr", "tokens", {"ids": ids, "document": document}, {})
    return store.open_store(folder / "tokens.zarr", "tokens")


def chosen_of(*documents: int, n: int = 2 * len(LENGTHS)) -> np.ndarray:
    chosen = np.zeros(n, bool)
    chosen[list(documents)] = True
    return chosen


def dumped(
    model: PreTrainedModel,
    tokens: store.Store,
    folder: Path,
    chosen: np.ndarray,
    layer: int = LAYER,
    hook: str = "resid_post",
    dtype: str = "float32",
    batch_tokens: int = 30,
    pad: int | None = PAD,
) -> store.Store:
    path = folder / "padded.zarr"
    padded.dump(model, tokens, chosen, path, layer, hook, dtype, batch_tokens, pad, {"model": "m"})
    return store.open_store(path, "published_activations")


def by_transformers(
    model: PreTrainedModel, tokens: store.Store, documents: list[int], pad: int = PAD
) -> tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]:
    """Return the batch that `tokenizer(padding=True)` makes, and all its hidden states."""
    ids, document = tokens.read("ids"), tokens.read("document")
    texts = [ids[document == number].tolist() for number in documents]
    longest = max(map(len, texts))
    batch = {
        "input_ids": torch.tensor([text + [pad] * (longest - len(text)) for text in texts]),
        "attention_mask": torch.tensor(
            [[1] * len(text) + [0] * (longest - len(text)) for text in texts]
        ),
    }
    with torch.inference_mode():
        return batch, model(**batch, output_hidden_states=True).hidden_states


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("layer", [0, LAYER])
def test_it_is_what_transformers_calls_hidden_states(
    models: dict[str, PreTrainedModel], name: str, layer: int, tmp_path: Path
) -> None:
    """`hidden_states[L]` is the input of block L: the source reads it for the SAE of its output."""
    tokens, documents = tokens_in(tmp_path), [0, 2, 6, 8]
    found = dumped(models[name], tokens, tmp_path, chosen_of(*documents), layer)
    batch, states = by_transformers(models[name], tokens, documents)
    assert layer + 1 < LAYERS
    for array, state in (("input", states[layer]), ("output", states[layer + 1])):
        expected = state.flatten(0, 1).numpy()
        assert np.median(np.abs(np.diff(expected, axis=0))) > 0.05
        np.testing.assert_allclose(found.read(array), expected, rtol=1e-4, atol=1e-4)
        assert found[array].dtype == np.float32
    # Positions of padding differ from one another: they are not a constant that does not matter.
    padding = np.flatnonzero(batch["attention_mask"].flatten() == 0)
    assert np.ptp(found.read("output")[padding], axis=0).max() > 0.05


def test_rows_say_what_they_are(models: dict[str, PreTrainedModel], tmp_path: Path) -> None:
    tokens = tokens_in(tmp_path)
    found = dumped(models["llama"], tokens, tmp_path, chosen_of(2, 3, 4, 10))
    expected = [
        *((2, position, 5 + position) for position in range(9)),
        (4, 0, 14),
        *((4, position, -1) for position in range(1, 9)),
        *((10, position, 32 + position) for position in range(2)),
        *((10, position, -1) for position in range(2, 9)),
    ]
    columns = [found.read(name).tolist() for name in ("document", "position", "row")]
    assert list(zip(*columns, strict=True)) == expected
    assert np.array_equal(tokens.read("document")[[5, 13, 14, 32, 33]], [2, 2, 4, 10, 10])
    store.verify(tmp_path / "padded.zarr", "published_activations")


@settings(max_examples=10, deadline=None)
@given(batch_tokens=st.integers(1, 80))
def test_batches_do_not_matter(
    models: dict[str, PreTrainedModel],
    tmp_path_factory: pytest.TempPathFactory,
    batch_tokens: int,
) -> None:
    folder = tmp_path_factory.mktemp("batches")
    tokens, all_of_them = tokens_in(folder), np.ones(12, bool)
    found = dumped(models["llama"], tokens, folder, all_of_them, batch_tokens=batch_tokens)
    documents = [2 * i for i in range(len(LENGTHS))]
    _, states = by_transformers(models["llama"], tokens, documents)
    expected = states[LAYER].flatten(0, 1).numpy()
    np.testing.assert_allclose(found.read("input"), expected, rtol=1e-4, atol=1e-4)


def test_one_pass_holds_no_more_than_its_share(
    models: dict[str, PreTrainedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around, shapes = hooks.around, []

    def watched(model: Any, inputs: dict[str, torch.Tensor], *rest: Any) -> Any:
        shapes.append(tuple(inputs["input_ids"].shape))
        return around(model, inputs, *rest)

    monkeypatch.setattr(hooks, "around", watched)
    dumped(models["llama"], tokens_in(tmp_path), tmp_path, np.ones(12, bool), batch_tokens=30)
    assert shapes == [(2, 12)] * 3
    shapes.clear()
    dumped(models["llama"], tokens_in(tmp_path), tmp_path, np.ones(12, bool), batch_tokens=3)
    assert shapes == [(1, 12)] * 6


def test_without_a_padding_token_there_are_no_rows_of_it(
    models: dict[str, PreTrainedModel], tmp_path: Path
) -> None:
    tokens, chosen = tokens_in(tmp_path), chosen_of(0, 2, 4)
    padding = dumped(models["llama"], tokens, tmp_path, chosen)
    text = padding.read("row") >= 0
    expected = {name: padding.read(name)[text] for name in padding.attributes["arrays"]}
    found = dumped(models["llama"], tokens, tmp_path, chosen, pad=None)
    for name, array in expected.items():
        np.testing.assert_allclose(found.read(name), array, rtol=1e-5, atol=1e-5)
    assert found.read("row").tolist() == list(range(15))


def test_the_padding_token_matters_at_its_own_rows_alone(
    models: dict[str, PreTrainedModel], tmp_path: Path
) -> None:
    tokens, chosen = tokens_in(tmp_path), chosen_of(0, 2, 4)
    first = dumped(models["neox"], tokens, tmp_path, chosen, pad=2).read("input")
    second = dumped(models["neox"], tokens, tmp_path, chosen, pad=3)
    text = second.read("row") >= 0
    same = np.isclose(first, second.read("input"), rtol=1e-5, atol=1e-5).all(1)
    assert np.array_equal(same, text)


@pytest.mark.parametrize("hook", ["mlp_out", "attn_out"])
def test_other_hooks(models: dict[str, PreTrainedModel], hook: str, tmp_path: Path) -> None:
    """The output is the hook's; the input is that of the block, as the source reads it."""
    tokens, documents = tokens_in(tmp_path), [0, 2]
    found = dumped(models["neox"], tokens, tmp_path, chosen_of(*documents), hook=hook)
    batch, states = by_transformers(models["neox"], tokens, documents)
    with torch.inference_mode():
        output = hooks.read(models["neox"], batch, LAYER, hook)
    for array, expected in (("input", states[LAYER]), ("output", output)):
        exact = expected.flatten(0, 1).numpy()
        np.testing.assert_allclose(found.read(array), exact, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_kept_as_its_bits(models: dict[str, PreTrainedModel], tmp_path: Path) -> None:
    tokens, chosen = tokens_in(tmp_path), chosen_of(0, 2)
    exact = torch.from_numpy(dumped(models["llama"], tokens, tmp_path, chosen).read("input"))
    found = dumped(models["llama"], tokens, tmp_path, chosen, dtype="bfloat16")
    assert found.attributes["dtype"] == "bfloat16"
    bits = found.read("input")
    assert bits.dtype == np.uint16
    by_hand = (bits.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(by_hand, exact.bfloat16().float().numpy())


@pytest.mark.parametrize("pad", [PAD, None])
def test_no_document_at_all(
    models: dict[str, PreTrainedModel], tmp_path: Path, pad: int | None
) -> None:
    for chosen in (chosen_of(), chosen_of(1, 3)):
        found = dumped(models["llama"], tokens_in(tmp_path), tmp_path, chosen, pad=pad)
        assert found["input"].shape == found["output"].shape == (0, WIDTH)
        assert [len(found.read(name)) for name in ("row", "document", "position")] == [0, 0, 0]


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    model, tokens = build("gpt2"), tokens_in(tmp_path)
    with torch.no_grad():
        model.get_input_embeddings().weight[PAD] = float("inf")
    message = r"model m, layer 2, hook resid_post: the model gave values that are not finite"
    with pytest.raises(StudyError, match=message):
        dumped(model, tokens, tmp_path, chosen_of(0, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.zarr"]


def test_a_padding_token_that_the_model_does_not_know(
    models: dict[str, PreTrainedModel], tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=r"model m: .* its weights know 0 to 49"):
        dumped(models["llama"], tokens_in(tmp_path), tmp_path, chosen_of(0), pad=VOCABULARY)


# Which token documents are padded with.


def named(eos: int | None, pad: int | None) -> Any:
    return SimpleNamespace(eos_token_id=eos, pad_token_id=pad)


def configured(eos: Any) -> Any:
    text = SimpleNamespace(eos_token_id=eos)
    return SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: text))


@pytest.mark.parametrize(
    ("tokenizer", "model", "expected"),
    [
        (named(7, 3), configured(5), (7, "the tokenizer's EOS token")),
        (named(0, None), configured(None), (0, "the tokenizer's EOS token")),
        (named(None, 3), configured(5), (5, "the EOS token of the model's configuration")),
        (named(None, 3), configured([1, 106]), (1, "the EOS token of the model's configuration")),
        (named(None, 3), configured([]), (3, "the tokenizer's padding token")),
        (named(None, 0), configured(None), (0, "the tokenizer's padding token")),
        (named(None, None), configured(None), (None, "neither an EOS nor a padding token")),
    ],
)
def test_padding_token(tokenizer: Any, model: Any, expected: tuple[int | None, str]) -> None:
    assert padded.padding_token(tokenizer, model) == expected


def test_padding_token_of_a_real_model(models: dict[str, PreTrainedModel]) -> None:
    assert padded.padding_token(named(None, None), models["llama"])[0] == 2
