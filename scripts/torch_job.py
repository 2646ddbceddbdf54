"""What every script that computes with torch does first: keep to its threads."""

from typing import Any

import torch


def start(snakemake: Any) -> None:
    """Let torch use as many threads as the job was given, and only deterministic algorithms.

    On the CPU the algorithms used here are deterministic as they are, and asking for it would cost
    a second of imports.
    """
    torch.set_num_threads(snakemake.threads)
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
