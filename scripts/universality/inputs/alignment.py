"""Rows at which two models have read exactly the same text, whatever their tokenizers.

A token that ends at character `e` has read the document up to `e`, so a row of one model and a row
of the other correspond when they end at the same character of the same document.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Integer

from universality.inputs.tokens import Tokens


@dataclass(frozen=True)
class Alignment:
    """Pairs of corresponding rows, in the order of the text.

    Attributes:
        row_a: row into the tokens of model A.
        row_b: row into the tokens of model B.
        document: the document of both.
        split: the split of that document, coded as the caller codes it.
    """

    row_a: Int64[np.ndarray, "R"]
    row_b: Int64[np.ndarray, "R"]
    document: Int64[np.ndarray, "R"]
    split: Integer[np.ndarray, "R"]


def align(a: Tokens, b: Tokens, split_of_document: Integer[np.ndarray, "documents"]) -> Alignment:
    """Pair the rows of two models that have read the same text.

    Special tokens have no partner. With the same tokenizer on both sides every other token is
    paired with itself, except those that stop within a character.

    Args:
        a: the corpus as model A reads it.
        b: the same documents as model B reads them.
        split_of_document: a code of each document's split.
    """
    rows_a, rows_b = (np.flatnonzero(reads_whole_characters(tokens)) for tokens in (a, b))
    width = 1 + max((int(tokens.end.max()) for tokens in (a, b) if len(tokens.end)), default=0)
    key_a = a.document[rows_a].astype(np.int64) * width + a.end[rows_a]
    key_b = b.document[rows_b].astype(np.int64) * width + b.end[rows_b]
    keys, in_a, in_b = np.intersect1d(key_a, key_b, return_indices=True)
    document = keys // width
    return Alignment(rows_a[in_a], rows_b[in_b], document, split_of_document[document])


def reads_whole_characters(tokens: Tokens) -> Bool[np.ndarray, "T"]:
    """Tell the rows after which a model has read a whole, non-empty prefix of the document.

    Byte-level and byte-fallback tokenizers give each token of a character's bytes the span of that
    character: after all but the last of them it is read in part. Such a token is one whose
    successor starts before it ends (also when the successor reaches into the next character). Of
    tokens with the same end only the last counts.
    """
    text = np.flatnonzero(~tokens.special)
    start, end, document = tokens.start[text], tokens.end[text], tokens.document[text]
    whole = end > 0
    split = (start[1:] < end[:-1]) | (end[1:] == end[:-1])
    whole[:-1] &= ~(split & (document[1:] == document[:-1]))
    result = np.zeros(len(tokens.ids), dtype=bool)
    result[text[whole]] = True
    return result


def shares(alignment: Alignment, a: Tokens, b: Tokens) -> tuple[float, float]:
    """Return which share of each side's tokens is aligned, special tokens not counted.

    The share of no tokens is NaN.
    """
    of_a, of_b = (int((~tokens.special).sum()) for tokens in (a, b))
    aligned = len(alignment.row_a)
    return (aligned / of_a if of_a else float("nan"), aligned / of_b if of_b else float("nan"))
