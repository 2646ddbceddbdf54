"""What `scoring.metrics` may ask for, and what comes of it."""

import numpy as np
import pytest

from universality.errors import StudyError
from universality.similarity.metrics import (
    METRICS,
    build_from_kernels,
    check,
    check_all,
    expanded,
)
from universality.similarity.metrics.base import flag, one_of, positive, whole


def test_a_label_is_the_name_of_its_metric_unless_it_says_so():
    asked = {"svcca": {"k": 3}, "rsa": {}, "rsa_cosine": {"metric": "rsa", "inside": "cosine"}}
    assert expanded(asked) == [
        ("svcca", "svcca", {"k": 3}),
        ("rsa", "rsa", {}),
        ("rsa_cosine", "rsa", {"inside": "cosine"}),
    ]
    assert asked["rsa_cosine"] == {"metric": "rsa", "inside": "cosine"}  # not changed


def test_a_list_of_neighbours_makes_one_score_each():
    asked = {
        "mutual_knn": {"k": [5, 10]},
        "near": {"metric": "jaccard_knn", "k": [1], "distance": "euclidean"},
        "rank_neighbours": {"k": 7},
    }
    assert expanded(asked) == [
        ("mutual_knn_5", "mutual_knn", {"k": 5}),
        ("mutual_knn_10", "mutual_knn", {"k": 10}),
        ("near_1", "jaccard_knn", {"k": 1, "distance": "euclidean"}),
        ("rank_neighbours", "rank_neighbours", {"k": 7}),
    ]


def test_only_the_neighbour_metrics_take_lists():
    listed = {
        (name, option)
        for name, metric in METRICS.items()
        for option, kind in metric.OPTIONS.items()
        if kind.listed
    }
    assert listed == {(name, "k") for name in ("mutual_knn", "jaccard_knn", "rank_neighbours")}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"ccc": {}}, r"scoring.metrics.ccc: metric 'ccc' is unknown; valid: svcca, "),
        ({"x": {"metric": "y"}}, r"scoring.metrics.x: metric 'y' is unknown; valid: "),
        ({"x": {"metric": ["rsa"]}}, r"scoring.metrics.x: metric \['rsa'\] is unknown; valid: "),
        ({"x": {"metric": None}}, r"scoring.metrics.x: metric None is unknown; valid: "),
        ({"rsa": {"k": 3}}, "scoring.metrics.rsa: metric rsa: unknown option 'k'; valid: inside"),
        ({"svcca": {"k": 0}}, "scoring.metrics.svcca: metric svcca: k must be .*, found 0"),
        ({"svcca": {"k": [5, 10]}}, r"scoring.metrics.svcca: .*k must be .*, found \[5, 10\]"),
        ({"mutual_knn": {"k": []}}, "scoring.metrics.mutual_knn: k is an empty list"),
        ({"mutual_knn": {"k": [3, 0]}}, "scoring.metrics.mutual_knn: .*k must be .*, found 0"),
        (
            {"mutual_knn": {"k": [3, 3]}},
            "scoring.metrics.mutual_knn: there are two scores with the label 'mutual_knn_3'",
        ),
        (
            {"mutual_knn": {"k": [3, 4]}, "mutual_knn_4": {"metric": "mutual_knn"}},
            "scoring.metrics.mutual_knn_4: there are two scores with the label 'mutual_knn_4'",
        ),
    ],
)
def test_mistakes_name_the_key(asked, words):
    with pytest.raises(StudyError, match=f"^{words}"):
        expanded(asked)
    with pytest.raises(StudyError, match=f"^{words}"):
        check_all({"svcca_cv": {}, **asked})


def test_every_metric_is_valid_as_it_is():
    check_all({name: {} for name in METRICS})
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
