from pathlib import Path

from universality.machine import has_gpu


def test_a_gpu_is_a_numbered_device_file(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()
    assert not has_gpu(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert has_gpu(tmp_path)
