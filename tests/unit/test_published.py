"""The published scores against the source's own steps in plain numpy, scipy and scikit-learn."""

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from universality import seeds
from universality.similarity import published
from universality.similarity.metrics import Refused, build
from universality.similarity.nulls import p_value, permutations
from universality.similarity.published import OneComponent, Scorer, SmallRsa, source_rsa
from universality.similarity.source_nulls import exact_law


def sides(n: int, d_a: int = 12, d_b: int = 17, shared: float = 1.0, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    common = shared * rng.standard_normal((n, 3))
    return [
        common @ rng.standard_normal((3, d)) + rng.standard_normal((n, d)) + rng.standard_normal(d)
        for d in (d_a, d_b)
    ]


def by_pca(a: np.ndarray, b: np.ndarray) -> float:
    first = [PCA(1, svd_solver="full").fit_transform(side)[:, 0] for side in (a, b)]
    return float(abs(np.corrcoef(*first)[0, 1]))


def by_the_source_s_rule(a: np.ndarray, b: np.ndarray) -> tuple[int, int, float]:
    """The steps of the source's SVCCA: SVD, its count of components, CCA of what is left."""
    kept = []
    for side in (a, b):
        centred = side - side.mean(axis=0)
        u, s, _ = np.linalg.svd(centred, full_matrices=False)
        total = (s**2).sum()
        reached = np.cumsum(s**2 / total) >= 0.99 * total
        k = int(np.argmax(reached)) + 1
        kept.append(u[:, :k] * s[:k])
    if kept[0].shape[1] == kept[1].shape[1] == 1:
        x, y = CCA(1).fit_transform(*kept)
        return 1, 1, float(abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]))
    return kept[0].shape[1], kept[1].shape[1], float("nan")


@pytest.mark.parametrize("n", [3, 4, 9, 40, 300])
@pytest.mark.parametrize("shared", [0.0, 1.0, 5.0])
def test_one_component_is_the_correlation_of_the_first_principal_components(
    n: int, shared: float
) -> None:
    a, b = sides(n, shared=shared, seed=n)
    metric = OneComponent(a, b)
    assert metric.value() == pytest.approx(by_pca(a, b), abs=1e-9)
    assert (metric.n, metric.k_a, metric.k_b) == (n, 1, 1)


@pytest.mark.parametrize("n", [9, 60, 400])
def test_the_source_s_rule_keeps_one_component_of_unit_rows(n: int) -> None:
    a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides(n, seed=n))
    k_a, k_b, value = by_the_source_s_rule(a, b)
    assert (k_a, k_b) == (1, 1)
    assert OneComponent(a, b).value() == pytest.approx(value, abs=1e-6)
    # Only rows so short that all variance together is about 1 would let it keep more.
    tiny = a / np.linalg.norm(a - a.mean(0))
    assert by_the_source_s_rule(tiny, tiny)[0] > 1


def test_it_is_the_study_s_svcca_with_one_component() -> None:
    a, b = sides(50)
    study, source = build("svcca", a, b, {"k": 1}), OneComponent(a, b)
    drawn = list(permutations(np.random.default_rng(0), 50, 30))
    np.testing.assert_allclose(source.null(drawn), study.null(drawn), atol=1e-12)


def test_it_speaks_where_the_study_s_refuses() -> None:
    a, b = sides(5)
    with pytest.raises(Refused, match="n = 5 pairs"):
        build("svcca", a, b, {"k": 1})
    assert 0 <= OneComponent(a, b).value() <= 1


@pytest.mark.parametrize("metric", [OneComponent, source_rsa])
def test_invariances(metric: Any) -> None:
    a, b = sides(30)
    value = metric(a, b).value()
    order = np.random.default_rng(1).permutation(30)
    assert metric(a[order], b[order]).value() == pytest.approx(value, abs=1e-6)
    assert metric(b, a).value() == pytest.approx(value, abs=1e-6)
    assert metric(7 * a, 0.01 * b).value() == pytest.approx(value, abs=1e-6)
    assert metric(a, a).value() == pytest.approx(1, abs=1e-6)
    single = metric(a.astype(np.float32), b.astype(np.float32)).value()
    assert single == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("metric", [OneComponent, SmallRsa])
def test_a_permutation_is_the_score_of_the_permuted_rows(metric: Any) -> None:
    a, b = sides(20)
    drawn = list(permutations(np.random.default_rng(2), 20, 40))
    expected = [metric(a, b[p]).value() for p in drawn]
    made = metric(a, b)
    np.testing.assert_allclose(made.null(drawn), expected, atol=1e-9)
    assert made.permuted(drawn[3]) == made.null(drawn)[3]


def test_a_pairing_scores_the_same_in_any_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = sides(33)
    drawn = [np.arange(33), *permutations(np.random.default_rng(3), 33, 50)]
    together = OneComponent(a, b).null(drawn)
    assert together[0] == OneComponent(a, b).value()
    monkeypatch.setattr(published, "BATCH", 100)
    assert np.array_equal(OneComponent(a, b).null(drawn), together)


@pytest.mark.parametrize("n", [10, 60, 1000])
def test_the_null_mean_follows_the_law(n: int) -> None:
    """Of sides without anything in common, averaged over pairs of sides and shuffles."""
    rng = np.random.default_rng(n)
    means = []
    for seed in range(40):
        a, b = sides(n, shared=0, seed=seed)
        means.append(OneComponent(a, b).null(permutations(rng, n, 300)).mean())
    assert np.mean(means) == pytest.approx(exact_law(np.array(n)), rel=0.025)
    assert np.mean(means) == pytest.approx(np.sqrt(2 / (np.pi * n)), rel=0.12 if n < 20 else 0.04)


# RSA.


def by_pdist(a: np.ndarray, b: np.ndarray) -> float:
    rows = [1 - pdist(side, "correlation") for side in (a, b)]
    return float(spearmanr(*rows).statistic)


@pytest.mark.parametrize("n", [3, 4, 5, 25, 120])
def test_source_rsa_is_spearman_of_the_correlations_among_rows(n: int) -> None:
    a, b = sides(n, seed=n)
    assert source_rsa(a, b).value() == pytest.approx(by_pdist(a, b), abs=1e-6)
    if n > 3:
        assert source_rsa(a, b).value() == build("rsa", a, b, {}).value()


INEXACT = 1.1


@pytest.mark.parametrize("n", [3, 4, 20])
def test_a_constant_row_correlates_0_with_the_others(n: int) -> None:
    """As in scikit-learn's cosine distance of centred rows, which the source uses."""
    from sklearn.metrics import pairwise_distances

    a, b = sides(n, seed=n)
    constant = [1] if n == 3 else [1, 3]  # they correlate 0 with each other, too
    a[constant] = INEXACT
    assert a[1].mean() != INEXACT  # rounding leaves a row of equal numbers, not of zeros
    centred = [side - side.mean(1, keepdims=True) for side in (a, b)]
    centred[0][constant] = 0
    upper = np.triu_indices(n, 1)
    rows = [1 - pairwise_distances(side, metric="cosine")[upper] for side in centred]
    expected = spearmanr(*np.round(rows, 12)).statistic
    assert source_rsa(a, b).value() == pytest.approx(expected, abs=1e-6)
    with pytest.raises(Refused):
        build("rsa", a, b, {})


def test_small_and_large_rsa_agree() -> None:
    for n in range(4, 12):
        a, b = sides(n, seed=n)
        drawn = list(permutations(np.random.default_rng(0), n, 20))
        expected = build("rsa", a, b, {}).null(drawn)
        np.testing.assert_allclose(SmallRsa(a, b).null(drawn), expected, atol=1e-6)


# Refusals.


@pytest.mark.parametrize("metric", [OneComponent, SmallRsa, source_rsa])
@pytest.mark.parametrize(("n", "words"), [(0, "n = 0 pairs"), (1, "n = 1 pair,"), (2, "n = 2")])
def test_too_few_pairs(metric: Any, n: int, words: str) -> None:
    with pytest.raises(Refused, match=rf"{words}.* need at least 3"):
        metric(*sides(n))


@pytest.mark.parametrize("metric", [OneComponent, SmallRsa, source_rsa])
@pytest.mark.parametrize("n", [3, 10])
def test_a_side_without_any_difference(metric: Any, n: int) -> None:
    a, b = sides(n)
    a[:] = a[0]
    with pytest.raises(Refused, match=r"side a"):
        metric(a, b)
    with pytest.raises(Refused, match=r"side b"):
        metric(b, a)


@pytest.mark.parametrize("metric", [OneComponent, SmallRsa, source_rsa])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("n", [3, 10])
def test_values_that_are_not_finite(metric: Any, value: float, n: int) -> None:
    a, b = sides(n)
    b[2, 1] = value
    with pytest.raises(Refused, match=r"side b holds 1 of \d+ values that are not finite"):
        metric(a, b)


# Rows of the table.


M, SEED = 99, 5


def scorer(a: np.ndarray, b: np.ndarray, k: int = 2) -> Scorer:
    return Scorer(a, b, {"k": k}, M, SEED)


def test_rows_of_the_published_protocol() -> None:
    a, b = sides(60)
    left, right = np.arange(0, 60, 2), np.arange(59, 29, -1)
    svcca, rsa = scorer(a, b).rows(left, right, one_component=True, shuffled_p=True)
    drawn = list(permutations(seeds.generator(SEED, "permutations"), 30, M))
    for row, value, null in (
        (svcca, by_pca(a[left], b[right]), [by_pca(a[left], b[right][p]) for p in drawn]),
        (rsa, by_pdist(a[left], b[right]), [by_pdist(a[left], b[right][p]) for p in drawn]),
    ):
        assert row["value"] == pytest.approx(value, abs=1e-6)
        assert row["null_mean"] == pytest.approx(np.mean(null), abs=1e-6)
        assert row["p"] == pytest.approx(np.mean(np.array(null) >= value), abs=1e-9)
        assert (row["n"], row["m"], row["reason"]) == (30, M, None)
    assert (svcca["metric"], svcca["k"], rsa["metric"], rsa["k"]) == ("svcca", 1, "rsa", None)


def test_the_two_p_of_one_score() -> None:
    """Matched sides beat every shuffle: the source's p is 0, which no test can give."""
    a, b = sides(60, shared=9)
    left = np.arange(60)
    source = scorer(a, b).rows(left, left, True, True)
    study = scorer(a, b).rows(left, left, True, False)
    for before, after in zip(source, study, strict=True):
        assert before["p"] == 0.0
        assert after["p"] == 1 / (1 + M)
        assert {x: before[x] for x in before if x != "p"} == {
            x: after[x] for x in after if x != "p"
        }


def test_shuffles_that_give_the_pairing_itself_count() -> None:
    """Of three pairs every sixth shuffle is no shuffle: p is not 0 then, whatever the score."""
    a, b = sides(3, shared=9)
    drawn = list(permutations(seeds.generator(SEED, "permutations"), 3, M))
    same = np.mean([np.array_equal(p, np.arange(3)) for p in drawn])
    assert 0.05 < same < 0.35
    for row in scorer(a, b).rows(np.arange(3), np.arange(3), True, True):
        metric = {"svcca": OneComponent, "rsa": SmallRsa}[row["metric"]](a, b)
        assert row["p"] == np.mean([metric.permuted(p) >= metric.value() for p in drawn]) >= same


def test_rows_of_the_corrected_protocol_are_the_study_s() -> None:
    a, b = sides(60)
    left = np.arange(60)
    rows = scorer(a, b).rows(left, left, one_component=False, shuffled_p=False)
    for row, options in zip(rows, ({"k": 2}, {}), strict=True):
        metric = build(row["metric"], a, b, options)
        null = metric.null(permutations(seeds.generator(SEED, "permutations"), 60, M))
        assert row["value"] == metric.value()
        assert row["p"] == p_value(null, metric.value())
        assert row["null_mean"] == null.mean()
    assert rows[0]["k"] == 2


def test_the_study_s_svcca_refuses_as_it_does() -> None:
    a, b = sides(30)
    left = np.arange(30)
    svcca, rsa = scorer(a, b).rows(left, left, one_component=False, shuffled_p=True)
    assert svcca["reason"] == "n = 30 pairs, but svcca with k = 2 needs at least 20 k = 40"
    assert [svcca[x] for x in ("k", "value", "null_mean", "p")] == [None] * 4
    assert (svcca["n"], svcca["m"]) == (30, M)
    assert rsa["reason"] is None


@pytest.mark.parametrize("n", [0, 1, 2])
def test_no_pairs_are_a_reason(n: int) -> None:
    a, b = sides(30)
    for row in scorer(a, b).rows(np.arange(n), np.arange(n), True, True):
        assert row["n"] == n
        assert row["value"] is None
        assert "the published scores need at least 3" in row["reason"]


def test_nothing_is_scored_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = sides(60)
    made = []
    metric = Scorer._metric

    def watched(self: Scorer, how: str, *rest: Any) -> Any:
        made.append(how)
        return metric(self, how, *rest)

    monkeypatch.setattr(Scorer, "_metric", watched)
    one, pairs, other = scorer(a, b), np.arange(50), np.arange(9, 59)
    first = one.rows(pairs, pairs, True, True)
    assert one.rows(pairs, pairs, True, True) == first
    one.rows(pairs, pairs, False, True)
    one.rows(pairs, pairs, False, False)
    assert made == ["one component", "rsa", "svcca"]
    one.rows(pairs, other, True, True)
    assert made[3:] == ["one component", "rsa"]
