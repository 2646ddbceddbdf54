"""SVCCA against known answers, two other ways to compute it, and scikit-learn."""

import numpy as np
import pytest
from scipy.linalg import eigh, subspace_angles
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from universality.errors import StudyError
from universality.similarity.metrics import Refused, Svcca
from universality.similarity.metrics import svcca as module
from universality.similarity.metrics.components import leading
from universality.similarity.nulls import permutations

N = 300


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N, 12)) * 2
    a = shared @ rng.standard_normal((12, 20)) + 4 * rng.standard_normal((N, 20)) + 7
    b = shared @ rng.standard_normal((12, 35)) + 4 * rng.standard_normal((N, 35)) - 2
    return a, b


def component_scores(matrix, k):
    """The k leading principal component scores, from the covariance matrix."""
    centred = matrix - matrix.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(matrix.T))
    return centred @ directions[:, ::-1][:, :k]


@pytest.mark.parametrize("k", [1, 3, 10])
def test_equals_the_angles_between_the_subspaces_of_scores(sides, k):
    a, b = sides
    angles = subspace_angles(component_scores(a, k), component_scores(b, k))
    assert Svcca(a, b, k=k).value() == pytest.approx(np.cos(angles).mean(), abs=1e-10)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_equals_cca_as_a_generalised_eigenproblem(sides, k):
    x, y = (component_scores(side, k) for side in sides)
    between = x.T @ y
    squared = eigh(between @ np.linalg.solve(y.T @ y, between.T), x.T @ x, eigvals_only=True)
    assert Svcca(*sides, k=k).value() == pytest.approx(np.sqrt(squared).mean(), abs=1e-10)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_equals_scikit_learn(sides, k):
    x, y = (PCA(k).fit_transform(side) for side in sides)
    cca = CCA(n_components=k, scale=False, max_iter=100_000, tol=1e-14).fit(x, y)
    along_x, along_y = cca.transform(x, y)
    correlations = [np.corrcoef(along_x[:, i], along_y[:, i])[0, 1] for i in range(k)]
    assert Svcca(*sides, k=k).value() == pytest.approx(np.mean(correlations), abs=1e-6)


def test_with_one_component_it_is_the_correlation_of_the_first_components(sides):
    first = [component_scores(side, 1)[:, 0] for side in sides]
    expected = abs(np.corrcoef(*first)[0, 1])
    assert Svcca(*sides, k=1).value() == pytest.approx(expected, abs=1e-10)


def test_with_all_components_of_both_sides_it_is_ordinary_cca(sides):
    a, b = sides[0][:, :6], sides[1][:, :6]
    squared = np.linalg.eigvals(
        np.linalg.inv(np.cov(a.T))
        @ np.cov(a.T, b.T)[:6, 6:]
        @ np.linalg.inv(np.cov(b.T))
        @ np.cov(a.T, b.T)[6:, :6]
    )
    assert Svcca(a, b, k=6).value() == pytest.approx(np.sqrt(squared.real).mean(), abs=1e-10)


def test_known_angles():
    angles = np.radians([10, 35, 60, 85])
    basis = ortho_group.rvs(N, random_state=1)
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0][:, :8]  # orthonormal, columns of mean 0
    u, v = basis[:, :4], basis[:, 4:]
    scales = np.array([4.0, 3.0, 2.0, 1.0])
    a = u * scales
    b = (u * np.cos(angles) + v * np.sin(angles)) * scales[::-1]
    assert Svcca(a, b, k=4).value() == pytest.approx(np.cos(angles).mean(), abs=1e-12)
    # k = 2 keeps angles 1 and 2 of a, but 3 and 4 of b: nothing in common.
    assert Svcca(a, b, k=2).value() == pytest.approx(0, abs=1e-12)


def test_ignores_what_lies_outside_the_leading_components(sides):
    a, _ = sides
    u, s, vt = np.linalg.svd(a - a.mean(axis=0), full_matrices=False)
    shrunk = np.where(np.arange(len(s)) < 5, s, s / 10)
    assert Svcca((u * shrunk) @ vt, a, k=5).value() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(
    ("k", "expected"), [(1, np.sqrt(2 / (np.pi * 1000))), (10, 8 / (3 * np.pi) * np.sqrt(0.01))]
)
def test_the_null_follows_the_law_of_random_matrices(k, expected):
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((1000, 64)), rng.standard_normal((1000, 96))
    null = Svcca(a, b, k=k).null(permutations(rng, 1000, 1000))
    assert null.mean() == pytest.approx(expected, rel=0.06)


def test_a_common_shift_of_the_rows_changes_nothing(sides):
    a, b = sides
    assert Svcca(a + np.arange(20), b).value() == pytest.approx(Svcca(a, b).value(), abs=1e-10)


def test_refuses_fewer_than_20_pairs_per_component():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((150, 30)), rng.standard_normal((150, 30))
    reason = r"^n = 150 pairs, but svcca with k = 10 needs at least 20 k = 200$"
    with pytest.raises(Refused, match=reason):
        Svcca(a, b)
    assert Svcca(a, b, k=7).n == 150


def test_refuses_a_side_of_too_low_rank_rather_than_shrink(sides):
    a, b = sides
    low = a[:, :3] @ np.ones((3, 8)) * np.arange(8) + a[:, :1]  # two directions
    with pytest.raises(Refused, match="side a has rank 2 after centring, but svcca keeps k = 5"):
        Svcca(low.astype(np.float32), b, k=5)
    with pytest.raises(Refused, match="side b has rank 4 after centring, but svcca keeps k = 5"):
        Svcca(a, np.hstack([b[:, :4], np.full((N, 3), 0.1)]), k=5)
    with pytest.raises(Refused, match="side b has rank 0 after centring, but svcca keeps k = 1"):
        Svcca(a, np.full((N, 3), 0.1), k=1)


def test_refuses_when_the_leading_components_are_not_defined(sides):
    reason = "side b has equal singular values number 5 and 6, so its k = 5 leading"
    with pytest.raises(Refused, match=reason):
        Svcca(sides[0], np.eye(N, 40), k=5)


@pytest.mark.parametrize("k", [0, -1, 2.5, "10", True, None])
def test_k_must_be_a_whole_number(sides, k):
    with pytest.raises(
        StudyError, match="metric svcca: k must be a whole number of at least 1, found"
    ):
        Svcca(*sides, k=k)


def test_the_components_are_those_of_the_svd_whichever_side_is_longer(sides):
    for matrix in (sides[0], sides[0][:25].T @ sides[1][:25]):
        for shape in (matrix, matrix.T):
            u, s, _ = np.linalg.svd(shape - shape.mean(axis=0), full_matrices=False)
            found, weights = leading(shape, 6, "a", "svcca")
            assert abs(u[:, :6].T @ found) == pytest.approx(np.eye(6), abs=1e-9)
            assert found.T @ found == pytest.approx(np.eye(6), abs=1e-12)
            assert weights / weights[0] == pytest.approx(s[:6] / s[0], abs=1e-12)


def test_many_permutations_go_in_batches(sides, monkeypatch):
    orders = list(permutations(np.random.default_rng(0), N, 11))
    metric = Svcca(*sides)
    one_by_one = [metric.permuted(order) for order in orders]
    for batch in (1, 4 * N * 10, 10**9):
        monkeypatch.setattr(module, "BATCH", batch)
        assert metric.null(iter(orders)) == pytest.approx(one_by_one, abs=1e-14)
