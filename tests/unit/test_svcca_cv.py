"""Cross-validated SVCCA against a slow version with scikit-learn; by chance it is 0."""

from itertools import permutations as orders

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from universality.errors import StudyError
from universality.similarity.metrics import Refused, Svcca, SvccaCv
from universality.similarity.metrics import svcca_cv as module
from universality.similarity.metrics.folds import folds
from universality.similarity.nulls import permutations

N = 300


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N, 12)) * np.linspace(3, 1, 12)
    a = shared @ rng.standard_normal((12, 20)) + 4 * rng.standard_normal((N, 20)) + 7
    b = shared @ rng.standard_normal((12, 35)) + 4 * rng.standard_normal((N, 35)) - 2
    return a, b


def held_out(x, y, fold, k):
    """Mean correlation of held-out pairs, fold by fold, with scikit-learn's CCA."""
    scores = []
    for number in np.unique(fold):
        test = fold == number
        cca = CCA(n_components=k, scale=False, max_iter=100_000, tol=1e-14)
        cca.fit(x[~test], y[~test])
        for along_x, along_y in zip(*(s.T for s in cca.transform(x[test], y[test])), strict=True):
            scores.append(np.corrcoef(along_x, along_y)[0, 1])
    return np.mean(scores)


def slowly(a, b, k, count):
    x, y = (PCA(k, whiten=True).fit_transform(side) for side in (a, b))
    by_side = [held_out(x, y, folds(side, count, "a"), k) for side in (x, y)]
    return np.mean(by_side)


@pytest.mark.parametrize(("k", "count"), [(1, 2), (3, 5), (5, 7)])
def test_equals_the_mean_over_folds_by_scikit_learn(sides, k, count):
    found = SvccaCv(*sides, k=k, folds=count)
    assert found.value() == pytest.approx(slowly(*sides, k, count), abs=1e-5)
    order = np.random.default_rng(1).permutation(N)
    expected = slowly(sides[0], sides[1][order], k, count)
    assert found.permuted(order) == pytest.approx(expected, abs=1e-5)


def test_the_mean_over_all_pairings_is_exactly_0():
    """8 pairs, one component, 2 folds: all 40,320 pairings; plain SVCCA has a mean far from 0."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((8, 30)), rng.standard_normal((8, 3))
    pairings = np.array(list(orders(range(8))))
    null = SvccaCv(a, b, k=1, folds=2).null(pairings)
    assert len(null) == 40_320
    assert null.mean() == pytest.approx(0, abs=1e-12)
    assert null.std() > 0.1


@pytest.mark.parametrize(("n", "d"), [(60, 300), (60, 8), (2000, 40)])
def test_unrelated_sides_score_0_at_any_size(n, d):
    rng = np.random.default_rng(n + d)
    a, b = rng.standard_normal((n, d)), rng.standard_normal((n, d + 5))
    null = SvccaCv(a, b, k=5).null(permutations(rng, n, 400))
    assert abs(null.mean()) < 4 * null.std() / 20
    if n >= 100:
        assert Svcca(a, b, k=5).null(permutations(rng, n, 20)).mean() > 0.03


def test_is_below_svcca_which_sees_what_it_was_fitted_to(sides):
    a, b = sides
    noise = 12 * np.random.default_rng(1).standard_normal(b.shape)
    assert 0.1 < SvccaCv(a, b + noise).value() < Svcca(a, b + noise).value() - 0.03


def test_known_correlation_of_the_first_components():
    """One strong direction on each side, correlated by 0.6: that is what held-out pairs show."""
    rng = np.random.default_rng(5)
    n = 20_000
    x = rng.standard_normal(n)
    y = 0.6 * x + 0.8 * rng.standard_normal(n)
    a = np.outer(x, [3, 4, 0]) + 0.1 * rng.standard_normal((n, 3))
    b = np.outer(-y, [1, 0, 1]) + 0.01 * rng.standard_normal((n, 3))
    assert SvccaCv(a, b, k=1).value() == pytest.approx(0.6, abs=0.01)


def test_can_be_negative():
    """Directions that hold for some pairs and are reversed for the others."""
    rng = np.random.default_rng(0)
    values = [SvccaCv(*rng.standard_normal((2, 40, 3)), k=1).value() for _ in range(40)]
    assert min(values) < -0.1
    assert min(values) >= -1


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_equal_rows_are_never_on_both_sides_of_the_cross_validation(repeats):
    """With copies on both sides, unrelated pairs that are listed repeatedly would seem related."""
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(60):
        a, b = np.repeat(rng.standard_normal((2, 40, 30)), repeats, axis=1)
        scores.append(SvccaCv(a, b, k=4).value())
    assert abs(np.mean(scores)) < 4 * np.std(scores) / np.sqrt(60)


def test_a_component_that_one_row_makes_alone_counts_as_0():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((100, 6)) * [1, 1, 1, 0, 0, 0]
    a[:, 4] = 0
    a[17, 4] = 1e5  # outside the fold of this row, the component has no variance
    b = rng.standard_normal((100, 6))
    with np.errstate(all="raise"):
        metric = SvccaCv(a, b, k=3)
        assert abs(metric.value()) < 0.2
        assert np.isfinite(metric.null(permutations(rng, 100, 50))).all()


def test_a_rotation_and_a_common_shift_change_nothing(sides):
    a, b = sides
    turned = (b + np.arange(35)) @ ortho_group.rvs(35, random_state=0)
    assert SvccaCv(a, turned).value() == pytest.approx(SvccaCv(a, b).value(), abs=1e-9)


def test_many_permutations_go_in_batches(sides, monkeypatch):
    drawn = list(permutations(np.random.default_rng(0), N, 11))
    metric = SvccaCv(*sides)
    one_by_one = [metric.permuted(order) for order in drawn]
    for batch in (1, 4 * N * 10, 10**9):
        monkeypatch.setattr(module, "BATCH", batch)
        assert metric.null(iter(drawn)) == pytest.approx(one_by_one, abs=1e-12)


def test_refuses_too_few_pairs_for_components_or_folds(sides):
    a, b = (side[:49] for side in sides)
    with pytest.raises(
        Refused, match=r"^n = 49 pairs, but svcca_cv with k = 10 needs at least 5 k"
    ):
        SvccaCv(a, b)
    with pytest.raises(
        Refused, match=r"^n = 49 pairs, but svcca_cv with 13 folds needs at least 4 in each = 52$"
    ):
        SvccaCv(a, b, k=9, folds=13)
    assert SvccaCv(a, b, k=9, folds=12).n == 49


def test_refuses_fewer_different_rows_than_folds(sides):
    a, b = sides
    with pytest.raises(Refused, match=r"side b has 4 .*rows.*, too few for 5 folds"):
        SvccaCv(a, b[np.arange(N) % 4], k=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "k must be a whole number of at least 1, found 0"),
        ({"folds": 1}, "folds must be a whole number of at least 2, found 1"),
        ({"folds": 2.0}, "folds must be a whole number of at least 2, found 2.0"),
    ],
)
def test_options_must_be_possible(sides, options, words):
    with pytest.raises(StudyError, match=f"metric svcca_cv: {words}"):
        SvccaCv(*sides, **options)
