"""Damaged and malicious models, SAEs and stores: one message that names the file, no code run."""

import ast
import io
import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models import llama, write_gguf

from hostile import message
from universality import store
from universality.errors import StudyError
from universality.features import saes
from universality.inputs import activations, blueprints, checkpoints, models, tokenization

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
D, F, K = 6, 10, 3


def test_the_library_can_run_nothing_that_it_reads() -> None:
    forbidden = {"eval", "exec", "pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}
    loaders = {("torch", "load"), ("np", "load"), ("yaml", "load"), ("yaml", "unsafe_load")}
    for file in (ROOT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Name | ast.alias):
                name = node.id if isinstance(node, ast.Name) else node.name
                assert name not in forbidden, (file, node.lineno)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in loaders, (file, node.lineno)
            if isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "allow_pickle"):
                assert ast.unparse(node.value) == "False", (file, node.value.lineno)


# safetensors, of models and of SAEs.


def safetensors(header: bytes, content: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + content


def entry(name: str, shape: list[int], start: int, end: int) -> str:
    return f'"{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}'


def torch_zip() -> bytes:
    buffer = io.BytesIO()
    torch.save({"W_dec": torch.zeros(2)}, buffer)
    return buffer.getvalue()


NOT_SAFETENSORS = {
    "empty": b"",
    "a header of 2 ** 60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a header that is longer than the file": struct.pack("<Q", 1000) + b"{}",
    "no JSON": safetensors(b"xxxx"),
    "deep": safetensors(b"[" * 10_000),
    "a list": safetensors(b"[]"),
    "2 ** 60 numbers": safetensors(f"{{{entry('a', [2**60], 0, 2**62)}}}".encode()),
    "2 ** 80 numbers": safetensors(f"{{{entry('a', [2**40, 2**40], 0, 4)}}}".encode(), b"0000"),
    "beyond the end": safetensors(f"{{{entry('a', [2], 0, 8)}}}".encode(), b"0000"),
    "backwards": safetensors(f"{{{entry('a', [1], 4, 0)}}}".encode(), b"0000"),
    "overlapping": safetensors(
        f"{{{entry('a', [1], 0, 4)},{entry('b', [1], 0, 4)}}}".encode(), b"0000"
    ),
    "a gap": safetensors(f"{{{entry('a', [1], 4, 8)}}}".encode(), b"00000000"),
    "another dtype": safetensors(b'{"a":{"dtype":"O","shape":[1],"data_offsets":[0,8]}}', b"0" * 8),
    "a zip of torch": torch_zip(),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model of four blocks of width 32."""
    folder = tmp_path_factory.mktemp("model") / "sound"
    models.reinitialised(ROOT / "resources/tiny/llama", folder, 0)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound model, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "spoilt"))


@pytest.fixture
def sae(tmp_path: Path) -> Path:
    """A sound SAE, to be spoilt."""
    saes.save(saes.random(D, F, K, 0), tmp_path / "sae")
    return tmp_path / "sae"


def run(folder: Path, ids: tuple[int, ...] = (1, 2, 3)) -> None:
    """Do what a study does with a model: make its folder, describe it, load it, run it."""
    place = folder.with_name("made")
    checkpoints.make({"path": str(folder)}, folder, [folder], place, None)
    models.describe(place, {"model": "mine"}, None)
    model = models.load(place, torch.float32, CPU)
    tokens = folder.with_name("tokens.zarr")
    arrays = {"ids": np.array(ids, np.int32), "document": np.zeros(len(ids), np.int32)}
    store.write(tokens, "tokens", arrays, {})
    opened = store.open_store(tokens, "tokens")
    out = folder.with_name("activations.zarr")
    activations.dump(model, opened, out, 1, "resid_post", "float32", 64, {"model": "mine"})


def test_a_sound_model(folder: Path) -> None:
    run(folder)


@pytest.mark.parametrize("what", NOT_SAFETENSORS)
def test_not_safetensors(folder: Path, sae: Path, what: str) -> None:
    for file in (folder / "model.safetensors", sae / "sae_weights.safetensors"):
        file.write_bytes(NOT_SAFETENSORS[what])
    assert str(folder / "model.safetensors") in message(run, folder)
    assert message(saes.load, sae).startswith(f"{sae}: not a readable SAE")


def test_pickles_under_safe_names(folder: Path, sae: Path, pickled: bytes) -> None:
    (folder / "model.safetensors").write_bytes(pickled)
    assert "model.safetensors: not a whole safetensors file" in message(run, folder)
    for file in ("cfg.json", "sae_weights.safetensors"):
        content = (sae / file).read_bytes()
        (sae / file).write_bytes(pickled)
        assert "not a readable SAE" in message(saes.load, sae)
        (sae / file).write_bytes(content)
    for file in ("tokenizer.json", "config.json"):
        (folder / file).write_bytes(pickled)
        assert str(folder) in message(run, folder)


def spoil(folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor | None]) -> None:
    file = folder / "model.safetensors"
    changed = {name: change(name, array) for name, array in load_file(file).items()}
    kept = {name: array.clone() for name, array in changed.items() if array is not None}
    save_file(kept, file, metadata={"format": "pt"})


def test_weights_of_another_shape(folder: Path) -> None:
    spoil(folder, lambda name, array: array[:-1] if "layers.1.mlp.up_proj" in name else array)
    expected = r"layers.1.mlp.up_proj.weight has shape [63, 32], expected [64, 32]"
    assert expected in message(run, folder)


def test_weights_that_are_missing(folder: Path) -> None:
    spoil(folder, lambda name, array: None if "layers.1.mlp" in name else array)
    expected = "the weights lack 3 arrays, such as layers.1.mlp.down_proj.weight"
    assert expected in message(run, folder)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite(folder: Path, value: float) -> None:
    spoil(folder, lambda name, array: array.fill_(value) if "layers.0.mlp" in name else array)
    expected = "model mine, layer 1, hook resid_post: the model gave values that are not finite"
    assert message(run, folder).startswith(expected)


@pytest.mark.parametrize("ids", [(1, 600), (1, -1)])
def test_ids_that_the_weights_do_not_know(folder: Path, ids: tuple[int, ...]) -> None:
    assert message(run, folder, ids).startswith("model mine: its tokenizer gives ids from ")


CONFIGS = [
    {"hidden_size": "many"},
    {"hidden_size": -1},
    {"hidden_size": 2**40},
    {"vocab_size": 2**50},
    {"vocab_size": 10},
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": -1},
    {"num_hidden_layers": None},
    {"num_attention_heads": 0},
    {"num_attention_heads": 7},
    {"model_type": "new"},
    {"model_type": None},
    {"model_type": ["llama"]},
    {"hidden_act": "new"},
    {"dtype": "new"},
    {"dtype": "os"},
    {"text_config": {"num_hidden_layers": 3}},
    {"_attn_implementation": "new"},
]


@pytest.mark.parametrize("change", CONFIGS, ids=str)
def test_configurations_of_models(folder: Path, change: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    found = message(run, folder)
    assert str(folder) in found or str(folder.with_name("made")) in found
    assert "tokenizer" not in found
    # Drawn anew, the model of another vocabulary or width is one that can be made.
    if change != {"vocab_size": 10}:
        found = message(models.reinitialised, folder, folder.with_name("random"), 0)
        assert found.startswith(f"{folder}/config.json: ")


@pytest.mark.parametrize(
    "content",
    [
        b"[",
        b"{}",
        b"[" * 100_000,
        b'{"weight_map": 3}',
        b'{"weight_map": {"a": "../../passwd"}}',
        b'{"weight_map": {"a": "/etc/passwd"}}',
        b'{"weight_map": {"a": "gone.safetensors"}}',
    ],
)
def test_indices_of_weights(folder: Path, content: bytes) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_bytes(content)
    assert message(run, folder).startswith(f"{index}: ")


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"version": "1.0", "model": {"type": "new"}}']
)
def test_tokenizers(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    assert message(run, folder).startswith(f"{folder}: transformers cannot read its tokenizer")
    assert message(tokenization.load, folder).startswith(f"{folder}/tokenizer.json: not a readable")


def test_code_of_a_tokenizer_is_not_run(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass T: pass\n")
    config = {"tokenizer_class": "T", "auto_map": {"AutoTokenizer": ["evil.T", "evil.T"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert "transformers cannot read its tokenizer" in message(run, folder)
    assert not trace.exists()


# GGUF.


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("gguf") / "sound.gguf"
    write_gguf(llama(), file)
    return file.read_bytes()


def behind(content: bytes, name: bytes, offset: int) -> int:
    return content.index(name) + len(name) + offset


def test_headers_of_gguf(gguf: bytes, tmp_path: Path, pickled: bytes) -> None:
    def changed(place: int, value: bytes) -> bytes:
        return gguf[:place] + value + gguf[place + len(value) :]

    huge = struct.pack("<Q", 2**60)
    file = tmp_path / "spoilt.gguf"
    for content in (
        pickled,
        changed(4, struct.pack("<I", 99)),
        *(changed(place, huge) for place in (8, 16, 24)),  # tensors, keys, length of a key
        changed(behind(gguf, b"tokenizer.ggml.tokens", 8), huge),
        changed(behind(gguf, b"llama.block_count", 4), struct.pack("<I", 2**31 - 1)),
        changed(behind(gguf, b"llama.embedding_length", 4), struct.pack("<I", 2**31 - 1)),
        changed(behind(gguf, b"llama.feed_forward_length", 4), struct.pack("<I", 2**30)),
        changed(behind(gguf, b"token_embd.weight", 4), struct.pack("<QQ", 2**40, 2**40)),
    ):
        file.write_bytes(content)
        assert message(blueprints.of_gguf, file).startswith(f"{file}: ")


def test_bytes_of_gguf(gguf: bytes, tmp_path: Path) -> None:
    """Wherever the header is damaged, there is one message, or a model all the same."""
    rng = np.random.default_rng(0)
    file = tmp_path / "spoilt.gguf"
    for _ in range(20):
        content = bytearray(gguf)
        for place in rng.integers(0, 2000, 3):
            content[place] = rng.integers(256)
        file.write_bytes(content)
        try:
            blueprints.of_gguf(file)
        except StudyError as error:
            assert str(error).startswith(f"{file}: ")  # noqa: PT017


# SAEs.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"d_in": D + 1}, f"d_in is {D + 1}, the arrays have {D}"),
        ({"d_sae": "many"}, f"d_sae is 'many', the arrays have {F}"),
        ({"k": True}, "k is True"),
        ({"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input is 'no', expected true or false"),
        ({"rescale_acts_by_decoder_norm": None}, "rescale_acts_by_decoder_norm is None"),
        ({"architecture": "jumprelu"}, "a jumprelu SAE needs"),
    ],
)
def test_configurations_that_lie(sae: Path, change: dict[str, Any], expected: str) -> None:
    config = json.loads((sae / "cfg.json").read_text())
    (sae / "cfg.json").write_text(json.dumps(config | change))
    found = message(saes.load, sae)
    assert found.startswith(str(sae))
    assert expected in found


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_arrays_of_other_types(sae: Path, dtype: torch.dtype) -> None:
    arrays = load_file(sae / "sae_weights.safetensors")
    arrays["W_dec"] = arrays["W_dec"].to(dtype)
    save_file(arrays, sae / "sae_weights.safetensors")
    assert f"W_dec holds {dtype}, expected floating-point" in message(saes.load, sae)


# Stores.


def spoil_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def described(path: Path, **changes: Any) -> None:
    content = json.loads((path / "zarr.json").read_text())
    spoil_json(path / "zarr.json", attributes=content["attributes"] | changes)


def enormous(path: Path) -> None:
    described(path, arrays={"ids": ["int32", [2**60]]})
    spoil_json(path / "ids" / "zarr.json", shape=[2**60])


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda path: (path / "zarr.json").write_text(""),
        lambda path: (path / "zarr.json").write_text("[]"),
        lambda path: (path / "zarr.json").write_text("[" * 100_000),
        lambda path: (path / "zarr.json").write_bytes(pickle.dumps(3)),
        lambda path: spoil_json(path / "zarr.json", attributes={}),
        lambda path: described(path, kind="features"),
        lambda path: described(path, version=99),
        lambda path: described(path, arrays=None),
        lambda path: described(path, arrays=["ids"]),
        lambda path: described(path, arrays={"ids": 3}),
        lambda path: described(path, arrays={"../ids": ["int32", [1000]]}),
        lambda path: described(path, sha256=None),
        lambda path: spoil_json(path / "ids" / "zarr.json", codecs=[{"name": "new"}]),
        lambda path: spoil_json(path / "ids" / "zarr.json", data_type="object"),
        lambda path: spoil_json(path / "ids" / "zarr.json", shape=[10]),
        enormous,
    ],
)
def test_descriptions_of_stores(tmp_path: Path, spoilt: Callable[[Path], Any]) -> None:
    path = tmp_path / "spoilt.zarr"
    store.write(path, "tokens", {"ids": np.arange(1000, dtype=np.int32)}, {})
    spoilt(path)
    assert message(store.open_store, path, "tokens").startswith(f"{path}: ")
    assert message(store.verify, path, "tokens").startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"x" * 50])
def test_chunks_of_stores(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spoilt.zarr"
    store.write(path, "tokens", {"ids": np.arange(1000, dtype=np.int32)}, {})
    (path / "ids" / "c" / "0").write_bytes(content)
    opened = store.open_store(path, "tokens")
    for read in (lambda: opened.read("ids"), lambda: opened["ids"][3:5]):
        assert message(read).startswith(f"{path}, array 'ids': the content is damaged")
