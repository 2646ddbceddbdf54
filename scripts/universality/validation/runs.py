"""Many runs of one experiment, on several processes, each with randomness of its own."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from universality import seeds
from universality.progress import progress

Setting = TypeVar("Setting")
Row = dict[str, Any]
Run = Callable[[Setting, np.random.Generator], list[Row]]

BLOCK = 10
"""Runs that a process does between two reports."""


class Runs:
    """How experiments are run: `seed`, number of `processes`, and the share of runs done.

    The rows do not depend on the number of processes: each run draws from a stream named after the
    experiment, the setting's place and the run's number.
    """

    def __init__(self, seed: int = 0, processes: int = 1, share: float = 1.0) -> None:
        self.seed, self.processes, self.share = seed, processes, share

    def table(
        self, title: str, run: "Run[Setting]", settings: Sequence[Setting], repeats: int
    ) -> pd.DataFrame:
        """Return the rows of `run(setting, rng)`, `share` of `repeats` times for each setting.

        Args:
            title: of the experiment, for the progress and the seeds.
            run: a function of a module (it is sent to other processes).
            settings: what it is run with.
            repeats: runs of each setting, when `share` is 1.
        """
        repeats = max(1, round(self.share * repeats))
        tasks = [
            (title, run, setting, number, self.seed, range(start, min(start + BLOCK, repeats)))
            for number, setting in enumerate(settings)
            for start in range(0, repeats, BLOCK)
        ]
        rows: list[Row] = []
        with ExitStack() as stack:
            results: Iterator[list[Row]]
            if self.processes > 1:
                pool = stack.enter_context(ProcessPoolExecutor(self.processes))
                results = pool.map(_block, tasks)
            else:
                results = map(_block, tasks)
            bar = stack.enter_context(progress(len(settings) * repeats, title, "run"))
            for task, found in zip(tasks, results, strict=True):
                rows += found
                bar.update(len(task[-1]))
        return pd.DataFrame(rows)


def _block(task: tuple[str, Run[Any], Any, int, int, range]) -> list[Row]:
    title, run, setting, number, seed, indices = task
    return [
        row
        for index in indices
        for row in run(setting, seeds.generator(seed, "validation", title, number, index))
    ]
