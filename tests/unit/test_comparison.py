"""The scores of a comparison, and their correction over a grid."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, spearmanr

from universality.similarity import comparison, grids
from universality.similarity.calibration import max_t
from universality.similarity.metrics import build

METRICS = [("svcca", "svcca", {"k": 2}), ("mine", "rsa", {})]
LABELS = ("svcca", "mine")


def pairs(n: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    r = rng.uniform(-0.2, 0.9, 2 * n)
    return {
        "method": np.repeat([0, 1], n),
        "a": np.concatenate([np.arange(n), rng.integers(0, n, n)]),
        "b": np.tile(np.arange(n), 2),
        "correlation_fit": r,
        "correlation_heldout": r - 0.1,
        "kept": r > 0.1,
    }


def scored(**changes: object) -> tuple[list[dict[str, object]], np.ndarray]:
    rng = np.random.default_rng(1)
    arguments = {
        "pairs": pairs(),
        "methods": ["hungarian", "max_correlation"],
        "decoders": (rng.normal(size=(60, 8)), rng.normal(size=(60, 12))),
        "metrics": METRICS,
        "permutations": 19,
        "seed": 3,
    }
    return comparison.scores(**(arguments | changes))  # type: ignore[arg-type]


def test_every_matching_has_correlations_of_all_and_kept_pairs_and_each_metric() -> None:
    rows, nulls = scored()
    frame = pd.DataFrame(rows).set_index(["method", "filter", "metric"])
    # Two correlations of all pairs and of the kept ones, three quantiles, four shares, two metrics.
    assert len(frame) == 2 * (4 + 3 + 4 + 2)
    given = pairs()
    for number, method in enumerate(["hungarian", "max_correlation"]):
        mine = given["method"] == number
        kept = mine & given["kept"]
        for chosen, name in ((mine, "none"), (kept, "kept")):
            row = frame.loc[(method, name, "correlation_heldout")]
            assert row["value"] == pytest.approx(given["correlation_heldout"][chosen].mean())
            assert row["n"] == chosen.sum()
            assert row["reason"] == comparison.NO_NULL
        heldout = given["correlation_heldout"][mine]
        for q in (10, 50, 90):
            row = frame.loc[(method, "none", f"correlation_heldout_q{q}")]
            assert row["value"] == pytest.approx(np.percentile(heldout, q))
        for threshold in (0.3, 0.5, 0.7, 0.9):
            row = frame.loc[(method, "none", f"share_above_{threshold}")]
            assert row["value"] == sum(r > threshold for r in heldout) / len(heldout)
        rng = np.random.default_rng(1)
        a, b = rng.normal(size=(60, 8)), rng.normal(size=(60, 12))
        expected = build("rsa", a[given["a"][kept]], b[given["b"][kept]], {}).value()
        assert frame.loc[(method, "kept", "mine"), "value"] == pytest.approx(expected)
    assert nulls.shape == (4, 19)
    for row in rows:
        assert row["null"] == ("permuted" if row["metric"] in LABELS else None)
        if row["draws"] is not None:
            null = nulls[row["draws"]]
            assert row["null_mean"] == pytest.approx(null.mean())
            assert row["p"] == pytest.approx((1 + (null >= row["value"]).sum()) / 20)


def test_the_residual_basis_has_a_reason_in_place_of_a_geometry() -> None:
    rows, nulls = scored(decoders=(np.ones((60, 8)), None))
    geometry = [row for row in rows if row["metric"] in LABELS]
    assert len(geometry) == 4
    for row in geometry:
        assert row["value"] is None
        assert row["p"] is None
        assert row["reason"] == comparison.NO_DECODER
    assert np.isnan(nulls).all()


def test_a_metric_scores_the_matchings_it_is_for() -> None:
    rows, nulls = scored(scored={"svcca": ["hungarian"], "mine": ["hungarian", "max_correlation"]})
    found = {(row["method"], row["metric"]) for row in rows if row["metric"] in LABELS}
    assert found == {("hungarian", "svcca"), ("hungarian", "mine"), ("max_correlation", "mine")}
    assert len(nulls) == 3


def test_no_pairs_are_a_reason() -> None:
    none = {name: array[:0] for name, array in pairs().items()}
    rows, nulls = scored(pairs=none)
    assert all(row["n"] == 0 and row["value"] is None and row["reason"] for row in rows)
    assert nulls.shape == (4, 19)


def test_a_correlation_that_is_not_defined_is_a_reason() -> None:
    given = pairs()
    given["correlation_heldout"][3] = np.nan
    rows, _ = scored(pairs=given)
    mine = [r for r in rows if r["method"] == "hungarian" and r["filter"] == "none"]
    of_heldout = [row for row in mine if row["metric"] != "correlation_fit"]
    assert len(of_heldout) == 8
    for row in of_heldout:
        assert row["value"] is None
        assert row["reason"] == "1 of 60 correlations are not defined"
    assert all(r["value"] is not None for r in rows if r["method"] == "max_correlation")


def test_coactivation_is_scored_between_the_matched_features() -> None:
    """Against the metrics on the correlations of the features' own activations."""
    rng = np.random.default_rng(4)
    activity = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 60)) + rng.normal(size=(500, 60))
    other = activity + 2 * rng.normal(size=(500, 60))
    features = np.arange(60)
    sides = tuple(
        comparison.Coactivation(features, np.corrcoef(values.T)) for values in (activity, other)
    )
    rows, nulls = scored(coactivations=sides, detailed=["hungarian"])
    frame = pd.DataFrame(rows).set_index(["method", "metric"])
    given = pairs()
    kept = (given["method"] == 0) & given["kept"]
    a, b = given["a"][kept], given["b"][kept]
    upper = np.triu_indices(len(a), k=1)
    distances = [1 - np.corrcoef(v[:, i].T)[upper] for v, i in ((activity, a), (other, b))]
    expected = spearmanr(*distances).statistic
    assert frame.loc[("hungarian", "activation_rsa"), "value"] == pytest.approx(expected, abs=1e-6)
    standardised = [
        ((v - v.mean(0)) / v.std(0))[:, i].T / np.sqrt(len(v))
        for v, i in ((activity, a), (other, b))
    ]
    expected = build("cka", *standardised, {}).value()
    assert frame.loc[("hungarian", "activation_cka"), "value"] == pytest.approx(expected, abs=1e-6)
    assert frame.loc[("hungarian", "activation_cka"), "p"] == 0.05
    assert ("max_correlation", "activation_cka") not in frame.index
    assert len(nulls) == 4 + 2


def test_coactivation_of_chosen_features_in_their_order() -> None:
    side = comparison.Coactivation(np.array([2, 5, 9]), np.arange(9.0).reshape(3, 3))
    np.testing.assert_array_equal(side.of(np.array([9, 2, 9])), [[8, 6, 8], [2, 0, 2], [8, 6, 8]])


def test_partners_are_chosen_on_one_split_and_counted_on_the_other() -> None:
    fit = np.array([[0.9, 0.1, 0.2], [0.1, 0.3, 0.8]])
    heldout = np.array([[0.95, 1.0, 0.0], [1.0, 0.6, 0.31]])
    rows = comparison.partners(fit, heldout)
    found = {row["metric"]: (row["n"], row["value"]) for row in rows}
    # a: 0.95 and 0.31; b: 0.95, 0.6 and 0.31.
    assert found["features_a_above_0.3"] == (2, 1.0)
    assert found["features_a_above_0.5"] == (2, 0.5)
    assert found["features_b_above_0.5"] == (3, pytest.approx(2 / 3))
    assert found["features_b_above_0.9"] == (3, pytest.approx(1 / 3))
    assert len(rows) == 8


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_feature_has_a_partner_where_there_are_none(shape: tuple[int, int]) -> None:
    rows = comparison.partners(np.zeros(shape), np.zeros(shape))
    assert all(row["value"] is None and row["reason"] == "no pairs" for row in rows)


def grid(p: list[float], metric: str) -> pd.DataFrame:
    fixed = {"kind": "cross", "model_a": "a", "dictionary_a": "s", "model_b": "b"}
    fixed |= {"dictionary_b": "s", "permuted": False, "method": "hungarian", "filter": "kept"}
    fixed["subspace"] = "all"
    frame = pd.DataFrame({"layer_a": range(len(p)), "p": p, "value": np.arange(len(p)) / 10})
    missing = {"null_mean": None, "null_sd": None, "null_quantile": None, "effect": None}
    return frame.assign(**fixed, **missing, metric=metric)


def test_corrections_are_within_a_grid() -> None:
    rng = np.random.default_rng(2)
    one, two = grid([0.01, 0.02, np.nan, 0.5], "rsa"), grid([0.03, 0.04], "svcca")
    frame = pd.concat([one, two])
    nulls = [rng.normal(size=99) if np.isfinite(p) else None for p in frame["p"]]
    found = grids.corrected(frame, nulls)
    rsa, svcca = found[:4], found[4:]
    tested = [0, 1, 3]
    np.testing.assert_allclose(rsa["q_bh"].iloc[tested], false_discovery_control([0.01, 0.02, 0.5]))
    np.testing.assert_allclose(svcca["q_bh"], false_discovery_control([0.03, 0.04]))
    expected = max_t(np.array([0.0, 0.1, 0.3]), np.array([nulls[i] for i in tested]))
    np.testing.assert_allclose(rsa["p_maxt"].iloc[tested], expected)
    assert np.isnan(rsa.loc[2, ["q_bh", "p_maxt"]].astype(float)).all()
