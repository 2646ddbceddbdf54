"""The ladder's pairs against a slow protocol, choice by choice; its end is the calibrated score."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import example_comparison as example
import numpy as np
import pytest
import torch
import yaml
from scipy.optimize import linear_sum_assignment

from universality import store
from universality.documents import SPLITS
from universality.features import dense
from universality.features.correlation import correlate
from universality.features.encodings import Encoding, Encodings, Last
from universality.features.labels import word
from universality.features.ladder import CHOICES, Ladder, states
from universality.features.matching import MATCHERS
from universality.features.matrix import Features
from universality.features.selection import JUNK, select
from universality.similarity.comparison import scores
from universality.similarity.published import Scorer

SELECTION = {"min_correlation": 0.75, "shared_label": False, "exclude_labels": ["aa", "kk"]}
NONE, EVERY = dict.fromkeys(CHOICES, False), dict.fromkeys(CHOICES, True)
MATCH = SPLITS.index("match")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> example.Comparison:
    return example.make(tmp_path_factory.mktemp("comparison"))


def ladder(comparison: example.Comparison, selection: Mapping[str, Any] = SELECTION) -> Ladder:
    c = comparison
    encodings = Encodings(c.a, c.b, c.alignment, c.texts, example.CPU)
    return Ladder(encodings, c.correlation, selection)


def found(
    comparison: example.Comparison,
    choices: Mapping[str, bool],
    selection: Mapping[str, Any] = SELECTION,
) -> list[tuple[int, int]]:
    a, b = ladder(comparison, selection).pairs(choices)
    return list(zip(a.tolist(), b.tolist(), strict=True))


# The same in the plainest words: loops over rows, features and pairs.


def rows_of_the_source(c: example.Comparison) -> list[tuple[int, int]]:
    """Pair the rows of both padded batches, document by document."""
    rows = (c.alignment.read(name).tolist() for name in ("row_a", "row_b"))
    aligned = dict(zip(*rows, strict=True))
    both = []
    for document in np.flatnonzero(c.split == MATCH).tolist():
        groups: list[dict[str, list[int]]] = []
        token_at: list[dict[int, int]] = []
        for side in (c.a, c.b):
            row = side.activations.read("row")
            special = side.tokens.read("special")
            group: dict[str, list[int]] = {"first": [], "last": [], "padding": []}
            here = {}
            for i in np.flatnonzero(side.activations.read("document") == document).tolist():
                if row[i] < 0:
                    group["padding"].append(i)
                elif not special[row[i]]:
                    here[int(row[i])] = i
                else:
                    group["last" if here else "first"].append(i)
            groups.append(group)
            token_at.append(here)
        text = [(i, token_at[1][aligned[row]]) for row, i in token_at[0].items() if row in aligned]
        added = [
            pair
            for kind in groups[0]
            for pair in zip(groups[0][kind], groups[1][kind], strict=False)
        ]
        both += sorted(text + added)
    return both


def values_of(
    c: example.Comparison, choices: Mapping[str, bool]
) -> tuple[list[np.ndarray], list[list[int]]]:
    """Return features and rows (in the padded batches) of both sides."""
    if choices["special_positions"]:
        pairs = rows_of_the_source(c)
    else:
        pairs = []
        stored = [side.activations.read("row") for side in (c.a, c.b)]
        for both in zip(c.alignment.read("row_a"), c.alignment.read("row_b"), strict=True):
            row_a, row_b = both
            at = [np.flatnonzero(rows == row) for rows, row in zip(stored, both, strict=True)]
            if c.a.features.usable[row_a] and c.b.features.usable[row_b] and len(at[0]):
                pairs.append((int(at[0][0]), int(at[1][0])))
    rows = [[pair[i] for pair in pairs] for i in (0, 1)]
    values = []
    for side, chosen in zip((c.a, c.b), rows, strict=True):
        x = side.activations.read("input" if choices["block_input"] else "output")[chosen]
        x = torch.from_numpy(x)
        p = side.sae.arrays
        pre = ((x - p["b_dec"]) @ p["W_enc"] + p["b_enc"]).relu().numpy()
        if not choices["pre_activations"]:
            for row in pre:
                row[np.argsort(-row)[side.sae.config["k"] :]] = 0
        values.append(pre.astype(np.float64))
    return values, rows


def words_of(side: Any, values: np.ndarray, rows: list[int], texts: list[str]) -> dict[int, set]:
    words = {}
    row, document = side.activations.read("row"), side.activations.read("document")
    start, end, special = (side.tokens.read(name) for name in ("start", "end", "special"))
    for feature in range(values.shape[1]):
        top = [i for i in np.argsort(-values[:, feature])[:5] if values[i, feature] > 0]
        words[feature] = set()
        for i in (rows[j] for j in top):
            if row[i] < 0:
                words[feature].add("<pad>")
            elif special[row[i]]:
                words[feature].add("<bos>")
            else:
                words[feature].add(word(texts[document[i]], start[row[i]], end[row[i]]))
    return words


@cache
def encoded(c: example.Comparison, *encoding: bool) -> tuple[np.ndarray, list[dict[int, set]]]:
    """Return the correlations of all features, and the words of both sides."""
    values, rows = values_of(c, dict(zip(Encoding._fields, encoding, strict=True)))
    n = len(values[0])
    with np.errstate(invalid="ignore", divide="ignore"):  # constant features
        r = np.corrcoef(values[0].T, values[1].T)[: values[0].shape[1], values[0].shape[1] :]
    words = [
        words_of(side, x, y, c.texts) for side, x, y in zip((c.a, c.b), values, rows, strict=True)
    ]
    if not any(encoding):
        words = [{f: set(w) for f, w in side.words.items()} for side in (c.a, c.b)]
    return np.nan_to_num(r) * (n - 1) / n, words


def slow(
    c: example.Comparison,
    choices: Mapping[str, bool],
    selection: Mapping[str, Any] = SELECTION,
) -> list[tuple[int, int]]:
    r, words = encoded(c, *(choices[name] for name in Encoding._fields))
    left, right = c.correlation.read("a").tolist(), c.correlation.read("b").tolist()
    if choices["rare_features"]:
        left, right = (list(range(size)) for size in r.shape)
    r = r[np.ix_(left, right)]
    if choices["signed_maximum"]:
        pairs = [(max(range(len(left)), key=lambda i: r[i, j]), j) for j in range(len(right))]
    else:
        pairs = list(zip(*(side.tolist() for side in linear_sum_assignment(-r)), strict=True))
    junk = set(JUNK if choices["junk_labels"] else selection["exclude_labels"])
    kept = []
    for i, j in pairs:
        first, second = words[0].get(left[i], set()), words[1].get(right[j], set())
        shared = first & second or not (choices["shared_label"] or selection["shared_label"])
        if shared and not junk & (first | second):
            kept.append((i, j))
    one_to_one = []
    for i, j in kept:
        rivals = [other for other in kept if other[0] == i]
        best = rivals[0] if choices["first_come"] else max(rivals, key=lambda pair: r[pair])
        if (i, j) == best:
            one_to_one.append((i, j))
    least = 0.1 if choices["low_correlation"] else selection["min_correlation"]
    return [(left[i], right[j]) for i, j in one_to_one if r[i, j] > least]


@pytest.mark.parametrize(("step", "state"), list(enumerate(states(EVERY))))
def test_every_step_is_the_slow_protocol(
    comparison: example.Comparison, step: int, state: tuple[str, dict[str, bool]]
) -> None:
    assert found(comparison, state[1]) == slow(comparison, state[1])


@pytest.mark.parametrize("name", CHOICES)
def test_one_choice_alone(comparison: example.Comparison, name: str) -> None:
    """Each choice of the source taken alone, and each taken back alone."""
    for choices in (NONE | {name: True}, EVERY | {name: False}):
        assert found(comparison, choices) == slow(comparison, choices)


@pytest.mark.parametrize("seed", range(6))
def test_any_combination(comparison: example.Comparison, seed: int) -> None:
    drawn = np.random.default_rng(seed).random(len(CHOICES)) < 0.5
    choices = dict(zip(CHOICES, drawn.tolist(), strict=True))
    assert found(comparison, choices) == slow(comparison, choices)


def test_the_study_s_own_filters(comparison: example.Comparison) -> None:
    selection = SELECTION | {"shared_label": True, "min_correlation": -1}
    for choices in (NONE, NONE | {"signed_maximum": True}, EVERY | {"shared_label": False}):
        assert found(comparison, choices, selection) == slow(comparison, choices, selection)
    unfiltered = selection | {"shared_label": False}
    assert set(found(comparison, NONE, selection)) < set(found(comparison, NONE, unfiltered))


def test_one_ladder_for_all_steps_gives_what_a_new_one_for_each_does(
    comparison: example.Comparison,
) -> None:
    """What is kept from the step before is not taken for something else."""
    shared = ladder(comparison)
    random = np.random.default_rng(0).random((12, len(CHOICES))) < 0.5
    drawn = [dict(zip(CHOICES, row.tolist(), strict=True)) for row in random]
    for choices in [state for _, state in states(EVERY)] + drawn:
        pairs = zip(*(side.tolist() for side in shared.pairs(choices)), strict=True)
        assert list(pairs) == found(comparison, choices)


# What the choices do.


def test_which_choices_matter_here(comparison: example.Comparison) -> None:
    """Each choice about pairs changes them, alone or (several partners) beside another."""
    every = [name for name in CHOICES if name not in ("one_component", "shuffled_p")]
    before = found(comparison, NONE)
    changed = [name for name in every if found(comparison, NONE | {name: True}) != before]
    # The Hungarian matching has one partner for each feature already.
    assert changed == [name for name in every if name != "first_come"]
    several = NONE | {"signed_maximum": True, "rare_features": True, "pre_activations": True}
    assert found(comparison, several | {"first_come": True}) != found(comparison, several)
    for name in ("one_component", "shuffled_p"):
        assert found(comparison, NONE | {name: True}) == before


def test_the_truth_is_found_only_where_the_right_activations_are_read(
    comparison: example.Comparison,
) -> None:
    """The input of a block holds the word before: features still correspond, their words do not."""
    c = comparison
    truth = {
        (i, j)
        for i, j in found(c, NONE, {"min_correlation": 0.5} | _no_words())
        if c.a.words[i] & c.b.words[j]
    }
    assert len(truth) > 20
    published = set(found(c, EVERY))
    corrected = set(found(c, EVERY | {"block_input": False}))
    assert len(published & truth) < len(corrected & truth) / 2


def _no_words() -> dict[str, Any]:
    return {"shared_label": False, "exclude_labels": []}


def test_padding_makes_features_correlate(comparison: example.Comparison) -> None:
    """The feature of padding exists on both sides, and only the source's rows show it."""
    c = comparison
    choices = NONE | {"special_positions": True, "rare_features": True}
    pairs = found(c, choices, {"min_correlation": 0.6} | _no_words())
    words = encoded(c, *(choices[name] for name in Encoding._fields))[1]
    assert [words[0][i] for i, _ in pairs].count({"<pad>"}) == 1
    both = [(words[0][i], words[1][j]) for i, j in pairs]
    assert ({"<pad>"}, {"<pad>"}) in both
    assert ({"<bos>"}, {"<bos>"}) in both
    # The source's list of junk drops these, and what the two halves of a word are.
    kept = found(c, choices | {"junk_labels": True}, {"min_correlation": 0.6} | _no_words())
    dropped = [words[1][j] for _, j in set(pairs) - set(kept)]
    assert all(words & {"<pad>", "<bos>", "!", "-"} for words in dropped)
    assert len(dropped) >= 4


# The end of the ladder.


@pytest.mark.parametrize("halved", [False, True])
@pytest.mark.parametrize("selection", [SELECTION, {"min_correlation": 0.1} | _no_words()])
def test_the_last_state_is_the_calibrated_score_bit_for_bit(
    comparison: example.Comparison, tmp_path: Path, halved: bool, selection: dict[str, Any]
) -> None:
    c = example.make(tmp_path, halved=True) if halved else comparison
    fit = c.correlation.read("fit")
    row, column = MATCHERS["hungarian"](fit)
    a, b = c.correlation.read("a")[row], c.correlation.read("b")[column]
    flags = select(a, b, fit[row, column], c.a.words, c.b.words, selection)
    matching = {
        "method": np.zeros(len(a), int),
        "a": a,
        "b": b,
        "correlation_fit": fit[row, column],
        "correlation_heldout": c.correlation.read("heldout")[row, column],
        "kept": flags["kept"],
    }
    decoders = tuple(side.features.store.read("decoder") for side in (c.a, c.b))
    metrics = [("svcca", "svcca", {"k": 1}), ("rsa", "rsa", {})]
    expected, _ = scores(matching, ["hungarian"], decoders, metrics, 199, 7)
    calibrated = {row["metric"]: row for row in expected if row["metric"] in ("svcca", "rsa")}
    *_, (_, last) = states(EVERY)
    assert last == NONE
    scorer = Scorer(*decoders, {"k": 1}, 199, 7)
    rows = scorer.rows(*ladder(c, selection).pairs(last), False, False)
    assert [row["metric"] for row in rows] == ["svcca", "rsa"]
    for row in rows:
        theirs = calibrated[row["metric"]]
        assert row["n"] == theirs["n"] >= 20
        assert row["value"] == theirs["value"]
        assert [row[x] for x in ("k", "m", "null_mean", "p")] == [
            theirs[x] for x in ("k_a", "m", "null_mean", "p")
        ]


def test_states_take_back_one_choice_at_a_time() -> None:
    assert [name for name, _ in states(EVERY)] == ["published", *CHOICES]
    steps = [state for _, state in states(EVERY)]
    assert steps[0] == EVERY
    assert steps[-1] == NONE
    for name, before, after in zip(CHOICES, steps[:-1], steps[1:], strict=True):
        assert {x for x in CHOICES if before[x] != after[x]} == {name}
        assert before[name]


def test_a_study_may_take_or_leave_each_choice() -> None:
    schema = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
    choices = yaml.safe_load(schema.read_text())["properties"]["published"]["properties"]
    assert list(choices) == list(CHOICES)
    assert all(choice["default"] is True for choice in choices.values())


def test_states_skip_what_is_not_chosen() -> None:
    some = NONE | {"first_come": True, "shuffled_p": True}
    assert [name for name, _ in states(some)] == ["published", "first_come", "shuffled_p"]
    assert list(states(NONE)) == [("published", NONE)]


# Blocks, rarely used paths, and what is kept.


def test_blocks_of_features_change_nothing(
    comparison: example.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [found(comparison, state) for _, state in states(EVERY)]
    monkeypatch.setattr(dense, "_NUMBERS", 5000)
    monkeypatch.setattr(dense, "_ROWS", 100)
    assert [found(comparison, state) for _, state in states(EVERY)] == expected


def test_a_side_without_participating_features(
    comparison: example.Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {"a": np.zeros(0, int), "fit": np.zeros((0, len(comparison.correlation.read("b"))))}
    read = type(comparison.correlation).read

    def without(self: Any, name: str) -> np.ndarray:
        here = self is comparison.correlation and name in empty
        return empty[name] if here else read(self, name)

    monkeypatch.setattr(type(comparison.correlation), "read", without)
    for name in ("signed_maximum", "first_come", "pre_activations"):
        assert found(comparison, NONE | {name: True}) == []
    assert found(comparison, EVERY)  # rare features count there


def test_without_rows_nothing_correlates(comparison: example.Comparison) -> None:
    c = comparison
    nowhere = np.zeros(0, np.int64)
    for side in (c.a, c.b):
        assert isinstance(side.features, Features)
    encodings = Encodings(c.a, c.b, c.alignment, c.texts, example.CPU)
    encodings._usable = nowhere, nowhere
    emptied = Ladder(encodings, c.correlation, SELECTION)
    for name in ("pre_activations", "block_input", "rare_features"):
        a, b = emptied.pairs(NONE | {name: True, "rare_features": True})
        assert len(a) == len(b) == 0


def test_a_subject_with_itself(comparison: example.Comparison, tmp_path: Path) -> None:
    a = comparison.a
    text = np.flatnonzero(~a.tokens.read("special"))
    document = a.tokens.read("document")[text]
    arrays = {"row_a": text, "row_b": text, "document": document}
    store.write(
        tmp_path / "a.zarr", "alignment", arrays | {"split": comparison.split[document]}, {}
    )
    alignment = store.open_store(tmp_path / "a.zarr", "alignment")
    correlate(a.features, a.features, alignment, tmp_path / "c.zarr", 8, 3, None, {})
    correlation = store.open_store(tmp_path / "c.zarr", "correlation")
    encodings = Encodings(a, a, alignment, comparison.texts, example.CPU)
    same = Ladder(encodings, correlation, {"min_correlation": 0.1} | _no_words())
    decoder = a.features.store.read("decoder")
    scorer = Scorer(decoder, decoder, {"k": 1}, 99, 0)
    for _, state in states(EVERY):
        left, right = same.pairs(state)
        assert np.array_equal(left, right)
        for row in scorer.rows(left, right, state["one_component"], state["shuffled_p"]):
            assert row["value"] == pytest.approx(1, abs=1e-6)
            assert row["p"] <= 0.02


def test_a_side_of_one_feature(comparison: example.Comparison) -> None:
    c = comparison
    for feature in range(3):
        one = replace(c.b, sae=c.b.sae.columns(slice(feature, feature + 1)))
        encodings = Encodings(c.a, one, c.alignment, c.texts, example.CPU)
        pairs = Ladder(encodings, c.correlation, SELECTION)
        alone = EVERY | {"shared_label": False, "junk_labels": False, "special_positions": False}
        for choices in (EVERY, alone, alone | {"signed_maximum": False}):
            a, b = pairs.pairs(choices)
            assert len(a) == len(b) <= 1
            assert set(b.tolist()) <= {0}


def test_last_keeps_one() -> None:
    made = []

    def make(name: str) -> Any:
        return lambda: made.append(name) or name

    last: Last[str] = Last()
    assert [last.get(key, make(key)) for key in "aabba"] == list("aabba")
    assert made == ["a", "b", "a"]
    nothing: Last[None] = Last()
    assert nothing.get(None, lambda: made.append("none")) is None
    assert nothing.get(None, lambda: made.append("never")) is None
    assert made[-1] == "none"
