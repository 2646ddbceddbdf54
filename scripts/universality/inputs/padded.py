"""Activations as the published code takes them: one padded batch, before and after a block.

The source (Lan et al. 2024, arXiv 2410.06981, its code) tokenizes all texts in one call with
`padding=True` and `pad_token = eos_token`, gives the attention mask to the model, and keeps every
position, padding and BOS too. It reads `hidden_states[L]`, the input of block L, for the SAE that
was trained on the output of block L. Both are kept here, so that each choice can be taken back
alone. Padding stands at the end of a document, as for the source's Pythia models.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from transformers import PreTrainedModel

from universality import store
from universality.inputs import hooks
from universality.inputs.activations import check_known, storable
from universality.progress import progress


def padding_token(tokenizer: Any, model: PreTrainedModel) -> tuple[int | None, str]:
    """Return the id of the token that documents are padded with, and what it is.

    `tokenizer` is one of transformers. The source pads with the tokenizer's EOS token. Where a
    tokenizer names none: the first EOS id of the model's configuration, then the tokenizer's own
    padding token (encoders such as BERT). None when there is none of these.
    """
    if tokenizer.eos_token_id is not None:
        return int(tokenizer.eos_token_id), "the tokenizer's EOS token"
    stated = getattr(model.config.get_text_config(), "eos_token_id", None)
    first = stated[0] if isinstance(stated, list) and stated else stated
    if isinstance(first, int):
        return first, "the EOS token of the model's configuration"
    if tokenizer.pad_token_id is not None:
        return int(tokenizer.pad_token_id), "the tokenizer's padding token"
    return None, "neither an EOS nor a padding token"


def dump(
    model: PreTrainedModel,
    tokens: store.Store,
    chosen: Bool[np.ndarray, "documents"],
    path: str | Path,
    layer: int,
    hook: str,
    dtype: str,
    batch_tokens: int,
    pad: int | None,
    attributes: dict[str, Any],
) -> None:
    """Write what goes into block `layer` and what `hook` gives there to a store at `path`.

    The `chosen` documents that have a token are padded with `pad` to the longest of them. Without
    a `pad` token the store has no rows of padding. The forward pass stops at the block, and takes
    as many documents at once as fit into `batch_tokens` padded tokens (at least one).

    Arrays, document by document and position by position: `input[R, d]` and `output[R, d]`
    (float32, or bfloat16 as its 16 bits in uint16), `row[R]` the row of `tokens` (-1 for padding),
    `document[R]`, `position[R]` in the document.

    Raises StudyError when the model gives values that are not finite, or does not know a token.
    """
    document = tokens.read("document")
    rows = np.flatnonzero(chosen[document]) if len(document) else np.zeros(0, np.int64)
    ids, numbers = tokens.read("ids")[rows], document[rows]
    name = attributes.get("model", "?")
    check_known(ids if pad is None else np.append(ids, pad), model, name)
    bounds = np.searchsorted(numbers, np.unique(numbers), side="left")
    lengths = np.diff(np.append(bounds, len(rows)))
    longest = int(lengths.max(initial=0))
    column = np.arange(longest)
    inside = column < lengths[:, None]
    # Of each position of each document, the index into `rows`.
    index = np.where(inside, bounds[:, None] + column, -1)
    kept = inside if pad is None else np.ones_like(inside)
    place = f"model {name}, layer {layer}, hook {hook}"
    with store.create(path, "published_activations", attributes | {"dtype": dtype}) as writer:
        shape = (int(kept.sum()), int(model.config.get_text_config().hidden_size))
        kind = np.uint16 if dtype == "bfloat16" else np.float32
        before, after = (
            writer.reserve(side, shape, kind, compress=False) for side in ("input", "output")
        )
        start = 0
        padded = np.where(inside, np.append(ids, 0)[index], 0 if pad is None else pad)
        for batch, *values in _passes(model, padded, inside, layer, hook, batch_tokens):
            sides = [side[torch.from_numpy(kept[batch])] for side in values]
            stop = start + len(sides[0])
            for array, side in zip((before, after), sides, strict=True):
                array[start:stop] = storable(side, dtype, place)[0]
            start = stop
        writer.add("row", np.append(rows, -1)[index][kept].astype(np.int64))
        writer.add("document", np.repeat(np.unique(numbers), kept.sum(1)).astype(np.int32))
        writer.add("position", np.broadcast_to(column, inside.shape)[kept].astype(np.int32))


@torch.inference_mode()
def _passes(
    model: PreTrainedModel,
    ids: Int[np.ndarray, "documents longest"],
    inside: Bool[np.ndarray, "documents longest"],
    layer: int,
    hook: str,
    batch_tokens: int,
) -> Iterator[tuple[slice, Float[torch.Tensor, "b longest d"], Float[torch.Tensor, "b longest d"]]]:
    """Yield `(documents, input of the block, output of the hook)`, in the model's dtype."""
    place = next(model.parameters()).device
    step = max(1, batch_tokens // max(1, ids.shape[1]))
    with progress(ids.size, f"layer {layer}, padded") as bar:
        for start in range(0, len(ids), step):
            batch = slice(start, min(start + step, len(ids)))
            inputs = {"input_ids": ids[batch], "attention_mask": inside[batch]}
            on_device = {
                k: torch.from_numpy(v.astype(np.int64)).to(place) for k, v in inputs.items()
            }
            before, after = hooks.around(model, on_device, layer, hook)
            yield batch, before.cpu(), after.cpu()
            bar.update(ids[batch].size)
