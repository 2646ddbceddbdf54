"""What the tests of the metrics of neighbourhoods share: sides, and scikit-learn's neighbours."""

import numpy as np
from sklearn.neighbors import NearestNeighbors


def sides(n=120, seed=0):
    """Two sides that share four directions; no ties."""
    rng = np.random.default_rng(seed)
    shared = 2 * rng.standard_normal((n, 4))
    a = shared @ rng.standard_normal((4, 9)) + rng.standard_normal((n, 9))
    b = shared @ rng.standard_normal((4, 14)) + rng.standard_normal((n, 14))
    return a, b


def repeated(n=120, seed=0):
    """The same, where many pairs share a row of a, and some a row of b: many ties."""
    a, b = sides(n, seed)
    a[n // 4 : n // 2] = a[0]
    a[n // 2 : n // 2 + 5] = a[1]
    b[::7] = b[3]
    return a, b


def ranked(rows, k, distance="cosine"):
    """Return the k nearest others of each row, nearest first."""
    found = NearestNeighbors(n_neighbors=k + 1, metric=distance).fit(rows).kneighbors(rows)[1]
    return [[int(j) for j in row if j != i] for i, row in enumerate(found)]
