"""The source's stored null means: the law they follow, and what is missing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from universality.similarity.source_nulls import exact_law, law, table

STORED = Path(__file__).parents[2] / "resources" / "published.json"


@pytest.fixture(scope="module")
def stored() -> dict[str, dict[str, Any]]:
    return {row["experiment"]: row for row in table(json.loads(STORED.read_text()))}


def test_four_tables_follow_the_law_within_three_percent(stored: dict[str, Any]) -> None:
    """The tables of whole models with ten or more shuffles each, and a semantic one."""
    tables = ("pythia70m_160m_1to1", "gemma1_gemma2_1to1", "gemma1_gemma2_manyto1")
    for name in (*tables, "semantic_pythia"):
        assert 0.965 < stored[name]["ratio"] < 1.035, name
    for name in tables:
        assert stored[name]["ratio_low"] < 1 < stored[name]["ratio_high"], name


def test_a_table_of_single_shuffles_follows_it_less_closely(stored: dict[str, Any]) -> None:
    for name in ("pythia70m_160m_manyto1", "pythia160m_410m_mlp_cell102"):
        row = stored[name]
        assert row["ratio_low"] < 1 < row["ratio_high"]
        assert row["ratio_high"] - row["ratio_low"] > 0.3


def test_few_pairs_follow_the_exact_law(stored: dict[str, Any]) -> None:
    """Where n is 6 to 435 and shuffles are many, the limit for large n is visibly not reached."""
    for name in ("semantic_pythia", "semantic_pythia_biology", "semantic_gemma"):
        assert stored[name]["ratio"] > 1.02, name
        assert stored[name]["ratio_exact"] == pytest.approx(1, abs=0.01), name


def test_what_is_counted(stored: dict[str, Any]) -> None:
    assert {name: row["rows"] for name, row in stored.items()} == {
        "pythia70m_160m_1to1": 60,
        "pythia70m_160m_manyto1": 60,
        "gemma1_gemma2_1to1": 32,
        "gemma1_gemma2_manyto1": 32,
        "semantic_pythia": 175,
        "semantic_pythia_biology": 25,
        "semantic_gemma": 128,
        "pythia160m_410m_mlp_cell102": 16,
        "pythia160m_410m_mlp_cell104": 16,
    }
    row = stored["pythia70m_160m_1to1"]
    assert (row["n_low"], row["n_high"]) == (6, 7553)
    # 53 of 60 stored p-values are exactly 0.
    assert row["p_zero"] == pytest.approx(53 / 60)
    assert all(row["reason"] is None for row in stored.values())


def test_many_to_one_tables_count_pairs_not_features(stored: dict[str, Any]) -> None:
    """Features of a repeat there; with unique ones the ratio would be .74 and .44."""
    content = json.loads(STORED.read_text())["pythia160m_410m_mlp_cell102"]["rows"]
    unique = [row["num_feat_A_unique"] for _, row in content]
    means = [row["svcca_rand_mean"] for _, row in content]
    wrong = np.mean(np.array(means) / law(np.array(unique)))
    assert wrong < 0.5 < 0.9 < stored["pythia160m_410m_mlp_cell102"]["ratio"]


def test_a_planted_table() -> None:
    rows = [
        {"num_feat_kept": n, "svcca_rand_mean": factor * float(law(np.array(n))), "A": 0}
        | {"svcca_rand_pval": p}
        for n, factor, p in ((100, 1.0, 0.0), (400, 1.2, 0.5), (900, 0.8, 0.0))
    ]
    (row,) = table({"mine": {"rows": rows}, "settings": {}, "other": {"n": 1}})
    assert row["ratio"] == pytest.approx(1)
    half = 1.96 * 0.2 / np.sqrt(3)
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((1 - half, 1 + half))
    assert row["p_zero"] == pytest.approx(2 / 3)
    assert (row["experiment"], row["rows"], row["n_low"], row["n_high"]) == ("mine", 3, 100, 900)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"svcca_rand_mean": 0.1}] * 3, "3 of 3 rows store no number of pairs"),
        (
            [{"num_unq_pairs": 9, "svcca_rand_mean": 0.1}, {"num_unq_pairs": 9}],
            "1 of 2 rows store no mean of shuffled SVCCA",
        ),
        (
            [{"num_unq_pairs": None, "svcca_rand_mean": 0.1}] * 2,
            "2 of 2 rows store no number of pairs",
        ),
        ([{"num_unq_pairs": 9, "svcca_rand_mean": 0.1}], "fewer than 2 rows"),
        ([{"num_unq_pairs": 1, "svcca_rand_mean": 0.1}] * 2, "a row of fewer than 2 pairs"),
        ([], "fewer than 2 rows"),
    ],
)
def test_reasons(rows: list[dict[str, Any]], reason: str) -> None:
    (row,) = table({"mine": {"rows": rows}})
    assert row["reason"] == reason
    assert row["ratio"] is row["ratio_low"] is row["ratio_high"] is row["ratio_exact"] is None


@pytest.mark.parametrize("n", [3, 6, 20, 500])
def test_the_exact_law_is_the_mean_of_the_density_of_a_correlation(n: int) -> None:
    def density(r: float) -> float:
        return (1 - r * r) ** ((n - 4) / 2)

    total = quad(density, 0, 1)[0]
    mean = quad(lambda r: r * density(r), 0, 1)[0] / total
    assert exact_law(np.array(n)) == pytest.approx(mean, rel=1e-6)


def test_the_law_is_the_limit_of_the_exact_one() -> None:
    n = np.array([10.0, 100.0, 1e4, 1e6])
    excess = exact_law(n) / law(n) - 1
    assert (np.diff(excess) < 0).all()
    np.testing.assert_allclose(excess[1:], 3 / (4 * n[1:]), rtol=0.02)
    assert law(np.array(2 / np.pi)) == pytest.approx(1)
