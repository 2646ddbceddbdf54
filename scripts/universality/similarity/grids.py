"""P-values corrected for the number of cells of a grid of layers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from universality.similarity.calibration import benjamini_hochberg, max_t

NUMBERS = ["value", "null_mean", "null_sd", "null_quantile", "p", "effect"]
# The cells of one grid differ in their layers alone.
GRID = [
    "kind",
    "model_a",
    "dictionary_a",
    "model_b",
    "dictionary_b",
    "permuted",
    "method",
    "filter",
    "subspace",
    "metric",
]


def corrected(scores: pd.DataFrame, nulls: Sequence[np.ndarray | None]) -> pd.DataFrame:
    """Return `scores` with the columns `q_bh` and `p_maxt`, each corrected within its grid.

    Args:
        scores: rows with the columns of `GRID`, `value` and `p` (missing where there is no null).
        nulls: the null of each row, all of the same length, or None.

    `q_bh` controls the false discovery rate (Benjamini & Hochberg 1995), `p_maxt` the chance of any
    false rejection (Westfall & Young 1993); see `calibration`. Rows without p get neither.
    """
    scores = scores.reset_index(drop=True)
    scores[NUMBERS] = scores[NUMBERS].astype(float)
    scores["q_bh"] = scores["p_maxt"] = np.nan
    tested = scores[scores["p"].notna()]
    for _, cells in tested.groupby(GRID):
        scores.loc[cells.index, "q_bh"] = benjamini_hochberg(cells["p"].to_numpy())
        null = np.array([nulls[i] for i in cells.index])
        scores.loc[cells.index, "p_maxt"] = max_t(cells["value"].to_numpy(), null)
    return scores
