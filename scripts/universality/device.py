"""Where tensors are computed."""

import torch


def best() -> torch.device:
    """Return the GPU when torch sees one, and the CPU otherwise."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
