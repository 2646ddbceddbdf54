"""The metrics that are validated: all that there are, with options for few pairs."""

from collections.abc import Mapping
from typing import Any

from universality.similarity.comparison import Metrics
from universality.similarity.metrics import METRICS

SMALLER: Mapping[str, Mapping[str, Any]] = {
    "svcca": {"k": 2},
    "svcca_cv": {"k": 2},
    "pwcca": {"k": 2},
    "mutual_knn": {"k": 5},
    "jaccard_knn": {"k": 5},
    "rank_neighbours": {"k": 5},
}
"""Options in place of the defaults, so that 40 pairs are enough."""


def small() -> Metrics:
    """Return (label, name, options) of every metric of the registry, and of a second CKA."""
    found = [(name, name, dict(SMALLER.get(name, {}))) for name in METRICS]
    return [*found, ("cka_rbf", "cka", {"kernel": "rbf"})]
