"""Categories of pairs against random pairs: planted truths, slow recomputation, reasons."""

import numpy as np
import pandas as pd
import pytest
import script_runs
from scipy.stats import chisquare

from universality import seeds, store
from universality.similarity import subspaces
from universality.similarity.calibration import effect_size
from universality.similarity.metrics import METRICS, build
from universality.similarity.nulls import p_value, permutations

TRIED = [("svcca_1", "svcca", {"k": 1}), ("rsa", "rsa", {})]
RSA = [("rsa", "rsa", {})]
NUMBERS = ["value", "null_mean", "null_sd", "null_quantile", "p", "effect"]
METHODS = ["max_correlation", "hungarian"]
RNG = np.random.default_rng(0)
A = RNG.normal(size=(60, 6))
B = A @ RNG.normal(size=(6, 9)) + 2 * RNG.normal(size=(60, 9))
R = RNG.uniform(-0.2, 0.9, 100).astype(np.float32)
PAIRS = {
    "method": np.repeat(np.array([0, 1], np.int8), 50),
    "a": np.concatenate([RNG.integers(0, 60, 50), RNG.permutation(60)[:50]]),
    "b": np.tile(RNG.permutation(60)[:50], 2),
    "correlation_heldout": R,
    "kept": R > -0.1,
}
# Some features of each side; all; none.
EVERY, NONE = np.ones(60, bool), np.zeros(60, bool)
CATEGORIES = {
    "Some": (np.arange(60) < 45, np.arange(60) % 4 > 0),
    "Every": (EVERY, EVERY),
    "Of one side": (EVERY, NONE),
    "None": (NONE, NONE),
}


def rows(**changes):
    given = {
        "pairs": PAIRS,
        "methods": METHODS,
        "detailed": ["hungarian"],
        "categories": CATEGORIES,
        "decoders": (A, B),
        "metrics": TRIED,
        "min_pairs": 10,
        "m": 19,
        "draws": 29,
        "seed": 3,
    }
    return subspaces.rows(**(given | changes))


def frame(**changes):
    return pd.DataFrame(rows(**changes))


def chosen(category, method="hungarian"):
    """Return the kept pairs of a matching, and which of them are in a category."""
    kept = np.flatnonzero(PAIRS["kept"] & (PAIRS["method"] == METHODS.index(method)))
    of_a, of_b = CATEGORIES[category]
    return kept, [i for i, p in enumerate(kept) if of_a[PAIRS["a"][p]] and of_b[PAIRS["b"][p]]]


def test_every_category_has_each_score_against_each_null():
    found = frame(detailed=METHODS)
    keys = ["method", "subspace", "metric", "null"]
    assert not found.duplicated(keys).any()
    cells = {(m, c) for m in METHODS for c in CATEGORIES}
    assert {tuple(row) for row in found[keys].to_numpy()} == {
        (*cell, metric, null)
        for cell in cells
        for metric in ("svcca_1", "rsa")
        for null in ("random_pairs", "permuted", "random_features")
    } | {(*cell, "correlation_heldout", "random_pairs") for cell in cells}
    assert set(frame()["method"]) == {"hungarian"}


@pytest.mark.parametrize("method", METHODS)
def test_scores_and_nulls_are_those_of_the_pairs(method):
    """Each number again, in a loop that builds everything anew."""
    found = frame(detailed=[method]).set_index(["subspace", "metric", "null"])
    for category in ("Some", "Every"):
        kept, mine = chosen(category, method)
        n, total = len(mine), len(kept)
        a, b, r = (PAIRS[name][kept] for name in ("a", "b", "correlation_heldout"))
        draw = seeds.generator(3, "subspaces", "random_pairs")
        random_pairs = [np.sort(draw.choice(total, n, replace=False)) for _ in range(29)]
        draw = seeds.generator(3, "subspaces", "random_features")
        features = [[draw.permutation(total)[:n] for _ in "ab"] for _ in range(29)]
        pairings = list(permutations(seeds.generator(3, "permutations"), n, 19))
        expected = {
            ("correlation_heldout", "random_pairs"): (
                np.mean(r[mine].astype(float)),
                [np.mean(r[i].astype(float)) for i in random_pairs],
            )
        }
        for label, name, options in TRIED:

            def value(i, j, name=name, options=options, a=a, b=b):
                return build(name, A[a[i]], B[b[j]], options).value()

            own = value(mine, mine)
            here = np.array(mine)
            expected |= {
                (label, "random_pairs"): (own, [value(i, i) for i in random_pairs]),
                (label, "permuted"): (own, [value(here, here[p]) for p in pairings]),
                (label, "random_features"): (own, [value(i, j) for i, j in features]),
            }
        assert n >= 20
        for (metric, null), (own, drawn) in expected.items():
            row, drawn = found.loc[(category, metric, null)], np.array(drawn)
            assert row["n"] == n
            assert row["m"] == len(drawn) == len(row["draws"])
            assert row["value"] == pytest.approx(own, abs=1e-12)
            np.testing.assert_allclose(row["draws"], drawn, atol=1e-6)
            assert row["null_mean"] == pytest.approx(drawn.mean(), abs=1e-6)
            assert row["null_sd"] == pytest.approx(drawn.std(), abs=1e-6)
            assert row["null_quantile"] == pytest.approx(np.quantile(drawn, 0.95), abs=1e-6)
            assert row["p"] == pytest.approx(p_value(drawn, own))
            assert row["effect"] == pytest.approx(effect_size(own, drawn), abs=1e-6)
            assert pd.isna(row["reason"])
            k = 1 if metric == "svcca_1" else None
            assert (row["k_a"], row["k_b"]) == (k, k) or pd.isna([row["k_a"], row["k_b"]]).all()


def test_components_are_reported():
    found = {(row["subspace"], row["metric"]): row for row in rows()}
    assert (found["Some", "svcca_1"]["k_a"], found["Some", "svcca_1"]["k_b"]) == (1, 1)
    for metric in ("rsa", "correlation_heldout"):
        assert found["Some", metric]["k_a"] is found["Some", metric]["k_b"] is None
    assert found["None", "svcca_1"]["k_a"] is None


def test_a_category_of_all_pairs_is_no_different_from_random_pairs():
    found = frame().set_index(["subspace", "null"]).loc[("Every", "random_pairs")]
    assert (found["n"] == len(chosen("Every")[0])).all()
    for _, row in found.iterrows():
        assert set(row["draws"]) == {row["value"]}
        assert (row["p"], row["effect"], row["null_sd"]) == (1, 0, pytest.approx(0, abs=1e-12))


def test_few_pairs_are_a_reason_with_the_counts():
    found = frame()
    found = found[found["subspace"].isin(["Of one side", "None"])]
    assert (found["n"] == 0).all()
    for category, counts in (("Of one side", "60 of a, 0 of b"), ("None", "0 of a, 0 of b")):
        assert set(found.loc[found["subspace"] == category, "reason"]) == {
            f"n = 0 pairs, but a subspace needs at least 10 (category features: {counts})"
        }
    assert found[[*NUMBERS, "draws", "k_a", "k_b"]].isna().all(axis=None)
    expected = {"random_pairs": 29, "permuted": 19, "random_features": 29}
    assert found.groupby("null")["m"].unique().map(list).to_dict() == {
        null: [m] for null, m in expected.items()
    }


def test_min_pairs_is_the_fewest_that_are_scored():
    n = len(chosen("Some")[1])
    for least, scored in ((n, True), (n + 1, False)):
        found = frame(min_pairs=least)
        found = found[found["subspace"] == "Some"]
        assert (found["n"] == n).all()
        assert found["value"].notna().all() == scored
        assert found["reason"].isna().all() == scored


def test_one_pair():
    """The correlation says something; no geometry does."""
    one = {"One": (np.arange(60) == PAIRS["a"][60], np.arange(60) == PAIRS["b"][60])}
    assert PAIRS["kept"][60]
    found = frame(categories=one, min_pairs=1).set_index("metric")
    assert found.loc["correlation_heldout", "value"] == pytest.approx(R[60])
    assert 0 < found.loc["correlation_heldout", "p"] <= 1
    refused = found.loc[["svcca_1", "rsa"]]
    assert refused[[*NUMBERS, "draws"]].isna().all(axis=None)
    assert (
        refused["reason"]
        .str.fullmatch(r"n = 1 pair, but .*needs at least .* \(category features: 1 of a, 1 of b\)")
        .all()
    )


@pytest.mark.parametrize("n", [0, 1])
def test_a_matching_that_keeps_next_to_nothing(n):
    kept = np.zeros(100, bool)
    kept[60 : 60 + n] = True
    found = frame(pairs=PAIRS | {"kept": kept})
    assert found["n"].max() == n
    assert found["value"].isna().all()
    assert found["reason"].str.startswith(f"n = {n} pair").any()
    assert found["reason"].notna().all()


def test_a_metric_that_refuses_keeps_its_words_and_tells_the_counts():
    found = frame(metrics=[("svcca", "svcca", {"k": 10})]).set_index(["subspace", "metric"])
    n = len(chosen("Some")[1])
    assert set(found.loc[("Some", "svcca"), "reason"]) == {
        f"n = {n} pairs, but svcca with k = 10 needs at least 20 k = 200 "
        "(category features: 45 of a, 45 of b)"
    }
    assert found.loc[("Some", "correlation_heldout"), "value"] > -1


def test_identical_subjects():
    found = frame(decoders=(A, A), pairs=PAIRS | {"a": PAIRS["b"]}, metrics=RSA)
    found = found[(found["metric"] == "rsa") & (found["subspace"] == "Every")].set_index("null")
    assert found["value"].tolist() == pytest.approx([1, 1, 1])
    assert found.loc["random_pairs", ["p", "effect"]].tolist() == [1, 0]
    assert found.loc["permuted", "p"] == 1 / 20
    assert found.loc["random_features", "p"] == 1 / 30


def test_damage_within_the_category_is_a_reason():
    pair = chosen("Some")[0][chosen("Some")[1][0]]
    decoder, r = A.copy(), R.copy()
    decoder[PAIRS["a"][pair]] = np.nan
    r[pair] = np.nan
    found = frame(decoders=(decoder, B), pairs=PAIRS | {"correlation_heldout": r})
    found = found[found["subspace"] == "Some"]
    assert found[[*NUMBERS, "draws"]].isna().all(axis=None)
    words = np.where(found["metric"] == "correlation_heldout", "not defined", "not finite")
    assert all(word in reason for word, reason in zip(words, found["reason"], strict=True))


def test_draws_that_meet_damage_elsewhere_count_as_having_reached_the_value():
    kept, mine = chosen("Some")
    outside = next(i for i in range(60) if i not in mine)
    decoder, r = A.copy(), R.copy()
    decoder[PAIRS["a"][kept[outside]]] = np.nan
    r[kept[outside]] = np.nan
    given = {"draws": 199, "metrics": RSA}
    whole = frame(**given)
    found = frame(decoders=(decoder, B), pairs=PAIRS | {"correlation_heldout": r}, **given)
    compared = 0
    for (_, row), (_, before) in zip(found.iterrows(), whole.iterrows(), strict=True):
        if row["subspace"] != "Some":
            continue
        assert row["value"] == before["value"]
        if row["null"] == "permuted":
            assert pd.isna(row["reason"])
            assert row["p"] == before["p"]
            continue
        drawn, undamaged = np.array(row["draws"]), np.array(before["draws"])
        missing = drawn != undamaged
        assert 0.4 < missing.mean() < 0.9  # the share of pairs that a draw takes
        assert set(drawn[missing]) == {row["value"]}
        expected = (1 + (missing | (undamaged >= row["value"])).sum()) / 200
        assert row["p"] == pytest.approx(expected)
        assert row["null_mean"] == pytest.approx(drawn[~missing].mean())
        assert row["effect"] == 0
        assert row["reason"].startswith(f"{missing.sum()} of 199 draws gave no value (")
        compared += 1
    assert compared == 3


def test_a_null_of_which_nothing_is_left():
    """All pairs but the category's are damaged, so that every draw meets some."""
    kept, mine = chosen("Some")
    decoder = A.copy()
    decoder[np.delete(PAIRS["a"][kept], mine)] = np.nan
    found = frame(decoders=(decoder, B), metrics=RSA)
    found = found[(found["subspace"] == "Some") & (found["metric"] == "rsa")].set_index("null")
    assert found["value"].notna().all()
    assert found.loc["permuted", "p"] > 0
    nothing = found.loc[["random_pairs", "random_features"]]
    assert nothing[["null_mean", "p", "effect", "draws"]].isna().all(axis=None)
    assert nothing["reason"].str.startswith("29 of 29 draws gave no value (side a").all()


def test_widths_that_differ_a_hundred_times():
    wide = RNG.normal(size=(60, 300))
    found = frame(decoders=(A[:, :3], wide))
    assert found.loc[found["subspace"] == "Some", "value"].between(-1, 1).all()


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_gives_a_value_or_a_reason(metric):
    found = frame(metrics=[("mine", metric, {})])
    found = found[found["metric"] == "mine"]
    assert (found["value"].notna() == found["reason"].isna()).all()
    assert (found["value"].notna() == found["p"].notna()).all()
    assert found["value"].dropna().between(-1, 1).all()


def test_random_pairs_are_sets_of_pairs_equally_often():
    rng = np.random.default_rng(0)
    drawn = list(subspaces.random_pairs(rng, 5, 2, 2000))
    assert all(first < second for first, second in drawn)
    counts = pd.Series([tuple(pairs) for pairs in drawn]).value_counts()
    assert len(counts) == 10
    assert chisquare(counts).pvalue > 0.001


def planted(rng, n_category, shared_within, shared_elsewhere, n=60, d=8):
    """Return decoders of n pairs; a share of each row of b is a's, rotated; and the category."""
    a = rng.normal(size=(n, d))
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    category = np.zeros(n, bool)
    category[rng.permutation(n)[:n_category]] = True
    share = np.where(category, shared_within, shared_elsewhere)[:, None]
    b = np.sqrt(share) * (a @ rotation) + np.sqrt(1 - share) * rng.normal(size=(n, d))
    return (a, b), category


def p_of_planted(rng, *shares, draws=19, null="random_pairs"):
    """Return p of one planted category of 16 among 60 pairs."""
    decoders, category = planted(rng, 16, *shares)
    pairs = {
        "method": np.zeros(60, np.int8),
        "a": np.arange(60),
        "b": np.arange(60),
        "correlation_heldout": np.zeros(60),
        "kept": np.ones(60, bool),
    }
    found = rows(
        pairs=pairs,
        methods=["hungarian"],
        decoders=decoders,
        categories={"Planted": (category, category)},
        metrics=RSA,
        m=draws,
        draws=draws,
        seed=int(rng.integers(1 << 30)),
    )
    return next(row["p"] for row in found if (row["metric"], row["null"]) == ("rsa", null))


@pytest.mark.parametrize("null", ["random_pairs", "permuted", "random_features"])
def test_a_category_whose_geometry_is_alike_is_found(null):
    rng = np.random.default_rng(1)
    p = [p_of_planted(rng, 0.9, 0.1, draws=99, null=null) for _ in range(5)]
    assert np.max(p) <= 0.02


def test_a_category_no_more_alike_than_all_pairs_is_found_against_shuffling_alone():
    """What the source reports for a category may hold for any other pairs just as well."""
    rng = np.random.default_rng(2)
    shuffled = [p_of_planted(rng, 0.7, 0.7, null="permuted") for _ in range(10)]
    assert np.max(shuffled) == 1 / 20
    random_pairs = [p_of_planted(rng, 0.7, 0.7) for _ in range(20)]
    assert 0.3 < np.mean(random_pairs) < 0.7


@pytest.mark.parametrize("share", [0, 0.5])
def test_p_is_uniform_for_a_category_that_is_a_random_subset(share):
    rng = np.random.default_rng(3)
    p = [p_of_planted(rng, share, share, draws=9) for _ in range(100)]
    counts = np.bincount(np.round(10 * np.array(p)).astype(int), minlength=11)[1:]
    assert counts.sum() == 100
    assert chisquare(counts).pvalue > 0.01


def test_a_category_less_alike_than_the_rest_is_not_found():
    rng = np.random.default_rng(4)
    p = [p_of_planted(rng, 0, 0.9) for _ in range(20)]
    assert np.min(p) > 0.5


SCORES = [
    "protocol",
    "method",
    "filter",
    "subspace",
    "metric",
    "n",
    "k_a",
    "k_b",
    "value",
    "null",
    "null_mean",
    "null_sd",
    "null_quantile",
    "m",
    "p",
    "effect",
    "reason",
    "draws",
]
NULLS = [
    "method",
    "subspace",
    "metric",
    "null",
    "n",
    "value",
    "m",
    "null_mean",
    "null_sd",
    "null_quantile",
    "p",
    "reason",
]


def test_the_script(tmp_path, monkeypatch, capsys):
    """Features of a say `day` below 45; those of b `night`, except that each fourth says `x`."""
    inputs = {"matching": tmp_path / "matching.zarr", "categories": [tmp_path / "nights.txt"]}
    store.write(inputs["matching"], "matching", PAIRS, {"methods": METHODS})
    (tmp_path / "nights.txt").write_text("night\n")
    words = (
        ["day" if i < 45 else "x" for i in range(60)],
        ["night" if i % 4 else "x" for i in range(60)],
    )
    for side, decoder, word in zip("ab", (A, B), words, strict=True):
        inputs[side] = tmp_path / f"{side}.zarr"
        store.write(inputs[side], "features", {"decoder": decoder}, {})
        table = pd.DataFrame({"feature": np.repeat(np.arange(60), 2)})
        # The second context of each feature says something else.
        table["word"] = [w for one in word for w in (one, "other")]
        inputs[f"labels_{side}"] = tmp_path / f"{side}.parquet"
        table.to_parquet(inputs[f"labels_{side}"])
    outputs = {"scores": tmp_path / "scores.parquet", "nulls": tmp_path / "nulls.parquet"}
    params = {
        "methods": ["hungarian"],
        "metrics": [list(metric) for metric in TRIED],
        "categories": {"Nights": None, "Both": ["Day", "night"], "Absent": ["king"]},
        "min_words": 1,
        "min_pairs": 10,
        "permutations": 19,
        "draws": 29,
        "seed": 3,
    }
    script_runs.run("subspaces", monkeypatch, inputs, outputs, params)
    scores, nulls = (pd.read_parquet(path) for path in outputs.values())
    assert scores.columns.tolist() == SCORES
    assert nulls.columns.tolist() == NULLS
    assert (scores[["protocol", "filter", "null"]] == ["calibrated", "kept", "random_pairs"]).all(
        axis=None
    )
    assert set(nulls["null"]) == {"permuted", "random_features"}
    assert len(scores) == 3 * 3
    assert len(nulls) == 3 * 2 * 2
    expected = frame(categories={"Both": CATEGORIES["Some"]})
    for found, ours in ((scores, True), (nulls, False)):
        mine = found[found["subspace"] == "Both"].reset_index(drop=True)
        theirs = expected[(expected["null"] == "random_pairs") == ours].reset_index(drop=True)
        numbers = [column for column in NUMBERS if column in found]
        pd.testing.assert_frame_equal(mine[numbers], theirs[numbers].astype(float))
        assert mine["n"].tolist() == theirs["n"].tolist()
        assert found.loc[found["subspace"] == "Absent", "reason"].notna().all()
        assert (found[numbers].dtypes == "float64").all()
    for draws, theirs in zip(
        scores.loc[scores["subspace"] == "Both", "draws"],
        expected.loc[expected["null"] == "random_pairs", "draws"],
        strict=True,
    ):
        np.testing.assert_array_equal(draws, theirs)
    assert scores.loc[scores["subspace"] != "Both", "draws"].isna().all()
    assert "Nights: 1 words, features of a, b: [0, 45]" in capsys.readouterr().out

    params["min_words"] = 2
    script_runs.run("subspaces", monkeypatch, inputs, outputs, params)
    assert (pd.read_parquet(outputs["scores"])["n"] == 0).all()
