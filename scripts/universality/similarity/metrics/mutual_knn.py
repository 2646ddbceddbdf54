"""Mutual k-nearest-neighbour overlap: how many of an item's neighbours are the same on both sides?

Huh, Cheung, Wang, Isola 2024 (arXiv 2405.07987), appendix A.
"""

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.neighbours import NeighbourMetric


class MutualKnn(NeighbourMetric):
    """Mean over items i of |N_a(i) & N_b(i)| / k, N the k nearest neighbours of i on a side.

    Nearest by `distance`: `cosine` of the angle between rows, or `euclidean`. Among equally near
    items that share the last places, each is a fraction of a neighbour (`Neighbours`), and of two
    fractions the smaller is in common. In [0, 1]; k / (n - 1) on average for random pairings.
    Invariant to rotation and isotropic scale; `cosine` further to a scale of each single row,
    `euclidean` to a shift common to all rows.
    """

    name = "mutual_knn"

    def _score(
        self,
        owner: Int[np.ndarray, " common"],
        part: Float[np.ndarray, " common"],
        rank_a: Float[np.ndarray, " common"],
        rank_b: Float[np.ndarray, " common"],
    ) -> float:
        return float(part.sum()) / (self.n * self.k)
