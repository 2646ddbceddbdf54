from pathlib import Path

import pytest

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
