"""Rank similarity: have the neighbours that both sides share the same rank, near ones above all?

Wang et al. 2020 ("Towards Understanding the Instability of Network Embedding", IEEE TKDE), in the
form of Klabunde et al. 2023 (arXiv 2305.06329), section 3.4, "rank similarity".
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.special import digamma

from universality.similarity.metrics.neighbours import NeighbourMetric


class RankNeighbours(NeighbourMetric):
    """Mean over items i of v_i / v_max(i), from the ranks of neighbours that both sides share.

    With r_a(j), r_b(j) in 1, ..., k the rank of neighbour j of i, and c the number in common,

        v_i = sum over common j of 2 / ((1 + |r_a(j) - r_b(j)|) (r_a(j) + r_b(j)))
        v_max(i) = 1 + 1 / 2 + ... + 1 / c,

    and 0 for an item without common neighbours. In [0, 1], and 1 only if all items have the same
    neighbours in the same order. v_max depends on c, so that one common neighbour at rank 1 on both
    sides counts as much as k at equal ranks: the order counts more here than the number. Distances
    and invariances as for `mutual_knn`.

    Neighbours that are equally near have the harmonic mean of the ranks that they share, and in the
    sum the part of a neighbour that both sides agree on; c is then the sum of these parts, and the
    harmonic number that of a real number, digamma(c + 1) - digamma(1).
    """

    name = "rank_neighbours"

    def _score(
        self,
        owner: Int[np.ndarray, " common"],
        part: Float[np.ndarray, " common"],
        rank_a: Float[np.ndarray, " common"],
        rank_b: Float[np.ndarray, " common"],
    ) -> float:
        terms = part * 2 / ((1 + np.abs(rank_a - rank_b)) * (rank_a + rank_b))
        sums = np.bincount(owner, weights=terms, minlength=self.n)
        common = np.bincount(owner, weights=part, minlength=self.n)
        some = common > 0
        largest = digamma(common[some] + 1) - digamma(1)
        return float((sums[some] / largest).sum()) / self.n
