"""Where in a transformer the residual stream is read: hook points, found by structure.

A hook point is a module of block L whose output is wanted. Models are recognised by their
structure, not by their names: the blocks are the one list of as many equal modules as the
configuration has layers. `hidden_states` is never used: its last entry is after the final norm, and
its entry L is the input of block L, not its output.
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import nn
from transformers import PreTrainedModel

from universality.errors import StudyError

# Names that architectures give to the two halves of a block. BERT's halves end with adding the
# stream and normalising; what they add is the output of their last linear map.
_MLP = ("mlp", "feed_forward", "ffn", "ff", "output.dense")
_ATTENTION = (
    "attention.output.dense",
    "attention.attn",
    "self_attn",
    "attn",
    "attention",
    "self_attention",
    "mixer",
)


class _Stop(Exception):
    """Ends a forward pass at the hooked module: nothing above it is needed."""


def depth(config: Any) -> int:
    """Return the number of blocks that a transformers configuration declares."""
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    found = getattr(config, "num_hidden_layers", None)
    if not isinstance(found, int):
        raise StudyError(f"model type '{config.model_type}': its configuration states no layers")
    return found


def blocks(model: PreTrainedModel) -> nn.ModuleList:
    """Return the model's list of transformer blocks, outermost first.

    Raises StudyError when no list of modules has as many entries as the model has layers.
    """
    layers = depth(model.config)
    for _, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return module
    raise StudyError(f"model type '{model.config.model_type}': found no list of {layers} blocks")


def _child(block: nn.Module, names: tuple[str, ...], hook: str) -> nn.Module:
    """Return the part of `block` that adds to the residual stream, and nothing else."""
    parts = dict(block.named_modules())
    found = next((parts[name] for name in names if name in parts), None)
    if found is None:
        children = ", ".join(name for name, _ in block.named_children())
        raise StudyError(
            f"hook '{hook}': a block of type {type(block).__name__} has no part named "
            f"{' or '.join(names)}; it has {children}"
        )
    if "residual" in inspect.signature(found.forward).parameters:
        raise StudyError(
            f"hook '{hook}': {type(found).__name__} gives its output and the residual stream in "
            "one sum; valid: resid_post"
        )
    return found


HOOKS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "resid_post": lambda block: block,
    "mlp_out": lambda block: _child(block, _MLP, "mlp_out"),
    "attn_out": lambda block: _child(block, _ATTENTION, "attn_out"),
}


def read(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], layer: int, hook: str = "resid_post"
) -> Float[torch.Tensor, "batch position d"]:
    """Run `model` on `inputs` up to block `layer` (from 0) and return the output of `hook` there.

    The forward pass is stopped as soon as the output is known.
    """
    return around(model, inputs, layer, hook)[1]


def around(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], layer: int, hook: str = "resid_post"
) -> tuple[Float[torch.Tensor, "batch position d"], Float[torch.Tensor, "batch position d"]]:
    """Run `model` as `read` does and return the input of block `layer` and the output of `hook`.

    The input of block L is entry L of what transformers calls `hidden_states`.
    """
    captured: list[torch.Tensor] = []

    def enter(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        given = arguments[0] if arguments else named["hidden_states"]
        # What comes after might add to it in place.
        captured.append(given.clone())

    def leave(module: nn.Module, arguments: Any, output: Any) -> None:
        captured.append(output[0] if isinstance(output, tuple) else output)
        raise _Stop

    block = blocks(model)[layer]
    handles = [
        block.register_forward_pre_hook(enter, with_kwargs=True),
        HOOKS[hook](block).register_forward_hook(leave),
    ]
    try:
        model(**inputs)
    except _Stop:
        pass
    finally:
        for handle in handles:
            handle.remove()
    before, after = captured
    return before, after
