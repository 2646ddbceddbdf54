"""CKA: do the two sides find the same items similar, measured by the dependence of their kernels?

Centred kernel alignment (Kornblith, Norouzi, Lee, Hinton 2019, arXiv 1905.00414, equation 4) with
the Hilbert-Schmidt independence criterion in its unbiased form (Song et al. 2012, Journal of
Machine Learning Research 13:1393). The biased form is high for any two sides when there are few
items or many coordinates (Murphy, Zylberberg, Fyshe 2024, arXiv 2405.01012).
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Float32, Int

from universality.similarity.metrics.base import (
    KernelMetric,
    Refused,
    items,
    one_of,
    paired,
    pairs,
    positive,
)
from universality.similarity.metrics.centring import about_median
from universality.similarity.metrics.gather import Gathered

Kernel = Literal["linear", "rbf"]
Estimator = Literal["unbiased", "biased"]

SMALLEST_N = 4
"""The unbiased estimator divides by n (n - 3)."""

RESOLUTION = 1e-6
"""Similarities closer than this, relative to the typical item, are equal in single precision."""

ROUNDING = 1e-14
"""Differences smaller than this, relative to what is subtracted, are rounding alone."""

BLOCK = 4_000_000
"""Matrix entries worked on at a time: 32 MB in double precision."""


class Cka(KernelMetric):
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of the kernels K of a and L of b (n x n).

    K_ij is, for column-centred rows x_i, their product x_i^T x_j (`linear`), or
    exp(-|x_i - x_j|^2 / (2 s^2)) (`rbf`) with s = `bandwidth` times the median distance (the root
    of the median squared distance over i < j). Both estimators of HSIC are inner products of
    centred kernels, up to a factor that cancels: K~ and L~ have

    - `biased`: K~ = H K H, H = I - 1 1^T / n (Gretton et al. 2005). In [0, 1] for `linear` and
      `rbf`; of unrelated sides about d / n.
    - `unbiased`: zero diagonals and, for i != j, K~_ij = K_ij - (s_i + s_j) / (n - 2)
      + s / ((n - 1) (n - 2)) with s_i, s the sums of row i and of all K without its diagonal
      (Székely & Rizzo 2014, Annals of Statistics 42:2382, definition 2; the inner product over
      n (n - 3) is Song's HSIC_1). In [-1, 1], and about 0 for unrelated sides. HSIC(K, L) may be
      negative, but HSIC(K, K), a sum of squares, is not: it vanishes when K says nothing.

    Invariant to rotation, isotropic scale and a shift common to all rows. Centring commutes with
    reordering, so a permutation costs one gathered inner product of the two centred kernels. Keeps
    6 n^2 bytes, and takes up to 16 n^2 to prepare (4.1 GB for n = 16,000).

    Raises:
        Refused: n < 4; all similarities of different items of a side are equal (equal rows, a
            one-hot basis), so that every pairing gives the same; or more than half of the
            distances are 0 (`rbf`).
    """

    name = "cka"
    OPTIONS: ClassVar = {
        "kernel": one_of("linear", "rbf"),
        "bandwidth": positive(),
        "estimator": one_of("unbiased", "biased"),
    }

    def __init__(
        self,
        a: Float[np.ndarray, "n d_a"],
        b: Float[np.ndarray, "n d_b"],
        *,
        kernel: Kernel = "linear",
        bandwidth: float = 1.0,
        estimator: Estimator = "unbiased",
    ) -> None:
        self.check(kernel=kernel, bandwidth=bandwidth, estimator=estimator)
        _refuse_few(len(a))
        a, b = paired(a, b)
        self.n = len(a)
        radial = bandwidth if kernel == "rbf" else None
        self._kernels = _both(lambda: _gram(a), lambda: _gram(b), radial, estimator)

    @classmethod
    def from_kernels(
        cls,
        k_a: Float[np.ndarray, "n n"],
        k_b: Float[np.ndarray, "n n"],
        *,
        kernel: Kernel = "linear",
        bandwidth: float = 1.0,
        estimator: Estimator = "unbiased",
        **unknown: Any,
    ) -> Self:
        """Prepare CKA of items with these similarities, as of matrices of correlations.

        `linear` takes the (symmetric) matrices as K and L; the unbiased estimator does not read
        their diagonals. `rbf` takes them for products of rows, and so has the squared distances
        K_ii + K_jj - 2 K_ij.
        """
        cls.check(kernel=kernel, bandwidth=bandwidth, estimator=estimator, **unknown)
        _refuse_few(len(k_a))
        self = cls.__new__(cls)
        self.n = items(k_a, k_b)
        if kernel == "rbf":
            self._kernels = _both(
                lambda: k_a.astype(np.float64), lambda: k_b.astype(np.float64), bandwidth, estimator
            )
        else:
            self._kernels = _both(lambda: k_a, lambda: k_b, None, estimator)
        return self

    def permuted(self, permutation: Int[np.ndarray, " n"]) -> float:
        """Return the score of the pairing (i, permutation[i]), within 1e-7."""
        return min(1.0, self._kernels.inner(permutation))


def _refuse_few(n: int) -> None:
    if n < SMALLEST_N:
        raise Refused(f"{pairs(n)}, but cka needs at least {SMALLEST_N}")


def _both(
    make_a: Callable[[], Float[np.ndarray, "n n"]],
    make_b: Callable[[], Float[np.ndarray, "n n"]],
    bandwidth: float | None,
    estimator: Estimator,
) -> Gathered:
    """Return both centred kernels, one worked on at a time: each takes 8 n^2 bytes."""

    def side(make: Callable[[], Float[np.ndarray, "n n"]], name: str) -> Float32[np.ndarray, "n n"]:
        kernel = make()
        if bandwidth is not None:
            _radial(kernel, bandwidth, name)
        return _centred(kernel, estimator, name)

    return Gathered(side(make_a, "a"), side(make_b, "b"))


def _gram(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """Return the products of the rows, shifted together, up to a common factor."""
    rows = about_median(rows)
    return rows @ rows.T


def _radial(gram: Float[np.ndarray, "n n"], bandwidth: float, side: str) -> None:
    """Replace products of rows by their radial kernel, less 1: no estimator sees a constant."""
    n = len(gram)
    squares = gram.diagonal().clip(min=0)
    distances = np.empty(n * (n - 1) // 2)
    filled = 0
    for i, row in enumerate(gram):
        both = squares + squares[i]
        row *= -2
        row += both
        row[row <= ROUNDING * both] = 0
        row[i] = 0
        distances[filled : filled + n - 1 - i] = row[i + 1 :]
        filled += n - 1 - i
    median = float(np.median(distances, overwrite_input=True))
    if median == 0:
        raise Refused(
            f"half of the distances of side {side} are zero: they are equal, "
            "and their median gives no bandwidth"
        )
    for row in gram:
        row /= -2 * bandwidth**2 * median
        # exp(x) - 1, without loss where distances are far below the bandwidth.
        np.expm1(row, out=row)


def _centred(
    kernel: Float[np.ndarray, "n n"], estimator: Estimator, side: str
) -> Float32[np.ndarray, "n n"]:
    """Return the centred kernel with Frobenius norm 1."""
    n = len(kernel)
    diagonal = kernel.diagonal().astype(np.float64)
    sums = kernel.sum(axis=1, dtype=np.float64)
    # What the kernel, centred in full, has on its diagonal says how large an item is.
    sizes = np.abs(diagonal - 2 * sums / n + sums.sum() / n**2)
    alike = max(RESOLUTION * np.median(sizes), ROUNDING * sizes.max())
    if estimator == "unbiased":
        sums -= diagonal
        row, every = sums / (n - 2), sums.sum() / ((n - 1) * (n - 2))
    else:
        row, every = sums / n, sums.sum() / n**2

    def blocks() -> Iterator[tuple[slice, Float[np.ndarray, "rows n"], Int[np.ndarray, " rows"]]]:
        step = max(1, BLOCK // n)
        for start in range(0, n, step):
            part = slice(start, start + step)
            block = kernel[part] - row[part, None]
            block -= row
            block += every
            own = np.arange(len(block))
            if estimator == "unbiased":
                block[own, start + own] = 0.0
            yield part, block, own

    squares, low, high = 0.0, np.inf, -np.inf
    for part, block, own in blocks():
        squares += float(np.vdot(block, block))
        # The first or second row's neighbour stands for the entry on the diagonal.
        block[own, part.start + own] = block[own, (part.start + own + 1) % n]
        low, high = min(low, block.min()), max(high, block.max())
    if high - low <= alike:
        raise Refused(
            f"side {side} has equal similarities between all its rows, "
            "so that every pairing scores the same"
        )
    result = np.empty((n, n), dtype=np.float32)
    for part, block, _ in blocks():
        result[part] = block / np.sqrt(squares)
    return result
