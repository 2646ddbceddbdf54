"""Scores under each threshold and each filter alone, against scores of the same pairs."""

import numpy as np
import pandas as pd
import pytest
import script_runs

from universality import seeds, store
from universality.features.selection import JUNK, select
from universality.similarity import comparison, sensitivity
from universality.similarity.metrics import METRICS, build
from universality.similarity.nulls import permutations

TRIED = [("svcca_1", "svcca", {"k": 1}), ("rsa", "rsa", {})]
COLUMNS = [
    "method",
    "filter",
    "threshold",
    "metric",
    "n",
    "share",
    "value",
    "null_mean",
    "null_quantile",
    "m",
    "reason",
]
RNG = np.random.default_rng(0)
A = RNG.normal(size=(100, 6))
B = A @ RNG.normal(size=(6, 9)) + 2 * RNG.normal(size=(100, 9))
METHODS = ["hungarian", "max_correlation"]
# Every 50 correlations from -.15 to .83, for each of two matchings.
FIT = np.tile(np.arange(-15, 85, 2) / 100, 2).astype(np.float32)
PAIRS = {
    "method": np.repeat(np.array([0, 1], np.int8), 50),
    "a": np.concatenate([RNG.permutation(100)[:50], RNG.integers(0, 100, 50)]),
    "b": np.tile(RNG.permutation(100)[:50], 2),
    "correlation_fit": FIT,
    "correlation_heldout": (FIT - 0.05).astype(np.float32),
    "kept": FIT > 0.1,
}
FLAGS = {"junk_labels": np.arange(100) % 3 > 0, "shared_label": np.arange(100) % 50 < 2}


def rows(**changes):
    given = {
        "pairs": PAIRS,
        "methods": METHODS,
        "detailed": ["hungarian"],
        "flags": FLAGS,
        "decoders": (A, B),
        "metrics": TRIED,
        "min_correlation": 0.1,
        "seed": 3,
    }
    return sensitivity.rows(**(given | changes))


def frame(**changes):
    return pd.DataFrame(rows(**changes))


def test_columns_and_cells():
    found = frame()
    assert found.columns.tolist() == COLUMNS
    assert set(found["method"]) == {"hungarian"}
    assert not found.duplicated(["method", "filter", "threshold", "metric"]).any()
    cells = found[found["metric"] == "rsa"]
    assert cells["filter"].tolist() == [
        "none",
        *["min_correlation"] * 12,
        "junk_labels",
        "shared_label",
    ]
    expected = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    thresholds = found[found["filter"] == "min_correlation"]["threshold"]
    assert thresholds.iloc[::3].tolist() == expected
    assert found["threshold"].notna().equals(found["filter"] == "min_correlation")
    assert len(found) == 15 * 3
    assert set(frame(detailed=METHODS)["method"]) == set(METHODS)


def test_numbers_of_pairs():
    found = frame()
    found = found[found["metric"] == "rsa"].set_index("filter")
    assert found.loc["none", ["n", "share"]].tolist() == [50, 1]
    # A pair at -.15, -.13, ..., .83: strictly above 0 are .01, ..., .83; above .9 none.
    counts = [42, 39, 37, 34, 32, 27, 22, 17, 12, 7, 2, 0]
    assert found.loc["min_correlation", "n"].tolist() == counts
    assert found.loc["min_correlation", "share"].tolist() == [n / 50 for n in counts]
    assert found.loc["junk_labels", "n"] == 33
    assert found.loc["shared_label", "n"] == 2


def test_fewer_pairs_survive_a_higher_threshold():
    rng = np.random.default_rng(1)
    pairs = PAIRS | {"correlation_fit": rng.uniform(-1, 1, 100).astype(np.float32)}
    found = frame(pairs=pairs, metrics=[], detailed=METHODS)
    for _, cells in found[found["filter"] == "min_correlation"].groupby("method"):
        assert cells["threshold"].is_monotonic_increasing
        assert cells["n"].is_monotonic_decreasing
        assert cells["n"].nunique() > 6


def test_scores_are_those_of_the_chosen_pairs():
    """Each number again, in a loop that builds everything anew."""
    selected = {"none": np.ones(100, bool)} | FLAGS
    checked = 0
    for row in rows(detailed=METHODS):
        chosen = PAIRS["method"] == METHODS.index(row["method"])
        if row["filter"] == "min_correlation":
            chosen = chosen & (PAIRS["correlation_fit"] > row["threshold"])
        else:
            chosen = chosen & selected[row["filter"]]
        if row["value"] is None:
            assert row["reason"].startswith(("n = ", "no pairs"))
            continue
        checked += 1
        if row["metric"] == "correlation_heldout":
            mean = PAIRS["correlation_heldout"][chosen].astype(float).mean()
            assert row["value"] == pytest.approx(mean, abs=1e-12)
            assert (row["m"], row["null_mean"], row["reason"]) == (None, None, comparison.NO_NULL)
            continue
        name, options = {label: rest for label, *rest in TRIED}[row["metric"]]
        left, right = A[PAIRS["a"][chosen]], B[PAIRS["b"][chosen]]
        assert row["value"] == build(name, left, right, options).value()
        pairings = permutations(seeds.generator(3, "permutations"), len(left), 20)
        null = [build(name, left, right[p], options).value() for p in pairings]
        assert row["null_mean"] == pytest.approx(np.mean(null), abs=1e-6)
        assert row["null_quantile"] == pytest.approx(np.quantile(null, 0.95), abs=1e-6)
        assert (row["m"], row["reason"]) == (20, None)
    assert checked > 60


def test_the_studys_threshold_gives_the_calibrated_score():
    scores, _ = comparison.scores(PAIRS, METHODS, (A, B), TRIED, 20, 3)
    calibrated = pd.DataFrame(scores)
    calibrated = calibrated[(calibrated["filter"] == "kept") & (calibrated["method"] == METHODS[0])]
    found = frame()
    ours = found[(found["filter"] == "min_correlation") & (found["threshold"] == 0.1)]
    for metric in ("svcca_1", "rsa", "correlation_heldout"):
        theirs = calibrated[calibrated["metric"] == metric].iloc[0]
        mine = ours[ours["metric"] == metric].iloc[0]
        assert mine["n"] == theirs["n"] == 37
        assert mine["value"] == theirs["value"]
        if metric != "correlation_heldout":
            assert mine["null_mean"] == theirs["null_mean"]
            assert mine["null_quantile"] == theirs["null_quantile"]


@pytest.mark.parametrize(
    ("own", "more"), [(0.1, []), (0.12, [0.12]), (0.95, [0.95]), (0, []), (-1, [])]
)
def test_the_studys_threshold_is_among_those_tried(own, more):
    found = [t for _, t, _ in sensitivity.selections(FIT, {}, own) if t is not None]
    assert found == sorted([*sensitivity.THRESHOLDS, *more])


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7])
def test_thresholds_select_as_the_matching_does(threshold):
    """0.1 as float32 is not 0.1: both must take it for the same number."""
    r = np.array([0.1, 0.3, 0.7, 0.5], np.float32)
    options = {"min_correlation": threshold, "shared_label": False, "exclude_labels": []}
    expected = select(np.arange(4), np.arange(4), r, {}, {}, options)["kept"]
    found = {t: chosen for _, t, chosen in sensitivity.selections(r, {}, threshold)}
    assert found[threshold].tolist() == expected.tolist()


def test_the_same_pairs_are_scored_once(monkeypatch):
    built = []

    def counting(name, a, b, options):
        built.append((name, len(a)))
        return build(name, a, b, options)

    monkeypatch.setattr(sensitivity, "build", counting)
    pairs = {name: array[:50] for name, array in PAIRS.items()}
    pairs["correlation_fit"] = np.repeat(np.array([0.45, 0.85], np.float32), [20, 30])
    flags = {"junk_labels": np.ones(50, bool), "shared_label": pairs["correlation_fit"] > 0.5}
    found = frame(pairs=pairs, flags=flags, metrics=[("rsa", "rsa", {})])
    # All pairs, those of .85, and none.
    assert built == [("rsa", 50), ("rsa", 30), ("rsa", 0)]
    same = found[found["n"] == 50].drop(columns=["filter", "threshold"])
    assert len(same) == 2 * 9  # none, 0 to .4, junk_labels
    assert len(same.drop_duplicates()) == 2
    rsa = found[found["metric"] == "rsa"].set_index("filter")
    assert rsa.loc["shared_label", "value"] == rsa["value"].iloc[8]  # threshold .5
    assert rsa.loc["shared_label", "value"] != rsa.loc["none", "value"]


@pytest.mark.parametrize("n", [0, 1])
def test_no_pairs_and_one_pair(n):
    pairs = {name: array[:n] for name, array in PAIRS.items()}
    found = rows(pairs=pairs, flags={name: flag[:n] for name, flag in FLAGS.items()})
    assert len(found) == 15 * 3
    for row in found:
        if row["metric"] == "correlation_heldout" and row["n"]:
            assert row["value"] == pytest.approx(-0.2)
        else:
            assert row["value"] is row["null_mean"] is row["null_quantile"] is None
            assert row["reason"]
        assert row["share"] == (row["n"] / n if n else None)


def test_damaged_numbers_are_a_reason():
    pairs = PAIRS | {"correlation_heldout": PAIRS["correlation_heldout"].copy()}
    pairs["correlation_heldout"][49] = np.nan
    damaged = A.copy()
    damaged[PAIRS["a"][49], 0] = np.nan
    found = frame(pairs=pairs, decoders=(damaged, B)).set_index(["filter", "metric"])
    for metric, reason in (
        ("correlation_heldout", "1 of 50 correlations are not defined"),
        ("rsa", "side a holds 1 of 300 values that are not finite"),
        ("svcca_1", "side a holds 1 of 300 values that are not finite"),
    ):
        row = found.loc[("none", metric)]
        assert row["reason"] == reason
        assert pd.isna(row[["value", "null_mean", "null_quantile"]]).all()
    # The pair's label is junk, so this filter removes it: 48 is the last that stays.
    flags = {"junk_labels": np.arange(100) < 49}
    found = frame(pairs=pairs, decoders=(damaged, B), flags=flags)
    assert found[found["filter"] == "junk_labels"]["value"].notna().all()


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_gives_a_value_or_a_reason(metric):
    found = frame(metrics=[("mine", metric, {})])
    found = found[found["metric"] == "mine"]
    assert (found["value"].notna() == found["reason"].isna()).all()
    assert (found["value"].notna() == found["null_mean"].notna()).all()
    assert found.loc[found["n"] == 0, "reason"].notna().all()
    assert found["value"].dropna().between(-1, 1).all()


WORDS = ["the", "king", "."]


def run(folder, monkeypatch, junk):
    """Run the rule's script on small stores; the word of feature i is number i % 3."""
    inputs = {"matching": folder / "matching.zarr"}
    store.write(inputs["matching"], "matching", PAIRS, {"methods": METHODS})
    for side, decoder in (("a", A), ("b", B)):
        inputs[side] = folder / f"{side}.zarr"
        store.write(inputs[side], "features", {"decoder": decoder.astype(np.float32)}, {})
        table = pd.DataFrame({"feature": np.arange(100), "rank": 0})
        table["word"] = [WORDS[i % 3] for i in range(100)]
        # Feature 99 never fires.
        inputs[f"labels_{side}"] = folder / f"{side}.parquet"
        table[:99].to_parquet(inputs[f"labels_{side}"])
    output = folder / "out" / "sensitivity.parquet"
    params = {
        "methods": ["max_correlation"],
        "metrics": [list(metric) for metric in TRIED],
        "selection": {"min_correlation": 0.1, "shared_label": True, "exclude_labels": junk},
        "seed": 3,
    }
    script_runs.run("sensitivity", monkeypatch, inputs, {"table": output}, params)
    return pd.read_parquet(output)


@pytest.mark.parametrize(("junk", "excluded"), [([], set(JUNK)), (["king"], {"king"})])
def test_the_script(tmp_path, monkeypatch, junk, excluded):
    found = run(tmp_path, monkeypatch, junk)
    assert found.columns.tolist() == COLUMNS
    assert set(found["method"]) == {"max_correlation"}
    mine = PAIRS["method"] == 1
    word_a, word_b = (
        [None if i == 99 else WORDS[i % 3] for i in PAIRS[side][mine]] for side in "ab"
    )
    both = list(zip(word_a, word_b, strict=True))
    clean = sum(not {x, y} & excluded for x, y in both)
    shared = sum(x == y and x is not None for x, y in both)
    assert 0 < clean < 50
    assert 0 < shared < 50
    n = found[found["metric"] == "rsa"].set_index("filter")["n"]
    assert (n["none"], n["junk_labels"], n["shared_label"]) == (50, clean, shared)
    numbers = ["threshold", "share", "value", "null_mean", "null_quantile"]
    assert (found[numbers].dtypes == "float64").all()
    expected = pd.DataFrame(
        rows(
            detailed=["max_correlation"],
            decoders=(A.astype(np.float32), B.astype(np.float32)),
            flags={},
        )
    ).astype({"value": float})
    same = found[~found["filter"].isin(["junk_labels", "shared_label"])]
    assert same["value"].tolist() == pytest.approx(expected["value"].tolist(), nan_ok=True, abs=0)
