"""What several unit tests need."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile import Evil


@pytest.fixture
def pickled(tmp_path: Path) -> Iterator[bytes]:
    """A pickle, which must not be unpickled by the end of the test."""
    trace = tmp_path / "trace"
    yield pickle.dumps(Evil(trace))
    assert not trace.exists()
