"""PWCCA against known answers and the procedure of its authors, on scikit-learn's CCA."""

import numpy as np
import pytest
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from universality.errors import StudyError
from universality.similarity.metrics import Pwcca, Refused, Svcca
from universality.similarity.metrics import pwcca as module
from universality.similarity.nulls import permutations

N = 300


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N, 12)) * np.linspace(3, 1, 12)
    a = shared @ rng.standard_normal((12, 20)) + 4 * rng.standard_normal((N, 20)) + 7
    b = shared @ rng.standard_normal((12, 35)) + 4 * rng.standard_normal((N, 35)) - 2
    return a, b


def slowly(a, b, k):
    """The score of side a: as the authors' code has it, on components in place of neurons."""
    x, y = (PCA(k).fit_transform(side) for side in (a, b))
    cca = CCA(n_components=k, scale=False, max_iter=100_000, tol=1e-14).fit(x, y)
    variates, others = cca.transform(x, y)
    correlations = [np.corrcoef(variates[:, i], others[:, i])[0, 1] for i in range(k)]
    unit, _ = np.linalg.qr(variates)
    weights = np.abs(unit.T @ x).sum(axis=1)
    return np.average(correlations, weights=weights)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_equals_the_procedure_of_its_authors(sides, k):
    a, b = sides
    of_a, of_b = slowly(a, b, k), slowly(b, a, k)
    assert Pwcca(a, b, k=k, weights="a").value() == pytest.approx(of_a, abs=1e-5)
    assert Pwcca(a, b, k=k, weights="b").value() == pytest.approx(of_b, abs=1e-5)
    assert Pwcca(a, b, k=k).value() == pytest.approx((of_a + of_b) / 2, abs=1e-5)


def test_known_weights():
    """Each component of a has one partner in b: the weights are the singular values."""
    basis = ortho_group.rvs(N, random_state=1)
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0][:, :6]  # orthonormal, columns of mean 0
    u, v = basis[:, :3], basis[:, 3:]
    r = np.array([0.9, 0.5, 0.1])
    partner = u * r + v * np.sqrt(1 - r**2)
    a, b = u * [5.0, 2.0, 1.0], partner * [1.0, 2.0, 4.0]
    assert Pwcca(a, b, k=3, weights="a").value() == pytest.approx((5 * 0.9 + 2 * 0.5 + 0.1) / 8)
    assert Pwcca(a, b, k=3, weights="b").value() == pytest.approx((0.9 + 2 * 0.5 + 4 * 0.1) / 7)
    assert Svcca(a, b, k=3).value() == pytest.approx(0.5)


def test_one_component_has_all_the_weight(sides):
    assert Pwcca(*sides, k=1).value() == pytest.approx(Svcca(*sides, k=1).value(), abs=1e-12)


def test_exchanging_the_sides_exchanges_the_weights(sides):
    a, b = sides
    assert Pwcca(a, b, weights="a").value() == pytest.approx(Pwcca(b, a, weights="b").value())
    assert abs(Pwcca(a, b, weights="a").value() - Pwcca(a, b, weights="b").value()) > 1e-3


def test_lies_between_the_lowest_and_the_highest_canonical_correlation(sides):
    metric = Pwcca(*sides)
    for order in permutations(np.random.default_rng(0), N, 10):
        correlations = np.linalg.svd(
            Svcca(*sides)._u_a.T @ Svcca(*sides)._u_b[order], compute_uv=False
        )
        assert correlations.min() <= metric.permuted(order) <= correlations.max()


def test_a_common_shift_of_the_rows_changes_nothing(sides):
    a, b = sides
    assert Pwcca(a + np.arange(20), b).value() == pytest.approx(Pwcca(a, b).value(), abs=1e-10)


def test_many_permutations_go_in_batches(sides, monkeypatch):
    orders = list(permutations(np.random.default_rng(0), N, 11))
    metric = Pwcca(*sides)
    one_by_one = [metric.permuted(order) for order in orders]
    for batch in (1, 4 * N * 10, 10**9):
        monkeypatch.setattr(module, "BATCH", batch)
        assert metric.null(iter(orders)) == pytest.approx(one_by_one, abs=1e-12)


def test_refuses_equal_singular_values_among_those_it_weighs_by(sides):
    a, _ = sides
    basis = np.linalg.qr(a - a.mean(axis=0))[0][:, :4]
    doubled = basis * [3, 2, 2, 1]
    reason = "side b has equal singular values number 2 and 3, so these components are not defined"
    with pytest.raises(Refused, match=reason):
        Pwcca(a, doubled, k=3)
    assert 0 < Svcca(a, doubled, k=3).value() <= 1
    assert Pwcca(a, doubled, k=1).n == N


def test_refuses_fewer_than_20_pairs_per_component(sides):
    reason = r"^n = 300 pairs, but pwcca with k = 16 needs at least 20 k = 320$"
    with pytest.raises(Refused, match=reason):
        Pwcca(*sides, k=16)


def test_refuses_a_side_of_too_low_rank(sides):
    a, b = sides
    with pytest.raises(Refused, match="side b has rank 4 after centring, but pwcca keeps k = 5"):
        Pwcca(a, b[:, :4], k=5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": True}, "k must be a whole number of at least 1, found True"),
        ({"weights": "mean"}, "weights must be both, a, b, found 'mean'"),
    ],
)
def test_options_must_be_possible(sides, options, words):
    with pytest.raises(StudyError, match=f"metric pwcca: {words}"):
        Pwcca(*sides, **options)
