"""Sparse autoencoders as arrays: loading a SAE-Lens directory, encoding and decoding.

The formulas are those of sae-lens's inference classes, without its import time (seconds a job).
With x a row of activations, b_dec subtracted first where the SAE says so:

    topk      z = relu(top_k(x W_enc + b_enc))
    jumprelu  z = relu(p) where p = x W_enc + b_enc > threshold, else 0
    standard  z = relu(x W_enc + b_enc)
    gated     z = relu(x (W_enc exp(r_mag)) + b_mag) where x W_enc + b_gate > 0, else 0

Reconstruction: z W_dec + b_dec. BatchTopK SAEs are saved by sae-lens as jumprelu.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from universality.errors import StudyError, reason

_ARRAYS = {
    "topk": ("W_enc", "b_enc", "W_dec", "b_dec"),
    "standard": ("W_enc", "b_enc", "W_dec", "b_dec"),
    "jumprelu": ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"),
    "gated": ("W_enc", "W_dec", "b_dec", "b_gate", "b_mag", "r_mag"),
}


@dataclass(frozen=True)
class Sae:
    """An SAE of `d_in` inputs and `d_sae` features: its configuration and named arrays."""

    config: dict[str, Any]
    arrays: dict[str, torch.Tensor]

    @property
    def d_in(self) -> int:
        """Width of the activations that it encodes."""
        return int(self.arrays["W_dec"].shape[1])

    @property
    def d_sae(self) -> int:
        """Number of features."""
        return int(self.arrays["W_dec"].shape[0])

    def to(self, device: torch.device) -> "Sae":
        """Return the SAE on `device`."""
        return Sae(self.config, {name: array.to(device) for name, array in self.arrays.items()})

    def fitting(self, d: int, name: str | Path) -> "Sae":
        """Return the SAE itself, or raise StudyError when it is not for activations of width d."""
        if self.d_in != d:
            raise StudyError(
                f"{name}: the SAE takes activations of width {self.d_in}, the layer has width {d}"
            )
        return self

    def encode(self, x: Float[torch.Tensor, "n d_in"]) -> Float[torch.Tensor, "n d_sae"]:
        """Return the features of raw activations, dense."""
        p = self.arrays
        if self.config["architecture"] == "gated":
            centred = self._centred(x)
            gate = centred @ p["W_enc"] + p["b_gate"] > 0
            return gate * torch.relu(centred @ (p["W_enc"] * p["r_mag"].exp()) + p["b_mag"])
        pre = self._linear(x)
        if self.config["architecture"] == "jumprelu":
            return torch.relu(pre) * (pre > p["threshold"])
        if self.config["architecture"] == "standard":
            return torch.relu(pre)
        top = pre.topk(self.config["k"], dim=1)
        return torch.zeros_like(pre).scatter_(1, top.indices, torch.relu(top.values))

    def pre_activations(self, x: Float[torch.Tensor, "n d_in"]) -> Float[torch.Tensor, "n d_sae"]:
        """Return the features before TopK: relu of all pre-activations, not of the k largest.

        Other architectures have no such step: their features are returned.
        """
        if self.config["architecture"] == "topk":
            return torch.relu(self._linear(x))
        return self.encode(x)

    def columns(self, part: slice) -> "Sae":
        """Return the SAE of some features alone, of which each gives what it gave.

        That holds for `encode` except in a TopK SAE, where features compete.
        """
        by_row = ("W_dec", "b_enc", "threshold", "b_gate", "b_mag", "r_mag")
        arrays = {n: array[part] if n in by_row else array for n, array in self.arrays.items()}
        return Sae(self.config, arrays | {"W_enc": self.arrays["W_enc"][:, part]})

    def _centred(self, x: Float[torch.Tensor, "n d_in"]) -> Float[torch.Tensor, "n d_in"]:
        return x - self.arrays["b_dec"] if self.config["apply_b_dec_to_input"] else x

    def _linear(self, x: Float[torch.Tensor, "n d_in"]) -> Float[torch.Tensor, "n d_sae"]:
        """Return the pre-activations of all but a gated SAE."""
        pre = self._centred(x) @ self.arrays["W_enc"] + self.arrays["b_enc"]
        topk = self.config["architecture"] == "topk"
        if topk and self.config["rescale_acts_by_decoder_norm"]:
            return pre * self.arrays["W_dec"].norm(dim=1)
        return pre

    def decode(self, z: Float[torch.Tensor, "n d_sae"]) -> Float[torch.Tensor, "n d_in"]:
        """Return the reconstruction of activations from their features."""
        if self.config["architecture"] == "topk" and self.config["rescale_acts_by_decoder_norm"]:
            z = z / self.arrays["W_dec"].norm(dim=1)
        return z @ self.arrays["W_dec"] + self.arrays["b_dec"]


def load(folder: Path) -> Sae:
    """Load a SAE-Lens directory: `cfg.json` and `sae_weights.safetensors`, as float32.

    Raises StudyError for a missing or unreadable file, an architecture, activation function or
    input normalisation that is not known here, missing or misshapen arrays, and values that are not
    finite.
    """
    try:
        config = json.loads((folder / "cfg.json").read_text())
        loaded = load_file(folder / "sae_weights.safetensors")
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise StudyError(
            f"{folder}: not a readable SAE (cfg.json and sae_weights.safetensors): {reason(error)}"
        ) from error
    if not isinstance(config, dict):
        raise StudyError(f"{folder}/cfg.json: found {config!r:.40}, expected an object")
    architecture = str(config.get("architecture"))
    if architecture not in _ARRAYS:
        raise StudyError(
            f"{folder}/cfg.json: architecture '{architecture}' is not one of {', '.join(_ARRAYS)}"
        )
    normalise = config.get("normalize_activations", "none")
    if normalise not in ("none", None):
        raise StudyError(
            f"{folder}/cfg.json: normalize_activations '{normalise}' must be folded into the "
            "weights first (valid: 'none')"
        )
    # Before sae-lens 6 a TopK SAE could call itself 'standard' with another activation function.
    activation = config.get("activation_fn_str") or config.get("activation_fn") or "relu"
    if activation != "relu":
        raise StudyError(
            f"{folder}/cfg.json: activation function '{activation}' of a sae-lens before 6; load "
            "it with sae-lens and save it again (valid: 'relu')"
        )
    config.setdefault("apply_b_dec_to_input", True)
    config.setdefault("rescale_acts_by_decoder_norm", False)
    for name in ("apply_b_dec_to_input", "rescale_acts_by_decoder_norm"):
        if not isinstance(config[name], bool):
            raise StudyError(
                f"{folder}/cfg.json: {name} is {config[name]!r:.40}, expected true or false"
            )
    missing = [name for name in _ARRAYS[architecture] if name not in loaded]
    if missing:
        raise StudyError(
            f"{folder}: a {architecture} SAE needs {', '.join(_ARRAYS[architecture])}; "
            f"missing {', '.join(missing)}"
        )
    for name in _ARRAYS[architecture]:
        if not loaded[name].is_floating_point():
            raise StudyError(
                f"{folder}: {name} holds {loaded[name].dtype}, expected floating-point numbers"
            )
    arrays = {name: loaded[name].float() for name in _ARRAYS[architecture]}
    _check(folder, config, arrays)
    return Sae(config, arrays)


def save(sae: Sae, folder: Path) -> None:
    """Write an SAE as a SAE-Lens directory."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(sae.arrays, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps(sae.config, indent=1) + "\n")


def random(d_in: int, width: int, k: int, seed: int) -> Sae:
    """Return a TopK SAE with random unit decoder rows and the transposed encoder.

    The control for what any overcomplete random basis would give.
    """
    draw = torch.randn(width, d_in, generator=torch.Generator().manual_seed(seed))
    directions = draw / draw.norm(dim=1, keepdim=True)
    config = {
        "architecture": "topk",
        "k": k,
        "d_in": d_in,
        "d_sae": width,
        "dtype": "float32",
        "apply_b_dec_to_input": True,
        "rescale_acts_by_decoder_norm": False,
    }
    arrays = {
        "W_enc": directions.T.contiguous(),
        "b_enc": torch.zeros(width),
        "W_dec": directions,
        "b_dec": torch.zeros(d_in),
    }
    return Sae(config, arrays)


def _check(folder: Path, config: dict[str, Any], arrays: dict[str, torch.Tensor]) -> None:
    if arrays["W_dec"].ndim != 2:
        raise StudyError(
            f"{folder}: W_dec has shape {list(arrays['W_dec'].shape)}, not [d_sae, d_in]"
        )
    d_sae, d_in = arrays["W_dec"].shape
    for name, array in arrays.items():
        shape = {"W_dec": (d_sae, d_in), "W_enc": (d_in, d_sae), "b_dec": (d_in,)}
        expected = shape.get(name, (d_sae,))
        if tuple(array.shape) != expected:
            raise StudyError(
                f"{folder}: {name} has shape {list(array.shape)}, expected {list(expected)}"
            )
        if not torch.isfinite(array).all():
            raise StudyError(f"{folder}: {name} holds values that are not finite")
    for name, width in (("d_in", d_in), ("d_sae", d_sae)):
        if config.get(name, width) != width:
            raise StudyError(
                f"{folder}/cfg.json: {name} is {config[name]!r:.40}, the arrays have {width}"
            )
    k = config.get("k")
    if config["architecture"] == "topk" and not (type(k) is int and 1 <= k <= d_sae):
        raise StudyError(f"{folder}/cfg.json: k is {k}, expected a whole number from 1 to {d_sae}")
