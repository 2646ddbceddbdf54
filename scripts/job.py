"""What every script of a rule does first: write to its log."""

import sys
from typing import Any


def start(snakemake: Any) -> None:
    """Send everything that is printed to the job's log.

    A failing script's traceback, which ends with the reason, lands there too. The numerical
    libraries take their number of threads from the environment that Snakemake sets.
    """
    sys.stdout.flush()
    sys.stderr = sys.stdout = open(snakemake.log[0], "w", buffering=1)  # noqa: SIM115
