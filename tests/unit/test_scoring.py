"""A score is a metric, its null, and what follows from them; a refusal is an answer."""

import dataclasses

import numpy as np
import pytest

from universality.errors import StudyError
from universality.similarity.calibration import effect_size
from universality.similarity.metrics import METRICS, build
from universality.similarity.nulls import p_value, permutations
from universality.similarity.scoring import score

# Settings that suit 100 pairs, where the defaults do not.
OPTIONS = {name: {"k": 3} for name in ("svcca", "svcca_cv", "pwcca")}
every = pytest.mark.parametrize("metric", METRICS)


def sides(n=100, noise=1.0):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n, 16)) * np.arange(17, 1, -1)
    return a, np.hstack([a, a]) + 10 * noise * rng.standard_normal((n, 32))


def run(a, b, metric, m=99, options=None):
    options = OPTIONS.get(metric, {}) if options is None else options
    return score(a, b, metric, options, m, np.random.default_rng(5))


@every
def test_a_score_is_the_metric_with_its_null(metric):
    a, b = sides()
    result = run(a, b, metric)
    plain = build(metric, a, b, OPTIONS.get(metric, {}))
    null = plain.null(permutations(np.random.default_rng(5), 100, 99))
    assert result.value == plain.value()
    assert np.array_equal(result.null, null)
    assert result.null_mean == pytest.approx(np.mean(null))
    assert result.null_sd == pytest.approx(np.std(null))
    assert result.null_quantile == pytest.approx(np.percentile(null, 95))
    assert result.p == p_value(null, plain.value()) == 1 / 100
    assert result.effect == effect_size(plain.value(), null) > 0.05
    assert (result.n, result.m, result.reason) == (100, 99, "")
    assert (result.k_a, result.k_b) == (plain.k_a, plain.k_b)


@every
def test_the_same_generator_gives_the_same_score(metric):
    a, b = sides()
    first, again = run(a, b, metric), run(a, b, metric)
    other = score(a, b, metric, OPTIONS.get(metric, {}), 99, np.random.default_rng(6))
    assert np.array_equal(first.null, again.null)
    assert first.value == again.value == other.value
    assert not np.array_equal(first.null, other.null)


def test_cells_share_their_permutations():
    """Equal matrices in two cells have equal nulls, though another cell lies between them."""
    a, b = sides()
    cells = [run(a, b, "rsa"), run(b, a, "svcca"), run(a * 2, b, "rsa")]
    assert cells[2].null == pytest.approx(cells[0].null, abs=1e-7)


@every
def test_unrelated_sides_have_no_effect(metric):
    rng = np.random.default_rng(11)
    found = [
        run(rng.standard_normal((100, 16)), rng.standard_normal((100, 16)), metric, m=39)
        for _ in range(20)
    ]
    # Of 20 at a level of 5 %, more than 4 are reached by chance in 0.3 % of such tests.
    assert sum(result.p <= 0.05 for result in found) <= 4
    assert all((result.effect > 0) == (result.p <= 0.05) for result in found)


@every
@pytest.mark.parametrize("n", [0, 1])
def test_no_pairs_and_one_pair_give_a_reason(metric, n):
    result = run(*sides(n=n), metric, m=7)
    assert result.reason.startswith(f"n = {n} pair")
    assert (result.n, result.m, result.k_a, result.k_b) == (n, 7, None, None)
    numbers = ["value", "null_mean", "null_sd", "null_quantile", "p", "effect"]
    assert np.isnan([getattr(result, number) for number in numbers]).all()
    assert result.null.shape == (7,)
    assert np.isnan(result.null).all()


def test_a_refusal_keeps_the_metrics_words():
    result = run(*sides(n=150), "svcca", options={})
    assert result.reason == "n = 150 pairs, but svcca with k = 10 needs at least 20 k = 200"


def test_a_score_cannot_be_changed():
    result = run(*sides(), "rsa", m=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.p = 0.0


@pytest.mark.parametrize(
    ("metric", "options", "m", "message"),
    [
        ("ccka", {}, 9, "metric 'ccka' is unknown; valid: svcca, "),
        ("rsa", {"k": 3}, 9, "metric rsa: unknown option 'k'; valid: inside, outside"),
        ("svcca", {"components": 3}, 9, "metric svcca: unknown option 'components'; valid: k"),
        ("svcca", {"k": 0}, 9, "svcca: k must be a whole number of at least 1, found 0"),
        ("rsa", {}, 0, "permutations must be at least 1, found 0"),
    ],
)
def test_what_the_user_got_wrong_is_an_error(metric, options, m, message):
    with pytest.raises(StudyError, match=message):
        run(*sides(), metric, m=m, options=options)
