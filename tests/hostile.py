"""What means harm, and what must be told of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from universality.errors import StudyError


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def message(action: Callable[..., object], *arguments: Any) -> str:
    """Return the text of the StudyError that an action ends in."""
    with pytest.raises(StudyError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 700
    return text
