"""The inputs of the tiny study are what `resources/tiny/make.py` makes."""

import importlib.util
import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

TINY = Path(__file__).parents[2] / "resources" / "tiny"


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.json*")
    }


def test_make_reproduces_the_committed_files(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make", TINY / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    made, committed = contents(tmp_path), contents(TINY)
    assert made.keys() == committed.keys()
    assert len(made) == 8
    for name, text in committed.items():
        assert made[name] == text, name


@pytest.mark.parametrize(
    ("name", "architecture", "layers", "width", "vocabulary"),
    [("llama", "LlamaForCausalLM", 4, 32, 600), ("neox", "GPTNeoXForCausalLM", 6, 48, 400)],
)
def test_models(name: str, architecture: str, layers: int, width: int, vocabulary: int) -> None:
    config = AutoConfig.from_pretrained(TINY / name)
    assert config.architectures == [architecture]
    assert (config.num_hidden_layers, config.hidden_size) == (layers, width)
    assert config.vocab_size == vocabulary == len(AutoTokenizer.from_pretrained(TINY / name))
    assert type(AutoModelForCausalLM.from_config(config)).__name__ == architecture


@pytest.mark.parametrize("name", ["tales", "manual"])
def test_texts(name: str) -> None:
    lines = (TINY / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(set(texts)) == 250
    assert all(350 <= len(text) <= 480 for text in texts)
    # Some characters need several bytes, so that alignment has something to do.
    assert sum(any(ord(c) > 127 for c in text) for text in texts) > 100
    for model in ("llama", "neox"):
        tokenizer = AutoTokenizer.from_pretrained(TINY / model)
        ids = tokenizer(texts[0], add_special_tokens=False)["input_ids"]
        assert tokenizer.decode(ids) == texts[0]
        assert max(len(row) for row in tokenizer(texts)["input_ids"]) <= 512
