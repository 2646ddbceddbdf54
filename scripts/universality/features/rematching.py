"""Matchings redone: where nothing corresponds, and on other documents of the same kind.

A matching looks for high correlations, so it finds some wherever it looks. What it finds without
any correspondence is seen when it is redone on shifted documents: document i of a is set against
document i + s of b (circularly), row by row from the start, so that both sides keep what a text is
in itself (the dependence of its tokens, what its beginning looks like) and have nothing else in
common. Of two documents the longer one is cut, and on fewer rows a matching follows noise a little
more: p-values of the correlation that is matched by are cautious, those of the held-out one are
not touched.

How much a result depends on the documents at hand is seen when all is redone on documents drawn
anew, with replacement.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from universality import store
from universality.features.aligned import aligned_rows
from universality.features.correlation import column_moments, pearson
from universality.features.matching import MATCHERS, Pairs
from universality.features.matrix import Features
from universality.features.moments import correlations, document_sums
from universality.features.statistics import Matrix
from universality.progress import progress

KINDS = ("shifted", "refitted")
SHIFTED, REFITTED = range(2)
HALVES = ("match", "heldout")


@dataclass(frozen=True, eq=False)
class Half:
    """Corresponding rows of the participating features, in one split."""

    a: Matrix
    b: Matrix
    first: Int[np.ndarray, " D1"]
    """Where each document begins; last, where the last one ends."""

    @property
    def documents(self) -> int:
        """Return the number of documents, D."""
        return len(self.first) - 1

    def rows(self, rows_a: Int[np.ndarray, "rows"], rows_b: Int[np.ndarray, "rows"]) -> "Half":
        """Return the half with the chosen rows set against each other, as one document."""
        return Half(_chosen(self.a, rows_a), _chosen(self.b, rows_b), np.array([0, len(rows_a)]))


Redraw = dict[str, Half]
Rematched = dict[str, tuple[Pairs, Float[np.ndarray, "P"], Float[np.ndarray, "P"]]]


def half(a: Matrix, b: Matrix, document: Int[np.ndarray, "rows"]) -> Half:
    """Return corresponding rows in the order of the text as a `Half`."""
    starts = np.flatnonzero(np.diff(document, prepend=-1))
    return Half(a, b, np.append(starts, len(document)))


def shifted(given: Half, shift: int) -> Half:
    """Return the half with row t of a's document i against row t of b's document i + shift (mod D).

    Of two documents the longer one is cut to the length of the shorter.
    """
    starts, lengths = given.first[:-1], np.diff(given.first)
    other = (np.arange(given.documents) + shift) % max(given.documents, 1)
    common = np.minimum(lengths, lengths[other])
    return given.rows(_runs(starts, common), _runs(starts[other], common))


def resampled(given: Half, rng: np.random.Generator) -> Half:
    """Return the half with as many documents, drawn with replacement, on both sides alike."""
    drawn = rng.integers(max(given.documents, 1), size=given.documents)
    rows = _runs(given.first[:-1][drawn], np.diff(given.first)[drawn])
    return given.rows(rows, rows)


def shifts(documents: int, draws: int, rng: np.random.Generator) -> Int[np.ndarray, " draws"]:
    """Return shifts from 1 to documents - 1; each comes again only after all others have come.

    Without repetition they are, with the documents as they are, a random part of a group, so that
    p = (1 + reached) / (1 + draws) is exact up to the cutting of documents (Hemerik & Goeman 2018).
    None where there are fewer than two documents.
    """
    if documents < 2:
        return np.zeros(0, np.int64)
    rounds = -(-draws // (documents - 1))
    return np.concatenate(
        [np.zeros(0, np.int64), *(1 + rng.permutation(documents - 1) for _ in range(rounds))]
    )[:draws]


def redraws(
    halves: Mapping[str, Half], shifted_draws: int, refits: int, rng: np.random.Generator
) -> Iterator[tuple[int, Redraw]]:
    """Yield `(SHIFTED or REFITTED, halves)`: first all that are shifted.

    Match and held-out documents are shifted and drawn independently of each other. There are no
    shifted ones where a split has fewer than two documents, and no others where one has none.
    """
    by = [shifts(halves[name].documents, shifted_draws, rng) for name in HALVES]
    for pair in zip(*by, strict=False):
        yield SHIFTED, {n: shifted(halves[n], int(s)) for n, s in zip(HALVES, pair, strict=True)}
    if all(halves[name].documents for name in HALVES):
        for _ in range(refits):
            yield REFITTED, {name: resampled(halves[name], rng) for name in HALVES}


def rematch(drawn: Redraw, methods: Sequence[str]) -> Rematched:
    """Correlate and match a redraw by each method: pairs, and their correlations in both halves.

    As in the study itself, a feature that does not vary in either half of the redraw (one that is
    rare, and none of whose documents was drawn) takes no part in it: there are fewer pairs then.
    """
    match, heldout = drawn["match"], drawn["heldout"]
    takes_part = [
        np.flatnonzero((column_moments(first)[1] > 0) & (column_moments(second)[1] > 0))
        for first, second in ((match.a, heldout.a), (match.b, heldout.b))
    ]
    left, right = match.a[:, takes_part[0]], match.b[:, takes_part[1]]
    # In single precision, as the correlations that are matched in the study.
    fit = np.empty((left.shape[1], right.shape[1]), np.float32)
    for part, r in pearson(left, right):
        fit[part] = r
    found: Rematched = {}
    for method in methods:
        row, column = MATCHERS[method](fit)
        a, b = takes_part[0][row], takes_part[1][column]
        one = np.zeros(heldout.a.shape[0], np.int64)
        sums = document_sums(heldout.a, heldout.b, one, a, b)
        parts = [correlations(np.ones((1, 1)), part)[0] for _, part in sums]
        found[method] = (a, b), fit[row, column], np.concatenate([np.zeros(0), *parts])
    return found


def rematchings(
    a: Features,
    b: Features,
    alignment: store.Store,
    correlation: store.Store,
    path: str | Path,
    methods: Sequence[str],
    shifted_draws: int,
    refits: int,
    rng: np.random.Generator,
    attributes: dict[str, Any],
) -> None:
    """Write the matchings of redrawn documents as a store.

    The features are those that take part in `correlation`. Arrays, over the pairs of all redraws
    and methods: `draw[P]`, `redrawn[P]` (0 shifted, 1 drawn with replacement), `method[P]` (index
    into the attribute `methods`), `a[P]`, `b[P]`, `correlation_fit[P]`, `correlation_heldout[P]`
    (float32). The attribute `redrawn` names the kinds, and `draws` says how many redraws there are
    of each: none is shifted where a split has a single document.
    """
    features = correlation.read("a"), correlation.read("b")
    halves = {}
    for name, rows in aligned_rows(a, b, alignment).items():
        if name in HALVES:
            sides = a.rows(rows.a)[:, features[0]], b.rows(rows.b)[:, features[1]]
            halves[name] = half(*sides, rows.document)
    columns: dict[str, list[np.ndarray]] = {name: [] for name in _ARRAYS}
    done = [0, 0]
    with progress(shifted_draws + refits, "rematching", "redraw") as bar:
        for kind, drawn in redraws(halves, shifted_draws, refits, rng):
            for number, (pairs, fit, heldout) in enumerate(rematch(drawn, methods).values()):
                here = {
                    "draw": np.full(len(fit), done[kind]),
                    "redrawn": np.full(len(fit), kind),
                    "method": np.full(len(fit), number),
                    "a": features[0][pairs[0]],
                    "b": features[1][pairs[1]],
                    "correlation_fit": fit,
                    "correlation_heldout": heldout,
                }
                for name, dtype in _ARRAYS.items():
                    columns[name].append(here[name].astype(dtype))
            done[kind] += 1
            bar.update()
    store.write(
        path,
        "rematchings",
        {n: np.concatenate([np.zeros(0, _ARRAYS[n]), *parts]) for n, parts in columns.items()},
        attributes
        | {
            "methods": list(methods),
            "redrawn": list(KINDS),
            "draws": dict(zip(KINDS, done, strict=True)),
        },
    )


_ARRAYS: dict[str, type] = {
    "draw": np.int32,
    "redrawn": np.int8,
    "method": np.int8,
    "a": np.int64,
    "b": np.int64,
    "correlation_fit": np.float32,
    "correlation_heldout": np.float32,
}


def _chosen(side: Matrix, rows: Int[np.ndarray, "rows"]) -> Any:
    """Return rows of a side, by columns: all that follows goes column by column."""
    return side[rows].tocsc() if sparse.issparse(side) else side[rows]


def _runs(starts: Int[np.ndarray, " D"], lengths: Int[np.ndarray, " D"]) -> Int[np.ndarray, "rows"]:
    """Return start, start + 1, ... for `length` numbers, of each document in turn."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
