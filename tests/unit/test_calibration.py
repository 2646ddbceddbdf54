"""Corrections for many cells, and effect sizes: known answers, and error rates by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from universality.similarity.calibration import (
    benjamini_hochberg,
    effect_size,
    max_t,
)
from universality.similarity.nulls import p_value, permutations

reproducible = settings(deadline=None, derandomize=True)
probabilities = st.floats(0, 1, allow_subnormal=False)


def test_benjamini_hochberg_known_answer():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert benjamini_hochberg(p) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])


@reproducible
@given(arrays(float, st.integers(1, 12), elements=probabilities))
def test_benjamini_hochberg_is_the_level_of_first_rejection(p):
    q = benjamini_hochberg(p)
    for i in range(len(p)):
        # From the definition: over all thresholds t that reject p_i, the least c t / #{p <= t}.
        rates = [len(p) * t / np.count_nonzero(p <= t) for t in p[p >= p[i]]]
        assert q[i] == pytest.approx(min(rates), abs=1e-12)


def test_benjamini_hochberg_passes_nan_through_and_does_not_count_it():
    p = np.array([np.nan, 0.01, 0.2, np.nan])
    assert benjamini_hochberg(p) == pytest.approx([np.nan, 0.02, 0.2, np.nan], nan_ok=True)
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    assert benjamini_hochberg(np.empty(0)).shape == (0,)


def test_max_t_known_answer():
    values = np.array([3.0, 12.0])
    nulls = np.array([[-1.0, -1, -1], [12, 14, 10]])
    # With the observed score the cells have means 0 and 12, deviations sqrt 3 and sqrt 2. So
    # standardised: sqrt 3 and 0; nulls -1 / sqrt 3 (thrice) and 0, sqrt 2, -sqrt 2.
    # The largest null under each permutation: 0, sqrt 2, -1 / sqrt 3.
    assert max_t(values, nulls) == pytest.approx([1 / 4, 3 / 4])
    assert max_t(values - 4, nulls) == pytest.approx([1, 1])


def test_max_t_of_one_cell_is_its_p():
    rng = np.random.default_rng(0)
    null = rng.gamma(2, size=99)
    for value in (0.5, 2.0, 4.0, 40.0):
        assert max_t(np.array([value]), null[None]) == pytest.approx([p_value(null, value)])


def test_max_t_ignores_the_units_of_a_cell():
    rng = np.random.default_rng(1)
    nulls, values = rng.standard_normal((4, 199)), np.array([0.0, 1.0, 2.0, 3.0])
    scale, shift = np.array([1e-3, 1, 50, 1e4]), np.array([0.1, 0, -8, 1e3])
    rescaled = max_t(values * scale + shift, nulls * scale[:, None] + shift[:, None])
    assert rescaled == pytest.approx(max_t(values, nulls))


def test_max_t_leaves_out_cells_without_a_value():
    rng = np.random.default_rng(2)
    nulls, values = rng.standard_normal((3, 99)), np.array([2.5, np.nan, 1.0])
    nulls[1] = np.nan
    p = max_t(values, nulls)
    assert np.isnan(p[1])
    assert p[[0, 2]] == pytest.approx(max_t(values[[0, 2]], nulls[[0, 2]]))
    assert np.isnan(max_t(np.full(2, np.nan), np.full((2, 9), np.nan))).all()


def test_max_t_of_a_null_without_spread_is_1():
    rng = np.random.default_rng(3)
    nulls = np.vstack([np.full(99, 0.3) + 1e-12 * rng.standard_normal(99), rng.normal(size=99)])
    p = max_t(np.array([0.3 + 1e-11, 9.0]), nulls)
    assert p == pytest.approx([1, 1 / 100], abs=0.02)
    assert max_t(np.array([0.3]), nulls[:1]) == pytest.approx([1])


def draws(rng, cells, m, dependence):
    """An observed score and m null scores of every cell, all from one distribution."""
    common = rng.standard_normal((1, m + 1))
    own = rng.gamma(3, size=(cells, m + 1)) - 3  # skewed, as SVCCA's null is
    scores = dependence * 3 * common + own
    return scores[:, 0], scores[:, 1:]


def test_p_is_uniform_when_the_pairing_is_random():
    rng = np.random.default_rng(4)
    m = 199
    trials = (draws(rng, 1, m, dependence=0) for _ in range(1000))
    p = np.array([p_value(null[0], value[0]) for value, null in trials])
    # p takes the values 1 / (m + 1), ..., 1; spread each evenly down to the one below.
    assert kstest(p - rng.uniform(size=1000) / (m + 1), "uniform").pvalue > 0.01
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 1000)


@pytest.mark.parametrize("dependence", [0, 1])
def test_max_t_keeps_the_familywise_error(dependence):
    rng = np.random.default_rng(5)
    repeats, level = 1000, 0.05
    trials = [draws(rng, 9, 199, dependence) for _ in range(repeats)]
    margin = 3 * np.sqrt(level * (1 - level) / repeats)

    def any_rejected(p):
        return np.mean([(p(*trial) <= level).any() for trial in trials])

    assert any_rejected(max_t) == pytest.approx(level, abs=margin)
    uncorrected = any_rejected(lambda value, null: np.array(list(map(p_value, null, value))))
    assert uncorrected > 0.12


def any_cell_rejected(coupled, repeats=800, m=99):
    """Reject in a grid of 36 to 40 pairs of nearly the same data, none of them related."""
    rng = np.random.default_rng(6)
    sizes = range(36, 41)
    rejected = 0
    for repeat in range(repeats):
        common = rng.standard_normal((2, 40))
        values, nulls = [], []
        for n in sizes:
            x, y = common[:, :n] + 0.1 * rng.standard_normal((2, n))
            stream = np.random.default_rng(repeat if coupled else [repeat, n])
            values.append(x @ y)
            nulls.append(y[np.array(list(permutations(stream, n, m)))] @ x)
        rejected += bool((max_t(np.array(values), np.array(nulls)) <= 0.05).any())
    return rejected / repeats


def test_max_t_uses_the_dependence_of_cells_of_different_n():
    margin = 3 * np.sqrt(0.05 * 0.95 / 800)
    assert any_cell_rejected(coupled=True) == pytest.approx(0.05, abs=margin)
    # Taken as independent, they are corrected for more than they are.
    assert any_cell_rejected(coupled=False) < 0.035


def test_effect_size_known_answer():
    null = np.linspace(0, 0.18, 19)  # with the score 20 numbers: the 19th is the quantile
    assert effect_size(0.59, null) == pytest.approx((0.59 - 0.18) / (1 - 0.18))
    assert effect_size(0.59, null, s_max=0.8) == pytest.approx((0.59 - 0.18) / (0.8 - 0.18))
    assert effect_size(0.59, null, level=0.5) == pytest.approx((0.59 - 0.09) / (1 - 0.09))


def test_effect_size_ends_at_0_and_1():
    null = np.linspace(-0.1, 0.1, 199)
    assert effect_size(1.0, null) == 1
    assert effect_size(0.05, null) == 0
    assert effect_size(-0.7, null) == 0
    assert effect_size(1.0, np.ones(199)) == 0  # chance alone reaches the largest value
    assert np.isnan(effect_size(np.nan, null))


@reproducible
@given(
    arrays(float, st.sampled_from([19, 20, 37, 99, 100, 199]), elements=probabilities, unique=True)
)
def test_effect_size_is_above_0_exactly_when_p_is_at_most_5_percent(scores):
    value, null = scores[0], scores[1:]
    ranks_above = 1 + np.count_nonzero(null >= value)
    assert (effect_size(value, null) > 0) == (20 * ranks_above <= len(scores))
