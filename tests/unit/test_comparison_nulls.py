"""The nulls of a whole comparison: which rows there are, and where their numbers come from."""

import numpy as np
import pytest

from universality import seeds
from universality.similarity import comparison_nulls
from universality.similarity.alternative_nulls import NO_DRAWS, rotated
from universality.similarity.metrics import build
from universality.similarity.redone import redone
from universality.similarity.sharing import shared_fraction

METRICS = [["svcca_2", "svcca", {"k": 2}], ["rsa", "rsa", {}]]
RANDOM = ["random_vectors", "rotated", "random_features"]


def comparison(seed=0, pairs=70, draws=9):
    """Two methods, of which the second keeps fewer pairs, and redone matchings of both."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((pairs, 5))
    decoders = tuple(
        np.concatenate([common, rng.standard_normal((30, 5))]) @ rng.standard_normal((5, d))
        + 0.1 * rng.standard_normal((pairs + 30, d))
        for d in (12, 16)
    )
    feature = np.arange(pairs)
    matching = {
        "method": np.repeat([0, 1], pairs),
        "a": np.tile(feature, 2),
        "b": np.tile(feature, 2),
        "correlation_fit": rng.uniform(0.3, 0.9, 2 * pairs).astype(np.float32),
        "correlation_heldout": rng.uniform(0.2, 0.8, 2 * pairs).astype(np.float32),
        "kept": np.concatenate([np.ones(pairs, bool), feature >= 10]),
    }
    size = 4 * draws * (pairs + 20)
    again = {
        "redrawn": np.repeat([0, 1], size // 2),
        "draw": np.tile(np.repeat(np.arange(draws), pairs + 20), 4),
        "method": np.tile(np.repeat([0, 1], size // 4), 2),
        "a": np.concatenate([rng.permutation(pairs + 20) for _ in range(4 * draws)]),
        "b": np.concatenate([rng.permutation(pairs + 20) for _ in range(4 * draws)]),
        "correlation_fit": rng.uniform(0.1, 0.3, size),
        "correlation_heldout": rng.uniform(-0.1, 0.1, size),
    }
    attributes = {
        "methods": ["hungarian", "mutual"],
        "redrawn": ["shifted", "refitted"],
        "draws": {"shifted": draws, "refitted": draws},
    }
    participating = np.arange(pairs + 20), np.arange(5, pairs + 20)
    return matching, decoders, participating, again, attributes


def run(made, detailed=("hungarian", "mutual"), kind="shifted", with_redone=True, draws=19):
    matching, decoders, participating, again, attributes = made
    return comparison_nulls.rows(
        matching,
        ["hungarian", "mutual"],
        detailed,
        decoders,
        participating,
        redone(again, attributes, kind) if with_redone else {},
        METRICS,
        draws,
        seed=0,
    )


def by_key(rows):
    found = {(row["method"], row["metric"], row["null"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_redone_matchings_by_method_and_kind():
    _, _, _, again, attributes = comparison(draws=3)
    for kind, code in (("shifted", 0), ("refitted", 1)):
        found = redone(again, attributes, kind)
        assert list(found) == ["hungarian", "mutual"]
        for number, method in enumerate(found):
            parts = list(found[method].each("a", "correlation_heldout"))
            assert len(parts) == 3
            for draw, (a, heldout) in enumerate(parts):
                here = (again["redrawn"] == code) & (again["method"] == number)
                here &= again["draw"] == draw
                assert np.array_equal(a, again["a"][here])
                assert np.array_equal(heldout, again["correlation_heldout"][here])


def test_a_draw_without_pairs_is_a_draw():
    _, _, _, again, attributes = comparison(draws=3)
    left = again["draw"] != 1
    found = redone({name: column[left] for name, column in again.items()}, attributes, "shifted")
    lengths = [len(a) for (a,) in found["hungarian"].each("a")]
    assert lengths == [90, 0, 90]


def test_rows_of_each_method_metric_and_null():
    rows = by_key(run(comparison()))
    expected = {
        (method, metric, null)
        for method in ("hungarian", "mutual")
        for metric in ("svcca_2", "rsa")
        for null in [*RANDOM, "rematched"]
    } | {
        (method, metric, "rematched")
        for method in ("hungarian", "mutual")
        for metric in ("correlation_fit", "correlation_heldout", "shared_fraction")
    }
    assert set(rows) == expected
    assert {row["subspace"] for row in rows.values()} == {"all"}
    for (method, metric, null), row in rows.items():
        kept = 70 if method == "hungarian" or "co" in metric or "shared" in metric else 60
        assert row["n"] == kept
        assert row["m"] == (9 if null == "rematched" else 19)
        assert row["reason"] is None
        assert row["p"] == 1 / (1 + row["m"])
    assert by_key(run(comparison(), detailed=["mutual"])) == {
        key: row for key, row in rows.items() if key[0] == "mutual"
    }


def test_without_redone_matchings_the_other_nulls_stay():
    rows = by_key(run(comparison(), with_redone=False))
    assert {null for _, _, null in rows} == set(RANDOM)
    assert {metric for _, metric, _ in rows} == {"svcca_2", "rsa"}


def test_geometry_is_that_of_the_kept_pairs():
    made = comparison()
    decoders = made[1]
    row = by_key(run(made))["mutual", "rsa", "rotated"]
    kept = np.arange(10, 70)
    a, b = decoders[0][kept], decoders[1][kept]
    assert row["value"] == build("rsa", a, b, {}).value()
    rng = seeds.generator(0, "nulls", "rotated")
    null = [build("rsa", *sides, {}).value() for sides in rotated(a, b, 19, rng)]
    assert row["null_mean"] == pytest.approx(np.mean(null))
    assert row["null_quantile"] == pytest.approx(np.quantile(null, 0.95))


def test_rematched_geometry_takes_as_many_pairs_as_are_kept():
    made = comparison()
    _, decoders, _, again, attributes = made
    row = by_key(run(made))["mutual", "rsa", "rematched"]
    null = []
    for a, b, fit in redone(again, attributes, "shifted")["mutual"].each(
        "a", "b", "correlation_fit"
    ):
        best = np.argsort(fit)[-60:]
        null.append(build("rsa", decoders[0][a[best]], decoders[1][b[best]], {}).value())
    assert row["null_mean"] == pytest.approx(np.mean(null), abs=1e-6)
    assert row["null_sd"] == pytest.approx(np.std(null), abs=1e-6)


def test_random_features_take_part_in_the_comparison():
    made = comparison()
    matching, decoders, _, again, attributes = made
    wrong = [d.copy() for d in decoders]
    wrong[1][:5] = wrong[0][90:] = wrong[1][90:] = np.nan
    made = matching, tuple(wrong), (np.arange(90), np.arange(5, 90)), again, attributes
    row = by_key(run(made, detailed=["mutual"]))["mutual", "rsa", "random_features"]
    assert row["reason"] is None


def test_correlations_are_those_of_all_pairs():
    made = comparison()
    matching, _, _, again, attributes = made
    rows = by_key(run(made))
    again = redone(again, attributes, "shifted")["mutual"]
    observed = matching["correlation_heldout"][70:]
    row = rows["mutual", "correlation_heldout", "rematched"]
    assert row["value"] == float(observed.mean(dtype=np.float64))
    null = [part.mean() for (part,) in again.each("correlation_heldout")]
    assert row["null_mean"] == pytest.approx(np.mean(null))
    row = rows["mutual", "shared_fraction", "rematched"]
    pooled = again.correlation_heldout.reshape(9, 90)
    assert row["value"] == shared_fraction(observed, pooled.ravel()) == 1
    leave_one_out = [shared_fraction(pooled[i], np.delete(pooled, i, 0).ravel()) for i in range(9)]
    assert row["null_mean"] == pytest.approx(np.mean(leave_one_out))


def test_no_kept_pairs():
    made = comparison()
    made[0]["kept"][:] = False
    rows = by_key(run(made))
    for (_, metric, _), row in rows.items():
        if metric in ("rsa", "svcca_2"):
            assert row["n"] == 0
            assert np.isnan(row["value"])
            assert row["reason"].startswith("n = 0 pairs")
        else:
            assert row["reason"] is None


def test_no_pairs_at_all():
    made = comparison()
    empty = {name: column[:0] for name, column in made[0].items()}
    for row in run((empty, *made[1:])):
        assert row["n"] == 0
        assert np.isnan([row["value"], row["null_mean"], row["p"]]).all()
        assert row["reason"].startswith(("no pairs", "n = 0 pairs"))


def test_without_a_shifted_draw_the_value_stays_with_a_reason():
    matching, decoders, participating, again, attributes = comparison()
    none = {name: column[:0] for name, column in again.items()}
    attributes = attributes | {"draws": {"shifted": 0, "refitted": 0}}
    rows = by_key(run((matching, decoders, participating, none, attributes)))
    for metric in ("rsa", "svcca_2", "correlation_heldout"):
        row = rows["hungarian", metric, "rematched"]
        assert (row["m"], row["reason"]) == (0, NO_DRAWS)
        assert row["value"] > 0
        assert np.isnan(row["p"])
    row = rows["hungarian", "shared_fraction", "rematched"]
    assert np.isnan(row["value"])
    assert row["reason"] == NO_DRAWS


def test_redone_matchings_of_fewer_pairs_than_are_kept_are_told():
    matching, decoders, participating, again, attributes = comparison()
    few = again["a"] < 40
    again = {name: column[few] for name, column in again.items()}
    row = by_key(run((matching, decoders, participating, again, attributes)))[
        "hungarian", "rsa", "rematched"
    ]
    assert row["reason"] == "9 of 9 draws gave no value (a draw has 40 pairs, not 70)"
    assert row["value"] > 0
    assert np.isnan(row["p"])


def test_all_cells_draw_alike():
    first, again = run(comparison(), with_redone=False), run(comparison(), with_redone=False)
    assert first == again
