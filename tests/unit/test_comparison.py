"""The scores of a comparison, and their correction over a grid."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from universality.similarity import comparison, grids
from universality.similarity.calibration import max_t
from universality.similarity.metrics import build

METRICS = {"svcca": {"k": 2}, "rsa": {}}


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
        "decoder_a": rng.normal(size=(60, 8)),
        "decoder_b": rng.normal(size=(60, 12)),
        "metrics": METRICS,
        "permutations": 19,
        "seed": 3,
    }
    return comparison.scores(**(arguments | changes))  # type: ignore[arg-type]


def test_every_matching_has_correlations_of_all_and_kept_pairs_and_each_metric() -> None:
    rows, nulls = scored()
    frame = pd.DataFrame(rows).set_index(["method", "filter", "metric"])
    assert len(frame) == 2 * (4 + 2)
    given = pairs()
    for number, method in enumerate(["hungarian", "max_correlation"]):
        mine = given["method"] == number
        kept = mine & given["kept"]
        for chosen, name in ((mine, "none"), (kept, "kept")):
            row = frame.loc[(method, name, "correlation_heldout")]
            assert row["value"] == pytest.approx(given["correlation_heldout"][chosen].mean())
            assert row["n"] == chosen.sum()
            assert row["reason"] == comparison.NO_NULL
        rng = np.random.default_rng(1)
        a, b = rng.normal(size=(60, 8)), rng.normal(size=(60, 12))
        expected = build("rsa", a[given["a"][kept]], b[given["b"][kept]], {}).value()
        assert frame.loc[(method, "kept", "rsa"), "value"] == pytest.approx(expected)
    assert nulls.shape == (4, 19)
    for row in rows:
        if row["null"] is not None:
            null = nulls[row["null"]]
            assert row["null_mean"] == pytest.approx(null.mean())
            assert row["p"] == pytest.approx((1 + (null >= row["value"]).sum()) / 20)


def test_the_residual_basis_has_a_reason_in_place_of_a_geometry() -> None:
    rows, nulls = scored(decoder_b=None)
    geometry = [row for row in rows if row["metric"] in METRICS]
    assert len(geometry) == 4
    for row in geometry:
        assert row["value"] is None
        assert row["p"] is None
        assert row["reason"] == comparison.NO_DECODER
    assert np.isnan(nulls).all()


def test_no_pairs_are_a_reason() -> None:
    none = {name: array[:0] for name, array in pairs().items()}
    rows, nulls = scored(pairs=none)
    assert all(row["n"] == 0 and row["value"] is None and row["reason"] for row in rows)
    assert nulls.shape == (4, 19)


def grid(p: list[float], metric: str) -> pd.DataFrame:
    fixed = {"kind": "cross", "model_a": "a", "dictionary_a": "s", "model_b": "b"}
    fixed |= {"dictionary_b": "s", "permuted": False, "method": "hungarian", "filter": "kept"}
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
