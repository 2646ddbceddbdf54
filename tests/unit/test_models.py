"""Models become folders of one form, whatever they came from, and no foreign code is run."""

import json
import pickle
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from example_models import CONFIGS, LAYERS, WIDTH, batch, build
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedModel

from hostile import Evil
from universality.errors import StudyError
from universality.inputs import models

TINY = Path(__file__).parents[2] / "resources" / "tiny"
CPU = torch.device("cpu")
TEXT = "The girl and the king… 🙂  naïve?"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)


def save(name: str, folder: Path) -> PreTrainedModel:
    model = build(name)
    model.save_pretrained(folder)
    for file in (TINY / "llama").glob("tokenizer*"):
        shutil.copyfile(file, folder / file.name)
    return model


# Re-initialised models.


def test_reinitialised_is_a_function_of_the_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        torch.rand(3)  # whatever was drawn before
        models.reinitialised(TINY / "llama", tmp_path / name, seed)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    assert same(a, b)
    assert not any(torch.equal(a[name], c[name]) for name in a if "norm" not in name)


def test_reinitialised_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    models.reinitialised(TINY / "llama", tmp_path / "m", 0)
    assert torch.equal(torch.rand(2), expected)


def test_reinitialised_is_drawn_as_for_training(tmp_path: Path) -> None:
    models.reinitialised(TINY / "llama", tmp_path / "m", 0)
    drawn = weights(tmp_path / "m")
    assert len(drawn) == 4 * 9 + 2
    for name, tensor in drawn.items():
        assert tensor.dtype == torch.float32
        if "norm" in name:
            assert (tensor == 1).all()
        else:
            # The configuration's initializer_range.
            assert abs(float(tensor.std()) - 0.02) < 0.002
            assert abs(float(tensor.mean())) < 0.002


def test_reinitialised_has_the_tokenizer(tmp_path: Path) -> None:
    models.reinitialised(TINY / "neox", tmp_path / "m", 0)
    ours, theirs = (AutoTokenizer.from_pretrained(f) for f in (tmp_path / "m", TINY / "neox"))
    assert ours(TEXT)["input_ids"] == theirs(TEXT)["input_ids"]


def test_reinitialised_ignores_the_weights_of_its_source(tmp_path: Path) -> None:
    base, again = tmp_path / "base", tmp_path / "again"
    models.reinitialised(TINY / "llama", base, 1)
    models.reinitialised(base, again, 2)
    models.reinitialised(TINY / "llama", tmp_path / "direct", 2)
    assert same(weights(again), weights(tmp_path / "direct"))
    (base / "model.safetensors").write_bytes(b"not read")
    models.reinitialised(base, tmp_path / "without", 2)
    assert same(weights(again), weights(tmp_path / "without"))
    assert (again / "tokenizer.json").is_file()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_reinitialised_is_stored_as_its_source_is(tmp_path: Path, dtype: str) -> None:
    shutil.copytree(TINY / "llama", tmp_path / "source")
    config = tmp_path / "source" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": dtype}))
    models.reinitialised(tmp_path / "source", tmp_path / "m", 0)
    assert {tensor.dtype for tensor in weights(tmp_path / "m").values()} == {getattr(torch, dtype)}


# Folders.


def test_from_folder(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "deep" / "m"
    model = save("llama", source)
    for name in ("pytorch_model.bin", "modeling_evil.py", "README.md", "model.json"):
        (source / name).write_text("{}")
    before = {file.name: file.read_bytes() for file in source.iterdir()}
    models.from_folder(source, folder, link=True)
    links = {file.name for file in folder.iterdir() if file.is_symlink()}
    written = {file.name for file in folder.iterdir() if not file.is_symlink()}
    assert links == {"config.json", "model.safetensors"}
    assert written == {"tokenizer.json", "tokenizer_config.json"}
    assert {file.name: file.read_bytes() for file in source.iterdir()} == before
    loaded = models.load(folder, torch.float32, CPU)
    assert same(loaded.state_dict(), model.state_dict())


def test_a_folder_without_a_readable_tokenizer(tmp_path: Path) -> None:
    save("llama", tmp_path / "source")
    for file in (tmp_path / "source").glob("tokenizer*"):
        file.write_text("{")
    with pytest.raises(StudyError, match="source: transformers cannot read its tokenizer"):
        models.from_folder(tmp_path / "source", tmp_path / "m", link=True)


def test_a_slow_tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save("llama", tmp_path / "source")
    slow = SimpleNamespace(is_fast=False)
    monkeypatch.setattr(models.AutoTokenizer, "from_pretrained", lambda *_, **__: slow)
    with pytest.raises(StudyError, match=r"source: its tokenizer .* fast tokenizer"):
        models.from_folder(tmp_path / "source", tmp_path / "m", link=True)


def test_from_folder_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save("llama", tmp_path / "source")
    monkeypatch.chdir(tmp_path)
    models.from_folder(Path("source"), Path("a/b/m"), link=True)
    assert (tmp_path / "a/b/m/config.json").resolve() == tmp_path / "source/config.json"


def test_describing_a_linked_model_does_not_write_to_its_source(tmp_path: Path) -> None:
    # Such as a model's folder that another study made.
    save("llama", tmp_path / "source")
    (tmp_path / "source" / "model.json").write_text('{"theirs": 1}')
    models.from_folder(tmp_path / "source", tmp_path / "m", link=True)
    models.describe(tmp_path / "m", {"model": "m"}, None)
    assert (tmp_path / "source" / "model.json").read_text() == '{"theirs": 1}'
    assert json.loads((tmp_path / "m" / "model.json").read_text())["model"] == "m"


def test_from_folder_needs_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"source: not a model folder, it has no config\.json"):
        models.from_folder(tmp_path / "source", tmp_path / "m", link=True)


def test_from_folder_needs_safetensors(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(TINY / "llama", source)
    (source / "pytorch_model.bin").write_bytes(b"")
    message = (
        r"source: no \*\.safetensors file here \(only these are read\); found config\.json, "
        r"pytorch_model\.bin, tokenizer\.json, tokenizer_config\.json"
    )
    with pytest.raises(StudyError, match=message):
        models.from_folder(source, tmp_path / "m", link=True)
    assert not (tmp_path / "m").exists()


# Nothing that came with a model is run.


def test_pickles_are_never_read(tmp_path: Path) -> None:
    trace, source = tmp_path / "trace", tmp_path / "source"
    shutil.copytree(TINY / "llama", source)
    pickled = pickle.dumps(Evil(trace))
    for name in ("pytorch_model.bin", "model.pt", "model.ckpt", "training_args.bin"):
        (source / name).write_bytes(pickled)
    with pytest.raises(StudyError, match=r"cannot be loaded .*safetensors"):
        models.load(source, torch.float32, CPU)
    models.reinitialised(source, tmp_path / "random", 0)
    build("llama").save_pretrained(source)
    models.from_folder(source, tmp_path / "m", link=True)
    models.load(source, torch.float32, CPU)
    models.load(tmp_path / "m", torch.float32, CPU)
    assert not trace.exists()
    pickle.loads(pickled)
    assert trace.exists()  # it would have been


@pytest.fixture
def evil(tmp_path: Path) -> tuple[Path, Path]:
    """Return the folder of a model with code of its own, and the file that the code would make."""
    folder, trace = tmp_path / "evil", tmp_path / "trace"
    save("llama", folder)
    code = (
        f"open({str(trace)!r}, 'w').close()\n"
        "from transformers import LlamaConfig, LlamaModel\n"
        "class EvilConfig(LlamaConfig):\n    model_type = 'evil'\n"
        "class EvilModel(LlamaModel):\n    config_class = EvilConfig\n"
    )
    (folder / "evil.py").write_text(code)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, trace


@pytest.fixture(autouse=True)
def _a_user_who_says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer yes when transformers asks whether to run a model's code."""
    monkeypatch.setattr("builtins.input", lambda _prompt: "y")


def test_code_of_a_known_architecture_is_not_run(evil: tuple[Path, Path], tmp_path: Path) -> None:
    folder, trace = evil
    models.reinitialised(folder, tmp_path / "random", 0)
    assert type(models.load(folder, torch.float32, CPU)).__name__ == "LlamaModel"
    assert models.describe(folder, {"model": "m"}, LAYERS)["depth"] == LAYERS
    assert not trace.exists()


def test_code_of_an_unknown_architecture_is_not_run(
    evil: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, trace = evil
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "evil"}))
    message = (
        r"evil/config\.json: not a configuration of a model that transformers itself has, and no "
        r"code that came with a model is run"
    )
    with pytest.raises(StudyError, match=message):
        models.reinitialised(folder, tmp_path / "random", 0)
    with pytest.raises(StudyError, match=message):
        models.describe(folder, {"model": "m"}, None)
    with pytest.raises(StudyError, match=r"cannot be loaded .*contains custom code"):
        models.load(folder, torch.float32, CPU)
    assert not trace.exists()


# GGUF.

CONFIG = LlamaConfig(
    vocab_size=400,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
    rms_norm_eps=1e-4,
    tie_word_embeddings=False,
)
# llama.cpp's names of a block's tensors.
GGUF_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def llama() -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(CONFIG, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def rotary_order(weight: np.ndarray, heads: int) -> np.ndarray:
    """Put the rows of each head in llama.cpp's order: pairs of halves become neighbours."""
    halves = weight.reshape(heads, 2, -1, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_gguf(model: PreTrainedModel, file: Path) -> None:
    """Write a Llama model and the byte-level tokenizer of the tiny study as llama.cpp would."""
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONFIG.max_position_embeddings)
    writer.add_embedding_length(CONFIG.hidden_size)
    writer.add_block_count(CONFIG.num_hidden_layers)
    writer.add_feed_forward_length(CONFIG.intermediate_size)
    writer.add_head_count(CONFIG.num_attention_heads)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    writer.add_rope_freq_base(5000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(CONFIG.vocab_size)
    tokenizer = json.loads((TINY / "neox" / "tokenizer.json").read_text())["model"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(tokenizer["vocab"], key=tokenizer["vocab"].get))
    writer.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * 399)
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", state["model.norm.weight"])
    writer.add_tensor("output.weight", state["lm_head.weight"])
    for layer in range(CONFIG.num_hidden_layers):
        for ours, theirs in GGUF_NAMES.items():
            weight = state[f"model.layers.{layer}.{ours}.weight"]
            if theirs in ("attn_q", "attn_k"):
                weight = rotary_order(weight, 4 if theirs == "attn_q" else 2)
            writer.add_tensor(f"blk.{layer}.{theirs}.weight", np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@torch.inference_mode()
def test_from_gguf(tmp_path: Path) -> None:
    model = llama()
    (tmp_path / "alone").mkdir()
    write_gguf(model, tmp_path / "alone" / "tiny.gguf")
    models.from_gguf(tmp_path / "alone" / "tiny.gguf", tmp_path / "m", torch.float32)
    (tmp_path / "alone" / "tiny.gguf").unlink()

    converted = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    ids = torch.randint(0, 400, (2, 12), generator=torch.Generator().manual_seed(0))
    ours, theirs = (m(ids, output_hidden_states=True) for m in (converted, model))
    torch.testing.assert_close(ours.logits, theirs.logits)
    loaded = models.load(tmp_path / "m", torch.float32, CPU)
    states = loaded(ids, output_hidden_states=True).hidden_states
    for state, expected in zip(states, theirs.hidden_states, strict=True):
        torch.testing.assert_close(state, expected)

    tokenizers = [AutoTokenizer.from_pretrained(f) for f in (tmp_path / "m", TINY / "neox")]
    assert tokenizers[0].is_fast
    read = [t(TEXT, add_special_tokens=False)["input_ids"] for t in tokenizers]
    assert read[0] == read[1]
    described = models.describe(tmp_path / "m", {"model": "m"}, 2)
    assert (described["depth"], described["d_model"], described["vocabulary"]) == (2, 32, 400)
    assert described["architecture"] == "LlamaForCausalLM"


def test_from_gguf_in_bfloat16_unless_told_otherwise(tmp_path: Path) -> None:
    model = llama()
    write_gguf(model, tmp_path / "tiny.gguf")
    models.from_gguf(tmp_path / "tiny.gguf", tmp_path / "m")
    expected = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    assert same(weights(tmp_path / "m"), expected)


def test_damaged_gguf(tmp_path: Path) -> None:
    whole = tmp_path / "tiny.gguf"
    write_gguf(llama(), whole)
    content = whole.read_bytes()
    damaged = [content[:length] for length in (0, 3, 10, 30, 500, 5000, len(content) // 2)]
    damaged += [content[:8] + b"\xff" * 8 + content[16:], b"GGUF" + b"\0" * 100, b"pickle"]
    damaged += [content.replace(b"llama", b"lxama")]
    for part in damaged:
        whole.write_bytes(part)
        with pytest.raises(StudyError, match=r"tiny\.gguf: not a configuration of a model that"):
            models.from_gguf(whole, tmp_path / "m")
        assert not (tmp_path / "m").exists()


# What is said about a model.


def test_describe(tmp_path: Path) -> None:
    for name, base, architecture in (
        ("llama", "LlamaModel", "LlamaForCausalLM"),
        ("neox", "GPTNeoXModel", "GPTNeoXForCausalLM"),
    ):
        folder = tmp_path / name
        models.reinitialised(TINY / name, folder, 0)
        said = {"model": name, "source": "here ä", "license": None}
        described = models.describe(folder, said, None)
        sizes = json.loads((TINY / name / "config.json").read_text())
        drawn = weights(folder)
        assert described == said | {
            "architecture": described["architecture"],
            "depth": sizes["num_hidden_layers"],
            "d_model": sizes["hidden_size"],
            "vocabulary": sizes["vocab_size"],
            "parameters": sum(tensor.numel() for tensor in drawn.values()),
        }
        assert described["architecture"] in (base, architecture)
        assert json.loads((folder / "model.json").read_text()) == described


@pytest.mark.parametrize("name", ["gpt2", "bert", "distilbert", "gemma3", "mpnet"])
def test_describe_other_architectures(name: str, tmp_path: Path) -> None:
    model = save(name, tmp_path)
    described = models.describe(tmp_path, {"model": name}, LAYERS)
    assert (described["depth"], described["d_model"]) == (LAYERS, WIDTH)
    assert described["architecture"] == type(model).__name__
    assert described["vocabulary"] == CONFIGS[name].vocab_size
    assert described["parameters"] == model.num_parameters()


def test_another_depth_than_configured(tmp_path: Path) -> None:
    save("llama", tmp_path)
    message = r"models\.mine\.depth: the configuration says 5 blocks, the model has 4"
    with pytest.raises(StudyError, match=message):
        models.describe(tmp_path, {"model": "mine"}, 5)
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_load(tmp_path: Path, dtype: torch.dtype) -> None:
    model = save("gpt2", tmp_path)
    loaded = models.load(tmp_path, dtype, CPU)
    assert not loaded.training
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype}
    with torch.inference_mode():
        ours, theirs = (m(**batch(5, 3)) for m in (loaded, model))
    assert ours.past_key_values is None
    tolerance = 1e-5 if dtype == torch.float32 else 0.2
    found = ours.last_hidden_state[0].float()
    torch.testing.assert_close(found, theirs.last_hidden_state[0], rtol=tolerance, atol=tolerance)


def test_load_leaves_the_head_away(tmp_path: Path) -> None:
    llama().save_pretrained(tmp_path)
    assert not any(
        "lm_head" in name for name in models.load(tmp_path, torch.float32, CPU).state_dict()
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"hub": "a/b", "revision": "c" * 40, "license": "MIT"}, f"hub a/b at {'c' * 40}"),
        ({"wheel": "a==1", "sha256": "s", "member": "m.gguf"}, "wheel a==1, m.gguf"),
        (
            {"parts": [{"wheel": "a==1", "member": "x"}, {"wheel": "b==2"}], "sha256": "s"},
            "wheels a==1, b==2, sha256 s",
        ),
        ({"path": "some/folder", "license": "MIT"}, "path some/folder"),
        ({"random": "other"}, "re-initialised other"),
    ],
)
def test_source_name(source: dict[str, Any], name: str) -> None:
    assert models.source_name(source) == name


# Licences.


def wheel(file: Path, license: str, texts: dict[str, str]) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m-1.dist-info/METADATA", f"Name: m\nLicense-Expression: {license}\n")
        for name, text in texts.items():
            archive.writestr(f"m-1.dist-info/licenses/{name}", text)
    return file


def written(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_licenses_of_wheels(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path / "a.whl", "Apache-2.0", {"LICENSE": "text ä", "NOTICE": "notice"}),
        wheel(tmp_path / "b.whl", "MIT", {"LICENSE": "text ä"}),
        wheel(tmp_path / "c.whl", "MIT", {"LICENSE": "another"}),
    ]
    assert models.collect_licenses(wheels, tmp_path / "licenses") == "Apache-2.0"
    assert written(tmp_path / "licenses") == {
        "LICENSE": "text ä",
        "NOTICE": "notice",
        "c-LICENSE": "another",
    }


def test_licenses_of_a_folder_and_of_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "LICENSE.txt").write_bytes("terms ä".encode("latin-1"))
    (source / "config.json").write_text("{}")
    for inputs, name in (([source], "a"), (sorted(source.iterdir()), "b")):
        assert models.collect_licenses(inputs, tmp_path / name) is None
        assert written(tmp_path / name) == {"LICENSE.txt": "terms \ufffd"}


def test_license_of_a_model_that_is_reinitialised(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"license": "Gemma Terms of Use"}))
    assert models.collect_licenses([tmp_path], tmp_path / "licenses") == "Gemma Terms of Use"
    assert not (tmp_path / "licenses").exists()


def test_no_license(tmp_path: Path) -> None:
    assert models.collect_licenses([TINY / "llama" / "config.json"], tmp_path / "licenses") is None
    assert not (tmp_path / "licenses").exists()


def test_a_copied_folder_holds_no_links(tmp_path: Path) -> None:
    save("llama", tmp_path / "source")
    (tmp_path / "source" / "pytorch_model.bin").write_bytes(b"never read")
    models.from_folder(tmp_path / "source", tmp_path / "m", link=False)
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {file.name for file in (tmp_path / "m").iterdir()} == names
    assert not any(file.is_symlink() for file in (tmp_path / "m").iterdir())
