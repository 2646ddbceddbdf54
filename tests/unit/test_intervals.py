"""Intervals: known answers, refusals, and how often they cover what they should."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import chisquare, t

from universality.errors import StudyError
from universality.features.moments import document_sums, mean_correlations
from universality.similarity.intervals import (
    document_weights,
    documents_interval,
    halves_interval,
    refit_interval,
)
from universality.similarity.metrics import Refused, build


def test_documents_are_drawn_with_replacement():
    weights = document_weights(np.random.default_rng(0), 5, 2000)
    assert weights.shape == (2000, 5)
    assert set(weights.sum(1)) == {5}
    assert chisquare(weights.sum(0)).pvalue > 0.001
    # Of five draws a document has none with probability .8^5.
    assert (weights == 0).mean() == pytest.approx(0.8**5, abs=0.02)
    assert document_weights(np.random.default_rng(0), 0, 3).shape == (3, 0)


def test_documents_interval_known_answer():
    means = np.array([0.1, 0.3])  # a standard deviation of .1
    reach = t.ppf(0.975, 3) * 0.1 * np.sqrt(4 / 3)
    assert documents_interval(0.5, means, 4) == pytest.approx((0.5 - reach, 0.5 + reach))
    assert documents_interval(0.9, means, 4) == pytest.approx((0.9 - reach, 1))
    assert documents_interval(-0.9, means, 4) == pytest.approx((-1, -0.9 + reach))


def test_refit_interval_known_answer():
    refits = np.array([0.1, 0.2, 0.3])  # a standard deviation of .1
    reach = 4.302652729911275 * 0.1  # of Student's law with 2 degrees of freedom
    assert refit_interval(0.25, refits) == pytest.approx((0.25 - reach, 0.25 + reach))
    assert refit_interval(0.8, refits) == pytest.approx((0.8 - reach, 1))


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        (lambda: documents_interval(0.5, np.ones(3), 1), "1 documents, but a spread needs"),
        (lambda: documents_interval(0.5, np.array([1, np.nan]), 9), "1 of 2 draws of documents"),
        (lambda: refit_interval(0.5, np.ones(1)), "1 refits, but a spread needs at least 2"),
        (lambda: refit_interval(0.5, np.array([1, 1, np.nan])), "1 of 3 refits have no pairs"),
    ],
)
def test_what_has_no_spread_is_refused(interval, reason):
    with pytest.raises(Refused, match=reason):
        interval()


def structured(rng, n, noise=1.0):
    """Two sides with a common structure, always the same, and rows that are drawn anew."""
    weights = np.random.default_rng(0).standard_normal((2, 6, 20))
    common = rng.standard_normal((n, 6)) * np.arange(6, 0, -1)
    return tuple(common @ w + 6 * noise * rng.standard_normal((n, 20)) for w in weights)


def test_halves_are_those_of_the_jackknife():
    a, b = structured(np.random.default_rng(1), 41)
    low, high = halves_interval(a, b, "rsa", {}, 30, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    halves = [rng.permutation(41)[:20] for _ in range(30)]
    scores = [build("rsa", a[half], b[half], {}).value() for half in halves]
    spread = np.std(scores, ddof=1) * np.sqrt(20 / 21)
    value = build("rsa", a, b, {}).value()
    reach = t.ppf(0.975, 29) * spread
    assert (low, high) == pytest.approx((value - reach, value + reach))


def test_an_interval_ends_at_1():
    a, _ = structured(np.random.default_rng(1), 40)
    low, high = halves_interval(a, a, "rsa", {}, 10, np.random.default_rng(0))
    assert (low, high) == pytest.approx((1, 1), abs=1e-6)
    b = a + 0.1 * np.random.default_rng(2).standard_normal(a.shape)
    assert halves_interval(a, b, "rsa", {}, 10, np.random.default_rng(0))[1] <= 1


def test_a_refused_half_is_a_reason():
    a, b = structured(np.random.default_rng(1), 50)
    rng = np.random.default_rng(0)
    with pytest.raises(Refused, match=r"^in a half of the pairs: n = 25 pairs, but svcca with k"):
        halves_interval(a, b, "svcca", {"k": 2}, 10, rng)
    with pytest.raises(Refused, match=r"^n = 50 pairs, but svcca with k = 3"):
        halves_interval(a, b, "svcca", {"k": 3}, 10, rng)
    with pytest.raises(StudyError, match="metric 'ccka' is unknown"):
        halves_interval(a, b, "ccka", {}, 10, rng)


@pytest.mark.parametrize(("metric", "options", "n"), [("rsa", {}, 40), ("svcca", {"k": 5}, 200)])
def test_halves_cover_the_expected_score(metric, options, n):
    rng = np.random.default_rng(3)
    expected = np.mean([build(metric, *structured(rng, n), options).value() for _ in range(200)])
    covered = []
    for _ in range(70):
        low, high = halves_interval(*structured(rng, n), metric, options, 20, rng)
        covered.append(low <= expected <= high)
    assert np.mean(covered) >= 0.9
    # Not wider than it must be: the score of other pairs leaves an interval now and then.
    low, high = halves_interval(*structured(rng, n), metric, options, 200, rng)
    others = [build(metric, *structured(rng, n), options).value() for _ in range(100)]
    assert np.std(others) == pytest.approx((high - low) / 4, rel=0.5)


def test_documents_cover_the_expected_correlation():
    """Features whose rates vary from document to document: rows are not independent."""
    rng = np.random.default_rng(4)
    pairs = np.arange(6)

    def means(documents, draws):
        """Return the mean correlation of six pairs on new documents, and on draws of them."""
        lengths = rng.integers(10, 30, documents)
        document = np.repeat(np.arange(documents), lengths)
        rate = 0.08 * np.exp(rng.standard_normal((documents, 6)))[document]
        a = (rng.random(rate.shape) < rate) * rng.gamma(2, size=rate.shape)
        b = a * (rng.random(rate.shape) < 0.6)
        sides = sparse.csr_matrix(a), sparse.csr_matrix(b)
        weights = np.ones((1, documents))
        if draws:
            weights = np.concatenate([weights, document_weights(rng, documents, draws)])
        sums = document_sums(*sides, document, pairs, pairs)
        found = mean_correlations(weights, sums, np.ones((1, 6), bool))[0]
        return found[0], found[1:]

    expected = np.mean([means(40, 0)[0] for _ in range(600)])
    covered, narrow = [], []
    for _ in range(150):
        value, draws = means(40, 200)
        low, high = documents_interval(value, draws, 40)
        covered.append(low <= expected <= high)
        narrow.append((high - low) / 2)
    assert 0.9 <= np.mean(covered) <= 0.98
    assert np.mean(narrow) < 0.1
