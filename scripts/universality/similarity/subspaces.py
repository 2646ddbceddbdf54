"""Semantic subspaces: is the geometry of a category alike in both models, more than elsewhere?

A category's pairs are the kept pairs whose features both name it. They are scored like all kept
pairs, and compared with as many kept pairs drawn at random: what those reach is due to n and to how
alike the two feature spaces are as a whole, not to the category. Lan et al. 2024 (arXiv 2410.06981)
shuffle the pairing within the category instead, which is `permuted` here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from universality import seeds
from universality.similarity import heldout
from universality.similarity.alternative_nulls import Sides, null_score, random_features
from universality.similarity.calibration import effect_size
from universality.similarity.comparison import Metrics
from universality.similarity.metrics import Refused, build
from universality.similarity.metrics.base import pairs as counted
from universality.similarity.nulls import permutations
from universality.similarity.scoring import LEVEL

CORRELATION = "correlation_heldout"

NUMBERS = ("k_a", "k_b", "value", "null_mean", "null_sd", "null_quantile", "p", "effect", "draws")
"""What is missing where a metric refuses."""

Row = dict[str, Any]


def random_pairs(
    rng: np.random.Generator, total: int, n: int, draws: int
) -> Iterator[Int[np.ndarray, "n"]]:
    """Draw n of `total` pairs without replacement, in ascending order.

    They may include the category's own, so that p is exact when those are n pairs like any other.
    The order lets a set of pairs have one score, down to the last bit.
    """
    for _ in range(draws):
        yield np.sort(rng.choice(total, n, replace=False))


def rows(
    pairs: Mapping[str, np.ndarray],
    methods: Sequence[str],
    detailed: Sequence[str],
    categories: Mapping[str, tuple[Bool[np.ndarray, "F"], Bool[np.ndarray, "G"]]],
    decoders: tuple[Float[np.ndarray, "F d_a"], Float[np.ndarray, "G d_b"]],
    metrics: Metrics,
    min_pairs: int,
    m: int,
    draws: int,
    seed: int,
) -> list[Row]:
    """Score the kept pairs of each category against each null, one row for each.

    Args:
        pairs: by name, arrays over all pairs of all matchings: `method` (index into `methods`),
            `a`, `b`, `correlation_heldout`, `kept`.
        methods: names of the matchings.
        detailed: the matchings to look at.
        categories: by name, which features of each side name it.
        decoders: decoder rows of both sides.
        metrics: label, name and options of each.
        min_pairs: categories of fewer pairs are refused.
        m: permutations of the pairing within a category.
        draws: of random pairs, and of random features.
        seed: of the study. Every cell draws from the same streams.

    Returns:
        Rows with method, subspace, metric, n, k_a, k_b, value, null (each metric comes with
        `random_pairs`, `permuted` and `random_features`, the mean held-out correlation with the
        first), null_mean, null_sd, null_quantile (95 %), m, p, effect, reason, and the null itself
        as `draws`. What is missing is None, and `reason` says why.
    """
    found: list[Row] = []
    for number, method in enumerate(methods):
        if method not in detailed:
            continue
        kept = (pairs["method"] == number) & pairs["kept"]
        a, b, r = (pairs[name][kept] for name in ("a", "b", CORRELATION))
        sides = decoders[0][a].astype(np.float64), decoders[1][b].astype(np.float64)
        for category, (of_a, of_b) in categories.items():
            chosen = np.flatnonzero(of_a[a] & of_b[b])
            counts = f"category features: {int(of_a.sum())} of a, {int(of_b.sum())} of b"
            subspace = _Subspace(sides, r, chosen, counts, min_pairs, m, draws, seed)
            place = {"method": method, "subspace": category, "n": len(chosen)}
            found.append(place | {"metric": CORRELATION} | subspace.correlation())
            for label, name, options in metrics:
                found += [
                    place | {"metric": label} | row for row in subspace.geometry(name, options)
                ]
    return found


@dataclass(frozen=True, eq=False)
class _Subspace:
    """The pairs `chosen` among the kept pairs of a matching; see `rows`."""

    sides: Sides
    r: Float[np.ndarray, "P"]
    chosen: Int[np.ndarray, "n"]
    counts: str
    min_pairs: int
    m: int
    draws: int
    seed: int

    def correlation(self) -> Row:
        """Return the mean held-out correlation against that of random pairs."""
        try:
            self._check()
            value = heldout.mean(self.r[self.chosen])
        except Refused as refusal:
            return self._refused("random_pairs", self.draws, refusal)
        null = (partial(heldout.mean, self.r[pairs]) for pairs in self._random_pairs())
        return self._against(value, "random_pairs", *_drawn(null))

    def geometry(self, name: str, options: Mapping[str, Any]) -> Iterator[Row]:
        """Yield a metric against each null."""

        def value(a: Float[np.ndarray, "n d_a"], b: Float[np.ndarray, "n d_b"]) -> float:
            return build(name, a, b, options).value()

        left, right = self.sides
        try:
            self._check()
            metric = build(name, left[self.chosen], right[self.chosen], options)
        except Refused as refusal:
            yield self._refused("random_pairs", self.draws, refusal)
            yield self._refused("permuted", self.m, refusal)
            yield self._refused("random_features", self.draws, refusal)
            return
        # The stream of all permutations of the study (`comparison.scores`).
        pairings = permutations(seeds.generator(self.seed, "permutations"), metric.n, self.m)
        rng = seeds.generator(self.seed, "subspaces", "random_features")
        features = random_features(left, right, metric.n, self.draws, rng)
        pairs = ((left[chosen], right[chosen]) for chosen in self._random_pairs())
        nulls = {
            "random_pairs": _drawn(partial(value, *sides) for sides in pairs),
            "permuted": (metric.null(pairings), ""),
            "random_features": _drawn(partial(value, *sides) for sides in features),
        }
        for null, drawn in nulls.items():
            row = self._against(metric.value(), null, *drawn)
            yield row | {"k_a": metric.k_a, "k_b": metric.k_b}

    def _check(self) -> None:
        if len(self.chosen) < self.min_pairs:
            found = counted(len(self.chosen))
            raise Refused(f"{found}, but a subspace needs at least {self.min_pairs}")

    def _random_pairs(self) -> Iterator[Int[np.ndarray, "n"]]:
        rng = seeds.generator(self.seed, "subspaces", "random_pairs")
        return random_pairs(rng, len(self.r), len(self.chosen), self.draws)

    def _against(self, value: float, null: str, drawn: Float[np.ndarray, " m"], why: str) -> Row:
        """Return a row with a value and its null, in which NaN is a draw without a number."""
        row: Row = dict.fromkeys(NUMBERS) | asdict(null_score(len(self.chosen), value, drawn, why))
        row |= {"null": null, "reason": row["reason"] or None}
        if not np.isnan(drawn).all():
            # As in p: such a draw counts as one that reached the value.
            complete = np.where(np.isnan(drawn), value, drawn)
            effect = effect_size(value, complete, level=LEVEL)
            row |= {"effect": effect, "draws": complete.tolist()}
        return row

    def _refused(self, null: str, m: int, refusal: Refused) -> Row:
        reason = f"{refusal} ({self.counts})"
        return dict.fromkeys(NUMBERS) | {"null": null, "m": m, "reason": reason}


def _drawn(scores: Iterable[Callable[[], float]]) -> tuple[Float[np.ndarray, " m"], str]:
    """Return the scores, NaN where one is refused, and why the first of those was."""
    null, why = [], ""
    for score in scores:
        try:
            null.append(score())
        except Refused as refusal:
            null.append(float("nan"))
            why = why or str(refusal)
    return np.array(null), why
