"""Hooks read the residual stream where they say, in many architectures, and stop there."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from example_models import CONFIGS, LAYERS, WIDTH, batch, build
from torch import nn
from transformers import AutoModel, MixtralConfig, PreTrainedModel

from universality.errors import StudyError
from universality.inputs import hooks

MIDDLE = 1


@pytest.fixture(scope="module")
def models() -> dict[str, PreTrainedModel]:
    return {name: build(name) for name in CONFIGS}


@torch.inference_mode()
def read(model: PreTrainedModel, layer: int, hook: str = "resid_post") -> torch.Tensor:
    return hooks.read(model, batch(7, 3), layer, hook)


@torch.inference_mode()
def hidden_states(model: PreTrainedModel) -> tuple[torch.Tensor, ...]:
    states: tuple[torch.Tensor, ...] = model(**batch(7, 3), output_hidden_states=True).hidden_states
    return states


def hooks_of(model: PreTrainedModel) -> dict[str, list[int]]:
    return {name: list(module._forward_hooks) for name, module in model.named_modules()}


@torch.inference_mode()
def captured(model: PreTrainedModel, module: nn.Module) -> torch.Tensor:
    """Return the output of `module` in a full forward pass."""
    outputs: list[Any] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output))
    model(**batch(7, 3))
    handle.remove()
    (output,) = outputs
    return output[0] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("layer", range(LAYERS - 1))
def test_resid_post_is_the_next_hidden_state(
    models: dict[str, PreTrainedModel], name: str, layer: int
) -> None:
    states = hidden_states(models[name])
    found = read(models[name], layer)
    assert found.shape == (2, 7, WIDTH)
    torch.testing.assert_close(found, states[layer + 1], rtol=0, atol=0)
    assert not torch.allclose(found, states[layer], atol=1e-3)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("layer", [0, MIDDLE, LAYERS - 1])
def test_a_stopped_forward_gives_what_a_full_one_gives(
    models: dict[str, PreTrainedModel], name: str, layer: int
) -> None:
    block = hooks.blocks(models[name])[layer]
    expected = captured(models[name], block)
    torch.testing.assert_close(read(models[name], layer), expected, rtol=0, atol=0)


def test_the_last_hidden_state_is_after_the_norm(models: dict[str, PreTrainedModel]) -> None:
    model = models["llama"]
    found, last = read(model, LAYERS - 1), hidden_states(model)[-1]
    assert not torch.allclose(found, last, atol=0.1)
    with torch.inference_mode():
        torch.testing.assert_close(model.get_submodule("norm")(found), last)


@pytest.mark.parametrize("name", CONFIGS)
def test_only_the_blocks_below_are_run(models: dict[str, PreTrainedModel], name: str) -> None:
    runs = [0] * LAYERS
    handles = []
    for i, block in enumerate(hooks.blocks(models[name])):

        def count(_module: nn.Module, _inputs: Any, i: int = i) -> None:
            runs[i] += 1

        handles.append(block.register_forward_pre_hook(count))
    read(models[name], MIDDLE)
    for handle in handles:
        handle.remove()
    assert runs == [1, 1, 0, 0]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_hook_is_removed(models: dict[str, PreTrainedModel], name: str) -> None:
    model = models[name]
    before = hidden_states(model)
    # Transformers has hooks of its own, which collect the hidden states.
    theirs = hooks_of(model)
    first = read(model, MIDDLE)
    assert hooks_of(model) == theirs
    for state, again in zip(before, hidden_states(model), strict=True):
        torch.testing.assert_close(state, again, rtol=0, atol=0)
    torch.testing.assert_close(read(model, MIDDLE), first, rtol=0, atol=0)


def test_the_hook_is_removed_after_an_error(models: dict[str, PreTrainedModel]) -> None:
    model = models["llama"]
    theirs = hooks_of(model)
    with pytest.raises(ValueError, match="input_ids"):
        hooks.read(model, {}, MIDDLE)
    assert hooks_of(model) == theirs


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("layer", range(LAYERS))
def test_around_a_block(models: dict[str, PreTrainedModel], name: str, layer: int) -> None:
    """Entry L of the hidden states is the input of block L, one block below what `read` gives."""
    model, states = models[name], hidden_states(models[name])
    with torch.inference_mode():
        before, after = hooks.around(model, batch(7, 3), layer)
    torch.testing.assert_close(before, states[layer], rtol=0, atol=0)
    torch.testing.assert_close(after, read(model, layer), rtol=0, atol=0)
    assert not torch.allclose(before, after, atol=1e-3)
    if layer:
        torch.testing.assert_close(before, read(model, layer - 1), rtol=0, atol=0)


@pytest.mark.parametrize("hook", ["mlp_out", "attn_out"])
def test_around_a_half_of_a_block(models: dict[str, PreTrainedModel], hook: str) -> None:
    """The input is that of the block, whatever the hook."""
    with torch.inference_mode():
        before, after = hooks.around(models["neox"], batch(7, 3), MIDDLE, hook)
    torch.testing.assert_close(before, read(models["neox"], MIDDLE - 1), rtol=0, atol=0)
    torch.testing.assert_close(after, read(models["neox"], MIDDLE, hook), rtol=0, atol=0)


def test_a_block_that_changes_its_input_in_place(models: dict[str, PreTrainedModel]) -> None:
    model = build("llama")
    expected = read(model, MIDDLE - 1)

    def double(_module: nn.Module, inputs: Any) -> None:
        inputs[0].mul_(2)

    first = hooks.blocks(model)[MIDDLE].get_submodule("input_layernorm")
    first.register_forward_pre_hook(double)
    with torch.inference_mode():
        before, after = hooks.around(model, batch(7, 3), MIDDLE)
    torch.testing.assert_close(before, expected, rtol=0, atol=0)
    assert not torch.allclose(after, read(models["llama"], MIDDLE), atol=0.1)


# The halves of a block: what they add to the stream is what the hooks read.


def parts(model: PreTrainedModel) -> tuple[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return block, its input, and what its attention and MLP give."""
    block = hooks.blocks(model)[MIDDLE]
    before = read(model, MIDDLE - 1)
    return block, before, read(model, MIDDLE, "attn_out"), read(model, MIDDLE, "mlp_out")


@pytest.mark.parametrize("name", ["llama", "qwen2", "neox", "neox-sequential", "gpt2"])
def test_a_block_adds_both_halves(models: dict[str, PreTrainedModel], name: str) -> None:
    _, before, attention, mlp = parts(models[name])
    torch.testing.assert_close(before + attention + mlp, read(models[name], MIDDLE))


@torch.inference_mode()
@pytest.mark.parametrize("name", ["gemma2", "gemma3"])
def test_gemma_normalises_each_half(models: dict[str, PreTrainedModel], name: str) -> None:
    block, before, attention, mlp = parts(models[name])
    attention = block.get_submodule("post_attention_layernorm")(attention)
    mlp = block.get_submodule("post_feedforward_layernorm")(mlp)
    torch.testing.assert_close(before + attention + mlp, read(models[name], MIDDLE))


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("bert", "attention.output.LayerNorm", "output.LayerNorm"),
        ("mpnet", "attention.LayerNorm", "output.LayerNorm"),
        ("distilbert", "sa_layer_norm", "output_layer_norm"),
    ],
)
def test_bert_normalises_the_stream(
    models: dict[str, PreTrainedModel], name: str, first: str, second: str
) -> None:
    block, before, attention, mlp = parts(models[name])
    middle = block.get_submodule(first)(before + attention)
    after = block.get_submodule(second)(middle + mlp)
    torch.testing.assert_close(after, read(models[name], MIDDLE))


@pytest.mark.parametrize(
    ("name", "attention", "mlp"),
    [
        ("llama", "self_attn", "mlp"),
        ("gemma3", "self_attn", "mlp"),
        ("neox", "attention", "mlp"),
        ("gpt2", "attn", "mlp"),
        ("distilbert", "attention", "ffn"),
    ],
)
def test_halves_are_the_modules_of_these_names(
    models: dict[str, PreTrainedModel], name: str, attention: str, mlp: str
) -> None:
    model = models[name]
    block = hooks.blocks(model)[MIDDLE]
    for hook, module in (("attn_out", attention), ("mlp_out", mlp)):
        expected = captured(model, block.get_submodule(module))
        torch.testing.assert_close(read(model, MIDDLE, hook), expected, rtol=0, atol=0)


def test_a_block_without_such_a_part(models: dict[str, PreTrainedModel]) -> None:
    message = (
        r"hook 'mlp_out': a block of type OPTDecoderLayer has no part named mlp or feed_forward or "
        r".*; it has self_attn, .*fc1, fc2, final_layer_norm"
    )
    with pytest.raises(StudyError, match=message):
        read(models["opt"], MIDDLE, "mlp_out")
    assert read(models["opt"], MIDDLE, "attn_out").shape == (2, 7, WIDTH)


@pytest.mark.parametrize(
    ("hook", "part"), [("mlp_out", "BloomMLP"), ("attn_out", "BloomAttention")]
)
def test_a_part_that_adds_the_stream_itself(
    models: dict[str, PreTrainedModel], hook: str, part: str
) -> None:
    message = rf"hook '{hook}': {part} gives its output and the residual stream in one sum"
    with pytest.raises(StudyError, match=message):
        read(models["bloom"], MIDDLE, hook)


# Structure.


@pytest.mark.parametrize("name", CONFIGS)
def test_blocks(models: dict[str, PreTrainedModel], name: str) -> None:
    found = hooks.blocks(models[name])
    assert len(found) == LAYERS == hooks.depth(models[name].config)
    assert len({type(block) for block in found}) == 1


def test_blocks_are_the_outermost_list() -> None:
    # As many experts as layers.
    config = MixtralConfig(
        num_hidden_layers=2,
        num_local_experts=2,
        hidden_size=8,
        intermediate_size=8,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=9,
    )
    found = hooks.blocks(AutoModel.from_config(config))
    assert [type(block).__name__ for block in found] == ["MixtralDecoderLayer"] * 2


def test_no_list_of_blocks(models: dict[str, PreTrainedModel]) -> None:
    model = build("llama")
    model.config.num_hidden_layers = 7
    with pytest.raises(StudyError, match=r"model type 'llama': found no list of 7 blocks"):
        hooks.blocks(model)


def test_depth() -> None:
    assert hooks.depth(CONFIGS["gpt2"]) == hooks.depth(CONFIGS["distilbert"]) == LAYERS
    message = r"model type 'odd': its configuration states no layers"
    with pytest.raises(StudyError, match=message):
        hooks.depth(SimpleNamespace(model_type="odd"))
