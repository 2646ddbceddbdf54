"""Tiny models of many architectures with random weights, for the tests of the inputs."""

import copy
from typing import Any

import torch
from transformers import (
    AutoModel,
    BertConfig,
    BloomConfig,
    DistilBertConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MPNetConfig,
    OPTConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
)

LAYERS, WIDTH, HEADS, VOCABULARY = 4, 16, 4, 50

_COMMON: dict[str, Any] = {
    "num_hidden_layers": LAYERS,
    "hidden_size": WIDTH,
    "num_attention_heads": HEADS,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_GATED = _COMMON | {"intermediate_size": 24, "num_key_value_heads": 2, "head_dim": 4}
_PLAIN = _COMMON | {"intermediate_size": 24}

CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**_GATED),
    "qwen2": Qwen2Config(**_GATED),
    # A window shorter than the documents.
    "gemma2": Gemma2Config(**_GATED, sliding_window=4, query_pre_attn_scalar=4),
    "gemma3": Gemma3TextConfig(**_GATED, sliding_window=4, query_pre_attn_scalar=4),
    "neox": GPTNeoXConfig(**_PLAIN, use_parallel_residual=True),
    "neox-sequential": GPTNeoXConfig(**_PLAIN, use_parallel_residual=False),
    "gpt2": GPT2Config(**_COMMON),
    "bert": BertConfig(**_PLAIN),
    "distilbert": DistilBertConfig(
        vocab_size=VOCABULARY, dim=WIDTH, n_layers=LAYERS, n_heads=HEADS, hidden_dim=24
    ),
    "mpnet": MPNetConfig(**_PLAIN),
    "opt": OPTConfig(**_COMMON, ffn_dim=24, word_embed_proj_dim=WIDTH),
    "bloom": BloomConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS),
}


def build(name: str, seed: int = 0) -> PreTrainedModel:
    """Return the tiny model of an architecture; all parameters are random, norms and biases too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(copy.deepcopy(CONFIGS[name]), dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def batch(*lengths: int) -> dict[str, torch.Tensor]:
    """Return inputs with documents of these lengths, padded on the right."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, VOCABULARY, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": ids * mask, "attention_mask": mask}
