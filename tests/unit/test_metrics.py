"""What every entry of METRICS promises; one suite for all of them."""

import numpy as np
import pytest
from scipy.linalg import helmert
from scipy.stats import ortho_group

from universality.errors import StudyError
from universality.similarity.metrics import METRICS, Refused, build, check
from universality.similarity.nulls import permutations

N = 240
OPTIONS = {"svcca": {"k": 5}}  # settings that suit N pairs, where the defaults do not


def make(name, a, b):
    return build(name, a, b, OPTIONS.get(name, {}))


def value(name, a, b):
    return make(name, a, b).value()


def related(seed=0, n=N, d_a=24, d_b=31):
    """Two matrices that share six strong directions, each with noise of its own."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 6)) * np.arange(7, 1, -1)
    a = shared @ rng.standard_normal((6, d_a)) + 3 * rng.standard_normal((n, d_a))
    b = shared @ rng.standard_normal((6, d_b)) + 3 * rng.standard_normal((n, d_b))
    return a, b


def rotation(d, seed):
    return ortho_group.rvs(d, random_state=seed)


def rotation_about_ones(d, seed):
    """A rotation of d-space that leaves (1, ..., 1), and so the mean of each row, in place."""
    basis = helmert(d, full=True)
    turned = basis.copy()
    turned[1:] = rotation(d - 1, seed) @ basis[1:]
    return basis.T @ turned


every = pytest.mark.parametrize("name", METRICS)


@every
def test_a_matrix_against_itself_is_1(name):
    a, _ = related()
    assert value(name, a, a) == pytest.approx(1, abs=1e-7)


@every
def test_related_sides_lie_strictly_between_chance_and_identity(name):
    metric = make(name, *related())
    null = metric.null(permutations(np.random.default_rng(0), N, 50))
    assert null.max() + 0.1 < metric.value() < 0.99


@every
def test_symmetric_in_its_sides(name):
    a, b = related()
    assert value(name, a, b) == pytest.approx(value(name, b, a), abs=1e-7)


@every
def test_unchanged_by_a_rotation_of_either_side(name):
    a, b = related()
    turn = rotation if METRICS[name].any_rotation else rotation_about_ones
    turned_a, turned_b = a @ turn(a.shape[1], 1), b @ turn(b.shape[1], 2)
    assert value(name, turned_a, b) == pytest.approx(value(name, a, b), abs=1e-7)
    assert value(name, a, turned_b) == pytest.approx(value(name, a, b), abs=1e-7)
    assert value(name, a, a @ turn(a.shape[1], 3)) == pytest.approx(1, abs=1e-7)


@every
@pytest.mark.parametrize("scale", [1e-6, 0.3, 1e6])
def test_unchanged_by_the_scale_of_either_side(name, scale):
    a, b = related()
    assert value(name, scale * a, b) == pytest.approx(value(name, a, b), abs=1e-7)
    assert value(name, a, scale * b) == pytest.approx(value(name, a, b), abs=1e-7)


@every
def test_unchanged_when_the_pairs_are_listed_in_another_order(name):
    a, b = related()
    order = np.random.default_rng(1).permutation(N)
    assert value(name, a[order], b[order]) == pytest.approx(value(name, a, b), abs=1e-7)


@every
def test_the_width_of_a_side_may_differ_and_zero_padding_changes_only_means(name):
    a, b = related()
    centred = b - b.mean(axis=1, keepdims=True)
    padded = np.hstack([centred, np.zeros((N, 9))])
    assert value(name, a, padded) == pytest.approx(value(name, a, centred), abs=1e-7)


@every
def test_single_and_double_precision_agree(name):
    a, b = related()
    single = value(name, a.astype(np.float32), b.astype(np.float32))
    assert single == pytest.approx(value(name, a, b), abs=1e-5)


@every
def test_permuted_is_the_metric_on_reordered_rows(name):
    a, b = related()
    metric = make(name, a, b)
    orders = list(permutations(np.random.default_rng(2), len(a), 12))
    slow = [value(name, a, b[order]) for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-7)
    assert [metric.permuted(order) for order in orders] == pytest.approx(slow, abs=1e-7)


@every
def test_the_identity_permutation_gives_the_value_bit_for_bit(name):
    metric = make(name, *related())
    assert metric.permuted(np.arange(N)) == metric.value()


@every
def test_does_not_change_its_inputs(name):
    a, b = related()
    before = a.copy(), b.copy()
    make(name, a, b).null(permutations(np.random.default_rng(0), N, 3))
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])


@every
def test_unrelated_sides_score_like_their_null(name):
    scores = []
    rng = np.random.default_rng(3)
    for _ in range(40):
        a, b = rng.standard_normal((N, 24)), rng.standard_normal((N, 31))
        metric = make(name, a, b)
        null = metric.null(permutations(rng, N, 40))
        scores.append((metric.value() - null.mean()) / null.std())
    assert abs(np.mean(scores)) < 4 / np.sqrt(len(scores))
    assert 0.6 < np.std(scores) < 1.5


@every
def test_reports_what_it_used(name):
    metric = make(name, *related())
    assert metric.n == N
    assert (metric.k_a, metric.k_b) == {"svcca": (5, 5)}.get(name, (None, None))


@every
@pytest.mark.parametrize("n", [0, 1, 2])
def test_refuses_too_few_pairs(name, n):
    a, b = related(n=n)
    with pytest.raises(Refused, match=rf"^n = {n} pairs?, but {name} .*needs at least \d+"):
        make(name, a, b)


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_refuses_values_that_are_not_finite(name, bad):
    a, b = related()
    b[3, 4] = b[7, 1] = bad
    with pytest.raises(Refused, match=rf"side b holds 2 of {N * 31} values that are not finite"):
        make(name, a, b)


@every
def test_refuses_a_side_whose_rows_and_columns_are_constant(name):
    a, _ = related()
    with pytest.raises(Refused, match="side b"):
        make(name, a, np.full((N, 6), 0.1))


@every
def test_refuses_a_one_hot_basis(name):
    a, _ = related()
    with pytest.raises(Refused, match=r"side b .*equal"):
        make(name, a, np.eye(N, N + 20))


@every
def test_unpaired_matrices_are_a_programming_error(name):
    a, b = related()
    with pytest.raises(ValueError, match=r"paired rows, found \(240, 24\) and \(239, 31\)"):
        make(name, a, b[1:])


@every
def test_an_unknown_option_is_named(name):
    with pytest.raises(StudyError, match=f"metric {name}: unknown option 'kk'; valid: "):
        check(name, {"kk": 3})


def test_an_unknown_metric_is_answered_with_the_valid_ones():
    with pytest.raises(StudyError, match="metric 'cka' is unknown; valid: svcca, rsa"):
        build("cka", *related(), {})
