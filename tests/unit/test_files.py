from pathlib import Path

import pytest

from universality.errors import StudyError
from universality.files import replacing, sha256


def test_sha256_of_known_content(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "abc") == digest


def test_replacing_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file"
    with pytest.raises(TypeError), replacing(target) as temporary:
        temporary.write_text("half") + "fails"  # type: ignore[operator]
    assert list(target.parent.iterdir()) == []
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
    assert [(p.name, p.read_text()) for p in target.parent.iterdir()] == [("file", "whole")]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def make(path: Path, content: str, folder: bool) -> None:
    """Make a file, or a folder with a file in it."""
    if folder:
        path.mkdir()
        path = path / "inside"
    path.write_text(content)


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
@pytest.mark.parametrize("there", [True, False, None], ids=["folder", "file", "nothing"])
def test_a_file_or_folder_takes_the_place_of_either(
    tmp_path: Path, folder: bool, there: bool | None
) -> None:
    path = tmp_path / "out"
    if there is not None:
        make(path, "old", there)
    with replacing(path) as temporary:
        make(temporary, "new", folder)
    assert list(tmp_path.iterdir()) == [path]
    assert (path / "inside" if folder else path).read_text() == "new"


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_of_two_writers_the_last_to_begin_wins(tmp_path: Path, folder: bool) -> None:
    """The first may be a job of a killed run: it changes nothing, and says so."""
    path = tmp_path / "out"
    first, second = replacing(path), replacing(path)
    make(first.__enter__(), "orphan", folder)
    begun = second.__enter__()
    assert not path.exists()
    with pytest.raises(StudyError, match="out: another job has begun to write it"):
        first.__exit__(None, None, None)
    assert not path.exists()
    make(begun, "run", folder)
    second.__exit__(None, None, None)
    assert (path / "inside" if folder else path).read_text() == "run"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_makes_its_folder_anew_changes_nothing(tmp_path: Path) -> None:
    """As zarr does when it writes a chunk: half of the store is gone by then."""
    path = tmp_path / "out"
    first, second = replacing(path), replacing(path)
    temporary = first.__enter__()
    make(second.__enter__(), "run", False)
    (temporary / "c").mkdir(parents=True)
    with pytest.raises(StudyError, match="another job has begun to write it"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert path.read_text() == "run"


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """A name may begin with another's and a dot: both are written at the same time."""
    kept = [tmp_path / name for name in (".a.b.x1y2.partial", ".b.x1y2.partial", ".a.x1y2")]
    for path in (*kept, tmp_path / ".a.x1y2.partial"):
        make(path, "left", True)
    make(tmp_path / ".a.1234.partial", "left", False)
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "a"])
