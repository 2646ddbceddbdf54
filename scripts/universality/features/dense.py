"""Correlations of features that are rarely 0, such as pre-activations: dense, block by block.

What is correlated may be larger than the memory, so it is computed in blocks of features: of each
side one block is held, as [features, rows], which is the order that all the work here wants.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy import sparse

from universality.features.saes import Sae

Blocks = Callable[[int, int], Float[torch.Tensor, "block all"]]
"""Gives features start, ..., stop - 1 of all rows, float32 [stop - start, all rows]."""

_NUMBERS = 1 << 26
"""Numbers in one block: 256 MB. About four of them are in memory at once."""
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Dense:
    """The features of some rows, computed when they are asked for.

    Attributes:
        n_features: number of features F.
        block: gives them for all rows.
        rows: the rows that count, of all that `block` gives.
    """

    n_features: int
    block: Blocks
    rows: Int[torch.Tensor, "n"]

    def parts(self) -> Iterator[tuple[slice, Float[torch.Tensor, "block n"]]]:
        """Yield consecutive features with what they are on the rows that count."""
        step = max(1, _NUMBERS // max(1, len(self.rows)))
        for start in range(0, self.n_features, step):
            stop = min(start + step, self.n_features)
            yield slice(start, stop), self.block(start, stop).index_select(1, self.rows)


def of_pre_activations(sae: Sae, x: Float[torch.Tensor, "all d"]) -> Blocks:
    """Return the blocks of an SAE's pre-activations (see `Sae.pre_activations`)."""

    # The last block is kept: where all features fit into one, they are computed once.
    @lru_cache(maxsize=1)
    @torch.inference_mode()
    def block(start: int, stop: int) -> torch.Tensor:
        return sae.columns(slice(start, stop)).pre_activations(x).T.contiguous()

    return block


def of_sparse(values: sparse.csr_matrix, device: torch.device) -> Blocks:
    """Return the blocks of a sparse matrix of all rows x features."""
    by_feature = values.T.tocsr()

    @lru_cache(maxsize=1)
    def block(start: int, stop: int) -> torch.Tensor:
        dense = by_feature[start:stop].toarray().astype(np.float32, copy=False)
        return torch.from_numpy(dense).to(device)

    return block


@torch.inference_mode()
def outputs(sae: Sae, x: Float[torch.Tensor, "all d"]) -> sparse.csr_matrix:
    """Return the SAE's features of all rows, sparse."""
    parts = [sparse.csr_matrix(sae.encode(rows).cpu().numpy()) for rows in x.split(_ROWS)]
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, sae.d_sae))


@torch.inference_mode()
def correlations(a: Dense, b: Dense) -> Float32[np.ndarray, "F G"]:
    """Return the correlations of all features of two sides on n corresponding rows, as the source.

    It divides by the sample standard deviation (n - 1) plus 1e-8 and averages over n. So a
    constant feature correlates 0 with every other, and so does one with a value that is not finite;
    with fewer than two rows all do. In single precision.
    """
    r = np.zeros((a.n_features, b.n_features), np.float32)
    n = len(a.rows)
    if n < 2:
        return r
    for part_a, left in a.parts():
        _standardise(left)
        for part_b, right in b.parts():
            _standardise(right)
            product = left @ right.T / n
            r[part_a, part_b] = torch.nan_to_num(product, nan=0.0).cpu().numpy()
    return r


def _standardise(values: Float[torch.Tensor, "block n"]) -> None:
    """Give each feature mean 0 and standard deviation 1 in place; a constant one becomes 0."""
    varies = values.amax(1) > values.amin(1)
    values -= values.mean(1, keepdim=True)
    spread = torch.linalg.vector_norm(values, dim=1) / (values.shape[1] - 1) ** 0.5 + 1e-8
    # Not left to the rounding of the mean, which can be many times 1e-8.
    values *= torch.where(varies, 1 / spread, 0.0)[:, None]


@torch.inference_mode()
def top_rows(values: Dense, k: int) -> tuple[Int[np.ndarray, "N"], Int[np.ndarray, "N"]]:
    """Return `(feature, i)`: the at most k rows, as indices into `values.rows`, of each feature.

    Ordered by feature, then by falling activation. Only rows where the feature is positive count:
    which rows of 0 the source takes for a feature with fewer is arbitrary.
    """
    features, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part, block in values.parts():
        top = block.topk(min(k, block.shape[1]), dim=1)
        feature, rank = (top.values > 0).nonzero(as_tuple=True)
        features.append(part.start + feature.cpu().numpy())
        rows.append(top.indices[feature, rank].cpu().numpy())
    return np.concatenate(features), np.concatenate(rows)
