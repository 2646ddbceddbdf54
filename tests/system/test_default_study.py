"""The finished default study: every table keeps its contract, every number is in a stated range.

Run after `make run`. The ranges are wide enough for another machine's rounding and narrow enough
that a wrong layer, hook, split or alignment falls outside.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from universality.views import tables

STUDY = Path(__file__).parents[2] / "results" / "smollm2-135m-vs-gemma3-270m"


def table(name: str) -> pd.DataFrame:
    return tables.read(STUDY / "tables" / f"{name}.parquet", name)


def values(metric: str, kind: str, method: str = "hungarian") -> pd.DataFrame:
    scores = table("scores")
    pairs = "none" if metric.startswith("correlation") else "kept"
    wanted = {"metric": metric, "kind": kind, "method": method, "filter": pairs}
    wanted |= {"protocol": "calibrated", "subspace": "all"}
    return scores[(scores[list(wanted)] == pd.Series(wanted)).all(axis=1)]


def floor(frame: pd.DataFrame, sort: str) -> pd.DataFrame:
    permuted = frame["comparison"].str.endswith("--permuted")
    neurons = frame["dictionary_a"] == "neurons"
    random = frame["model_a"].str.endswith("-random")
    return frame[{"permuted": permuted, "neurons": neurons, "random": random}[sort]]


@pytest.mark.parametrize("name", list(tables.COLUMNS))
def test_contract(name: str) -> None:
    assert len(table(name))
    tables.read(STUDY / "tables" / f"{name}.csv", name)


def test_shape() -> None:
    scores = table("scores")
    counts = scores.groupby("kind")["comparison"].nunique()
    assert counts.to_dict() == {"cross": 9, "ceiling": 6, "floor": 13}
    assert scores.groupby("protocol")["method"].nunique().to_dict() == {
        "calibrated": 5,
        "published": 1,
    }
    assert scores["subspace"].nunique() == 9
    assert {"pwcca", "cka", "linear_predictivity"} < set(scores["metric"])
    assert (values("rsa", "cross")["m"] == 1000).all()


def test_saes() -> None:
    saes = table("saes")
    assert len(saes) == 13
    assert saes["passed"].all()
    random = saes["model"].str.endswith("-random")
    assert saes.loc[~random, "fvu"].between(0.03, 0.4).all()
    assert saes.loc[random, "fvu"].between(0.3, 0.7).all()
    assert saes["l0"].between(31, 32).all()
    assert (saes["alive"] > 0.95).all()


def test_alignment() -> None:
    pair = table("alignments").query("model_a == 'smollm2-135m' and model_b == 'gemma3-270m'")
    assert pair["share_a"].between(0.94, 0.99).all()
    assert pair["share_b"].between(0.96, 0.995).all()


def test_correlations_stand_between_floor_and_ceiling() -> None:
    cross = values("correlation_heldout", "cross")["value"]
    ceiling = values("correlation_heldout", "ceiling")["value"]
    floors = values("correlation_heldout", "floor")
    assert cross.between(0.2, 0.55).all()
    assert ceiling.between(0.3, 0.75).all()
    assert cross.mean() < ceiling.mean()
    assert floor(floors, "permuted")["value"].abs().max() < 0.03
    assert floor(floors, "random")["value"].max() < 0.1
    assert floor(floors, "neurons")["value"].between(0.05, 0.35).all()


def test_geometry() -> None:
    rsa, svcca = values("rsa", "cross"), values("svcca", "cross")
    assert rsa["value"].between(0.0, 0.2).all()
    assert rsa["null_mean"].abs().max() < 0.005
    assert values("rsa", "ceiling")["value"].between(0.08, 0.4).all()
    assert svcca["value"].between(0.08, 0.45).all()
    assert svcca["null_mean"].between(0.06, 0.15).all()
    assert (rsa["p"] <= 0.05).mean() > 0.5


def test_the_published_protocol_ends_with_the_calibrated_one() -> None:
    steps = table("published_vs_calibrated")
    assert sorted(steps["step"].unique()) == list(range(12))
    assert steps["comparison"].nunique() == 15
    last = steps[steps["step"] == 11].set_index(["comparison", "metric"])["value"]
    scores = table("scores").query(
        "protocol == 'calibrated' and subspace == 'all' and method == 'hungarian' and "
        "filter == 'kept' and metric in ('rsa', 'svcca')"
    )
    ours = scores.set_index(["comparison", "metric"])["value"]
    pd.testing.assert_series_equal(last.sort_index(), ours[last.index].sort_index())


def test_positions_and_redone_matchings() -> None:
    positions = table("positions").query("method == 'hungarian'").set_index("metric")
    assert len(positions.loc["correlation_heldout"]) == 9
    assert positions.loc["correlation_heldout", "position"].between(0.4, 1.1).all()
    assert (positions.loc["correlation_heldout", "low"] > 0).all()
    redone = table("nulls").query("null == 'rematched' and metric == 'correlation_heldout'")
    assert len(redone) == 9
    assert redone["null_mean"].abs().max() < 0.05
    assert (redone["p"] == 0.05).all()  # the smallest that 19 draws allow


def test_the_source_keeps_one_component() -> None:
    """Its stored null means follow the law of one component."""
    stored = table("source_nulls").query("reason.isna()")
    assert len(stored) >= 4
    assert stored["ratio"].between(0.9, 1.12).all()


def test_manifest() -> None:
    rules = json.loads((STUDY / "tables" / "manifest.json").read_text())["rules"]
    assert rules["sae"]["jobs"] == 13
    assert max(rule["max_rss_mb"] or 0 for rule in rules.values()) < 4000
