"""The validation finds what is wrong when something is, and the method right where it is."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from universality.validation import (
    against_nulls,
    calibration,
    claims,
    experiments,
    grid_error,
    power,
    published,
    registry,
    shared_fraction,
    uniformity,
    validity,
)
from universality.validation.claims import Claim
from universality.validation.figures import curves, heat_map, rates
from universality.validation.pipeline import Comparison
from universality.validation.runs import Runs
from universality.validation.worlds import World, dictionaries
from universality.views import style

ROOT = Path(__file__).parents[2]
FEW = [("rsa", "rsa", {}), ("mutual_knn", "mutual_knn", {"k": 5})]


def drawn(setting, rng):
    return [{"setting": setting, "x": rng.random()}]


def test_rows_do_not_depend_on_the_number_of_processes(monkeypatch):
    monkeypatch.setattr("universality.validation.runs.BLOCK", 2)
    one, two = (Runs(3, processes).table("t", drawn, ["a", "b"], 5) for processes in (1, 2))
    pd.testing.assert_frame_equal(one, two)
    assert one["setting"].tolist() == ["a"] * 5 + ["b"] * 5
    assert one["x"].nunique() == 10
    # Another seed and another experiment are other numbers; fewer runs are the first ones.
    for other in (Runs(4).table("t", drawn, ["a"], 5), Runs(3).table("u", drawn, ["a"], 5)):
        assert not set(other["x"]) & set(one["x"])
    assert Runs(3, share=0.4).table("t", drawn, ["a"], 5)["x"].tolist() == one["x"].tolist()[:2]


def test_interval_and_tests_of_a_rate():
    # Clopper & Pearson: 0 of n reaches up to 1 - .025^(1 / n).
    assert claims.interval(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert claims.interval(10, 20)[0] == pytest.approx(1 - claims.interval(10, 20)[1])
    assert not claims.exceeds(5, 100, 0.05)
    assert claims.exceeds(12, 100, 0.05)  # P(X >= 12) = .004
    assert not claims.exceeds(12, 100, 0.05, tests=10)
    table = pd.DataFrame({"rejected": [12, 3, 4], "runs": [100, 100, 100]})
    assert claims.keeps(table, "rejected", 0.05)  # three tests
    assert not claims.keeps(table.head(1), "rejected", 0.05)
    assert claims.extreme(table, "rejected", largest=False) == {"rejected": 3, "runs": 100}


def test_summary_says_what_does_not_hold():
    found = [
        Claim("one", "1", True),
        Claim("two", "2", False),
        Claim("three", "3", False, enough=False),
    ]
    assert claims.broken(found) == found[1:2]
    lines = claims.summary(found, "# Title").splitlines()
    assert lines[0] == "# Title"
    assert lines[4:] == [
        "| PASS | one | 1 |",
        "| FAIL | two | 2 |",
        "| too few runs | three | 3 |",
    ]


def test_holm():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(uniformity._holm(p), [0.04, np.nan, 0.09, 0.09, 0.5])


@pytest.mark.parametrize("levels", [3, 10**9])
def test_a_placed_p_is_uniform_even_with_ties(levels):
    rng = np.random.default_rng(0)
    numbers = rng.integers(levels, size=(2000, 20)).astype(float)
    u = [against_nulls.placed(row[1:], row[0], rng) for row in numbers]
    assert kstest(u, "uniform").pvalue > 0.01
    assert against_nulls.placed(np.zeros(19), 1.0, rng) <= 1 / 20
    assert against_nulls.placed(np.ones(19), 0.0, rng) >= 19 / 20


def test_all_metrics_are_validated():
    from universality.similarity.metrics import METRICS, check

    assert {name for _, name, _ in registry.small()} == set(METRICS)
    assert len({label for label, _, _ in registry.small()}) == len(registry.small())
    for _, name, options in registry.small():
        check(name, options)


def test_every_metric_has_every_null_and_forty_pairs_are_enough():
    rng = np.random.default_rng(0)
    given = Comparison(uniformity.WORLD, *dictionaries(uniformity.WORLD, rng))
    rows = pd.DataFrame(against_nulls.against_nulls(given, registry.small(), rng, activations=True))
    found = rows.groupby("metric")["null"].agg(set)
    for label, _, _ in registry.small():
        assert found[label] == set(against_nulls.NULLS)
    for label in ("correlation_fit", "correlation_heldout", "shared_fraction"):
        assert found[label] == {"rematched"}
    assert found["activation_cka"] == found["activation_rsa"] == {"permuted"}
    assert rows["p"].between(1 / 100, 1).all()
    # p is the upper end of what u may be.
    known = rows.dropna()
    assert (known["u"] <= known["p"] + 1e-9).all()


@pytest.fixture(scope="module")
def p_values():
    world = uniformity.WORLD
    rows = []
    for run in range(24):
        rng = np.random.default_rng(run)
        a, b = dictionaries(world, rng)
        a = replace(a, decoder=rng.standard_normal(a.decoder.shape))
        b = replace(b, decoder=rng.standard_normal(b.decoder.shape))
        rows += against_nulls.against_nulls(Comparison(world, a, b), FEW, rng, activations=False)
    return pd.DataFrame(rows)


def test_p_is_uniform_where_nothing_is_shared(p_values):
    tests = uniformity.tested(p_values)
    assert len(tests) == 2 * 5 + 3
    assert all(claim.holds for claim in uniformity.claims(tests))
    assert tests.set_index("metric").loc["shared_fraction", "ks"].size == 1
    assert np.isnan(tests.set_index("metric").loc["shared_fraction", "ks_p"])


def test_p_values_that_are_too_small_are_noticed(p_values):
    wrong = p_values.assign(u=p_values["u"] ** 3, p=p_values["p"] ** 3)
    tests = uniformity.tested(wrong)
    assert not any(claim.holds for claim in uniformity.claims(tests))


def test_shuffled_pairs_are_too_lenient_where_topics_are_matched_and_rematching_is_not():
    world = validity.WORLDS[validity.OWN_TOPICS]
    rows = []
    for run in range(20):
        rng = np.random.default_rng(run)
        given = Comparison(world, *dictionaries(world, rng))
        rows += against_nulls.against_nulls(given, FEW[:1], rng, activations=False)
    table = pd.DataFrame(rows).query("metric == 'rsa'")
    rejected = (table["p"] <= 0.05).groupby(table["null"]).sum()
    assert claims.exceeds(rejected["permuted"], 20, 0.05)
    assert not claims.exceeds(rejected["rematched"], 20, 0.05)


@pytest.fixture(scope="module")
def grids():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid_error, "M", 99)
        return grid_error.measure(Runs(), 40)


def test_max_t_keeps_its_level_and_uncorrected_p_do_not(grids):
    corrected = grids[grids["correction"] == "max_t"]
    assert claims.keeps(corrected, "any_false", 0.05)
    plain = grids[(grids["correction"] == "none") & grids["grid"].str.startswith("nothing")]
    assert (plain["rate"] > 0.15).all()
    shared = grids[grids["grid"].str.startswith("3 of")].set_index(["metric", "correction"])
    assert (shared["found"] > 0.6).all()
    by = grids.pivot(index=["grid", "metric"], columns="correction", values="any_false")
    assert (by["max_t"] <= by["none"]).all()
    assert (by["benjamini_hochberg"] <= by["none"]).all()


def test_a_correction_that_does_not_correct_is_noticed(grids):
    wrong = grids.assign(any_false=np.where(grids["correction"] == "max_t", 20, grids["any_false"]))
    assert not grid_error.claims(wrong)[0].holds
    assert grid_error.claims(grids)[0].holds


def estimated(**changes):
    rows = []
    for number, fraction in enumerate((0, 0.5)):
        world = replace(shared_fraction.BASE, shared=fraction, **changes)
        setting = shared_fraction.Setting("w", world)
        for run in range(2):
            rows += shared_fraction._run(setting, np.random.default_rng([number, run]))
    return shared_fraction.errors(pd.DataFrame(rows))


def test_the_shared_fraction_is_recovered():
    for changes in ({}, {"power": 0.0, "width_b": 130}):
        errors = estimated(**changes)
        np.testing.assert_allclose(errors["estimate"], errors["truth"], atol=0.1)
        np.testing.assert_allclose(errors["bias"], errors["estimate"] - errors["truth"])
        assert (errors["rmse"] >= errors["bias"].abs() - 1e-12).all()


def test_topics_are_taken_for_sharing():
    assert estimated(topical=0.9)["bias"][0] > 0.2


def test_the_published_statistic_follows_its_law_and_depends_on_luck():
    def run(shared, runs=8):
        world = replace(published.WORLD, shared=shared, decay=0.0)
        setting = published.Setting(published.EVEN, world)
        rows = [
            row for r in range(runs) for row in published._run(setting, np.random.default_rng(r))
        ]
        return published.summarised(pd.DataFrame(rows)).set_index("statistic")

    nothing, everything = run(0), run(1)
    law = np.sqrt(2 / (np.pi * nothing.loc[published.ONE, "n"]))
    assert nothing.loc[published.ONE, "null_mean"] == pytest.approx(law, rel=0.06)
    assert everything.loc[published.RSA, "zero"] == 1
    spread = everything["value_q95"] - everything["value_q05"]
    assert spread[published.ONE] > 3 * spread[published.RSA]


def test_svcca_of_all_variance_is_one_for_few_pairs():
    few, many = (published._inflated(n, np.random.default_rng(0))[0] for n in (24, 1000))
    assert few["value"] > 0.99
    # n - 1 dimensions, less those of the last percent.
    assert 20 <= few["k"] <= 23
    assert many["value"] < 0.4
    # Variances 100, 4, 1 of 105: two components hold .990, of which one is too few.
    rows = np.array([[10.0, 0, 0], [-10, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]])
    basis = published._basis_99(rows)
    assert np.abs(basis).round(6).T.tolist() == [
        pytest.approx([0.707107, 0.707107, 0, 0, 0, 0]),
        pytest.approx([0, 0, 0.707107, 0.707107, 0, 0]),
    ]


def test_scores_of_unrelated_rows_and_their_calibration(monkeypatch):
    monkeypatch.setattr(calibration, "metrics", lambda: [FEW[0], ("svcca", "svcca", {"k": 2})])
    table = calibration.measure(Runs(), 4)
    unrelated = table[table["likeness"] == 0]
    assert unrelated["effect"].max() < 0.03
    assert unrelated["position"].abs().max() < 0.15
    raw = unrelated[unrelated["metric"] == "svcca"].groupby("n")["value"].mean()
    assert raw[60] > 1.7 * raw[480]
    alike = table[(table["likeness"] == 0.5) & (table["metric"] == "rsa")]
    assert np.ptp(alike["position"]) < 0.15
    spread = calibration.ranges(table).set_index(["likeness", "metric"])
    assert spread.loc[(0.5, "rsa"), "position"] == pytest.approx(np.ptp(alike["position"]))


def test_power_grows_with_what_is_shared(monkeypatch):
    monkeypatch.setattr(power, "small", lambda: FEW)
    points = [
        power.Point("shared fraction", f"{s:g}", replace(power.BASE, shared=s)) for s in (0, 0.3, 1)
    ]
    monkeypatch.setattr(power, "points", lambda: points)
    table = power.measure(Runs(), 10)
    assert power.levels(table, "shared fraction") == ["0", "0.3", "1"]
    assert claims.keeps(table[table["at"] == "0"], "rejected", 0.05)
    assert (table[table["at"] == "1"]["power"] == 1).all()
    for _, metric in table.groupby("metric"):
        assert metric["value"].is_monotonic_increasing
    # A metric that refuses finds nothing.
    monkeypatch.setattr(power, "small", lambda: [("svcca", "svcca", {"k": 50})])
    refused = power.measure(Runs(), 2)
    assert (refused["refused"] == refused["runs"]).all()
    assert (refused["rejected"] == 0).all()


def test_points_vary_one_thing_at_a_time():
    bases = [point for point in power.points() if point.world == power.BASE]
    assert {point.sweep for point in bases} == {point.sweep for point in power.points()}
    names = [(point.sweep, point.at) for point in power.points()]
    assert len(set(names)) == len(names)


def test_text_in_cells():
    assert [heat_map.two_digits(x) for x in (0.0, 0.066, 0.5, 1.0)] == ["0", ".07", ".50", "1"]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("validate", ROOT / "scripts" / "validate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stub(holds):
    table = pd.DataFrame({"x": [1.0, 1 / 3]})
    return lambda runs: ({"table": table}, style.nothing("none"), [Claim("it holds", "1", holds)])


def test_the_command_writes_all_and_says_when_a_claim_fails(monkeypatch, tmp_path, script, capsys):
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"one": stub(True)})
    assert script.main(["--out", str(tmp_path), "--quick", "--processes", "1"]) == 0
    assert (tmp_path / "table.csv").read_text() == "x\n1\n0.333333\n"
    assert {p.name for p in tmp_path.iterdir()} == {"table.csv", "one.png", "one.svg", "summary.md"}
    assert "| PASS | it holds | 1 |" in (tmp_path / "summary.md").read_text()
    assert "PASS" in capsys.readouterr().out
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"one": stub(True), "two": stub(False)})
    assert script.main(["--out", str(tmp_path), "--processes", "1"]) == 1
    assert "| FAIL | it holds | 1 |" in (tmp_path / "summary.md").read_text()


def test_every_figure_is_drawn_from_few_runs(p_values, grids, monkeypatch):
    errors = estimated()
    monkeypatch.setattr(validity, "METRICS", FEW)
    table = validity.measure(Runs(), 1)
    assert len(table["world"].unique()) == 5
    monkeypatch.setattr(power, "small", lambda: FEW)
    powers = power.measure(Runs(), 1)
    scores = published.summarised(published.measure(Runs(), 1))
    inflated = published.variance_99(Runs(), 1)
    monkeypatch.setattr(calibration, "metrics", lambda: FEW)
    monkeypatch.setattr(curves, "SHOWN", ("rsa", "mutual_knn"))
    calibrated = calibration.measure(Runs(), 1)
    figures = [
        rates.uniformity(p_values, uniformity.tested(p_values)),
        rates.validity(table),
        rates.grid_error(grids),
        rates.power(powers),
        curves.shared_fraction(errors),
        curves.published(scores, inflated),
        curves.calibration(calibrated),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        assert figure.get_suptitle()
        for ax in figure.axes:
            if ax.axison and ax.lines:
                assert ax.get_ylabel() or ax.get_shared_y_axes().get_siblings(ax)
    # With few runs, some claims are not judged, and none is broken.
    for found in (validity.claims(table), published.claims(scores, inflated)):
        assert not claims.broken(found)
        assert not all(claim.enough for claim in found)


def test_committed_results_hold():
    summary = ROOT / "results" / "validation" / "summary.md"
    lines = [line for line in summary.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 20
    assert all(line.startswith("| PASS |") for line in lines)


def test_worlds_differ_from_the_base_in_what_they_are_named_after():
    assert World() == World(shared=0.5)
    assert all(world != shared_fraction.BASE for world in list(shared_fraction.WORLDS.values())[1:])
    assert set(shared_fraction.MISLEADING) <= set(shared_fraction.WORLDS)
