"""What every entry of METRICS promises: one suite for all of them, with their options."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import helmert
from scipy.stats import ortho_group

from universality.errors import StudyError
from universality.similarity.metrics import METRICS, Refused, build, check
from universality.similarity.nulls import p_value, permutations

N = 240
FEW = {"svcca": {"k": 5}, "svcca_cv": {"k": 5}, "pwcca": {"k": 5}}  # what suits N pairs
VARIANTS = [
    ("rsa", {"inside": "cosine"}),
    ("rsa", {"inside": "euclidean"}),
    ("rsa", {"outside": "rho_a"}),
    ("rsa", {"outside": "pearson"}),
    ("rsa", {"inside": "euclidean", "outside": "pearson"}),
    ("svcca", {"k": 1}),
    ("svcca_cv", {"k": 3, "folds": 2}),
    ("pwcca", {"weights": "a"}),
    ("pwcca", {"weights": "b"}),
    ("cka", {"estimator": "biased"}),
    ("cka", {"kernel": "rbf"}),
    ("cka", {"kernel": "rbf", "estimator": "biased", "bandwidth": 0.5}),
    ("procrustes", {"form": "angular"}),
    ("procrustes", {"k": 5}),
    ("mutual_knn", {"k": 1}),
    ("mutual_knn", {"distance": "euclidean"}),
    ("jaccard_knn", {"distance": "euclidean"}),
    ("rank_neighbours", {"distance": "euclidean"}),
    ("linear_predictivity", {"direction": "a_to_b"}),
    ("linear_predictivity", {"direction": "b_to_a"}),
]
CASES = [(name, FEW.get(name, {})) for name in METRICS] + [
    (name, FEW.get(name, {}) | options) for name, options in VARIANTS
]


def words(case):
    return "-".join(str(part) for part in (case[0], *case[1].values()))


every = pytest.mark.parametrize("case", CASES, ids=words)
every_metric = pytest.mark.parametrize("case", CASES[: len(METRICS)], ids=words)


def make(case, a, b):
    return build(case[0], a, b, case[1])


def value(case, a, b):
    return make(case, a, b).value()


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


def test_every_option_is_set_by_some_case():
    tried = {(name, option) for name, options in CASES for option in options}
    known = {(name, option) for name, metric in METRICS.items() for option in metric.OPTIONS}
    elsewhere = {  # in the tests of these metrics
        ("jaccard_knn", "k"),
        ("rank_neighbours", "k"),
        ("linear_predictivity", "folds"),
        ("linear_predictivity", "penalty"),
    }
    assert known - tried == elsewhere


def test_the_registry_knows_its_metrics_by_their_names():
    assert {name: metric.name for name, metric in METRICS.items()} == {
        name: name for name in METRICS
    }


@every
def test_a_matrix_against_itself_is_1(case):
    a, b = related()
    metric = make(case, a, a)
    if metric.identity:
        assert metric.value() == pytest.approx(1, abs=1e-6)
    else:
        assert value(case, a, b) + 0.05 < metric.value() <= 1 + 1e-7


@every
def test_related_sides_lie_strictly_between_chance_and_identity(case):
    metric = make(case, *related())
    null = metric.null(permutations(np.random.default_rng(0), N, 50))
    assert null.max() + 0.1 < metric.value() < 0.99


@every
def test_symmetric_in_its_sides_or_says_that_it_is_not(case):
    a, b = related()
    metric = make(case, a, b)
    swapped = value(case, b, a)
    if metric.symmetric:
        assert metric.value() == pytest.approx(swapped, abs=1e-7)
    else:
        assert abs(metric.value() - swapped) > 1e-4


@every
def test_unchanged_by_a_rotation_of_either_side(case):
    a, b = related()
    metric = make(case, a, b)
    turn = rotation if metric.any_rotation else rotation_about_ones
    turned_a, turned_b = a @ turn(a.shape[1], 1), b @ turn(b.shape[1], 2)
    assert value(case, turned_a, b) == pytest.approx(metric.value(), abs=1e-6)
    assert value(case, a, turned_b) == pytest.approx(metric.value(), abs=1e-6)
    itself = value(case, a, a)
    assert value(case, a, a @ turn(a.shape[1], 3)) == pytest.approx(itself, abs=1e-6)
    if not metric.any_rotation:
        moved = value(case, a @ rotation(a.shape[1], 1), b)
        assert abs(moved - metric.value()) > 1e-5


@every
@pytest.mark.parametrize("scale", [1e-170, 0.3, 1e150])
def test_unchanged_by_the_scale_of_either_side(case, scale):
    a, b = related()
    expected = value(case, a, b)
    assert value(case, scale * a, b) == pytest.approx(expected, abs=1e-6)
    assert value(case, a, scale * b) == pytest.approx(expected, abs=1e-6)


@every
def test_unchanged_when_the_pairs_are_listed_in_another_order(case):
    a, b = related()
    order = np.random.default_rng(1).permutation(N)
    assert value(case, a[order], b[order]) == pytest.approx(value(case, a, b), abs=1e-6)


@every
def test_pairs_that_share_a_row_may_be_listed_in_any_order_too(case):
    a, b = related()
    a = a[np.arange(N) // 3 * 3]  # each row of a belongs to three pairs
    order = np.random.default_rng(1).permutation(N)
    assert value(case, a[order], b[order]) == pytest.approx(value(case, a, b), abs=1e-6)


@every
def test_the_width_of_a_side_may_differ_and_zero_padding_changes_only_means(case):
    a, b = related()
    centred = b - b.mean(axis=1, keepdims=True)
    padded = np.hstack([centred, np.zeros((N, 9))])
    assert value(case, a, padded) == pytest.approx(value(case, a, centred), abs=1e-6)


@every
def test_single_and_double_precision_agree(case):
    a, b = related()
    single = value(case, a.astype(np.float32), b.astype(np.float32))
    assert single == pytest.approx(value(case, a, b), abs=1e-5)


@every
def test_permuted_is_the_metric_on_reordered_rows(case):
    a, b = related()
    metric = make(case, a, b)
    orders = list(permutations(np.random.default_rng(2), len(a), 7))
    slow = [value(case, a, b[order]) for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-6)
    assert metric.null(iter(orders)) == pytest.approx(slow, abs=1e-6)
    assert [metric.permuted(order) for order in orders] == pytest.approx(slow, abs=1e-6)
    assert metric.null([]).shape == (0,)


@every
def test_the_identity_permutation_gives_the_value_bit_for_bit(case):
    metric = make(case, *related())
    assert metric.permuted(np.arange(N)) == metric.value()
    assert metric.null([np.arange(N)]) == metric.value()


@every
def test_does_not_change_its_inputs(case):
    a, b = related()
    before = a.copy(), b.copy()
    make(case, a, b).null(permutations(np.random.default_rng(0), N, 3))
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])


@every_metric
def test_unrelated_sides_score_like_their_null(case):
    scores = []
    rng = np.random.default_rng(3)
    for _ in range(30):
        a, b = rng.standard_normal((N, 24)), rng.standard_normal((N, 31))
        metric = make(case, a, b)
        null = metric.null(permutations(rng, N, 30))
        scores.append((metric.value() - null.mean()) / null.std())
    assert abs(np.mean(scores)) < 4 / np.sqrt(len(scores))
    assert 0.6 < np.std(scores) < 1.5


@every
def test_reports_what_it_used(case):
    name, options = case
    metric = make(case, *related())
    assert metric.n == N
    k = options["k"] if name in ("svcca", "svcca_cv", "pwcca") else None
    if name == "procrustes" and "k" in options:
        k = options["k"]
    assert (metric.k_a, metric.k_b) == (k, k)


@every
@pytest.mark.parametrize("n", [0, 1, 2])
def test_refuses_too_few_pairs(case, n):
    a, b = related(n=n)
    with pytest.raises(Refused, match=rf"^n = {n} pairs?, but {case[0]} .*needs at least "):
        make(case, a, b)


@every
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_refuses_values_that_are_not_finite(case, bad):
    a, b = related()
    b[3, 4] = b[7, 1] = bad
    with pytest.raises(Refused, match=rf"side b holds 2 of {N * 31} values that are not finite"):
        make(case, a, b)


@every
def test_refuses_a_side_whose_rows_and_columns_are_constant(case):
    a, _ = related()
    for constant in (0.0, 0.1):
        with pytest.raises(Refused, match="side b"):
            make(case, a, np.full((N, 6), constant))


@every
def test_refuses_a_one_hot_basis(case):
    a, _ = related()
    with pytest.raises(Refused, match=r"side b .*equal"):
        make(case, a, np.eye(N, N + 20))


@every
def test_unpaired_matrices_are_a_programming_error(case):
    a, b = related()
    with pytest.raises(ValueError, match=r"paired rows, found \(240, 24\) and \(239, 31\)"):
        make(case, a, b[1:])


def constant_row(a, b):
    a[3] = 0.1
    return a, b


def zero_row(a, b):
    a[3] = 0
    return a, b


def many_zero_rows(a, b):
    b[10:] = 0
    return a, b


def constant_column(a, b):
    a[:, 3] = 0.1
    return a, b


def repeated_rows(a, b):
    return a[np.arange(N) % 7], b


def one_row_repeated(a, b):
    b[1:] = b[0] + 1e-9 * b[1:]
    return a, b


def widths_that_differ_100_times(a, b):
    return a[:, :3], b @ np.random.default_rng(0).standard_normal((31, 300))


def one_column(a, b):
    return a[:, :1], b


def two_values(a, b):
    return np.sign(a[:, :3]), b


def a_row_a_million_times_larger(a, b):
    a[5] *= 1e6
    return a, b


def identical_subjects(a, b):
    return a, a


def opposite_subjects(a, b):
    return a, -a


@every
@pytest.mark.parametrize(
    "damage",
    [
        constant_row,
        zero_row,
        many_zero_rows,
        constant_column,
        repeated_rows,
        one_row_repeated,
        widths_that_differ_100_times,
        one_column,
        two_values,
        a_row_a_million_times_larger,
        identical_subjects,
        opposite_subjects,
    ],
)
def test_hostile_matrices_give_a_value_or_a_reason(case, damage):
    a, b = damage(*related())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            metric = make(case, a, b)
        except Refused as refusal:
            reason = str(refusal)
        else:
            reason = None
            observed = metric.value()
            null = metric.null(permutations(np.random.default_rng(0), N, 19))
    if reason is None:
        assert np.isfinite(null).all()
        assert min(observed, null.min()) >= -1 - 1e-6
        assert max(observed, null.max()) <= 1 + 1e-6
        assert 1 / 20 <= p_value(null, observed) <= 1
    else:
        assert "side a" in reason or "side b" in reason


@every
def test_a_constant_column_and_identical_subjects_are_scored(case):
    for damage in (constant_column, identical_subjects):
        a, b = damage(*related())
        assert 0.2 < value(case, a, b) <= 1 + 1e-6


small = arrays(np.int8, (12, 4), elements=st.integers(-2, 2)).map(
    lambda x: np.vstack([x, 2 * x]).astype(float)
)


@every_metric
@settings(max_examples=40, deadline=None, derandomize=True)
@given(a=small, b=small, seed=st.integers(0, 99))
def test_small_matrices_full_of_ties_are_refused_or_scored_alike(case, a, b, seed):
    """24 pairs, 4 columns of few values: rows are equal or zero, distances and components tie."""
    name = case[0]
    few = {"k": 1, "folds": 2}
    options = {option: few[option] for option in METRICS[name].OPTIONS if option in few}
    order = np.random.default_rng(seed).permutation(24)
    try:
        metric = build(name, a, b, options)
    except Refused:
        with pytest.raises(Refused):
            build(name, b, a, options)
        return
    observed = metric.value()
    assert -1 - 1e-6 <= observed <= 1 + 1e-6
    assert build(name, b, a, options).value() == pytest.approx(observed, abs=1e-6)
    again = build(name, 3 * a[order], b[order], options).value()
    assert again == pytest.approx(observed, abs=1e-6)
    reordered = build(name, a, b[order], options).value()
    assert metric.permuted(order) == pytest.approx(reordered, abs=1e-6)


@every_metric
def test_an_unknown_option_is_named(case):
    with pytest.raises(StudyError, match=f"metric {case[0]}: unknown option 'kk'; valid: "):
        check(case[0], {"kk": 3})


@every_metric
def test_impossible_values_of_options_are_told_without_any_matrix(case):
    for option, kind in METRICS[case[0]].OPTIONS.items():
        for wrong in (-1, "no", [], True if "number" in kind.words else 2.5, float("nan")):
            with pytest.raises(StudyError, match=f"metric {case[0]}: {option} must be .*, found "):
                check(case[0], {option: wrong})
        with pytest.raises(StudyError, match=f"metric {case[0]}: {option} must be "):
            build(case[0], *related(), {option: -1})


def test_an_unknown_metric_is_answered_with_the_valid_ones():
    with pytest.raises(StudyError, match=r"metric 'cke' is unknown; valid: svcca, .*rsa"):
        build("cke", *related(), {})
