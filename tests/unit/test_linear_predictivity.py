"""Linear predictivity against ridge regression as scikit-learn does it, fold by fold."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from universality.errors import StudyError
from universality.similarity.metrics import Refused
from universality.similarity.metrics import linear_predictivity as module
from universality.similarity.metrics.folds import folds as assign
from universality.similarity.metrics.linear_predictivity import LinearPredictivity
from universality.similarity.nulls import permutations

DIRECTIONS = ["both", "a_to_b", "b_to_a"]
every_direction = pytest.mark.parametrize("direction", DIRECTIONS)


def sides(n=90, d_a=12, d_b=17, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((n, d_a)) * np.arange(1, d_a + 1) + 3
    shared = a[:, -5:]
    b = shared @ rng.standard_normal((shared.shape[1], d_b)) + 9 * rng.standard_normal((n, d_b))
    return a, b


def by_scikit_learn(x, y, folds, penalty):
    fold = assign(x - x.mean(axis=0), folds, "x")
    predicted = np.empty_like(y)
    for number in range(folds):
        train = fold != number
        alpha = penalty * ((x[train] - x[train].mean(axis=0)) ** 2).sum(axis=1).mean()
        model = Ridge(alpha=alpha, solver="svd").fit(x[train], y[train])
        predicted[~train] = model.predict(x[~train])
    return r2_score(y, predicted, multioutput="variance_weighted")


@pytest.mark.parametrize(("n", "d_a", "d_b"), [(90, 12, 17), (40, 60, 50), (10, 3, 30)])
@pytest.mark.parametrize(("folds", "penalty"), [(5, 1.0), (2, 0.01), (3, 30)])
def test_equals_scikit_learn(n, d_a, d_b, folds, penalty):
    a, b = sides(n, d_a, d_b)
    forth, back = (by_scikit_learn(x, y, folds, penalty) for x, y in ((a, b), (b, a)))
    expected = {"a_to_b": forth, "b_to_a": back, "both": (max(forth, -1) + max(back, -1)) / 2}
    for direction, value in expected.items():
        metric = LinearPredictivity(a, b, direction=direction, folds=folds, penalty=penalty)
        assert metric.value() == pytest.approx(max(value, -1), abs=1e-6)


def test_a_linear_map_is_found_and_one_that_loses_directions_has_no_way_back():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((300, 20))
    b = a[:, :10] @ rng.standard_normal((10, 10)) + 5
    options = {"penalty": 1e-6}
    assert LinearPredictivity(a, b, direction="a_to_b", **options).value() > 1 - 1e-6
    back = LinearPredictivity(a, b, direction="b_to_a", **options).value()
    assert back == pytest.approx(0.5, abs=0.08)  # half of a's variance, less what noise costs


def test_the_share_of_noise_is_what_is_not_predicted():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((1000, 5))
    b = a + rng.standard_normal((1000, 5))
    assert LinearPredictivity(a, b, direction="a_to_b").value() == pytest.approx(0.5, abs=0.03)


def test_unrelated_sides_are_predicted_worse_than_by_the_mean():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200, 60))
    null = LinearPredictivity(a, b).null(permutations(rng, 200, 50))
    assert -0.6 < null.mean() < -0.1


def test_is_not_below_minus_1():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 100, 80))  # 80 coefficients from 80 rows
    assert by_scikit_learn(a, b, 5, 1e-6) < -2
    assert LinearPredictivity(a, b, penalty=1e-6).value() == -1


@every_direction
def test_permuted_is_the_metric_on_reordered_rows(direction):
    a, b = sides()
    a[10:30] = a[9]  # repeated rows, as when many features have the same best partner
    metric = LinearPredictivity(a, b, direction=direction)
    orders = list(permutations(np.random.default_rng(0), 90, 8))
    slow = [LinearPredictivity(a, b[order], direction=direction).value() for order in orders]
    assert metric.null(orders) == pytest.approx(slow, abs=1e-6)
    rows = np.random.default_rng(1).permutation(90)
    again = LinearPredictivity(a[rows], b[rows], direction=direction)
    assert again.value() == pytest.approx(metric.value(), abs=1e-6)


@every_direction
def test_shift_scale_and_precision_do_not_matter(direction):
    a, b = sides()
    value = LinearPredictivity(a, b, direction=direction).value()
    for x, y in (
        (a + 100, b - np.arange(17)),
        (a * 1e-170, b * 1e150),
        (np.hstack([a, np.full((90, 3), 0.1)]), np.hstack([b, np.zeros((90, 99))])),
    ):
        other = LinearPredictivity(x, y, direction=direction)
        assert other.value() == pytest.approx(value, abs=1e-6)
    single = LinearPredictivity(a.astype(np.float32), b.astype(np.float32), direction=direction)
    assert single.value() == pytest.approx(value, abs=1e-5)


def test_only_both_directions_together_are_symmetric():
    a, b = sides()
    value = {d: LinearPredictivity(a, b, direction=d).value() for d in DIRECTIONS}
    turned = {d: LinearPredictivity(b, a, direction=d).value() for d in DIRECTIONS}
    assert turned["both"] == pytest.approx(value["both"], abs=1e-7)
    assert turned["a_to_b"] == pytest.approx(value["b_to_a"], abs=1e-7)
    assert abs(value["a_to_b"] - value["b_to_a"]) > 0.01
    assert LinearPredictivity(a, b).symmetric
    assert not LinearPredictivity(a, b, direction="a_to_b").symmetric


def test_a_side_against_itself_falls_short_of_1_by_the_penalty_alone():
    a, _ = sides(d_a=5)
    scores = [LinearPredictivity(a, a, penalty=penalty).value() for penalty in (3, 1, 0.1, 1e-6)]
    assert scores == sorted(scores)
    assert scores[1] < 0.999
    assert scores[3] == pytest.approx(1, abs=1e-6)


def test_repeated_rows_are_held_out_together():
    # 30 items, five times each; unrelated sides, but equal rows of a go with equal rows of b.
    rng = np.random.default_rng(0)
    a, b = np.repeat(rng.standard_normal((2, 30, 40)), 5, axis=1)
    assert LinearPredictivity(a, b).value() < 0


def test_blocks_do_not_matter(monkeypatch):
    value = LinearPredictivity(*sides()).value()
    monkeypatch.setattr(module, "BLOCK", 7)
    assert LinearPredictivity(*sides()).value() == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_refuses_too_few_pairs(n):
    reason = rf"^n = {n} pairs?, but linear_predictivity with 5 folds needs at least .* = 10$"
    with pytest.raises(Refused, match=reason):
        LinearPredictivity(*sides(n))
    assert LinearPredictivity(*sides(10)).n == 10


def test_refuses_sides_that_tell_nothing():
    a, _ = sides()
    for direction in DIRECTIONS:
        with pytest.raises(Refused, match=r"^all 90 rows of side b are equal$"):
            LinearPredictivity(a, np.full((90, 3), 0.1), direction=direction)
        with pytest.raises(Refused, match="side b has equal distances between all its rows"):
            LinearPredictivity(a, np.eye(90), direction=direction)


def test_one_row_far_out_is_told_from_the_others_until_rounding_would_hide_it():
    a, b = sides()
    a[3], b[3] = 30 * a[3], 30 * b[3]
    expected = by_scikit_learn(a, b, 5, 1.0)
    value = LinearPredictivity(a, b, direction="a_to_b").value()
    assert value == pytest.approx(expected, abs=1e-5)
    a[3], b[3] = 1e3 * a[3], 1e3 * b[3]
    with pytest.raises(Refused, match="side a has a row so far from the others that what it"):
        LinearPredictivity(a, b, direction="a_to_b")
    with pytest.raises(Refused, match="side b has a row so far from the others that what it"):
        LinearPredictivity(a, b, direction="b_to_a")


def test_a_penalty_near_0_does_not_let_rounding_in():
    a, b = sides(40, 60, 50)  # more columns than rows
    order = np.random.default_rng(0).permutation(40)
    value = LinearPredictivity(a, b, penalty=1e-6).value()
    again = LinearPredictivity(a[order], b[order], penalty=1e-6).value()
    assert again == pytest.approx(value, abs=1e-6)
    forth, back = (by_scikit_learn(x, y, 5, 1e-6) for x, y in ((a, b), (b, a)))
    assert value == pytest.approx((max(forth, -1) + max(back, -1)) / 2, abs=1e-6)


def test_refuses_too_few_different_rows():
    a, b = sides()
    few = np.repeat(b[:3], 30, axis=0)
    with pytest.raises(Refused, match=r"^side b has 3 kinds of rows, too few for 5 folds$"):
        LinearPredictivity(a, few)
    with pytest.raises(Refused, match="side b has equal rows outside one of its 2 folds"):
        LinearPredictivity(a, np.repeat(b[:2], [30, 60], axis=0), folds=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "a"}, "direction must be both, a_to_b, b_to_a, found 'a'"),
        ({"folds": 1}, "folds must be a whole number of at least 2, found 1"),
        ({"folds": 2.0}, "folds must be a whole number of at least 2, found 2.0"),
        ({"penalty": 0}, "penalty must be a number of at least 1e-06, found 0"),
        ({"penalty": 9e-7}, "penalty must be a number of at least 1e-06, found 9e-07"),
        ({"penalty": True}, "penalty must be a number of at least 1e-06, found True"),
        ({"penalty": "1"}, "penalty must be a number of at least 1e-06, found '1'"),
    ],
)
def test_an_impossible_option_is_named(options, message):
    with pytest.raises(StudyError, match=f"^metric linear_predictivity: {message}$"):
        LinearPredictivity(*sides(), **options)
