"""How the features of one subject are active together."""

import numpy as np
from jaxtyping import Float32, Int

from universality.features.correlation import pearson
from universality.features.matrix import Features


def coactivation(
    features: Features, rows: Int[np.ndarray, "rows"], chosen: Int[np.ndarray, " F"]
) -> Float32[np.ndarray, "F F"]:
    """Return the Pearson correlations among the `chosen` features over token rows.

    The matrix is what RSA and CKA compare between two subjects whose features are matched: are the
    features that are active together on one side active together on the other? A feature that does
    not vary over the rows has NaN.
    """
    values = features.rows(rows)[:, chosen]
    matrix = np.empty((len(chosen), len(chosen)), np.float32)
    for part, r in pearson(values, values):
        matrix[part] = r
    return matrix
