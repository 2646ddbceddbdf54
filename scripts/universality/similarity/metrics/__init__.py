"""Similarity metrics of paired matrices: one file each, and one line in `METRICS`.

| metric | formula | unchanged by | range | source |
|---|---|---|---|---|
| `svcca` | mean singular value of U_a^T U_b, the k leading left singular vectors of each \
column-centred side | rotation, isotropic scale, shift common to all rows | [0, 1] | \
Raghu et al. 2017, arXiv 1706.05806 |
| `rsa` | Spearman correlation of the sides' dissimilarities 1 - Pearson(row i, row j), i < j | \
rotation about (1, ..., 1), scale and offset of each row | [-1, 1] | Kriegeskorte et al. 2008 |

Every metric is 1 for a matrix against itself, symmetric in its two sides, and unchanged when the
pairs are listed in another order. `svcca` of unrelated sides is not 0 but about
8 / (3 pi) sqrt(k / n) (sqrt(2 / (pi n)) for k = 1): compare it with its null, not with 0.

To add a metric, write a subclass of `Metric` in a file of its own and enter it below; the suite in
`tests/unit/test_metrics.py` then covers it.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from universality.errors import StudyError
from universality.similarity.metrics.base import Metric, Refused
from universality.similarity.metrics.rsa import Rsa
from universality.similarity.metrics.svcca import Svcca

__all__ = ["METRICS", "Metric", "Refused", "build", "check"]

METRICS: dict[str, type[Metric]] = {
    "svcca": Svcca,
    "rsa": Rsa,
}


def check(name: str, options: Mapping[str, Any]) -> None:
    """Raise StudyError when there is no metric `name`, or it does not take all of `options`."""
    if name not in METRICS:
        raise StudyError(f"metric {name!r} is unknown; valid: {', '.join(METRICS)}")
    parameters = inspect.signature(METRICS[name]).parameters.values()
    valid = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    if unknown := [option for option in options if option not in valid]:
        raise StudyError(
            f"metric {name}: unknown option {unknown[0]!r}; valid: {', '.join(valid) or 'none'}"
        )


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
