"""The benchmark of nulls runs, and prints a row for what it was asked."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_benchmark_of_two_metrics():
    command = "benchmarks/nulls.py --n 120 --widths 20 30 --metrics rsa cka --rounds 1 --peak-n 50"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "scripts", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in done.stdout.splitlines() if line]
    memory, times = rows[:3], rows[3:]
    assert [row[:3] for row in memory[1:]] == [["rsa", "50", "20/30"], ["cka", "50", "20/30"]]
    assert all(0.03 < float(row[4]) < 2 and row[5] == "GB" for row in memory[1:])
    assert [row[:3] for row in times[1:]] == [["rsa", "120", "20/30"], ["cka", "120", "20/30"]]
    assert all(float(row[3]) > 0 and float(row[-1]) < 1e-6 for row in times[1:])
