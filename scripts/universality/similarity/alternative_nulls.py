"""Other answers than a random pairing to "compared with what?".

Shuffled pairs ask only whether the pairing matters. Each null here asks something else:

- `random_vectors`: would any directions on side b do, in place of its decoder's?
- `rotated`: the same, against directions with as much structure as b's own.
- `random_features`: do matched features agree more than any features of the two subjects, paired at
  random? (the source's `score_rand`)
- `rematched`: do they agree more than what the same matching finds where nothing corresponds?

Each is an iterator over drawn sides, of which `against` makes a distribution of each metric.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from universality.similarity.comparison import Metrics
from universality.similarity.metrics import Refused, build
from universality.similarity.nulls import p_value
from universality.similarity.scoring import LEVEL

NO_DRAWS = "no draw: documents cannot be shifted where a split has a single one"
"""The one null that may have none is `rematched`."""

Side = Float[np.ndarray, "n d"]
Sides = tuple[Side, Side]


def random_vectors(a: Side, b: Side, draws: int, rng: np.random.Generator) -> Iterator[Sides]:
    """Yield a with b's rows replaced by uniformly random directions of the same lengths."""
    lengths = np.linalg.norm(b.astype(np.float64), axis=1, keepdims=True)
    for _ in range(draws):
        directions = rng.standard_normal(b.shape)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        yield a, lengths * directions


def rotated(a: Side, b: Side, draws: int, rng: np.random.Generator) -> Iterator[Sides]:
    """Yield a with b's items turned at random.

    A rotation of b's coordinates says nothing: the metrics are made not to see it. So b is turned
    from the other side, Q (b - mean) + mean with Q a random orthogonal matrix (Haar) of n items
    that leaves (1, ..., 1) in place. Column means, singular values and right singular vectors stay
    as they are; which items lie in which direction becomes random. A permutation of the rows is a
    special Q, so this is the null of permutations for data without any shape but its spectrum.

    Q is not made: with b - mean = U S V^T of rank r, Q U is a random orthonormal frame of n x r,
    the Q of the QR decomposition of centred normal numbers with the signs that make diag(R)
    positive (Mezzadri 2007, Notices of the AMS 54).
    """
    mean = b.mean(axis=0, dtype=np.float64)
    _, s, right = np.linalg.svd(b - mean, full_matrices=False)
    # Rounding leaves centred rows one singular value that is not quite 0.
    rank = min(int((s > 1e-12 * s.max()).sum()), len(b) - 1)
    loadings = s[:rank, None] * right[:rank]
    for _ in range(draws):
        normal = rng.standard_normal((len(b), rank))
        frame, r = np.linalg.qr(normal - normal.mean(axis=0))
        yield a, (frame * np.sign(np.diag(r))) @ loadings + mean


def random_features(
    all_a: Side, all_b: Side, n: int, draws: int, rng: np.random.Generator
) -> Iterator[Sides]:
    """Yield n rows of either side, drawn at random and paired at random.

    A row comes again only after all others of its side have come (for n above their number, as in
    matchings that take a feature more than once). Needs rows on both sides, or n = 0.
    """

    def drawn(side: Side) -> Side:
        rounds = -(-n // max(len(side), 1))
        order = [rng.permutation(len(side)) for _ in range(rounds)]
        return side[np.concatenate([np.zeros(0, np.int64), *order])[:n]]

    for _ in range(draws):
        yield drawn(all_a), drawn(all_b)


def rematched(
    all_a: Side, all_b: Side, matchings: Iterable[tuple[np.ndarray, ...]], n: int
) -> Iterator[Sides]:
    """Yield, of each matching, the n pairs that correlate best (all, where there are fewer).

    Args:
        all_a: rows of all features of a.
        all_b: rows of all features of b.
        matchings: features of a, features of b, and how well they correlate where they were
            matched. Of equal ones the first comes first.
        n: pairs wanted.
    """
    for features_a, features_b, correlation in matchings:
        best = np.argsort(-correlation, kind="stable")[:n]
        yield all_a[features_a[best]], all_b[features_b[best]]


@dataclass(frozen=True)
class NullScore:
    """A score beside its distribution under a null; numbers are NaN where there is none."""

    n: int
    """Pairs scored."""
    value: float
    m: int
    """Draws."""
    null_mean: float
    null_sd: float
    null_quantile: float
    """95 % quantile."""
    p: float
    """Share of draws that score at least as high (add-one)."""
    reason: str
    """Why numbers are missing, or how many draws gave none; empty where all is there."""


def against(
    a: Side, b: Side, m: int, draws: Iterable[Sides], metrics: Metrics
) -> dict[str, NullScore]:
    """Return the score of the pairs (a[i], b[i]) by each metric, beside those of m drawn sides.

    A metric that refuses a draw, or a draw of another number of pairs, gives no number for it: it
    then counts as one that reached the score, which can only raise p, the other numbers are those
    of the draws that are left, and the reason says how many are missing. Nothing is drawn when no
    metric has a score.
    """
    observed: dict[str, float] = {}
    reasons: dict[str, list[str]] = {label: [] for label, _, _ in metrics}
    for label, name, options in metrics:
        try:
            observed[label] = build(name, a, b, options).value()
        except Refused as refusal:
            reasons[label].append(str(refusal))
    null = {label: np.full(m, np.nan) for label, _, _ in metrics}
    for draw, (drawn_a, drawn_b) in enumerate(draws if observed else ()):
        for label, name, options in metrics:
            if label not in observed:
                continue
            try:
                if len(drawn_a) != len(a):
                    raise Refused(f"a draw has {len(drawn_a)} pairs, not {len(a)}")
                null[label][draw] = build(name, drawn_a, drawn_b, options).value()
            except Refused as refusal:
                reasons[label].append(str(refusal))
    return {
        label: null_score(len(a), observed.get(label, np.nan), null[label], *reasons[label][:1])
        for label, _, _ in metrics
    }


def null_score(
    n: int, value: float, null: Float[np.ndarray, " m"], why: str = "no value"
) -> NullScore:
    """Return a score of n pairs beside its null, in which NaN is a draw that gave no number.

    `why` says what kept the score, or the first of such draws, from having a number.
    """
    nan = float("nan")
    left = null[~np.isnan(null)]
    refused, m = len(null) - len(left), len(null)
    if np.isnan(value) or not m:
        return NullScore(n, value, m, nan, nan, nan, nan, why if np.isnan(value) else NO_DRAWS)
    reason = f"{refused} of {m} draws gave no value ({why})" if refused else ""
    if not len(left):
        return NullScore(n, value, m, nan, nan, nan, nan, reason)
    return NullScore(
        n=n,
        value=value,
        m=m,
        null_mean=float(left.mean()),
        null_sd=float(left.std()),
        null_quantile=float(np.quantile(left, LEVEL)),
        # What equals the score counts as reaching it.
        p=p_value(np.where(np.isnan(null), value, null), value),
        reason=reason,
    )
