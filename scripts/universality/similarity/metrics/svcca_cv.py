"""Cross-validated SVCCA: do canonical directions hold for pairs that they were not fitted to?

CCA finds correlations in noise, the more the fewer pairs there are for each component; correlations
of held-out pairs are free of that (cross-validated CCA: Bilenko & Gallant 2016, Frontiers in
Neuroinformatics 10:49, "Pyrcca"; Helmer et al. 2024, Communications Biology 7:217).
"""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from universality.similarity.metrics.base import (
    Metric,
    Refused,
    batches,
    paired,
    pairs,
    refuse_few,
    whole,
)
from universality.similarity.metrics.components import leading
from universality.similarity.metrics.folds import folds as assign
from universality.similarity.metrics.svcca import BATCH

PAIRS_PER_COMPONENT = 5
"""With fewer, so few are left to fit that directions follow noise alone."""

PAIRS_PER_FOLD = 4

NOTHING = 1e-9
"""A variance below this share of that of all pairs is rounding."""


class SvccaCv(Metric):
    """Mean correlation of held-out pairs along canonical directions of the other pairs.

    Both sides are reduced to their k leading principal components. For each fold, the canonical
    directions of the components are fitted to the pairs outside, and the pairs inside are projected
    on them; their k (Pearson, signed) correlations are averaged. In [-1, 1], and 0 on average over
    random pairings, exactly and for any n and d. Invariant to rotations, isotropic scale and a
    shift common to all rows.

    - The components are those of all pairs: each side's are found without the other, so no
      pairing has a part in them, and held-out pairs stay as good as unseen.
    - Folds hold rows of one side, by what they are and not by where they stand (`folds`), equal
      rows together. Once the rows of a are dealt out and once those of b, and the score is the
      mean: so it depends neither on the order of the pairs nor on that of the sides.
    - A direction along which one of the two parts does not vary counts as correlation 0.

    Raises:
        Refused: n < 5 k or n < 4 `folds`; a side has fewer different rows than folds, or rank below
            k; or the k-th and next singular values of a side are equal.
        StudyError: k is not a whole number of at least 1, or `folds` not one of at least 2.
    """

    name = "svcca_cv"
    OPTIONS: ClassVar = {"k": whole(at_least=1), "folds": whole(at_least=2)}

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        k: int = 10,
        folds: int = 5,
    ) -> None:
        self.check(k=k, folds=folds)
        refuse_few(self.name, len(a), PAIRS_PER_COMPONENT, k)
        if len(a) < PAIRS_PER_FOLD * folds:
            raise Refused(
                f"{pairs(len(a))}, but {self.name} with {folds} folds needs at least "
                f"{PAIRS_PER_FOLD} in each = {PAIRS_PER_FOLD * folds}"
            )
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = k
        u_a, _ = leading(a, k, "a", self.name)
        u_b, _ = leading(b, k, "b", self.name)
        self._by_a = _Folded(u_a, u_b, assign(u_a, folds, "a"))
        self._by_b = _Folded(u_b, u_a, assign(u_b, folds, "b"))

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        return float(self.null([permutation])[0])

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the score of each pairing (i, permutation[i]).

        Each costs the k x k products of the components' rows in each fold, and CCA of those.
        """
        scores = [
            (self._by_a.scores(batch) + self._by_b.scores(np.argsort(batch, axis=1))) / 2
            for batch in batches(permutations, BATCH // self._by_a.size)
        ]
        return np.concatenate([np.empty(0), *scores])


class _Folded:
    """The correlations of held-out pairs, with folds of rows of x."""

    def __init__(
        self,
        x: Float[np.ndarray, "n k"],
        y: Float[np.ndarray, "n k"],
        fold: Int[np.ndarray, " n"],
    ) -> None:
        self._order = np.argsort(fold, kind="stable")
        sizes = np.bincount(fold)
        self._ends = np.cumsum(sizes)[:-1]
        self._held_out = sizes[:, None, None]
        self._fitted = len(x) - self._held_out
        self._x = np.split(x[self._order], self._ends)
        self._y = y
        self.size = y.size
        self._sum_x = np.stack([part.sum(axis=0) for part in self._x])[..., None]
        self._gram_x = np.stack([part.T @ part for part in self._x])
        fitted = np.eye(x.shape[1]) - self._gram_x - self._apart(self._sum_x, self._sum_x)
        self._white_x = _whitening(fitted)

    def scores(self, batch: Int[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        """Return the mean correlation when row i of x is paired with row p[i] of y, p in batch."""
        parts = np.split(self._y[batch[:, self._order]], self._ends, axis=1)
        # By permutation and fold: sums and products over the pairs that are held out.
        sum_y = np.stack([part.sum(axis=1) for part in parts], axis=1)[..., None]
        gram_y = np.stack([part.transpose(0, 2, 1) @ part for part in parts], axis=1)
        cross = np.stack([x.T @ part for x, part in zip(self._x, parts, strict=True)], axis=1)
        # Over the others: the whole less these, since columns sum to 0 and have length 1.
        fitted_y = np.eye(gram_y.shape[-1]) - gram_y - self._apart(sum_y, sum_y)
        fitted_cross = cross.sum(axis=1, keepdims=True) - cross - self._apart(self._sum_x, sum_y)
        white_y = _whitening(fitted_y)
        p, _, q_t = np.linalg.svd(_t(self._white_x) @ fitted_cross @ white_y)
        along_x, along_y = self._white_x @ p, white_y @ _t(q_t)
        cross -= self._within(self._sum_x, sum_y)
        held_x = _squares(along_x, self._gram_x - self._within(self._sum_x, self._sum_x))
        held_y = _squares(along_y, gram_y - self._within(sum_y, sum_y))
        products = (along_x * (cross @ along_y)).sum(axis=-2)
        varies = (held_x > NOTHING) & (held_y > NOTHING)
        norm = np.sqrt(np.where(varies, held_x * held_y, 1.0))
        return np.where(varies, products / norm, 0.0).mean(axis=(1, 2))

    def _within(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return what the means of held-out pairs take from their products, given their sums."""
        return x @ _t(y) / self._held_out

    def _apart(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return what the means of the other pairs take; their sums are the negative of these."""
        return x @ _t(y) / self._fitted


def _t(matrices: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrices, -1, -2)


def _whitening(gram: Float[np.ndarray, "... k k"]) -> Float[np.ndarray, "... k k"]:
    """Return W with W^T gram W = 1, where gram has variance, and columns of zeros where not."""
    squares, axes = np.linalg.eigh(gram)
    squares = squares[..., None, :]
    return np.where(squares > NOTHING, axes / np.sqrt(np.where(squares > NOTHING, squares, 1)), 0)


def _squares(
    along: Float[np.ndarray, "... k k"], gram: Float[np.ndarray, "... k k"]
) -> Float[np.ndarray, "... k"]:
    return (along * (gram @ along)).sum(axis=-2)
