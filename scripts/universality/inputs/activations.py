"""Activation dumps: what one layer of one model holds at every token of the corpus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from transformers import PreTrainedModel

from universality import store
from universality.errors import StudyError
from universality.inputs import hooks
from universality.progress import progress

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
# Documents are sorted by length inside windows of this many, and written window by window: padding
# stays small and memory does not grow with the corpus.
_WINDOW = 256


def dump(
    model: PreTrainedModel,
    tokens: store.Store,
    path: str | Path,
    layer: int,
    hook: str,
    dtype: str,
    batch_tokens: int,
    attributes: dict[str, Any],
) -> None:
    """Write the output of `hook` at block `layer` for each token of `tokens` to a store at `path`.

    Arrays: `resid[T, d]` (float32, or bfloat16 as its 16 bits in uint16), `row[T]` the row of
    `tokens` it belongs to, `norm[T]` the Euclidean norm (float32). Special positions and massive
    norms are kept here: whoever uses the rows decides.

    Raises StudyError when the model gives values that are not finite, or does not know a token.
    """
    ids, document = tokens.read("ids"), tokens.read("document")
    model_name = attributes.get("model", "?")
    check_known(ids, model, model_name)
    norm = np.empty(len(ids), np.float32)
    resid = None
    with store.create(path, "activations", attributes | {"dtype": dtype}) as writer:
        for start, values in outputs(model, ids, document, layer, hook, batch_tokens):
            place = f"model {model_name}, layer {layer}, hook {hook}"
            array, exact = storable(values, dtype, place)
            rows = slice(start, start + len(array))
            norm[rows] = exact.norm(dim=1).numpy()
            if resid is None:
                shape = (len(ids), array.shape[1])
                resid = writer.reserve("resid", shape, array.dtype, compress=False)
            resid[rows] = array
        writer.add("row", np.arange(len(ids), dtype=np.int64))
        writer.add("norm", norm)


def check_known(ids: Int[np.ndarray, "T"], model: PreTrainedModel, name: str) -> None:
    """Raise StudyError unless the model `name` has an embedding for each of `ids`."""
    embeddings = model.get_input_embeddings().weight
    assert isinstance(embeddings, torch.Tensor)
    known = len(embeddings)
    if len(ids) and not 0 <= ids.min() <= ids.max() < known:
        raise StudyError(
            f"model {name}: its tokenizer gives ids from {ids.min()} to {ids.max()}, its "
            f"weights know 0 to {known - 1}; they are not of one model"
        )


def storable(
    values: Float[torch.Tensor, "rows d"], dtype: str, place: str
) -> tuple[np.ndarray, Float[torch.Tensor, "rows d"]]:
    """Return `values` as a store keeps them, and as they read in float32.

    A bfloat16 is kept as its 16 bits in uint16. Raises StudyError, which names the `place`, for
    values that are not finite in `dtype`.
    """
    stored = values.to(DTYPES[dtype])
    exact = stored.float()
    if not torch.isfinite(exact).all():
        raise StudyError(
            f"{place}: the model gave values that are not finite in {dtype} "
            f"(valid: {', '.join(DTYPES)})"
        )
    bits = stored.view(torch.int16).numpy().view(np.uint16)
    return (bits if dtype == "bfloat16" else exact.numpy()), exact


@torch.inference_mode()
def outputs(
    model: PreTrainedModel,
    ids: Int[np.ndarray, "T"],
    document: Int[np.ndarray, "T"],
    layer: int,
    hook: str,
    batch_tokens: int,
) -> Iterator[tuple[int, Float[torch.Tensor, "rows d"]]]:
    """Yield `(first row, outputs)` for consecutive whole documents, in the model's dtype."""
    place = next(model.parameters()).device
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(document)) + 1, [len(ids)]])
    with progress(len(ids), f"layer {layer}") as bar:
        for first in range(0, len(bounds) - 1, _WINDOW):
            window = bounds[first : first + _WINDOW + 1]
            lengths = np.diff(window)
            rows: list[torch.Tensor] = [torch.empty(0)] * len(lengths)
            for batch in batches(lengths, batch_tokens):
                padded = np.zeros((len(batch), lengths[batch[0]]), np.int64)
                mask = np.zeros_like(padded)
                for i, member in enumerate(batch):
                    padded[i, : lengths[member]] = ids[window[member] : window[member + 1]]
                    mask[i, : lengths[member]] = 1
                inputs = {"input_ids": padded, "attention_mask": mask}
                on_device = {k: torch.from_numpy(v).to(place) for k, v in inputs.items()}
                output = hooks.read(model, on_device, layer, hook).cpu()
                for i, member in enumerate(batch):
                    rows[member] = output[i, : lengths[member]]
                bar.update(int(mask.sum()))
            yield int(window[0]), torch.cat(rows)


def batches(lengths: Int[np.ndarray, "documents"], tokens: int) -> Iterator[list[int]]:
    """Yield document indices in batches of similar length and at most `tokens` padded tokens.

    A document longer than `tokens` makes a batch of its own.
    """
    batch: list[int] = []
    for document in np.argsort(-lengths, kind="stable").tolist():
        # The first document of a batch is its longest and sets the padded length.
        if batch and (len(batch) + 1) * lengths[batch[0]] > tokens:
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch
