"""Nulls beyond permutation: what each keeps and breaks, and what follows from refused draws."""

import numpy as np
import pytest
from scipy.stats import kstest, ortho_group

from universality.similarity.alternative_nulls import (
    NO_DRAWS,
    against,
    null_score,
    random_features,
    random_vectors,
    rematched,
    rotated,
)
from universality.similarity.metrics import build

RSA = ("rsa", "rsa", {})
SVCCA = ("svcca", "svcca", {"k": 2})


def generator(seed=0):
    return np.random.default_rng(seed)


def related(rng, n=60, d=12, noise=0.5):
    """Two sides with a common structure of three dimensions."""
    common = rng.standard_normal((n, 3))
    return tuple(
        common @ rng.standard_normal((3, width)) + noise * rng.standard_normal((n, width))
        for width in (d, d + 3)
    )


def test_random_vectors_keep_a_and_the_lengths_of_b():
    a, b = related(generator())
    b[3] = 0
    drawn = list(random_vectors(a, b, 5, generator()))
    assert len(drawn) == 5
    for same, vectors in drawn:
        assert same is a
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.linalg.norm(b, axis=1))
    assert not np.allclose(drawn[0][1], drawn[1][1])


def test_random_vectors_are_uniform_directions():
    b = np.ones((2000, 3))
    ((_, vectors),) = random_vectors(b, b, 1, generator())
    # In three dimensions each coordinate of a unit vector is uniform (Archimedes).
    for coordinate in (vectors / np.sqrt(3)).T:
        assert kstest(coordinate, "uniform", args=(-1, 2)).pvalue > 0.01


@pytest.mark.parametrize("shape", [(60, 15), (8, 15), (15, 15), (5, 1)])
def test_rotated_items_keep_column_means_and_the_spectrum(shape):
    b = generator().standard_normal(shape) @ np.diag(np.arange(1, shape[1] + 1)) + 3
    for _, turned in rotated(b, b, 3, generator(1)):
        np.testing.assert_allclose(turned.mean(0), b.mean(0), atol=1e-9)
        # Column covariances hold singular values and right singular vectors.
        np.testing.assert_allclose(np.cov(turned.T), np.cov(b.T), atol=1e-8)
        assert not np.allclose(turned, b, atol=0.1)


def test_rotated_items_keep_a_rank_that_is_not_full():
    b = np.outer(generator().standard_normal(20), [1, 2, 3.0])
    ((_, turned),) = rotated(b, b, 1, generator(1))
    assert np.linalg.matrix_rank(turned - turned.mean(0)) == 1


def test_rotated_items_are_those_of_a_random_orthogonal_matrix():
    """The slow way: an orthogonal matrix of the n - 1 dimensions beside (1, ..., 1)."""
    rng = generator()
    b = rng.standard_normal((5, 2)) * [3, 1]
    centred = b - b.mean(0)
    beside = np.linalg.svd(np.eye(5) - 1 / 5)[0][:, :4]
    slow = [beside @ q @ beside.T @ centred for q in ortho_group.rvs(4, 1500, random_state=rng)]
    fast = [turned - b.mean(0) for _, turned in rotated(b, b, 1500, rng)]
    for place in ((0, 0), (4, 1)):
        first, second = ([draw[place] for draw in draws] for draws in (slow, fast))
        assert kstest(first, second).pvalue > 0.01
    # Signs of the QR decomposition left as they come would fix them.
    products = [[draw[0, 0] * draw[1, 0] for draw in draws] for draws in (slow, fast)]
    assert kstest(*products).pvalue > 0.01


def test_a_rotation_of_coordinates_would_say_nothing():
    a, b = related(generator(), n=80)
    turned = b @ ortho_group.rvs(b.shape[1], random_state=1)
    value = build("svcca", a, b, {"k": 2}).value()
    assert build("svcca", a, turned, {"k": 2}).value() == pytest.approx(value)
    null = against(a, b, 40, rotated(a, b, 40, generator()), [SVCCA])["svcca"]
    assert null.null_quantile < value - 0.3


def test_random_features_are_drawn_without_repetition_and_independently():
    all_a, all_b = np.arange(30)[:, None], np.arange(20)[:, None]
    drawn = list(random_features(all_a, all_b, 15, 200, generator()))
    for a, b in drawn:
        assert len(set(a.ravel())) == len(set(b.ravel())) == 15
    first = np.array([(a[0, 0], b[0, 0]) for a, b in drawn])
    assert len(set(first[:, 0])) > 25
    assert len(set(first[:, 1])) == 20
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.2


def test_random_features_come_again_only_after_all_others():
    all_a, all_b = np.arange(4)[:, None], np.arange(50)[:, None]
    for a, b in random_features(all_a, all_b, 10, 5, generator()):
        assert sorted(np.bincount(a.ravel())) == [2, 2, 3, 3]
        assert len(set(b.ravel())) == 10


@pytest.mark.parametrize("shape", [(0, 3), (4, 3)])
def test_no_pairs_draw_no_features(shape):
    ((a, b),) = random_features(np.zeros(shape), np.zeros((5, 2)), 0, 1, generator())
    assert a.shape == (0, 3)
    assert b.shape == (0, 2)


def test_rematched_takes_the_best_correlated_pairs():
    all_a, all_b = 10 * np.arange(5)[:, None], 100 * np.arange(6)[:, None]
    matching = np.array([0, 1, 2, 3]), np.array([5, 4, 3, 2]), np.array([0.1, 0.4, 0.2, 0.4])
    ((a, b),) = rematched(all_a, all_b, [matching], 2)
    assert a.ravel().tolist() == [10, 30]
    assert b.ravel().tolist() == [400, 200]
    ((a, b),) = rematched(all_a, all_b, [matching], 9)
    assert len(a) == len(b) == 4


def test_a_score_beside_its_null():
    result = null_score(7, 3.0, np.array([1.0, 2, 3, 4]))
    assert (result.n, result.value, result.m, result.reason) == (7, 3, 4, "")
    assert result.null_mean == 2.5
    assert result.null_sd == pytest.approx(np.sqrt(1.25))
    assert result.null_quantile == pytest.approx(3.85)
    assert result.p == 3 / 5  # 3 and 4 reach it


def test_refused_draws_count_as_reaching_the_score():
    null = np.array([1.0, np.nan, 2, np.nan])
    result = null_score(7, 3.0, null, "too few")
    assert result.p == 3 / 5
    assert (result.null_mean, result.m) == (1.5, 4)
    assert result.reason == "2 of 4 draws gave no value (too few)"


@pytest.mark.parametrize(
    ("value", "null", "reason"),
    [
        (np.nan, [0.1, 0.2], "too few"),
        (0.3, [], NO_DRAWS),
        (0.3, [np.nan, np.nan], "2 of 2 draws gave no value (too few)"),
    ],
)
def test_without_a_score_or_a_null_there_is_a_reason(value, null, reason):
    result = null_score(7, value, np.array(null), "too few")
    assert np.array_equal(result.value, value, equal_nan=True)
    numbers = result.null_mean, result.null_sd, result.null_quantile, result.p
    assert np.isnan(numbers).all()
    assert (result.m, result.reason) == (len(null), reason)


def test_against_recomputes_every_metric_on_every_draw():
    a, b = related(generator())
    draws = list(random_vectors(a, b, 9, generator(2)))
    found = against(a, b, 9, draws, [RSA, SVCCA])
    for label, name, options in (RSA, SVCCA):
        null = [build(name, *draw, options).value() for draw in draws]
        assert found[label].value == build(name, a, b, options).value()
        assert found[label].null_mean == pytest.approx(np.mean(null))
        assert (found[label].n, found[label].m) == (60, 9)


def test_a_metric_that_refuses_leaves_the_others_alone():
    a, b = related(generator(), n=30)
    draws = list(random_vectors(a, b, 9, generator()))
    found = against(a, b, 9, draws, [RSA, SVCCA])
    assert found["rsa"].reason == ""
    assert found["svcca"].reason.startswith("n = 30 pairs, but svcca")
    assert np.isnan(found["svcca"].value)
    assert found["svcca"].m == 9


def test_refused_draws_are_told():
    a, b = related(generator())
    constant = np.ones_like(b)
    found = against(a, b, 3, [(a, b[::-1]), (a, constant), (a[:50], b[:50])], [RSA])["rsa"]
    assert found.m == 3
    assert found.reason.startswith("2 of 3 draws gave no value (60 of 60 rows of side b")
    assert found.p == 3 / 4
    fewer = against(a, b, 1, [(a[:50], b[:50])], [RSA])["rsa"]
    assert fewer.reason == "1 of 1 draws gave no value (a draw has 50 pairs, not 60)"


def test_values_that_are_not_finite_give_a_reason():
    a, b = related(generator())
    b[3, 1] = np.nan
    for null in NULLS.values():
        result = against(a, b, 19, null(a, b, generator()), [RSA])["rsa"]
        assert result.reason == "side b holds 1 of 900 values that are not finite"
    assert result.m == 19


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_pairs_give_a_reason_under_each_null(n):
    a, b = np.ones((n, 3)), np.ones((n, 4))
    for null in (
        random_vectors(a, b, 3, generator()),
        rotated(a, b, 3, generator()),
        random_features(np.ones((5, 3)), np.ones((5, 4)), n, 3, generator()),
        rematched(a, b, [], n),
    ):
        result = against(a, b, 3, null, [RSA])["rsa"]
        assert result.reason.startswith(f"n = {n} pair")
        assert np.isnan(result.p)


NULLS = {
    "random_vectors": lambda a, b, rng: random_vectors(a, b, 19, rng),
    "rotated": lambda a, b, rng: rotated(a, b, 19, rng),
    "random_features": lambda a, b, rng: random_features(a, b, len(a), 19, rng),
}


@pytest.mark.parametrize("null", ["rotated", "random_features"])
def test_p_is_valid_where_nothing_corresponds(null):
    """Sides of independent normal rows; `random_vectors` asks for another law of b."""
    rng = generator(9)
    p = []
    for _ in range(150):
        a, b = rng.standard_normal((20, 5)), rng.standard_normal((20, 6)) * np.arange(1, 7)
        p.append(against(a, b, 19, NULLS[null](a, b, rng), [RSA])["rsa"].p)
    p = np.array(p)
    assert kstest(p - rng.uniform(size=150) / 20, "uniform").pvalue > 0.01


@pytest.mark.parametrize("null", NULLS)
def test_a_planted_correspondence_is_found(null):
    rng = generator(10)
    a, b = related(rng)
    result = against(a, b, 19, NULLS[null](a, b, rng), [RSA, SVCCA])
    assert result["rsa"].p == result["svcca"].p == 1 / 20
