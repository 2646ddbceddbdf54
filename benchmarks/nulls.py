"""Time a permutation of each metric beside recomputing it, in one run, and measure its memory.

Both are timed in turn, round by round, so that other work on the machine slows both. Each round
recomputes the metric for one of the permutations from the matrices themselves, and compares the
two scores. Memory is the peak of a process of its own that scores, and permutes three times.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from universality.similarity.metrics import METRICS, build

TIMES = "{:<20} {:>6} {:>9} {:>12} {:>12} {:>7} {:>13} {:>11}"
MEMORY = "{:<20} {:>6} {:>9} {:>8} {:>9}"


def sides(n: int, widths: list[int], seed: int) -> list[np.ndarray]:
    """Return unit rows of both sides, related by 64 directions of falling strength."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 64), dtype=np.float32) * np.linspace(3, 1, 64)
    rows = [shared @ rng.standard_normal((64, d)) / 8 + rng.standard_normal((n, d)) for d in widths]
    return [(side / np.linalg.norm(side, axis=1)[:, None]).astype(np.float32) for side in rows]


def timed(function: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return how many seconds a call took, and what it returned."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def measure(
    name: str, n: int, widths: list[int], permutations: int, rounds: int
) -> tuple[float, float, float]:
    """Return seconds per permutation and per recomputation (medians), and how scores differ."""
    a, b = sides(n, widths, seed=0)
    metric = build(name, a, b, {})
    rng = np.random.default_rng(1)
    permuting, recomputing, differences = [], [], []
    for _ in range(rounds):
        orders = [rng.permutation(n) for _ in range(permutations)]
        seconds, null = timed(lambda orders=orders: metric.null(orders))
        permuting.append(seconds / permutations)
        other = b[orders[0]]
        seconds, again = timed(lambda other=other: np.array([build(name, a, other, {}).value()]))
        recomputing.append(seconds)
        differences.append(abs(null[0] - again[0]))
    return float(np.median(permuting)), float(np.median(recomputing)), max(differences)


def peak(name: str, n: int, widths: list[int]) -> None:
    """Score and permute, and print the largest resident memory that this process has had, in GB."""
    metric = build(name, *sides(n, widths, seed=0), {})
    metric.value()
    metric.null(np.random.default_rng(1).permutation(n) for _ in range(3))
    unit = 1e9 if sys.platform == "darwin" else 1e6  # bytes there, kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000, help="pairs")
    parser.add_argument("--widths", type=int, nargs=2, default=[512, 768], help="of the two sides")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--permutations", type=int, default=20, help="timed in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak-n", type=int, default=16_000, help="pairs for memory; 0: none")
    parser.add_argument("--peak", choices=METRICS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(options.peak, options.peak_n, options.widths)
        return
    widths = [str(width) for width in options.widths]
    if options.peak_n:  # first, since a process may count what the one that starts it has used
        print(MEMORY.format("metric", "n", "d", "seconds", "peak"), flush=True)
    for name in options.metrics if options.peak_n else []:
        command = [sys.executable, __file__, "--peak", name, "--peak-n", str(options.peak_n)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--widths", *widths], check=True, stdout=subprocess.PIPE, text=True
        )
        seconds = f"{time.perf_counter() - start:.1f}"
        gigabytes = f"{float(done.stdout):.2f} GB"
        row = (name, options.peak_n, "/".join(widths), seconds, gigabytes)
        print(MEMORY.format(*row), flush=True)
    print()
    header = (
        "metric",
        "n",
        "d",
        "permutation",
        "recomputed",
        "ratio",
        "1000 of them",
        "difference",
    )
    print(TIMES.format(*header), flush=True)
    for name in options.metrics:
        fast, slow, difference = measure(
            name, options.n, options.widths, options.permutations, options.rounds
        )
        numbers = (f"{1000 * fast:.3f} ms", f"{slow:.3f} s", f"{slow / fast:.0f}")
        row = (name, options.n, "/".join(widths), *numbers, f"{1000 * fast:.1f} s")
        print(TIMES.format(*row, f"{difference:.0e}"), flush=True)


if __name__ == "__main__":
    main()
