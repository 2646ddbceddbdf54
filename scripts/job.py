"""What every script of a rule does first: write to its log, keep to its threads."""

import sys
from typing import Any


def start(snakemake: Any) -> None:
    """Send everything that is printed to the job's log.

    A failing script's traceback, which ends with the reason, lands there too. The numerical
    libraries take their number of threads from the environment that Snakemake sets.
    """
    sys.stdout.flush()
    sys.stderr = sys.stdout = open(snakemake.log[0], "w", buffering=1)  # noqa: SIM115


def torch_threads(snakemake: Any) -> None:
    """Let torch use as many threads as the job was given, and only deterministic algorithms.

    On the CPU the algorithms used here are deterministic as they are, and asking for it would cost
    a second of imports.
    """
    import torch

    torch.set_num_threads(snakemake.threads)
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
