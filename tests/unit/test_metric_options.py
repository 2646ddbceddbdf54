"""Which options metrics take."""

import numpy as np
import pytest

from universality.errors import StudyError
from universality.similarity.metrics import (
    METRICS,
    build_from_kernels,
    check,
)
from universality.similarity.metrics.base import flag, one_of, positive, whole


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("ccc", {}, r"metric 'ccc' is unknown; valid: svcca, "),
        (["rsa"], {}, r"metric \['rsa'\] is unknown; valid: "),
        (None, {}, r"metric None is unknown; valid: "),
        ("rsa", {"k": 3}, "metric rsa: unknown option 'k'; valid: inside"),
        ("svcca", {"k": 0}, "metric svcca: k must be .*, found 0"),
        ("svcca", {"k": [5, 10]}, r"metric svcca: k must be .*, found \[5, 10\]"),
        ("mutual_knn", {"k": [3]}, r"metric mutual_knn: k must be .*, found \[3\]"),
    ],
)
def test_mistakes_are_named(name, options, words):
    with pytest.raises(StudyError, match=f"^{words}"):
        check(name, options)


def test_every_metric_is_valid_as_it_is():
    for name in METRICS:
        check(name, {})


def test_kinds_of_options():
    def accepted(kind, values):
        return [value for value in values if kind.accepts(value)]

    values = [
        0,
        1,
        2,
        3,
        -1,
        2.0,
        0.5,
        True,
        False,
        "a",
        "b",
        None,
        [1],
        float("nan"),
        float("inf"),
    ]
    assert accepted(whole(at_least=2), values) == [2, 3]
    assert accepted(positive(), values) == [1, 2, 3, 2.0, 0.5]
    assert accepted(one_of("a", "c"), values) == ["a"]
    assert accepted(flag(), values) == [True, False]


def test_metrics_that_need_rows_take_no_kernels():
    kernel = np.corrcoef(np.random.default_rng(0).standard_normal((30, 9)))
    with pytest.raises(StudyError, match=r"metric svcca takes no kernels; valid: .*rsa"):
        build_from_kernels("svcca", kernel, kernel, {})
    with pytest.raises(StudyError, match="metric 'nothing' is unknown"):
        build_from_kernels("nothing", kernel, kernel, {})
    with pytest.raises(StudyError, match="metric rsa: unknown option 'kk'"):
        build_from_kernels("rsa", kernel, kernel, {"kk": 1})


@pytest.mark.parametrize("name", ["rsa", "cka"])
def test_kernels_against_themselves_and_in_another_order(name):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, 40))
    k_a = np.corrcoef(rows)
    k_b = np.corrcoef(rows + 1.5 * rng.standard_normal((60, 40)))
    order = rng.permutation(60)
    metric = build_from_kernels(name, k_a, k_b, {})
    assert metric.n == 60
    assert build_from_kernels(name, k_a, k_a, {}).value() == pytest.approx(1, abs=1e-6)
    assert 0.1 < metric.value() < 0.9
    reordered = build_from_kernels(name, k_a, k_b[np.ix_(order, order)], {})
    assert metric.permuted(order) == pytest.approx(reordered.value(), abs=1e-6)
    assert build_from_kernels(name, k_b, k_a, {}).value() == pytest.approx(metric.value(), abs=1e-6)
