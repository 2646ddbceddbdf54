"""RSA against known answers, scipy, and rsatoolbox (which nobody here wrote)."""

from itertools import permutations as orders

import numpy as np
import pytest
import rsatoolbox
from rsatoolbox.rdm import RDMs, calc_rdm
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group, spearmanr

from universality.errors import StudyError
from universality.similarity.metrics import Refused, Rsa, build_from_kernels, dissimilarity, gather
from universality.similarity.nulls import permutations

BY_RSATOOLBOX = {"spearman": "spearman", "rho_a": "rho-a", "pearson": "corr"}


def by_scipy(a, b):
    # Rounded, because pdist gives the same distance with different last bits, which breaks ties.
    distances = [np.round(pdist(side, metric="correlation"), 10) for side in (a, b)]
    return spearmanr(*distances).statistic


def on_a_circle(degrees):
    """Rows of mean 0 whose Pearson correlations are the cosines of their angles' differences."""
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    angles = np.radians(degrees)[:, None]
    return np.cos(angles) * plane[0] + np.sin(angles) * plane[1]


def test_known_answer():
    a, b = on_a_circle([0, 10, 30, 70]), on_a_circle([0, 70, 30, 10])
    # Dissimilarities (01, 02, 03, 12, 13, 23): ranks 1 3 6 2 5 4 against 6 3 1 4 5 2.
    assert Rsa(a, b).value() == pytest.approx(1 - 6 * 58 / (6 * 35), abs=1e-7)


def test_sees_only_the_order_of_the_dissimilarities():
    a, b = on_a_circle([0, 10, 30, 70]), on_a_circle([0, 11, 30, 90])
    assert Rsa(a, b).value() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("n", [4, 5, 37, 150, 400])  # one block, and several
def test_equals_scipy(n):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((n, 30))
    b = a[:, :20] + 2 * rng.standard_normal((n, 20)) + rng.standard_normal((n, 1))
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


def test_equals_scipy_when_there_are_ties():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, (60, 7)) + np.array([0, 0, 0, 0, 0, 0, 3])
    b = a[:, :7] + rng.integers(0, 3, (60, 7)) * np.array([1, 1, 1, 0, 0, 0, 0])
    a, b = a.astype(float), b.astype(float)
    assert len(np.unique(np.round(pdist(a, metric="correlation"), 10))) < 200  # of 1770
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


def test_repeated_rows_tie_whatever_their_scale():
    rng = np.random.default_rng(0)
    a, b = np.repeat(rng.standard_normal((2, 20, 9)), 2, axis=1)
    scaled = a * rng.uniform(0.1, 10, (40, 1)) + rng.standard_normal((40, 1))
    assert Rsa(scaled, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)


@pytest.mark.parametrize("block", [1, 100, 199, 200, 1000, 39_999, 40_000, 10**9])
def test_the_size_of_the_blocks_does_not_matter(block, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 8)), rng.standard_normal((200, 8))
    order = rng.permutation(200)
    monkeypatch.setattr(gather, "BLOCK", block)
    assert Rsa(a, b).permuted(order) == pytest.approx(by_scipy(a, b[order]), abs=1e-7)


def test_single_precision_sums_are_accurate_at_a_usual_size():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 64))
    b = a + 0.5 * rng.standard_normal((1000, 64))
    assert Rsa(a, b).value() == pytest.approx(by_scipy(a, b), abs=1e-7)
    assert Rsa(a, a).value() == pytest.approx(1, abs=1e-7)


def test_random_unit_vectors_score_0():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 500, 64))
    metric = Rsa(a / np.linalg.norm(a, axis=1)[:, None], b / np.linalg.norm(b, axis=1)[:, None])
    null = metric.null(permutations(rng, 500, 200))
    assert abs(metric.value()) < 0.012
    assert abs(null.mean()) < 4 * null.std() / np.sqrt(200)
    # As if all n (n - 1) / 2 dissimilarities were independent.
    assert null.std() == pytest.approx(np.sqrt(2 / (500 * 499)), rel=0.2)


def test_the_null_over_all_pairings_has_mean_0():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((2, 5, 6))
    null = Rsa(a, b).null(np.array(order) for order in orders(range(5)))
    assert len(null) == 120
    assert null.mean() == pytest.approx(0, abs=1e-7)


def test_a_rotation_that_moves_the_mean_direction_changes_little():
    rng = np.random.default_rng(3)
    a = rng.standard_normal((300, 64))
    b = a + rng.standard_normal((300, 64))
    turned = Rsa(a, b @ ortho_group.rvs(64, random_state=0)).value()
    assert turned != pytest.approx(Rsa(a, b).value(), abs=1e-4)
    assert turned == pytest.approx(Rsa(a, b).value(), abs=0.05)


@pytest.mark.parametrize(("n", "words"), [(1, "n = 1 pair,"), (3, "n = 3 pairs,")])
def test_refuses_fewer_than_4_pairs(n, words):
    with pytest.raises(Refused, match=f"^{words} but rsa needs at least 4$"):
        Rsa(np.eye(n), np.eye(n))


def test_refuses_constant_rows_and_counts_them():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 20, 9))
    a[3], a[5] = 0, 0.9  # the mean of nine times 0.9 is not 0.9
    with pytest.raises(Refused, match="2 of 20 rows of side a are constant"):
        Rsa(a, b)
    with pytest.raises(Refused, match="20 of 20 rows of side b are constant"):
        Rsa(b, b[:, :1])


def test_refuses_a_side_with_nothing_to_rank():
    rng = np.random.default_rng(0)
    with pytest.raises(Refused, match="all 190 dissimilarities of side a are equal"):
        Rsa(np.eye(20, 576), rng.standard_normal((20, 9)))


def related(n=60):
    rng = np.random.default_rng(n)
    a = rng.standard_normal((n, 30)) + rng.uniform(-1, 1, (n, 1))
    return a, a[:, :20] + 1.5 * rng.standard_normal((n, 20))


def by_rsatoolbox(a, b, inside, outside):
    datasets = [rsatoolbox.data.Dataset(side) for side in (a, b)]
    rdms = [calc_rdm(dataset, method=inside).dissimilarities for dataset in datasets]
    if inside == "euclidean":  # rsatoolbox squares it
        rdms = [np.sqrt(rdm) for rdm in rdms]
    return rsatoolbox.rdm.compare(*map(RDMs, rdms), method=BY_RSATOOLBOX[outside]).item()


@pytest.mark.parametrize("outside", BY_RSATOOLBOX)
@pytest.mark.parametrize(
    ("inside", "theirs"), [("pearson", "correlation"), ("euclidean", "euclidean")]
)
def test_equals_rsatoolbox(inside, theirs, outside):
    a, b = related()
    expected = by_rsatoolbox(a, b, theirs, outside)
    assert Rsa(a, b, inside=inside, outside=outside).value() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("outside", BY_RSATOOLBOX)
@pytest.mark.parametrize("inside", ["cosine", "euclidean"])
def test_equals_rsatoolbox_on_the_distances_of_scipy(inside, outside):
    a, b = related(100)
    rdms = [RDMs(pdist(side, metric=inside)[None]) for side in (a, b)]
    expected = rsatoolbox.rdm.compare(*rdms, method=BY_RSATOOLBOX[outside]).item()
    assert Rsa(a, b, inside=inside, outside=outside).value() == pytest.approx(expected, abs=1e-7)


def whole_numbers(seed, n=40, top=5):
    """A kernel with many ties, exactly."""
    return squareform(np.random.default_rng(seed).integers(-top, top, n * (n - 1) // 2) / 8)


@pytest.mark.parametrize("outside", BY_RSATOOLBOX)
def test_equals_rsatoolbox_when_there_are_ties(outside):
    k_a, k_b = whole_numbers(0), whole_numbers(1) + whole_numbers(0)
    rdms = [RDMs(1 - squareform(kernel)[None]) for kernel in (k_a, k_b)]
    expected = rsatoolbox.rdm.compare(*rdms, method=BY_RSATOOLBOX[outside]).item()
    found = Rsa.from_kernels(k_a, k_b, outside=outside).value()
    assert found == pytest.approx(expected, abs=1e-7)


def test_rho_a_is_the_mean_of_spearman_over_random_orders_of_the_ties():
    k_a, k_b = whole_numbers(2, n=12, top=2), whole_numbers(3, n=12, top=2)
    rng = np.random.default_rng(0)
    broken = [
        spearmanr(*(squareform(k) + 1e-3 * rng.random(66) for k in (k_a, k_b))).statistic
        for _ in range(600)
    ]
    found = Rsa.from_kernels(k_a, k_b, outside="rho_a").value()
    assert found == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / np.sqrt(600))
    itself = Rsa.from_kernels(k_a, k_a, outside="rho_a")
    assert itself.value() < 0.98
    assert not itself.identity


def test_kernels_of_correlations_are_rsa_with_pearson_inside():
    a, b = related()
    for scale in (1, 1e-9):
        kernels = [scale * np.corrcoef(side) for side in (a, b)]
        for outside in BY_RSATOOLBOX:
            metric = build_from_kernels("rsa", *kernels, {"outside": outside})
            rows = Rsa(a, b, outside=outside)
            order = np.random.default_rng(0).permutation(60)
            assert metric.value() == pytest.approx(rows.value(), abs=1e-7)
            assert metric.permuted(order) == pytest.approx(rows.permuted(order), abs=1e-7)


def test_kernels_in_single_precision_and_what_stands_on_their_diagonals():
    a, b = (np.corrcoef(side).astype(np.float32) for side in related())
    before = a.copy()
    expected = Rsa(*related()).value()
    assert Rsa.from_kernels(a, b).value() == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(a, before)
    np.fill_diagonal(a, 7)
    assert Rsa.from_kernels(a, b).value() == pytest.approx(expected, abs=1e-5)


def test_kernels_that_say_nothing_are_refused():
    k = whole_numbers(0)
    with pytest.raises(Refused, match=r"^n = 3 pairs, but rsa needs at least 4$"):
        Rsa.from_kernels(k[:3, :3], k[:3, :3])
    with pytest.raises(Refused, match="all 780 dissimilarities of side b are equal"):
        Rsa.from_kernels(k, np.eye(40))
    with pytest.raises(Refused, match="all 780 dissimilarities of side b are equal"):
        Rsa.from_kernels(k, np.zeros((40, 40)))
    k[3, 5] = np.nan
    with pytest.raises(Refused, match="side a holds 1 of 1600 values that are not finite"):
        Rsa.from_kernels(k, np.eye(40))


def test_kernels_take_no_inside_and_must_be_square():
    k = whole_numbers(0)
    with pytest.raises(StudyError, match="metric rsa: inside says nothing about kernels"):
        Rsa.from_kernels(k, k, inside="cosine")
    with pytest.raises(
        ValueError, match=r"two kernels of one size, found \(40, 40\) and \(39, 39\)"
    ):
        Rsa.from_kernels(k, k[1:, 1:])


@pytest.mark.parametrize("inside", ["cosine", "euclidean"])
def test_a_rotation_changes_nothing_but_with_pearson_inside(inside):
    a, b = related()
    turned = b @ ortho_group.rvs(20, random_state=0)
    expected = Rsa(a, b, inside=inside).value()
    assert Rsa(a, turned, inside=inside).value() == pytest.approx(expected, abs=1e-7)
    assert abs(Rsa(a, turned).value() - Rsa(a, b).value()) > 1e-3


def test_what_else_changes_nothing():
    a, b = related()
    rng = np.random.default_rng(0)
    scales, offsets = rng.uniform(0.1, 9, (60, 1)), rng.standard_normal((60, 1))
    shift = 5 * rng.standard_normal(20)
    expected = {inside: Rsa(a, b, inside=inside).value() for inside in ("cosine", "euclidean")}
    scaled = Rsa(a, scales * b, inside="cosine").value()
    assert scaled == pytest.approx(expected["cosine"], abs=1e-7)
    assert Rsa(a, scales * b + offsets).value() == pytest.approx(Rsa(a, b).value(), abs=1e-7)
    for away in (shift, 1e6 * shift):
        shifted = Rsa(a, b + away, inside="euclidean").value()
        assert shifted == pytest.approx(expected["euclidean"], abs=1e-7)


def test_refuses_zero_rows_for_cosine_and_takes_them_for_euclidean():
    a, b = related()
    a[3], b[7], b[8] = 0, 0, 0
    with pytest.raises(Refused, match="1 of 60 rows of side a are zero, so their cosine is not"):
        Rsa(a, b, inside="cosine")
    with pytest.raises(Refused, match="2 of 60 rows of side b are zero, so their cosine is not"):
        Rsa(related()[0], b, inside="cosine")
    a[5] = 0.3
    expected = spearmanr(pdist(a), pdist(b)).statistic
    assert Rsa(a, b, inside="euclidean").value() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("block", [3, 50, 10**6])
@pytest.mark.parametrize("bits", [64, 46, 50])
@pytest.mark.parametrize("kinds", [2, 30, 10**12])
def test_ranks_do_not_depend_on_the_size_of_blocks_or_ranges(block, bits, kinds, monkeypatch):
    monkeypatch.setattr(dissimilarity, "BLOCK", block)
    monkeypatch.setattr(dissimilarity, "BITS", bits)
    rng = np.random.default_rng(0)
    values = [rng.integers(0, kinds, 45 * 44 // 2) * (10**12 // kinds) for _ in range(2)]
    matrices = [dissimilarity.standardised(side.astype(float), "spearman", "a") for side in values]
    expected = spearmanr(*values).statistic
    assert np.triu(matrices[0] * matrices[1]).sum() == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(matrices[0], matrices[0].T)
    assert not matrices[0].diagonal().any()


@pytest.mark.parametrize("inside", ["pearson", "cosine", "euclidean"])
@pytest.mark.parametrize("block", [1, 300, 10**6])
def test_dissimilarities_are_those_of_scipy(inside, block, monkeypatch):
    monkeypatch.setattr(dissimilarity, "BLOCK", block)
    a, _ = related()
    metric = {"pearson": "correlation", "euclidean": "sqeuclidean"}.get(inside, inside)
    found, expected = dissimilarity.of_rows(a, "a", inside) / 1e12, pdist(a, metric=metric)
    if inside == "euclidean":
        assert found.max() <= 1
        expected *= found[0] / expected[0]
    assert found == pytest.approx(expected, abs=2e-12)


def test_equal_rows_are_at_distance_0_exactly():
    a, _ = related()
    for inside in ("pearson", "cosine", "euclidean"):
        values = dissimilarity.of_rows(np.repeat(1e3 * a, 2, axis=0), "a", inside)
        assert np.count_nonzero(values == 0) == 60
        assert values.min() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inside": "manhattan"}, "inside must be pearson, cosine, euclidean, found 'manhattan'"),
        ({"outside": "kendall"}, "outside must be spearman, rho_a, pearson, found 'kendall'"),
        ({"outside": None}, "outside must be spearman, rho_a, pearson, found None"),
    ],
)
def test_options_must_be_known(options, words):
    with pytest.raises(StudyError, match=f"metric rsa: {words}"):
        Rsa(*related(), **options)
