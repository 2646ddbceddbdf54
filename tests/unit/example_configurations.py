"""Configurations changed in one place."""

import copy
from typing import Any

REMOVED = object()

Place = tuple[str | int, ...]


def changed(config: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """Return a copy of `config` with `value` at `place`, or without the place (`REMOVED`)."""
    result = copy.deepcopy(config)
    inner: Any = result
    for name in place[:-1]:
        inner = inner[name]
    if value is REMOVED:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return result
