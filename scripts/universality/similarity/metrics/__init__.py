"""Similarity metrics of paired matrices: one file each, and one line in `METRICS`.

| metric | formula | unchanged by | range | source |
|---|---|---|---|---|
| `svcca` | mean singular value of U_a^T U_b, the k leading left singular vectors of each \
column-centred side | rotation, isotropic scale, shift common to all rows | [0, 1] | \
Raghu et al. 2017, arXiv 1706.05806 |
| `svcca_cv` | mean correlation of held-out pairs along canonical directions of the others, k \
leading components | rotation, isotropic scale, shift common to all rows | [-1, 1] | Bilenko & \
Gallant 2016; Helmer et al. 2024 |
| `pwcca` | canonical correlations of the k leading components, weighted by what their variates \
hold of the components; mean of both sides' weights | rotation, isotropic scale, shift common to \
all rows | [0, 1] | Morcos et al. 2018, arXiv 1806.05759 |
| `rsa` | Spearman (or rho-a, Pearson) correlation of the sides' dissimilarities i < j, of rows i \
and j: 1 - Pearson (or 1 - cosine, or Euclidean) | isotropic scale; pearson: rotation about \
(1, ..., 1), scale and offset of each row; cosine: rotation, scale of each row; euclidean: \
rotation, shift common to all rows | [-1, 1] | Kriegeskorte et al. 2008; Schütt et al. 2023 |
| `cka` | HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K and L the kernels (linear or radial) of the \
sides, HSIC unbiased (default) or biased | rotation, isotropic scale, shift common to all rows | \
[-1, 1]; biased [0, 1] | Kornblith et al. 2019, arXiv 1905.00414; Song et al. 2012 |
| `procrustes` | nuclear norm of A^T B, the column-centred sides with Frobenius norm 1; or 1 less \
its angle over pi / 2 | rotation, isotropic scale, shift common to all rows | [0, 1] | Ding et al. \
2021, arXiv 2108.01661; Williams et al. 2021, arXiv 2110.14739 |
| `mutual_knn` | mean share of an item's k nearest neighbours that are the same on both sides | \
rotation; cosine: scale of each row; euclidean: isotropic scale, shift common to all rows | \
[0, 1] | Huh et al. 2024, arXiv 2405.07987 |
| `jaccard_knn` | mean of common over all neighbours on either side | as `mutual_knn` | [0, 1] | \
Klabunde et al. 2023, arXiv 2305.06329 |
| `rank_neighbours` | mean agreement of the ranks of common neighbours, near ones weighing more | \
as `mutual_knn` | [0, 1] | Wang et al. 2020; Klabunde et al. 2023 |
| `linear_predictivity` | R^2 of held-out rows of one side, by ridge regression from the other; \
mean of both directions | rotation, isotropic scale, shift common to all rows | [-1, 1], clipped \
below | Klabunde et al. 2023 |

Every metric is unchanged when the pairs are listed in another order, and is 1 for a matrix against
itself unless it says otherwise (`identity`: `linear_predictivity`, whose ridge shrinks, and `rsa`
with rho-a, which ties lower). `svcca` and `pwcca` of unrelated sides are not 0 but about
8 / (3 pi) sqrt(k / n) (sqrt(2 / (pi n)) for k = 1), `procrustes` is about sqrt(min(d_a, d_b) / n)
or more: compare them with their nulls, not with 0.

To add a metric, write a subclass of `Metric` in a file of its own and enter it below; the suite in
`tests/unit/test_metrics.py` then covers it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from universality.errors import StudyError
from universality.similarity.metrics.base import KernelMetric, Metric, Refused
from universality.similarity.metrics.cka import Cka
from universality.similarity.metrics.jaccard_knn import JaccardKnn
from universality.similarity.metrics.linear_predictivity import LinearPredictivity
from universality.similarity.metrics.mutual_knn import MutualKnn
from universality.similarity.metrics.procrustes import Procrustes
from universality.similarity.metrics.pwcca import Pwcca
from universality.similarity.metrics.rank_neighbours import RankNeighbours
from universality.similarity.metrics.rsa import Rsa
from universality.similarity.metrics.svcca import Svcca
from universality.similarity.metrics.svcca_cv import SvccaCv

__all__ = [
    "METRICS",
    "Metric",
    "Refused",
    "build",
    "build_from_kernels",
    "check",
]

METRICS: dict[str, type[Metric]] = {
    metric.name: metric
    for metric in (
        Svcca,
        SvccaCv,
        Pwcca,
        Rsa,
        Cka,
        Procrustes,
        MutualKnn,
        JaccardKnn,
        RankNeighbours,
        LinearPredictivity,
    )
}


def check(name: str, options: Mapping[str, Any]) -> None:
    """Raise StudyError when there is no metric `name`, or it does not take all of `options`.

    Names and values of options are checked as far as they can be without the matrices.
    """
    _named(name).check(**options)


def _named(name: str) -> type[Metric]:
    if not isinstance(name, str) or name not in METRICS:
        raise StudyError(f"metric {name!r} is unknown; valid: {', '.join(METRICS)}")
    return METRICS[name]


def build(
    name: str,
    a: Float[np.ndarray, "n d_a"],
    b: Float[np.ndarray, "n d_b"],
    options: Mapping[str, Any],
) -> Metric:
    """Return the metric `name` on the pairs of rows of `a` and `b`.

    Raises:
        StudyError: the metric, an option, or an option's value is not valid.
        Refused: the metric says nothing about these matrices.
    """
    check(name, options)
    return METRICS[name](a, b, **options)


def build_from_kernels(
    name: str,
    k_a: Float[np.ndarray, "n n"],
    k_b: Float[np.ndarray, "n n"],
    options: Mapping[str, Any],
) -> Metric:
    """Return the metric `name` on n items, given how similar each side finds each two of them.

    For symmetric matrices such as the correlations of feature activations. What a metric makes of
    a kernel stands at its `from_kernels`.

    Raises:
        StudyError: the metric, an option, or an option's value is not valid; or the metric needs
            the rows themselves.
        Refused: the metric says nothing about these kernels.
    """
    check(name, options)
    metric = METRICS[name]
    if not issubclass(metric, KernelMetric):
        valid = [name for name, metric in METRICS.items() if issubclass(metric, KernelMetric)]
        raise StudyError(f"metric {name} takes no kernels; valid: {', '.join(valid)}")
    return metric.from_kernels(k_a, k_b, **options)
