"""Jaccard similarity: what share of an item's neighbours on either side is on both?

Klabunde, Schumacher, Strohmaier, Lemmerich 2023 (arXiv 2305.06329), section 3.4, "k-NN Jaccard".
"""

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.neighbours import NeighbourMetric


class JaccardKnn(NeighbourMetric):
    """Mean over items i of |N_a(i) & N_b(i)| / |N_a(i) | N_b(i)|, N the k nearest neighbours of i.

    With c neighbours in common, c / (2 k - c) for an item. Distances, ties and invariances as for
    `mutual_knn`. In [0, 1]; about k / (2 n) for random pairings.
    """

    name = "jaccard_knn"

    def _score(
        self,
        owner: Int[np.ndarray, " common"],
        part: Float[np.ndarray, " common"],
        rank_a: Float[np.ndarray, " common"],
        rank_b: Float[np.ndarray, " common"],
    ) -> float:
        common = np.bincount(owner, weights=part, minlength=self.n)
        return float(np.mean(common / (2 * self.k - common)))
