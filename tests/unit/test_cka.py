"""CKA against scikit-learn, rsatoolbox, its definition over quadruples, and known answers."""

import tracemalloc
from itertools import permutations as quadruples

import numpy as np
import pytest
import rsatoolbox
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.preprocessing import KernelCenterer

from universality.errors import StudyError
from universality.similarity.metrics import Refused, build_from_kernels
from universality.similarity.metrics import cka as module
from universality.similarity.metrics.cka import Cka
from universality.similarity.nulls import permutations

CHOICES = [
    {"kernel": kernel, "estimator": estimator}
    for kernel in ("linear", "rbf")
    for estimator in ("unbiased", "biased")
]
every_choice = pytest.mark.parametrize("options", CHOICES, ids=lambda o: "-".join(o.values()))


def sides(n=60, d_a=12, d_b=17, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, d_a)) + 3
    b = a[:, :5] @ rng.standard_normal((5, d_b)) + 2 * rng.standard_normal((n, d_b))
    return a, b


def aligned(k, l):  # noqa: E741
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def radial(x, bandwidth):
    return rbf_kernel(x, gamma=1 / (2 * bandwidth**2 * np.median(pdist(x) ** 2)))


def song(k, l):  # noqa: E741
    """HSIC_1 as Song et al. write it."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    return (
        np.trace(k @ l)
        + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * one @ k @ l @ one
    ) / (n * (n - 3))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_biased_equals_the_centred_kernels_of_scikit_learn(kernel):
    a, b = sides()
    make = linear_kernel if kernel == "linear" else lambda x: radial(x, 1.0)
    centred = [KernelCenterer().fit_transform(make(x)) for x in (a, b)]
    value = Cka(a, b, kernel=kernel, estimator="biased").value()
    assert value == pytest.approx(aligned(*centred), abs=1e-7)


def test_biased_equals_rsatoolbox():
    # The cosine of squared distances, whitened, is linear CKA (Diedrichsen et al. 2020).
    distances = [
        rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(x), method="euclidean") for x in sides(25)
    ]
    expected = rsatoolbox.rdm.compare(*distances, method="cosine_cov")[0, 0]
    assert Cka(*sides(25), estimator="biased").value() == pytest.approx(expected, abs=1e-6)


def test_biased_linear_equals_the_norms_of_cross_products():
    a, b = (x - x.mean(axis=0) for x in sides())
    norm = np.linalg.norm
    expected = norm(a.T @ b) ** 2 / (norm(a.T @ a) * norm(b.T @ b))
    assert Cka(*sides(), estimator="biased").value() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n", [4, 5, 60, 300])
def test_unbiased_equals_the_formula_with_traces(kernel, n):
    a, b = sides(n)
    make = linear_kernel if kernel == "linear" else lambda x: radial(x, 1.0)
    k, l = make(a), make(b)  # noqa: E741
    expected = song(k, l) / np.sqrt(song(k, k) * song(l, l))
    assert Cka(a, b, kernel=kernel).value() == pytest.approx(expected, abs=1e-7)


def test_unbiased_is_the_mean_over_quadruples_of_items():
    a, b = sides(7)
    k, l = a @ a.T, b @ b.T  # noqa: E741

    def hsic(k, l):  # noqa: E741
        terms = [
            k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in quadruples(range(7), 4)
        ]
        return np.mean(terms)

    expected = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    assert Cka(a, b).value() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 2.5])
def test_the_bandwidth_is_a_multiple_of_the_median_distance(bandwidth):
    a, b = sides()
    k, l = radial(a, bandwidth), radial(b, bandwidth)  # noqa: E741
    expected = song(k, l) / np.sqrt(song(k, k) * song(l, l))
    value = Cka(a, b, kernel="rbf", bandwidth=bandwidth).value()
    assert value == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_a_wide_radial_kernel_is_linear(estimator):
    a, b = sides()
    wide = Cka(a, b, kernel="rbf", bandwidth=1e6, estimator=estimator).value()
    assert wide == pytest.approx(Cka(a, b, estimator=estimator).value(), abs=1e-7)


def test_known_answer():
    # Squares: two pairs of equal points on one side, the other pairs of the same four on the other.
    a = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    b = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert Cka(a, b, estimator="biased").value() == pytest.approx(0, abs=1e-7)
    # U-centred, equal points have 4/3 and unlike ones -2/3. Of 12 ordered pairs a side finds 4
    # equal and 8 unlike; of the 4 equal on one side none is on the other; 4 are unlike on both.
    expected = (8 * 4 / 3 * -2 / 3 + 4 * 4 / 9) / (4 * 16 / 9 + 8 * 4 / 9)
    assert expected == pytest.approx(-0.5)
    assert Cka(a, b).value() == pytest.approx(expected, abs=1e-7)


def test_few_items_of_many_coordinates_score_high_only_when_biased():
    rng = np.random.default_rng(0)
    values = {"unbiased": [], "biased": []}
    for _ in range(30):
        a, b = rng.standard_normal((2, 40, 800))
        for estimator, found in values.items():
            found.append(Cka(a, b, estimator=estimator).value())
    assert np.mean(values["biased"]) > 0.9
    assert abs(np.mean(values["unbiased"])) < 4 * np.std(values["unbiased"]) / np.sqrt(30)
    assert min(values["unbiased"]) < 0


def test_the_biased_floor_is_the_dimension_over_the_number_of_items():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 1000, 20))
    assert Cka(a, b, estimator="biased").value() == pytest.approx(20 / 1000, rel=0.1)


@every_choice
def test_permuted_is_the_metric_on_reordered_rows(options):
    a, b = sides(90)
    a[10:30] = a[9]  # repeated rows, as when many features have the same best partner
    metric = Cka(a, b, **options)
    orders = list(permutations(np.random.default_rng(0), 90, 8))
    slow = [Cka(a, b[order], **options).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-7)


@every_choice
def test_invariances_hold_for_every_kernel_and_estimator(options):
    a, b = sides()
    value = Cka(a, b, **options).value()
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((17, 17)))[0]
    order = np.random.default_rng(2).permutation(60)
    for other in (
        Cka(a, 5 * b @ rotation, **options),
        Cka(a * 1e-170, b * 1e150, **options),
        Cka(a + 100, b - np.arange(17), **options),
        Cka(b, a, **options),
        Cka(a[order], b[order], **options),
    ):
        assert other.value() == pytest.approx(value, abs=1e-7)
    assert Cka(a, a @ np.linalg.qr(a.T @ a)[0], **options).value() == pytest.approx(1, abs=1e-7)
    single = Cka(a.astype(np.float32), b.astype(np.float32), **options)
    assert single.value() == pytest.approx(value, abs=1e-6)


@every_choice
def test_from_kernels_equals_from_rows(options):
    a, b = sides()
    k_a, k_b = a @ a.T, b @ b.T
    before = k_a.copy()
    metric = Cka.from_kernels(k_a, k_b, **options)
    assert metric.value() == pytest.approx(Cka(a, b, **options).value(), abs=1e-7)
    assert metric.n == 60
    order = np.random.default_rng(0).permutation(60)
    expected = Cka(a, b[order], **options).value()
    assert metric.permuted(order) == pytest.approx(expected, abs=1e-7)
    assert np.array_equal(k_a, before)


def test_from_kernels_takes_correlations_in_single_precision():
    rng = np.random.default_rng(0)
    activations = rng.standard_normal((500, 40)), rng.standard_normal((500, 40))
    k, l = (np.corrcoef(x.T) for x in activations)  # noqa: E741
    expected = song(k, l) / np.sqrt(song(k, k) * song(l, l))
    metric = build_from_kernels("cka", k.astype(np.float32), l.astype(np.float32), {})
    assert metric.value() == pytest.approx(expected, abs=1e-6)


def test_unbiased_does_not_see_the_diagonal_of_a_kernel():
    a, b = sides()
    k, l = a @ a.T, b @ b.T  # noqa: E741
    value = Cka.from_kernels(k, l).value()
    k[np.diag_indices(60)] = 7.0
    assert Cka.from_kernels(k, l).value() == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_one_row_far_out_leaves_the_others_their_digits(kernel):
    a, b = sides()
    b[3] *= 1e8
    k, l = a @ a.T, b @ b.T  # noqa: E741
    if kernel == "rbf":
        k, l = (  # noqa: E741
            np.exp(-(cdist(x, x) ** 2) / (2 * np.median(pdist(x) ** 2))) for x in (a, b)
        )
    expected = song(k, l) / np.sqrt(song(k, k) * song(l, l))
    assert Cka(a, b, kernel=kernel).value() == pytest.approx(expected, abs=1e-6)


def test_equal_rows_stay_equal_under_a_narrow_kernel():
    a, _ = sides()
    a[10:30] = a[9]
    narrow = Cka(a, a, kernel="rbf", bandwidth=1e-9)
    same = np.eye(60)
    same[9:30, 9:30] = 1
    order = np.random.default_rng(0).permutation(60)
    expected = song(same, same[np.ix_(order, order)]) / song(same, same)
    assert narrow.permuted(order) == pytest.approx(expected, abs=1e-7)


def test_blocks_do_not_matter(monkeypatch):
    value = Cka(*sides()).value()
    monkeypatch.setattr(module, "BLOCK", 7 * 60)
    assert Cka(*sides()).value() == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_refuses_too_few_items(n):
    with pytest.raises(Refused, match=rf"^n = {n} pairs?, but cka needs at least 4$"):
        Cka(*sides(n))
    with pytest.raises(Refused, match=rf"^n = {n} pairs?, but cka needs at least 4$"):
        Cka.from_kernels(np.eye(n), np.eye(n))


@every_choice
def test_refuses_a_side_whose_rows_are_all_alike(options):
    a, _ = sides()
    # Equal rows, a one-hot basis, one that is turned, in single precision too: nothing to align.
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 60)))[0]
    alike = [np.eye(60), np.eye(60, 90, dtype=np.float32), turned, turned.astype(np.float32)]
    if options["kernel"] == "linear":
        alike += [np.full((60, 3), 0.1), np.zeros((60, 3)), np.full((60, 1), 1e200)]
    for side in alike:
        with pytest.raises(Refused, match="side b has equal similarities between all its rows"):
            Cka(a, side, **options)
        with pytest.raises(Refused, match="side a has equal similarities between all its rows"):
            Cka(side, a, **options)


def test_refuses_a_median_distance_of_zero():
    a, b = sides()
    b[:45] = b[0]
    with pytest.raises(Refused, match="half of the distances of side b are zero"):
        Cka(a, b, kernel="rbf")
    assert -1 < Cka(a, b).value() < 1


def test_refuses_kernels_that_are_not_finite_and_of_other_shapes():
    k = np.eye(8)
    k[2, 3] = np.nan
    with pytest.raises(Refused, match="side a holds 1 of 64 values that are not finite"):
        Cka.from_kernels(k, np.eye(8))
    with pytest.raises(ValueError, match=r"found \(8, 8\) and \(9, 9\)"):
        Cka.from_kernels(np.eye(8), np.eye(9))
    with pytest.raises(ValueError, match=r"found \(8, 9\) and \(8, 9\)"):
        Cka.from_kernels(np.ones((8, 9)), np.ones((8, 9)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "cubic"}, "metric cka: kernel must be linear, rbf, found 'cubic'"),
        ({"kernel": None}, "metric cka: kernel must be linear, rbf, found None"),
        ({"estimator": "debiased"}, "estimator must be unbiased, biased, found 'debiased'"),
        ({"bandwidth": 0}, "bandwidth must be a number above 0, found 0"),
        ({"bandwidth": "1"}, "bandwidth must be a number above 0, found '1'"),
        ({"bandwidth": float("nan")}, "bandwidth must be a number above 0, found nan"),
    ],
)
def test_an_impossible_option_is_named(options, message):
    for make in (Cka, Cka.from_kernels):
        with pytest.raises(StudyError, match=message):
            make(*sides(), **options)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_memory_is_bounded(kernel):
    n = 1600
    a, b = sides(n, 5, 5)
    tracemalloc.start()
    try:
        metric = Cka(a, b, kernel=kernel)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert metric.n == n
    blocks = 3 * 8 * module.BLOCK  # as many again for any n
    assert peak < 16.5 * n**2 + blocks
    assert kept < 6.5 * n**2
