"""The scores of the published protocol, as the source's code computes them.

Lan et al. 2024 (arXiv 2410.06981) score paired decoder rows with an SVCCA that keeps one component
and with RSA, and set each against shuffled pairings, p = share of shuffles that score as high.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import spearmanr

from universality import seeds
from universality.similarity.metrics import Metric, Refused, build, build_from_kernels
from universality.similarity.metrics.base import batches, paired, pairs
from universality.similarity.metrics.components import leading
from universality.similarity.scoring import Score, against_permutations

SMALLEST_N = 3
"""Any two pairs of numbers correlate perfectly, and two rows have one dissimilarity."""

BATCH = 320_000
"""Numbers gathered at a time, for several permutations: 2.5 MB."""


class OneComponent(Metric):
    """Absolute Pearson correlation of the scores of both sides' first principal components.

    |u_a . u_b|, u the first left singular vector of the column-centred side. In [0, 1]. Invariant
    to rotations, isotropic scale and a shift common to all rows. It is what the source's SVCCA
    comes to for decoder rows of norm 1: its `top_k_pca_comps` compares shares of the variance, at
    most 1, with 0.99 times the total variance, about n; none is as large, the search returns the
    first, and CCA of one component with one is their absolute correlation. (The rule would keep
    more only where the total variance is about 1 or less.)

    Under random pairing its mean is sqrt(2 / (pi n)): see `source_nulls.law`.

    Raises:
        Refused: n < 3; a side does not vary, or its two largest singular values are equal, so that
            there is no first component.
    """

    name = "svcca"

    def __init__(self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]) -> None:
        _refuse_few(len(a))
        a, b = paired(a, b)
        self.n = len(a)
        self.k_a = self.k_b = 1
        self._u_a, self._u_b = (
            leading(side, 1, name, self.name)[0][:, 0] for side, name in ((a, "a"), (b, "b"))
        )

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        return float(self.null([permutation])[0])

    def null(self, permutations: Iterable[Int[np.ndarray, " n"]]) -> Float[np.ndarray, " m"]:
        """Return the score of each pairing (i, permutation[i])."""
        scores = [
            # Summed row by row, so that a pairing scores the same in any batch.
            np.abs((self._u_b[batch] * self._u_a).sum(axis=1))
            for batch in batches(permutations, BATCH // self.n)
        ]
        return np.concatenate([np.empty(0), *scores])


class SmallRsa(Metric):
    """Spearman correlation of the correlations among the rows of each side, for a few rows.

    For the source's RSA where `Rsa` refuses, which finds no sense in n = 3; with `spearmanr` for
    each pairing. In [-1, 1]. A row that is constant correlates 0 with all others.

    Raises:
        Refused: n < 3; or all correlations of a side are equal.
    """

    name = "rsa"

    def __init__(self, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]) -> None:
        _refuse_few(len(a))
        a, b = paired(a, b)
        self.n = len(a)
        self._upper = np.triu_indices(self.n, 1)
        self._r_a, self._r_b = (np.round(_correlations(side), 12) for side in (a, b))
        for side, r in (("a", self._r_a), ("b", self._r_b)):
            if np.ptp(r[self._upper]) == 0:
                raise Refused(f"all {len(self._upper[0])} dissimilarities of side {side} are equal")

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i])."""
        r_b = self._r_b[np.ix_(permutation, permutation)]
        return float(spearmanr(self._r_a[self._upper], r_b[self._upper]).statistic)


def source_rsa(a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]) -> Metric:
    """Return the source's RSA: Pearson within a side, Spearman between the sides.

    That is the study's `Rsa`, save that the source goes on for n = 3, and for constant rows, which
    it takes as correlating 0 with all others.

    Raises:
        Refused: n < 3; or all dissimilarities of a side are equal.
    """
    if len(a) <= SMALLEST_N:
        return SmallRsa(a, b)
    if any((side == side[:, :1]).all(axis=1).any() for side in (a, b)):
        a, b = paired(a, b)
        return build_from_kernels("rsa", _correlations(a), _correlations(b), {})
    return build("rsa", a, b, {})


class Scorer:
    """Scores pairs of one comparison; what it has scored it does not score again."""

    def __init__(
        self,
        decoder_a: Float[np.ndarray, "F d_a"],
        decoder_b: Float[np.ndarray, "G d_b"],
        svcca: Mapping[str, Any],
        permutations: int,
        seed: int,
    ) -> None:
        """Prepare a comparison.

        Args:
            decoder_a: decoder rows of side a.
            decoder_b: decoder rows of side b.
            svcca: the study's options of `svcca`.
            permutations: m, of each null.
            seed: of the study; the permutations are those of the calibrated protocol.
        """
        self._decoders, self._svcca = (decoder_a, decoder_b), svcca
        self._permutations, self._seed = permutations, seed
        self._known: dict[tuple[str, bytes, bytes], Score] = {}

    def rows(
        self,
        a: Int[np.ndarray, "n"],
        b: Int[np.ndarray, "n"],
        one_component: bool,
        shuffled_p: bool,
    ) -> list[dict[str, Any]]:
        """Return the rows of `svcca` and `rsa` for the pairs (features of a, features of b).

        With `one_component`, SVCCA is the source's, else the study's. p is the share of m random
        pairings that score as high: b / m with `shuffled_p`, else (1 + b) / (1 + m). A missing
        number is None, with a reason.
        """
        svcca = "one component" if one_component else "svcca"
        return [
            {"metric": metric} | _row(self._score(how, a, b), shuffled_p)
            for metric, how in (("svcca", svcca), ("rsa", "rsa"))
        ]

    def _score(self, how: str, a: Int[np.ndarray, "n"], b: Int[np.ndarray, "n"]) -> Score:
        key = how, a.tobytes(), b.tobytes()
        if key not in self._known:
            self._known[key] = against_permutations(
                lambda: self._metric(how, self._decoders[0][a], self._decoders[1][b]),
                len(a),
                self._permutations,
                seeds.generator(self._seed, "permutations"),
            )
        return self._known[key]

    def _metric(
        self, how: str, a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]
    ) -> Metric:
        if how == "one component":
            return OneComponent(a, b)
        return source_rsa(a, b) if how == "rsa" else build("svcca", a, b, self._svcca)


def _row(score: Score, shuffled_p: bool) -> dict[str, Any]:
    if score.reason:
        missing = {"k": None, "value": None, "null_mean": None, "m": score.m, "p": None}
        return {"n": score.n} | missing | {"reason": score.reason}
    share = float(np.mean(score.null >= score.value))
    return {
        "n": score.n,
        "k": score.k_a,
        "value": score.value,
        "null_mean": score.null_mean,
        "m": score.m,
        "p": share if shuffled_p else score.p,
        "reason": None,
    }


def _correlations(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Return the Pearson correlations among rows; those with a constant row are 0."""
    varies = (rows != rows[:, :1]).any(axis=1, keepdims=True)
    centred = np.where(varies, rows - rows.mean(axis=1, keepdims=True), 0.0)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(norm > 0, norm, 1.0)
    return unit @ unit.T


def _refuse_few(n: int) -> None:
    if n < SMALLEST_N:
        raise Refused(f"{pairs(n)}, but the published scores need at least {SMALLEST_N}")
