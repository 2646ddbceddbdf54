"""Labels: the words on which a feature is most active, and the contexts they stand in."""

import re

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy import sparse

from universality.features.statistics import Matrix

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_CONTEXT = 60


def top_rows(values: Matrix, k: int) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"]]:
    """Return `(feature, row)` of the at most `k` rows of highest activation of each feature.

    Ordered by feature, then by falling activation (ties by row). Only rows where the feature is
    positive count.
    """
    coo = sparse.coo_matrix(values)
    positive = coo.data > 0
    column, row, data = coo.col[positive], coo.row[positive], coo.data[positive]
    order = np.lexsort((row, -data, column))
    column, row = column[order], row[order]
    first = np.searchsorted(column, column)
    rank = np.arange(len(column)) - first
    return column[rank < k].astype(np.int64), row[rank < k].astype(np.int64)


def word(text: str, start: int, end: int) -> str:
    """Return the whole word around the token `text[start:end]`, in lower case.

    A token without letters or digits is its own label: punctuation as it is, white space escaped.
    """
    for match in _WORD.finditer(text, max(0, start - 50), min(len(text), end + 50)):
        if match.end() > start and match.start() < end and match.group():
            return match.group().lower()
    token = text[start:end]
    return token.strip() or token.encode("unicode_escape").decode()


def table(
    values: Matrix,
    rows: Int[np.ndarray, "rows"],
    document: Int[np.ndarray, "T"],
    start: Int[np.ndarray, "T"],
    end: Int[np.ndarray, "T"],
    texts: list[str],
    k: int,
) -> pd.DataFrame:
    """Return the `k` top contexts of each feature, one row each.

    `values` [rows, F] are the features of the token rows `rows`; `document`, `start`, `end`
    describe all tokens; `texts` are the documents. Columns: feature, rank (from 0), row, document,
    activation, token, word, before, after.
    """
    feature, local = top_rows(values, k)
    row = rows[local]
    rank = np.arange(len(feature)) - np.searchsorted(feature, feature)
    # An empty selection of a sparse matrix is no array.
    chosen = values[local, feature] if len(local) else np.zeros(0)
    activation: Float[np.ndarray, N] = np.asarray(chosen).ravel()
    spans = list(zip(document[row].tolist(), start[row].tolist(), end[row].tolist(), strict=True))
    return pd.DataFrame(
        {
            "feature": feature,
            "rank": rank,
            "row": row,
            "document": document[row],
            "activation": activation.astype(np.float32),
            "token": [texts[d][s:e] for d, s, e in spans],
            "word": [word(texts[d], s, e) for d, s, e in spans],
            "before": [texts[d][max(0, s - _CONTEXT) : s] for d, s, e in spans],
            "after": [texts[d][e : e + _CONTEXT] for d, s, e in spans],
        }
    )
