"""Matchings redone on shifted and on resampled documents, against slow ways and by simulation."""

import example_stores as example
import numpy as np
import pytest
from scipy import sparse
from scipy.stats import kstest

from universality import store
from universality.features import rematching
from universality.features.correlation import correlate
from universality.features.matching import MATCHERS
from universality.features.rematching import (
    REFITTED,
    SHIFTED,
    half,
    redraws,
    rematch,
    resampled,
    shifted,
    shifts,
)
from universality.similarity.nulls import p_value

LAYOUTS = {"dense": np.asarray, "sparse": sparse.csr_matrix}
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
LENGTHS = [3, 1, 4, 2]
DOCUMENT = np.repeat([2, 3, 7, 8], LENGTHS)


def numbered(layout=np.asarray):
    """Rows that say which row they are: of a 1, 2, ... and of b 101, 102, ..."""
    a = np.arange(1.0, 11)[:, None]
    return half(layout(a), layout(a + 100), DOCUMENT)


def rows_of(drawn):
    """Return the row of a and of b that each row of a half came from."""
    return [
        [round(x) for x in (side.toarray() if sparse.issparse(side) else side).ravel()]
        for side in (drawn.a, drawn.b)
    ]


@layouts
def test_shifted_documents_are_cut_to_the_shorter_one(layout):
    a, b = rows_of(shifted(numbered(layout), 1))
    # Documents of a 1-3, 4, 5-8, 9-10 against those of b that follow: 104, 105-108, 109-110, ...
    assert a == [1, 4, 5, 6, 9, 10]
    assert b == [104, 105, 109, 110, 101, 102]
    a, b = rows_of(shifted(numbered(layout), 3))
    assert a == [1, 2, 4, 5, 9, 10]
    assert b == [109, 110, 101, 104, 105, 106]


def test_no_shift_is_the_half_itself():
    a, b = rows_of(shifted(numbered(), 0))
    assert a == list(range(1, 11))
    assert b == list(range(101, 111))


@layouts
def test_resampled_documents_are_whole_and_alike_on_both_sides(layout):
    a, b = rows_of(resampled(numbered(layout), np.random.default_rng(0)))
    assert [row + 100 for row in a] == b
    whole = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 10]]
    drawn = 0
    while a:
        begins = next(rows for rows in whole if rows[0] == a[0])
        assert a[: len(begins)] == begins
        a, drawn = a[len(begins) :], drawn + 1
    assert drawn == 4


def test_every_document_is_drawn_equally_often():
    rng = np.random.default_rng(1)
    first = np.concatenate([rows_of(resampled(numbered(), rng))[0] for _ in range(1500)])
    for row in (1, 4, 5, 9):
        assert (first == row).sum() == pytest.approx(1500, abs=4 * np.sqrt(1500))


@pytest.mark.parametrize(("documents", "draws"), [(5, 3), (5, 4), (5, 11), (2, 3), (200, 19)])
def test_shifts_come_again_only_after_all_others(documents, draws):
    found = shifts(documents, draws, np.random.default_rng(0))
    assert len(found) == draws
    for start in range(0, draws, documents - 1):
        part = found[start : start + documents - 1]
        assert len(set(part)) == len(part)
        assert set(part) <= set(range(1, documents))


@pytest.mark.parametrize("documents", [0, 1])
def test_one_document_cannot_be_shifted(documents):
    assert len(shifts(documents, 3, np.random.default_rng(0))) == 0


def activity(rng, lengths, features, topics=1.0):
    """Features whose rates vary with the document, so that its rows depend on each other."""
    rate = 0.05 * np.exp(topics * rng.standard_normal((len(lengths), features)))
    fires = rng.random((lengths.sum(), features)) < np.repeat(rate, lengths, axis=0)
    return (fires * rng.gamma(2, size=fires.shape)).astype(np.float32)


def world(rng, documents=12, features=20, shared=0):
    """Two halves in which the first features of a have a noisy counterpart in b."""
    halves = {}
    for name in rematching.HALVES:
        lengths = rng.integers(10, 30, documents)
        a, b = activity(rng, lengths, features), activity(rng, lengths, features)
        b[:, :shared] += 2 * a[:, :shared]
        halves[name] = half(a, b, np.repeat(np.arange(documents), lengths))
    return halves


@layouts
def test_rematch_agrees_with_the_plain_way(layout):
    rng = np.random.default_rng(2)
    halves = world(rng, shared=8)
    dense = {name: (h.a, h.b) for name, h in halves.items()}
    drawn = {n: half(*map(layout, dense[n]), np.zeros(len(dense[n][0]))) for n in dense}
    found = rematch(drawn, list(MATCHERS))
    tables = {n: np.corrcoef(*sides, rowvar=False)[:20, 20:] for n, sides in dense.items()}
    for method, match in MATCHERS.items():
        (a, b), fit, heldout = found[method]
        expected = match(tables["match"].astype(np.float32))
        assert np.array_equal(a, expected[0])
        assert np.array_equal(b, expected[1])
        np.testing.assert_allclose(fit, tables["match"][a, b], atol=1e-6)
        np.testing.assert_allclose(heldout, tables["heldout"][a, b], atol=1e-9)


def test_features_that_do_not_vary_take_no_part():
    rng = np.random.default_rng(3)
    halves = world(rng, features=6)
    sides = {n: [h.a, h.b] for n, h in halves.items()}
    sides["match"][0][:, 1] = 0
    sides["heldout"][0][:, 4] = 2
    sides["heldout"][1][:, 0] = 0
    drawn = {n: half(*map(sparse.csr_matrix, s), np.zeros(len(s[0]))) for n, s in sides.items()}
    found = rematch(drawn, ["hungarian", "max_correlation"])
    (a, b), fit, heldout = found["hungarian"]
    assert sorted(a) == [0, 2, 3, 5]
    assert len(set(b)) == 4
    assert 0 not in b
    assert set(found["max_correlation"][0][1]) == {1, 2, 3, 4, 5}
    assert np.isfinite(fit).all()
    assert np.isfinite(heldout).all()


def test_nothing_takes_part():
    empty = sparse.csr_matrix((10, 3))
    drawn = {name: half(empty, empty, np.zeros(10)) for name in rematching.HALVES}
    for (a, b), fit, heldout in rematch(drawn, list(MATCHERS)).values():
        assert len(a) == len(b) == len(fit) == len(heldout) == 0


def test_redraws_come_in_order_and_are_independent_in_both_halves():
    halves = world(np.random.default_rng(4))
    drawn = list(redraws(halves, 5, 3, np.random.default_rng(0)))
    assert [kind for kind, _ in drawn] == [SHIFTED] * 5 + [REFITTED] * 3
    lengths = [(d["match"].a.shape[0], d["heldout"].a.shape[0]) for _, d in drawn]
    assert len(set(lengths)) == 8


def test_a_single_document_leaves_the_refits():
    halves = world(np.random.default_rng(5), documents=1)
    kinds = [kind for kind, _ in redraws(halves, 5, 3, np.random.default_rng(0))]
    assert kinds == [REFITTED] * 3
    none = {n: half(h.a[:0], h.b[:0], np.zeros(0)) for n, h in halves.items()}
    assert list(redraws(none, 5, 3, np.random.default_rng(0))) == []


def mean_heldout(drawn):
    return float(rematch(drawn, ["hungarian"])["hungarian"][2].mean())


def p_of_the_matching(halves, rng):
    null = [mean_heldout(drawn) for _, drawn in redraws(halves, 9, 0, rng)]
    return p_value(np.array(null), mean_heldout(halves))


def test_p_is_valid_where_nothing_corresponds():
    """Rows of a document depend on each other, documents do not: p is uniform."""
    rng = np.random.default_rng(6)
    p = np.array([p_of_the_matching(world(rng, 10, 8), rng) for _ in range(150)])
    assert kstest(p - rng.uniform(size=150) / 10, "uniform").pvalue > 0.01


def test_a_planted_correspondence_is_found():
    rng = np.random.default_rng(7)
    for _ in range(5):
        assert p_of_the_matching(world(rng, 10, 8, shared=4), rng) == 1 / 10


@pytest.fixture
def stores(tmp_path):
    """Two subjects of three splits of 8 documents, with rows between that are not aligned."""
    rng = np.random.default_rng(8)
    lengths = rng.integers(10, 30, 24)
    document = np.repeat(np.arange(24), lengths)
    a, b = activity(rng, lengths, 7, topics=0.3), activity(rng, lengths, 7, topics=0.3)
    b[:, 1:4] += a[:, [5, 2, 0]]
    a[:, 1] = 0  # takes no part
    rows_a, rows_b = np.arange(len(a)) + 3, 2 * np.arange(len(a))
    wide_a, wide_b = np.full((len(a) + 5, 7), 9.0), np.full((2 * len(a), 7), 9.0)
    wide_a[rows_a], wide_b[rows_b] = a, b
    usable = np.ones(len(wide_a), bool)
    usable[[4, 50]] = False
    sides = (
        example.features(tmp_path / "a.zarr", wide_a, usable),
        example.features(tmp_path / "b.zarr", wide_b, layout="float32"),
    )
    split = document % 3
    alignment = example.alignment(tmp_path / "alignment.zarr", rows_a, rows_b, document, split)
    correlate(*sides, alignment, tmp_path / "correlation.zarr", 1, 1, None, {})
    return *sides, alignment, store.open_store(tmp_path / "correlation.zarr", "correlation")


def test_the_store_holds_all_redraws(tmp_path, stores, monkeypatch):
    def run(path, shifts=3, refits=2):
        rng = np.random.default_rng(9)
        methods = ["hungarian", "max_correlation"]
        rematching.rematchings(*stores, path, methods, shifts, refits, rng, {"comparison": "a--b"})
        return store.open_store(path, "rematchings")

    found = run(tmp_path / "r.zarr")
    columns = {name: found.read(name) for name in found.attributes["arrays"]}
    assert found.attributes["methods"] == ["hungarian", "max_correlation"]
    assert found.attributes["redrawn"] == ["shifted", "refitted"]
    assert found.attributes["draws"] == {"shifted": 3, "refitted": 2}
    assert found.attributes["comparison"] == "a--b"
    cells = np.stack([columns["redrawn"], columns["draw"], columns["method"]])
    assert len(np.unique(cells, axis=1).T) == 2 * (3 + 2)
    assert 1 not in columns["a"]
    for name in ("correlation_fit", "correlation_heldout"):
        assert columns[name].dtype == np.float32
        assert np.isfinite(columns[name]).all()
    refitted = columns["redrawn"] == REFITTED
    truth = {(5, 1), (2, 2), (0, 3)}
    for draws, hit in ((refitted, 1), (~refitted, 0)):
        hungarian = draws & (columns["method"] == 0)
        pairs = list(zip(columns["a"][hungarian], columns["b"][hungarian], strict=True))
        share = np.mean([pair in truth for pair in pairs])
        assert share == pytest.approx(0.5 * hit, abs=0.2)
    again = run(tmp_path / "again.zarr")
    assert again.attributes["sha256"] == found.attributes["sha256"]


def test_without_a_shift_the_store_repeats_the_study(tmp_path, stores, monkeypatch):
    monkeypatch.setattr(rematching, "shifts", lambda documents, draws, rng: np.zeros(draws, int))
    rng = np.random.default_rng(0)
    rematching.rematchings(*stores, tmp_path / "r.zarr", ["hungarian"], 1, 0, rng, {})
    found, correlation = store.open_store(tmp_path / "r.zarr", "rematchings"), stores[3]
    row, column = MATCHERS["hungarian"](correlation.read("fit"))
    assert np.array_equal(found.read("a"), correlation.read("a")[row])
    assert np.array_equal(found.read("b"), correlation.read("b")[column])
    assert np.array_equal(found.read("correlation_fit"), correlation.read("fit")[row, column])
    np.testing.assert_allclose(
        found.read("correlation_heldout"), correlation.read("heldout")[row, column], atol=1e-6
    )


def test_no_redraws_give_an_empty_store(tmp_path, stores):
    rng = np.random.default_rng(0)
    rematching.rematchings(*stores, tmp_path / "r.zarr", ["hungarian"], 0, 0, rng, {})
    found = store.open_store(tmp_path / "r.zarr", "rematchings")
    assert found.read("a").shape == (0,)
    assert found.attributes["draws"] == {"shifted": 0, "refitted": 0}
