"""Per-feature statistics by split, accumulated over blocks of whole documents."""

import numpy as np
from jaxtyping import Int
from scipy import sparse

from universality.documents import SPLITS

Matrix = sparse.csr_matrix | np.ndarray


class Statistics:
    """Firings, documents, mean, standard deviation and maximum of each feature in each split.

    A feature fires on a row where it is not zero. All arrays are [splits, F], splits in the order
    of `documents.SPLITS`; sums are kept in float64. Feed it with `update`, read it with `arrays`.
    """

    def __init__(self, n_features: int) -> None:
        shape = (len(SPLITS), n_features)
        self.rows = np.zeros(len(SPLITS), np.int64)
        self.firings = np.zeros(shape, np.int64)
        self.documents = np.zeros(shape, np.int64)
        self._sum = np.zeros(shape)
        self._square = np.zeros(shape)
        self._max = np.full(shape, -np.inf)

    def update(
        self, values: Matrix, document: Int[np.ndarray, "rows"], split: Int[np.ndarray, "rows"]
    ) -> None:
        """Add a block of rows in document order; no document may continue in another block."""
        for s in range(len(SPLITS)):
            chosen = np.flatnonzero(split == s)
            if not len(chosen):
                continue
            block = values[chosen]
            fired = (block != 0).astype(np.int64)  # type: ignore[union-attr]
            first = np.flatnonzero(np.diff(document[chosen], prepend=-1))
            self.rows[s] += len(chosen)
            if sparse.issparse(block):
                block = block.astype(np.float64)
                self.firings[s] += np.asarray(fired.sum(0)).ravel()
                in_document = sparse.csr_matrix(
                    (np.ones(len(chosen), np.int64), np.arange(len(chosen)), [*first, len(chosen)])
                )
                self.documents[s] += ((in_document @ fired) > 0).getnnz(axis=0)
                self._sum[s] += np.asarray(block.sum(0)).ravel()
                self._square[s] += np.asarray(block.multiply(block).sum(0)).ravel()
                top = block.max(axis=0).toarray().ravel()
            else:
                block = block.astype(np.float64)
                self.firings[s] += fired.sum(0)
                self.documents[s] += (np.add.reduceat(fired, first, axis=0) > 0).sum(0)
                self._sum[s] += block.sum(0)
                self._square[s] += np.square(block).sum(0)
                top = block.max(axis=0)
            self._max[s] = np.maximum(self._max[s], top)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the statistics by name; mean, std and max of an empty split are NaN."""
        n = np.where(self.rows > 0, self.rows, np.nan)[:, None]
        mean = self._sum / n
        return {
            "firings": self.firings,
            "documents": self.documents,
            "mean": mean,
            "std": np.sqrt(np.maximum(self._square / n - mean**2, 0)),
            "max": np.where(np.isfinite(self._max), self._max, np.nan),
        }

    def participates(self, min_firings: int, min_documents: int) -> np.ndarray:
        """Say which features fire on enough tokens of enough documents in every split, bool [F]."""
        enough = (self.firings >= min_firings) & (self.documents >= min_documents)
        return np.asarray(enough.all(0))
