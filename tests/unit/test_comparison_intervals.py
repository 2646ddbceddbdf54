"""The intervals of a whole comparison: which rows there are, and what their numbers are of."""

import numpy as np
import pytest

from universality import seeds
from universality.similarity.comparison import NO_DECODER
from universality.similarity.comparison_intervals import (
    LABELS_UNKNOWN,
    choices,
    correlation_rows,
    geometry_rows,
)
from universality.similarity.intervals import documents_interval, halves_interval, refit_interval
from universality.similarity.redone import Redone

METHODS = ["max_correlation", "hungarian"]
METRICS = [["svcca_2", "svcca", {"k": 2}], ["rsa", "rsa", {}]]
DOCUMENTS = {"correlation_fit": 20, "correlation_heldout": 30}


@pytest.fixture
def pairs():
    """Six pairs of the first method, of which four are kept, and five of the second (three)."""
    rng = np.random.default_rng(0)
    kept = np.array([1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1], bool)
    return {
        "method": np.repeat([0, 1], [6, 5]),
        "a": np.arange(11),
        "b": np.arange(11),
        "correlation_fit": np.where(kept, 0.5, 0.05) + rng.uniform(0, 0.05, 11),
        "correlation_heldout": rng.uniform(0, 0.8, 11),
        "correlated": kept.copy(),
        "kept": kept,
    }


def means(draws=50):
    rng = np.random.default_rng(1)
    return {metric: rng.uniform(0.2, 0.3, (4, draws)) for metric in DOCUMENTS}


def refits(draws=4, size=5):
    rng = np.random.default_rng(2)
    n = draws * size
    return Redone(
        draws,
        np.repeat(np.arange(draws), size),
        rng.integers(0, 9, n),
        rng.integers(0, 9, n),
        rng.uniform(0, 0.9, n),
        rng.uniform(0, 0.9, n),
    )


def by_key(rows):
    found = {(r["method"], r["filter"], r["metric"], r["resampled"]): r for r in rows}
    assert len(found) == len(rows)
    return found


def ends(row):
    return row["low"], row["high"]


def test_choices_are_all_and_the_kept_pairs_of_each_method(pairs):
    found = choices(pairs, METHODS)
    assert list(found) == [
        ("max_correlation", "none"),
        ("max_correlation", "kept"),
        ("hungarian", "none"),
        ("hungarian", "kept"),
    ]
    indices = [np.flatnonzero(chosen).tolist() for chosen in found.values()]
    assert indices == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3], [6, 7, 8, 9, 10], [6, 8, 10]]


def test_correlations_of_every_method_have_an_interval_of_documents(pairs):
    given = means()
    rows = by_key(correlation_rows(pairs, METHODS, given, DOCUMENTS, {}))
    assert set(rows) == {
        (method, kept, metric, "documents")
        for method in METHODS
        for kept in ("none", "kept")
        for metric in DOCUMENTS
    }
    for number, ((method, kept), chosen) in enumerate(choices(pairs, METHODS).items()):
        for metric, documents in DOCUMENTS.items():
            row = rows[method, kept, metric, "documents"]
            expected = documents_interval(
                pairs[metric][chosen].mean(), given[metric][number], documents
            )
            assert ends(row) == pytest.approx(expected)
            assert (row["draws"], row["reason"]) == (50, None)


@pytest.mark.parametrize("metric", DOCUMENTS)
def test_refits_widen_the_intervals_of_their_method(pairs, metric):
    again = refits()
    given = means(), DOCUMENTS, {"hungarian": again}
    rows = by_key(correlation_rows(pairs, METHODS, *given))
    assert {key[0] for key in rows if key[3] == "documents_refit"} == {"hungarian"}
    row = rows["hungarian", "none", metric, "documents_refit"]
    value = pairs[metric][6:].mean()
    each = [part.mean() for (part,) in again.each(metric)]
    assert ends(row) == pytest.approx(refit_interval(value, np.array(each)))
    assert (row["draws"], row["reason"]) == (4, None)

    row = rows["hungarian", "kept", metric, "documents_refit"]
    value = pairs[metric][[6, 8, 10]].mean()
    best = [
        part[np.argsort(-fit)[:3]].mean() for fit, part in again.each("correlation_fit", metric)
    ]
    assert ends(row) == pytest.approx(refit_interval(value, np.array(best)))


def test_filters_by_label_cannot_be_redone(pairs):
    pairs["kept"][8] = False  # though its correlation would have passed
    rows = by_key(correlation_rows(pairs, METHODS, means(), DOCUMENTS, {"hungarian": refits()}))
    for metric in DOCUMENTS:
        row = rows["hungarian", "kept", metric, "documents_refit"]
        assert (row["low"], row["high"], row["reason"]) == (None, None, LABELS_UNKNOWN)
        assert rows["hungarian", "none", metric, "documents_refit"]["reason"] is None
        assert rows["hungarian", "kept", metric, "documents"]["reason"] is None


def test_no_pairs_give_reasons(pairs):
    pairs["kept"][:] = pairs["correlated"][:] = False
    again = {"hungarian": refits(size=0)}
    rows = by_key(correlation_rows(pairs, METHODS, means(), DOCUMENTS, again))
    for (_, kept, _, resampled), row in rows.items():
        if kept == "kept":
            assert row["reason"] == "no pairs"
        elif resampled == "documents_refit":
            assert row["reason"] == "4 of 4 refits have no pairs"
        else:
            assert row["reason"] is None
        assert (row["low"] is None) == (row["reason"] is not None)


def test_no_redraws_give_a_reason(pairs):
    again = {"hungarian": refits(draws=0)}
    rows = by_key(correlation_rows(pairs, METHODS, means(), DOCUMENTS, again))
    row = rows["hungarian", "none", "correlation_heldout", "documents_refit"]
    assert (row["draws"], row["reason"]) == (0, "0 refits, but a spread needs at least 2")


def geometry(n=90):
    rng = np.random.default_rng(3)
    common = rng.standard_normal((n, 3))
    decoders = tuple(
        common @ rng.standard_normal((3, d)) + 0.3 * rng.standard_normal((n, d)) for d in (8, 9)
    )
    kept = np.arange(2 * n) % n < 80
    both = np.tile(np.arange(n), 2)
    return {"method": np.repeat([0, 1], n), "a": both, "b": both, "kept": kept}, decoders


def test_geometry_has_intervals_for_the_methods_asked_for():
    pairs, decoders = geometry()
    rows = by_key(geometry_rows(pairs, METHODS, ["hungarian"], decoders, METRICS, 12, seed=5))
    assert set(rows) == {("hungarian", "kept", m, "pairs") for m in ("svcca_2", "rsa")}
    for label, name, options in METRICS:
        row = rows["hungarian", "kept", label, "pairs"]
        rng = seeds.generator(5, "halves")
        sides = decoders[0][:80], decoders[1][:80]
        assert ends(row) == halves_interval(*sides, name, options, 12, rng)
        assert (row["draws"], row["reason"]) == (12, None)


def test_geometry_that_is_refused_says_so():
    pairs, decoders = geometry(n=50)
    rows = by_key(geometry_rows(pairs, METHODS, METHODS, decoders, METRICS, 12, seed=5))
    row = rows["hungarian", "kept", "svcca_2", "pairs"]
    assert row["reason"].startswith("in a half of the pairs: n = 25 pairs, but svcca")
    assert (row["low"], row["high"]) == (None, None)
    none = geometry_rows(pairs, METHODS, METHODS, (None, decoders[1]), METRICS, 12, seed=5)
    assert [row["reason"] for row in none] == [NO_DECODER] * 4
