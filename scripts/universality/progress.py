"""Progress of long work: a bar on a terminal, a line every 30 s in a log."""

import sys

from tqdm import tqdm


def progress(total: int, title: str, unit: str = "token") -> "tqdm[None]":
    """Return a `tqdm` bar over `total` units; use it as a context and call `update`."""
    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        unit_scale=True,
        mininterval=0.5 if sys.stderr.isatty() else 30,
        file=sys.stderr,
    )
