"""Is the method itself right? Dictionaries with a known truth, through the study's own code.

For `make validate`. Writes tables, figures and `summary.md`, and ends with status 1 when something
that is claimed of the method does not hold. docs/validation.md says how to read them.
"""

import argparse
import os
import sys
from pathlib import Path

# Matrices are small, and processes are as many as cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from universality.validation.claims import broken, summary
from universality.validation.experiments import validate
from universality.validation.runs import Runs

QUICK = 0.01
"""Share of the runs that --quick does."""


def main(arguments: list[str]) -> int:
    """Run the experiments and return the status to end with."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, to see that all works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("results/validation"))
    chosen = parser.parse_args(arguments)
    runs = Runs(chosen.seed, chosen.processes, QUICK if chosen.quick else 1.0)
    claims = validate(runs, chosen.out)
    print(summary(claims, f"Tables and figures: {chosen.out}"))
    return bool(broken(claims))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
