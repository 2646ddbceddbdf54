"""The share of counterparts: known answers, and its bias on mixtures with a known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from universality.similarity.sharing import shared_fraction

NULL = np.arange(1000) / 1000  # its 90 % quantile is .9, of which just a tenth lies above
correlations = arrays(float, st.integers(1, 30), elements=st.floats(-1, 1))


def test_known_answers():
    assert shared_fraction(np.array([2.0, 2, 2, 0]), NULL) == pytest.approx((3 / 4 - 0.1) / 0.9)
    assert shared_fraction(np.full(7, 2.0), NULL) == 1
    assert shared_fraction(np.full(7, 0.5), NULL) == 0
    # As many above as chance brings: none of them counts.
    assert shared_fraction(np.array([2.0, *np.zeros(9)]), NULL) == 0


def test_what_ties_with_the_null_is_no_counterpart():
    assert shared_fraction(np.ones(5), np.ones(50)) == 0


def test_a_short_null_counts_by_its_largest():
    observed = np.array([0.2, 0.29, 0.31, 0.5])
    assert shared_fraction(observed, np.array([0.1, 0.3])) == pytest.approx(0.4 / 0.9)


def test_nan_is_left_out():
    observed = np.array([2.0, np.nan, 0, 2, 2, np.nan])
    expected = shared_fraction(np.array([2.0, 0, 2, 2]), NULL)
    assert shared_fraction(observed, np.append(NULL, np.nan)) == expected
    for observed, null in ((np.full(3, np.nan), NULL), (np.empty(0), NULL), (NULL, np.empty(0))):
        assert np.isnan(shared_fraction(observed, null))


@settings(deadline=None, derandomize=True)
@given(correlations, correlations, st.floats(0, 1))
def test_lies_in_0_to_1_and_grows_with_the_correlations(observed, null, gain):
    before, after = shared_fraction(observed, null), shared_fraction(observed + gain, null)
    assert 0 <= before <= after <= 1


def estimates(fraction, alternative, n=1000, repeats=60):
    """Estimate `fraction` of n pairs again and again; `alternative` draws real counterparts."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(repeats):
        real = alternative(rng, round(fraction * n))
        observed = np.append(real, rng.gamma(1, 0.03, n - len(real)))
        found.append(shared_fraction(observed, rng.gamma(1, 0.03, 19 * n)))
    return np.array(found)


@pytest.mark.parametrize("fraction", [0, 0.1, 0.3, 0.5, 0.8, 1])
def test_recovers_the_fraction_where_counterparts_correlate(fraction):
    found = estimates(fraction, lambda rng, k: rng.beta(5, 5, k))
    assert found.mean() == pytest.approx(fraction, abs=0.01)
    assert np.abs(found - fraction).max() < 0.06


def test_weak_counterparts_are_missed_but_none_is_invented():
    found = estimates(0.5, lambda rng, k: rng.beta(1.2, 10, k))
    assert 0.2 < found.mean() < 0.35
    none = estimates(0, lambda rng, k: np.empty(0))
    assert 0 < none.mean() < 0.01
