"""Reading a store of features: chosen rows, sparse or dense as they were stored."""

from pathlib import Path

import numpy as np
from jaxtyping import Int
from scipy import sparse

from universality import store
from universality.features.statistics import Matrix


class Features:
    """A store of features, tokens x features.

    Attributes:
        n_features: number of features F.
        usable: which rows are neither special nor massive, bool [T].
    """

    def __init__(self, path: str | Path) -> None:
        self.store = store.open_store(path, "features")
        self.usable = self.store.read("usable")
        self.n_features = int(self.store["firings"].shape[1])

    def rows(self, chosen: Int[np.ndarray, "rows"]) -> Matrix:
        """Return the features of the `chosen` rows in that order, float32 [rows, F].

        CSR when the dictionary is sparse, an array when it is dense.
        """
        if self.store.attributes["layout"] == "dense":
            return self._dense(chosen)
        if not len(chosen):
            return sparse.csr_matrix(np.zeros((0, self.n_features), np.float32))
        first, last = int(chosen.min()), int(chosen.max()) + 1
        indptr = np.asarray(self.store["indptr"][first : last + 1])
        stored = slice(int(indptr[0]), int(indptr[-1]))
        matrix = sparse.csr_matrix(
            (
                np.asarray(self.store["values"][stored]),
                np.asarray(self.store["indices"][stored]),
                indptr - indptr[0],
            ),
            shape=(last - first, self.n_features),
        )
        return matrix[chosen - first]

    def _dense(self, chosen: Int[np.ndarray, "rows"]) -> np.ndarray:
        array = self.store["dense"]
        values = np.empty((len(chosen), self.n_features), np.float32)
        # Rows are read chunk by chunk: the whole dump is never in memory.
        step = array.chunks[0]
        for start in range(0, array.shape[0], step):
            here = np.flatnonzero((chosen >= start) & (chosen < start + step))
            if len(here):
                block = np.asarray(array[start : start + step])[chosen[here] - start]
                if self.store.attributes["dtype"] == "bfloat16":
                    # A bfloat16 is the upper half of a float32.
                    block = (block.astype(np.uint32) << 16).view(np.float32)
                values[here] = block
        return values
