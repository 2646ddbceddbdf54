"""Training SAEs with sae-lens on the rows of the train split.

The trainer sees centred inputs whose mean squared norm is d; both are folded into the saved SAE,
so that it encodes raw activations. sae-lens is imported by the functions that need it, since it
takes seconds to import.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from universality.errors import StudyError
from universality.features.rows import Activations

if TYPE_CHECKING:
    from sae_lens import TrainingSAE

ARCHITECTURES = ("topk", "batchtopk", "jumprelu", "standard")


def train(
    activations: Activations, options: dict[str, Any], seed: int, device: torch.device
) -> "TrainingSAE[Any]":
    """Train an SAE on the usable rows of the train split and return it for raw activations.

    `options`: `architecture`, `width`, `epochs`, `batch` (rows a step), `learning_rate`, and
    `sae_lens`: further fields of sae-lens's training configuration for the architecture; and
    `k` for the TopK ones.
    Raises StudyError when the split has fewer rows than one batch.
    """
    from sae_lens import SAETrainer
    from sae_lens.config import LoggingConfig, SAETrainerConfig

    rows = activations.rows_of("train")
    batch = options["batch"]
    if len(rows) < batch:
        raise StudyError(
            f"train.batch: {batch} rows a step, but the train split has only {len(rows)} rows"
        )
    data = activations.stored()[torch.from_numpy(rows)]
    mean, scale = _moments(data)
    samples = options["epochs"] * (len(rows) // batch) * batch
    steps = samples // batch

    torch.manual_seed(seed)
    sae = _untrained(activations.d, options, device)
    trainer = SAETrainer(
        cfg=SAETrainerConfig(
            total_training_samples=samples,
            train_batch_size_samples=batch,
            device=str(device),
            # Matrix products in bfloat16, parameters and their updates in float32.
            autocast=True,
            lr=options["learning_rate"],
            lr_end=options["learning_rate"] / 10,
            lr_warm_up_steps=steps // 20,
            lr_decay_steps=steps // 5,
            # A feature is dead when it has not fired for about an epoch.
            dead_feature_window=max(10, len(rows) // batch),
            logger=LoggingConfig(log_to_wandb=False),
        ),
        sae=sae,
        data_provider=_batches(data, mean, scale, samples, batch, seed),
    )
    trained = trainer.fit()
    fold(trained, mean, scale)
    return trained


def fold(sae: "TrainingSAE[Any]", mean: Float[torch.Tensor, "d"], scale: float) -> None:
    """Fold the inputs' centring and scaling into `sae`, in place.

    After it, encoding x gives what encoding (x - mean) * scale gave before, up to the unit of the
    features, and decoding gives x's reconstruction in x's own units.
    """
    identity = torch.eye(len(mean))
    sae.fold_activation_whitening(mean, scale * identity, identity / scale)


def _untrained(d: int, options: dict[str, Any], device: torch.device) -> "TrainingSAE[Any]":
    from sae_lens.registry import get_sae_training_class

    sae_class, config_class = get_sae_training_class(options["architecture"])
    k = {"k": options["k"]} if "k" in options else {}
    try:
        config = config_class(
            d_in=d,
            d_sae=options["width"],
            dtype="float32",
            device=str(device),
            # The inputs are normalised here; another normalisation would be lost in `fold`.
            normalize_activations="none",
            **k,
            **options["sae_lens"],
        )
        return sae_class(config)
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"train.sae_lens: {sorted(options['sae_lens'])} do not fit sae-lens's "
            f"{config_class.__name__} ({error})"
        ) from error


def _moments(data: torch.Tensor) -> tuple[Float[torch.Tensor, "d"], float]:
    """Return the mean row, and the factor that gives centred rows a mean squared norm of d."""
    total = torch.zeros(data.shape[1], dtype=torch.float64)
    square = 0.0
    for block in data.split(8192):
        total += block.double().sum(0)
        square += float(block.double().square().sum())
    mean = total / len(data)
    variance = square / len(data) - float(mean.square().sum())
    if variance <= 0:
        raise StudyError("the activations of the train split do not vary: nothing to train on")
    return mean.float(), float(np.sqrt(data.shape[1] / variance))


def _batches(
    data: torch.Tensor, mean: torch.Tensor, scale: float, samples: int, batch: int, seed: int
) -> Iterator[torch.Tensor]:
    """Yield `samples` rows in batches, each epoch in a new order."""
    order = torch.Generator().manual_seed(seed)
    given = 0
    while given < samples:
        for rows in torch.randperm(len(data), generator=order).split(batch):
            if len(rows) == batch:
                given += batch
                yield (data[rows].float() - mean) * scale


def save(sae: "TrainingSAE[Any]", folder: Path) -> None:
    """Write the SAE as sae-lens's inference format: `cfg.json` and `sae_weights.safetensors`."""
    sae.to("cpu")
    sae.cfg.device = "cpu"
    sae.save_inference_model(folder)
