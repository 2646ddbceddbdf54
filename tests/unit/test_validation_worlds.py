"""Pretended models: what is put in is there, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from universality.validation.pipeline import METHOD, Comparison
from universality.validation.worlds import Concepts, World, dictionaries

WORLD = World(documents=20, tokens=25)
EXACT = replace(WORLD, direction_noise=0, activation_noise=0, k=100)


def pair(world, seed=0):
    return dictionaries(world, np.random.default_rng(seed))


def common(a, b):
    """Return the concepts of both, and where each has them."""
    return np.intersect1d(a.concept, b.concept, return_indices=True)


@pytest.mark.parametrize(
    ("shared", "widths", "expected"),
    [(0, (40, 60), 0), (0.25, (40, 60), 10), (0.25, (60, 40), 10), (1, (40, 40), 40)],
)
def test_sides_share_the_concepts_that_they_are_said_to(shared, widths, expected):
    a, b = pair(replace(WORLD, shared=shared, width_a=widths[0], width_b=widths[1]))
    assert len(common(a, b)[0]) == expected
    for side, width, d in ((a, widths[0], WORLD.d_a), (b, widths[1], WORLD.d_b)):
        assert len(set(side.concept)) == width
        assert side.decoder.shape == (width, d)
        assert side.activations.shape == (500, width)
        np.testing.assert_allclose(np.linalg.norm(side.decoder, axis=1), 1)


def test_features_come_in_an_order_of_their_own():
    a, b = pair(replace(WORLD, shared=1))
    assert np.mean(a.concept == b.concept) < 0.1


def test_the_same_seed_gives_the_same_world():
    for one, other in zip(pair(WORLD, 3), pair(WORLD, 3), strict=True):
        assert (one.activations != other.activations).nnz == 0
        np.testing.assert_array_equal(one.decoder, other.decoder)
    assert not np.array_equal(pair(WORLD, 3)[0].decoder, pair(WORLD, 4)[0].decoder)


def test_without_noise_shared_features_are_the_same_up_to_a_rotation():
    a, b = pair(EXACT)
    _, i, j = common(a, b)
    assert (a.activations[:, i] != b.activations[:, j]).nnz == 0
    left, right = a.decoder[i], b.decoder[j]
    np.testing.assert_allclose(left @ left.T, right @ right.T, atol=1e-12)
    assert np.abs(left[:, : WORLD.latent] - right[:, : WORLD.latent]).max() > 0.3


def test_without_a_rotation_coordinates_are_the_same():
    a, b = pair(replace(EXACT, rotated=False))
    _, i, j = common(a, b)
    np.testing.assert_allclose(a.decoder[i][:, : WORLD.latent], b.decoder[j], atol=1e-12)


def test_directions_of_their_own():
    a, b = pair(replace(EXACT, same_directions=False))
    _, i, j = common(a, b)
    assert (a.activations[:, i] != b.activations[:, j]).nnz == 0
    grams = [side.decoder[k] @ side.decoder[k].T for side, k in ((a, i), (b, j))]
    upper = np.triu_indices(len(i), 1)
    assert abs(np.corrcoef(grams[0][upper], grams[1][upper])[0, 1]) < 0.15


def test_own_texts_have_nothing_in_common():
    world = replace(EXACT, shared=1, same_text=False)
    a, b = pair(world)
    _, i, j = common(a, b)
    assert np.abs(np.diag(_cross(a, b, i, j))).mean() < 0.1


def _cross(a, b, i, j):
    left, right = a.activations[:, i].toarray(), b.activations[:, j].toarray()
    return np.corrcoef(left.T, right.T)[: len(i), len(i) :]


def test_noise_lowers_correlations_and_blurs_directions():
    means, cosines = [], []
    for noise in (0, 0.5, 1.5):
        world = replace(EXACT, activation_noise=noise, direction_noise=noise, rotated=False, k=12)
        a, b = pair(world)
        _, i, j = common(a, b)
        means.append(np.nanmean(np.diag(_cross(a, b, i, j))))
        cosines.append((a.decoder[i][:, : WORLD.latent] * b.decoder[j]).sum(axis=1).mean())
    assert means[0] > 0.99
    assert means[0] > means[1] + 0.05 > means[2] + 0.1
    # Each side's noise of length s leaves 1 / (1 + s^2), up to what the noise adds by chance.
    np.testing.assert_allclose(cosines, [1, 1 / 1.25, 1 / 3.25], atol=0.05)


@pytest.mark.parametrize("k", [1, 4, 16])
def test_an_sae_keeps_k_features_of_a_token(k):
    active = (pair(replace(WORLD, k=k))[0].activations > 0).sum(axis=1)
    assert active.max() == k
    assert pair(replace(WORLD, k=k))[0].activations.min() >= 0


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_frequencies_follow_the_power_law(power):
    world = replace(EXACT, power=power, topical=0, documents=200, shared=1, active=3)
    concepts = Concepts(world, np.random.default_rng(1))
    rate = np.sort((concepts.strengths() > 0).mean(axis=0))[::-1]
    assert rate.sum() == pytest.approx(3, rel=0.1)
    slope = np.polyfit(np.log(np.arange(1, 61)), np.log(rate[:60]), 1)[0]
    assert slope == pytest.approx(-power, abs=0.12)


def test_topics_decide_where_a_concept_happens():
    world = replace(EXACT, topical=1.0, topics=3)
    concepts = Concepts(world, np.random.default_rng(2))
    happens = (concepts.strengths() > 0).reshape(20, 25, -1).any(axis=1)
    topics = [concepts.topic[document] for document in happens]
    assert all(len(set(found)) == 1 for found in topics)
    assert len({found[0] for found in topics}) == 3
    spread = replace(EXACT, topical=0.0, topics=3)
    concepts = Concepts(spread, np.random.default_rng(2))
    happens = (concepts.strengths() > 0).reshape(20, 25, -1).any(axis=1)
    assert all(len(set(concepts.topic[document])) == 3 for document in happens)


def test_clusters_of_directions():
    def within(clustered):
        concepts = Concepts(replace(WORLD, clustered=clustered), np.random.default_rng(5))
        cosine = concepts.directions @ concepts.directions.T
        same = concepts.topic[:, None] == concepts.topic
        np.fill_diagonal(same, False)
        different = concepts.topic[:, None] != concepts.topic
        return cosine[same].mean(), cosine[different].mean()

    assert abs(within(0.0)[0]) < 0.05
    assert within(0.6)[0] == pytest.approx(0.6, abs=0.1)
    assert abs(within(0.6)[1]) < 0.2


def test_matching_agrees_with_plain_correlations():
    world = replace(WORLD, documents=40, shared=0.5)
    a, b = pair(world)
    comparison = Comparison(world, a, b)
    pairs = comparison.matched()
    matched, heldout = np.split(np.arange(1000), 2)
    for rows, name in ((matched, "correlation_fit"), (heldout, "correlation_heldout")):
        left, right = (side.activations[rows].toarray() for side in (a, b))
        plain = [
            np.corrcoef(left[:, i], right[:, j])[0, 1]
            for i, j in zip(pairs["a"], pairs["b"], strict=True)
        ]
        np.testing.assert_allclose(pairs[name], plain, atol=1e-6)
    np.testing.assert_array_equal(pairs["kept"], pairs["correlation_fit"] > 0.1)
    right = int((a.concept[pairs["a"]] == b.concept[pairs["b"]]).sum())
    assert right > 0.9 * len(common(a, b)[0])


def test_features_that_fire_too_rarely_take_no_part():
    world = replace(EXACT, documents=40, width_a=150, power=1.2, topical=0.9)
    a, b = pair(world)
    enough = np.ones(150, bool)
    for part in np.split(a.activations.toarray() > 0, 2):
        documents = part.reshape(20, 25, -1).any(axis=1).sum(axis=0)
        enough &= (part.sum(axis=0) >= 10) & (documents >= 3)
    assert 20 < enough.sum() < 140
    np.testing.assert_array_equal(Comparison(world, a, b).features_a, np.flatnonzero(enough))


def test_rematching_finds_no_counterparts():
    world = replace(WORLD, documents=40, shared=1, topical=0)
    a, b = pair(world)
    comparison = Comparison(world, a, b)
    redone = comparison.rematched(5, np.random.default_rng(0))
    assert redone.draws == 5
    assert np.bincount(redone.draw).tolist() == [len(comparison.matched()["a"])] * 5
    assert np.mean(a.concept[redone.a] == b.concept[redone.b]) < 0.1
    assert abs(redone.correlation_heldout.mean()) < 0.05 < redone.correlation_fit.mean()
    assert comparison.matched()["correlation_heldout"].mean() > 0.4
    assert METHOD == "hungarian"
