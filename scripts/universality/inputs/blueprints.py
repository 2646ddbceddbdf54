"""What a model's own files say that it is, checked before anything is made of it.

No code that came with a model is run, and nothing is allocated yet: a skeleton has no weights.
"""

import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from universality.errors import StudyError, reason
from universality.inputs import hooks

_DEEPEST = 10_000  # blocks; as in the schema of the configuration


def of_folder(folder: Path) -> PreTrainedConfig:
    """Return what the `config.json` of a model's folder says.

    Raises StudyError unless it describes a model that transformers itself has, of sensible depth.
    """
    return _read(folder / "config.json", folder)


def of_gguf(file: Path) -> PreTrainedConfig:
    """Return what the header of a GGUF file says.

    Raises StudyError for a damaged header, and for one that describes a larger model than any file
    of this size can hold.
    """
    config = _read(file, file.parent, gguf_file=file.name)
    parameters = skeleton(file, config).num_parameters()
    # The smallest quantised formats take more than one bit for a parameter.
    if parameters > 8 * file.stat().st_size:
        raise StudyError(
            f"{file}: its header describes a model of {parameters} parameters, the file has only "
            f"{file.stat().st_size} bytes"
        )
    return config


def skeleton(place: Path, config: PreTrainedConfig) -> PreTrainedModel:
    """Return the model that a configuration, read from `place`, describes, without its weights.

    Raises StudyError when transformers cannot make it.
    """
    try:
        with torch.device("meta"):
            return AutoModel.from_config(config, trust_remote_code=False)
    except Exception as error:
        # What transformers raises depends on which value is wrong.
        raise StudyError(
            f"{place}: transformers cannot make this model ({type(error).__name__}: "
            f"{reason(error)})"
        ) from error


def check_index(index: Path) -> None:
    """Raise StudyError unless all that an index of safetensors names are files beside it."""
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StudyError(f"{index}: not an index of safetensors ({reason(error)})") from error
    for name in map(str, names):
        if Path(name).name != name or not (index.parent / name).is_file():
            raise StudyError(f"{index}: names {name!r}, which is no file beside it")


def _read(place: Path, folder: Path, gguf_file: str | None = None) -> PreTrainedConfig:
    try:
        config = AutoConfig.from_pretrained(
            folder, gguf_file=gguf_file, local_files_only=True, trust_remote_code=False
        )
        depth = hooks.depth(config)
    except StudyError:
        raise
    except Exception as error:
        raise StudyError(
            f"{place}: not a configuration of a model that transformers itself has, and no code "
            f"that came with a model is run ({reason(error)})"
        ) from error
    if not 1 <= depth <= _DEEPEST:
        raise StudyError(f"{place}: states {depth} blocks; valid: 1 to {_DEEPEST}")
    return config
