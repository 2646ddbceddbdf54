"""Procrustes against scipy and rsatoolbox, and known answers."""

import numpy as np
import pytest
import rsatoolbox
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes as scipys
from scipy.stats import ortho_group

from universality.errors import StudyError
from universality.similarity.metrics import Refused
from universality.similarity.metrics.procrustes import Procrustes
from universality.similarity.nulls import permutations

reproducible = settings(deadline=None, derandomize=True)


def sides(n=80, d_a=12, d_b=17, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, d_a)) * np.arange(1, d_a + 1) + 3
    shared = a[:, -5:]
    b = shared @ rng.standard_normal((shared.shape[1], d_b)) + 9 * rng.standard_normal((n, d_b))
    return a, b


def normalised(matrix, width):
    centred = matrix - matrix.mean(axis=0)
    return np.pad(centred / np.linalg.norm(centred), ((0, 0), (0, width - matrix.shape[1])))


def by_scipy(a, b):
    width = max(a.shape[1], b.shape[1])
    return orthogonal_procrustes(normalised(a, width), normalised(b, width))[1]


def reduced(matrix, k):
    u, s, vt = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    return (u[:, :k] * s[:k]) @ vt[:k]


@pytest.mark.parametrize(
    ("n", "d_a", "d_b"), [(80, 12, 17), (80, 17, 12), (30, 60, 45), (30, 60, 8), (4, 9, 2)]
)
def test_equals_the_scale_of_scipys_orthogonal_procrustes(n, d_a, d_b):
    a, b = sides(n, d_a, d_b)
    assert Procrustes(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-9)


def test_equals_the_disparity_of_scipys_procrustes():
    a, b = sides(d_b=12)
    disparity = scipys(a, b)[2]  # with scaling: 1 - norm^2
    assert Procrustes(a, b).value() == pytest.approx(np.sqrt(1 - disparity), abs=1e-9)


def test_equals_the_bures_similarity_of_rsatoolbox():
    distances = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(x), method="euclidean") for x in sides(25)
    ]
    expected = rsatoolbox.rdm.compare(*distances, method="bures")[0, 0]
    assert Procrustes(*sides(25)).value() == pytest.approx(expected, abs=1e-6)


def test_the_angular_form_is_the_angle_between_the_best_turned_sides():
    a, b = sides()
    turned, other = normalised(a, 17), normalised(b, 17)
    turned = turned @ orthogonal_procrustes(turned, other)[0]
    angle = np.arccos((turned * other).sum())
    assert Procrustes(a, b, form="angular").value() == pytest.approx(1 - angle / (np.pi / 2), 1e-9)


def test_known_angles():
    angles = np.radians([10, 35, 60, 85])
    basis = ortho_group.rvs(50, random_state=1)
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0][:, :8]  # orthonormal, columns of mean 0
    u, v = basis[:, :4], basis[:, 4:]
    weights = np.array([4.0, 3.0, 2.0, 1.0])
    a = u * weights
    b = (u * np.cos(angles) + v * np.sin(angles)) * weights
    expected = (np.cos(angles) * weights**2).sum() / (weights**2).sum()
    assert Procrustes(a, b).value() == pytest.approx(expected, abs=1e-12)
    assert Procrustes(a[:, :1], b[:, :1], form="angular").value() == pytest.approx(8 / 9)
    assert Procrustes(u, v).value() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("form", ["similarity", "angular"])
@pytest.mark.parametrize("rank", [2, 30])
def test_a_turned_and_scaled_copy_scores_1(form, rank):
    a = sides(d_a=rank)[0] @ np.random.default_rng(3).standard_normal((rank, 30))
    copy = 7 * a @ ortho_group.rvs(30, random_state=1) - 4
    assert Procrustes(a, copy, form=form).value() == pytest.approx(1, abs=2e-7)
    assert Procrustes(a, copy, form=form).value() <= 1


@pytest.mark.parametrize("k", [1, 2, 4])
def test_k_leaves_the_leading_components_of_both_sides(k):
    a, b = sides()
    metric = Procrustes(a, b, k=k)
    assert metric.value() == pytest.approx(by_scipy(reduced(a, k), reduced(b, k)), abs=1e-7)
    assert (metric.k_a, metric.k_b) == (k, k)
    assert (Procrustes(a, b).k_a, Procrustes(a, b).k_b) == (None, None)


@pytest.mark.parametrize("options", [{}, {"form": "angular"}, {"k": 3}])
def test_permuted_is_the_metric_on_reordered_rows(options):
    a, b = sides()
    a[10:30] = a[9]  # repeated rows, as when many features have the same best partner
    metric = Procrustes(a, b, **options)
    orders = list(permutations(np.random.default_rng(0), 80, 8))
    slow = [Procrustes(a, b[order], **options).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-7)
    rows = np.random.default_rng(1).permutation(80)
    again = Procrustes(a[rows], b[rows], **options)
    assert again.value() == pytest.approx(metric.value(), abs=1e-7)


@pytest.mark.parametrize("options", [{}, {"form": "angular"}, {"k": 3}])
def test_shift_scale_and_precision_do_not_matter(options):
    a, b = sides()
    value = Procrustes(a, b, **options).value()
    for x, y in (
        (a + 100, b - np.arange(17)),
        (a * 1e-170, b * 1e150),
        (np.hstack([a, np.full((80, 3), 0.1)]), np.hstack([b, np.zeros((80, 99))])),
        (b, a),
    ):
        assert Procrustes(x, y, **options).value() == pytest.approx(value, abs=1e-7)
    single = Procrustes(a.astype(np.float32), b.astype(np.float32), **options)
    assert single.value() == pytest.approx(value, abs=1e-6)


@reproducible
@given(st.integers(0, 10**6), st.tuples(*[st.integers(1, 6)] * 3), st.integers(4, 9))
def test_the_angle_is_a_metric(seed, widths, n):
    rng = np.random.default_rng(seed)
    x, y, z = (rng.standard_normal((n, d)) for d in widths)

    def angle(p, q):
        return 1 - Procrustes(p, q, form="angular").value()

    assert 0 <= angle(x, y) <= 1
    assert angle(x, z) <= angle(x, y) + angle(y, z) + 1e-7


def test_the_floor_is_the_root_of_the_smaller_width_over_the_number_of_pairs():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2000, 20)), rng.standard_normal((2000, 200))
    null = Procrustes(a, b).null(permutations(rng, 2000, 10))
    assert null.mean() == pytest.approx(np.sqrt(20 / 2000), rel=0.05)


def test_few_pairs_of_many_dimensions_score_high_under_any_pairing():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 24, 800))
    null = Procrustes(a, b).null(permutations(rng, 24, 10))
    assert null.min() > 0.95


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_refuses_too_few_pairs(n):
    with pytest.raises(Refused, match=rf"^n = {n} pairs?, but procrustes needs at least 4$"):
        Procrustes(*sides(n))


def test_refuses_too_few_pairs_for_k_components():
    reason = r"^n = 80 pairs, but procrustes with k = 5 needs at least 20 k = 100$"
    with pytest.raises(Refused, match=reason):
        Procrustes(*sides(), k=5)
    assert Procrustes(*sides(), k=4).n == 80


def test_refuses_components_that_are_not_there_or_not_defined():
    a, b = sides()
    reason = "side b has rank 1 after centring, but procrustes keeps k = 3"
    with pytest.raises(Refused, match=reason):
        Procrustes(a, b[:, :1], k=3)
    with pytest.raises(Refused, match="side a has equal singular values number 3 and 4"):
        Procrustes(np.eye(80, 20), b, k=3)


def test_refuses_a_side_whose_rows_are_all_alike():
    a, _ = sides()
    with pytest.raises(Refused, match=r"^all 80 rows of side b are equal$"):
        Procrustes(a, np.full((80, 3), 0.1))
    turned = ortho_group.rvs(80, random_state=0)
    for side in (np.eye(80), np.eye(80, 90, dtype=np.float32), turned, turned.astype(np.float32)):
        with pytest.raises(Refused, match="side a has equal distances between all its rows"):
            Procrustes(side, a)
    assert Procrustes(a, np.eye(80, 40)).value() < 1  # 40 equal rows among 80


@pytest.mark.parametrize("k", [0, -1, 2.5, "10", True])
def test_k_must_be_a_whole_number(k):
    with pytest.raises(StudyError, match="k must be null or a whole number of at least 1, found"):
        Procrustes(*sides(), k=k)


def test_the_form_must_be_known():
    with pytest.raises(StudyError, match="form must be similarity, angular, found 'distance'"):
        Procrustes(*sides(), form="distance")
