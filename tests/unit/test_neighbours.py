"""The nearest neighbours against scikit-learn, and against a slow search where there are ties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from universality.similarity.metrics import Refused
from universality.similarity.metrics import neighbours as module
from universality.similarity.metrics.neighbours import nearest

reproducible = settings(deadline=None, derandomize=True, max_examples=60)
distances = pytest.mark.parametrize("distance", ["cosine", "euclidean"])


def listed(found):
    """Return, for each item, its neighbours with their parts and ranks."""
    return [
        {
            int(found.item[e]): (float(found.part[e]), float(found.rank[e]))
            for e in range(found.first[i], found.first[i + 1])
        }
        for i in range(len(found.first) - 1)
    ]


def slowly(rows, k, distance):
    """The same by sorting the distances of each item, those that agree to 7 decimals as equal."""
    apart = cdist(rows, rows, distance)
    if distance == "euclidean":
        centred = rows - rows.mean(axis=0)
        apart = apart**2 / (centred**2).sum(axis=1).mean()
    apart = np.round(apart, 7)
    result = []
    for i in range(len(rows)):
        others = sorted((apart[i, j], j) for j in range(len(rows)) if j != i)
        places = {}
        for place, (value, _) in enumerate(others, start=1):
            places.setdefault(value, []).append(place)
        mine = {}
        for value, j in others:
            inside = [place for place in places[value] if place <= k]
            if inside:
                harmonic_mean = len(inside) / sum(1 / place for place in inside)
                mine[j] = (len(inside) / len(places[value]), harmonic_mean)
        result.append(mine)
    return result


@distances
@pytest.mark.parametrize(("n", "k"), [(12, 1), (12, 5), (200, 10), (700, 3)])
def test_equals_scikit_learn(distance, n, k):
    rows = np.random.default_rng(n).standard_normal((n, 9)) + 0.5
    nearer = NearestNeighbors(n_neighbors=k + 1, metric=distance).fit(rows).kneighbors(rows)[1]
    expected = [{int(j): (1, rank) for rank, j in enumerate(row) if rank} for row in nearer]
    assert all(row[0] == i for i, row in enumerate(nearer))  # itself first
    assert [
        {j: (part, pytest.approx(rank)) for j, (part, rank) in item.items()} for item in expected
    ] == listed(nearest(rows, k, distance, "a"))


@distances
@reproducible
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(6, 14))
def test_ties_share_their_places(distance, seed, k, n):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (n, 2)) + np.array([1.0, 0.0])
    try:
        found = nearest(rows, k, distance, "a")
    except Refused:
        assert len({tuple(item.values()) for item in slowly(rows, n - 1, distance)}) == 1
        return
    assert listed(found) == [
        {j: (pytest.approx(part), pytest.approx(rank)) for j, (part, rank) in item.items()}
        for item in slowly(rows, k, distance)
    ]
    parts = np.add.reduceat(found.part, found.first[:-1])
    assert parts == pytest.approx(np.full(n, k))
    # As many ranks as places: the sum of 1 / rank is that of 1, 1 / 2, ..., 1 / k.
    inverse = np.add.reduceat(found.part / found.rank, found.first[:-1])
    assert inverse == pytest.approx(np.full(n, (1 / np.arange(1, k + 1)).sum()))


def test_known_ties():
    # From 0, three points at distance 1 and two at distance 2.
    rows = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, 2.0], [2, 0], [0, -7], [9, 9]])
    first = listed(nearest(rows, 2, "euclidean", "a"))[0]
    assert first == {j: (pytest.approx(2 / 3), pytest.approx(4 / 3)) for j in (1, 2, 3)}
    first = listed(nearest(rows, 4, "euclidean", "a"))[0]
    assert first == {
        **{j: (1, pytest.approx(3 / (1 + 1 / 2 + 1 / 3))) for j in (1, 2, 3)},
        **{j: (0.5, pytest.approx(4)) for j in (4, 5)},
    }


@distances
def test_neighbours_follow_the_rows_when_they_are_listed_in_another_order(distance):
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.standard_normal((40, 6)), 3, axis=0)
    order = rng.permutation(120)
    found = listed(nearest(rows, 5, distance, "a"))
    reordered = listed(nearest(rows[order], 5, distance, "a"))
    for place, item in enumerate(order):
        assert {int(order[j]): entry for j, entry in reordered[place].items()} == found[item]


@distances
def test_blocks_and_scale_do_not_matter(distance, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((50, 6)) + 1
    expected = listed(nearest(rows, 4, distance, "a"))
    assert listed(nearest(rows * 1e-170, 4, distance, "a")) == expected
    assert listed(nearest(rows * 1e150, 4, distance, "a")) == expected
    monkeypatch.setattr(module, "BLOCK", 7 * 50)
    assert listed(nearest(rows, 4, distance, "a")) == expected


@distances
def test_one_row_far_out_leaves_the_others_their_order(distance):
    rows = np.random.default_rng(0).standard_normal((60, 6)) + 1
    rows[7] *= 1e8
    nearer = np.argsort(cdist(rows, rows, distance), axis=1)[:, 1:4]
    found = listed(nearest(rows, 3, distance, "a"))
    assert [[j for j, _ in sorted(item.items(), key=lambda e: e[1][1])] for item in found] == (
        nearer.tolist()
    )


def test_a_scale_of_each_row_leaves_the_nearest_by_angle_and_a_shift_those_by_distance():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 6)) + 1
    scaled = rows * rng.uniform(0.01, 100, (50, 1))
    assert listed(nearest(scaled, 4, "cosine", "a")) == listed(nearest(rows, 4, "cosine", "a"))
    assert listed(nearest(scaled, 4, "euclidean", "a")) != listed(
        nearest(rows, 4, "euclidean", "a")
    )
    shifted = rows - 100
    assert listed(nearest(shifted, 4, "euclidean", "a")) == listed(
        nearest(rows, 4, "euclidean", "a")
    )
    assert listed(nearest(shifted, 4, "cosine", "a")) != listed(nearest(rows, 4, "cosine", "a"))


@distances
@pytest.mark.parametrize(
    "rows", [np.eye(20), np.full((20, 3), 0.1), np.eye(20, 30, dtype=np.float32)]
)
def test_refuses_rows_that_are_equally_near_to_each_other(distance, rows):
    with pytest.raises(Refused, match=f"^side b has equal {distance} distances between all its"):
        nearest(rows.astype(np.float64), 3, distance, "b")


def test_refuses_zero_rows_only_by_angle():
    rows = np.random.default_rng(0).standard_normal((20, 3))
    rows[[2, 5]] = 0
    with pytest.raises(Refused, match=r"^2 of 20 rows of side a are zero, so their cosine is not"):
        nearest(rows, 3, "cosine", "a")
    assert 5 in listed(nearest(rows, 3, "euclidean", "a"))[2]
