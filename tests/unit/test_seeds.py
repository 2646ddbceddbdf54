"""Named streams of randomness: reproducible, distinct, independent."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universality import seeds

NAMES = st.lists(st.one_of(st.integers(0, 50), st.text("abc-.19", max_size=4)), max_size=3)


def test_known_values() -> None:
    # A change here changes every study's results.
    assert seeds.integer(0) == 198252741
    assert seeds.integer(0, "sae", "llama", 2, "topk-s0") == 827583344
    assert seeds.generator(1, "splits").integers(0, 1000, 5).tolist() == [599, 244, 329, 865, 849]


@given(seed=st.integers(0, 2**32 - 1), names=NAMES)
def test_the_same_names_give_the_same_stream(seed: int, names: list[str | int]) -> None:
    first, second = (seeds.generator(seed, *names).random(4) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert seeds.integer(seed, *names) == seeds.integer(seed, *names)
    assert 0 <= seeds.integer(seed, *names) < 2**31


@given(names=st.lists(NAMES, min_size=2, max_size=6, unique_by=repr))
@settings(max_examples=50)
def test_other_names_give_other_streams(names: list[list[str | int]]) -> None:
    states = [tuple(seeds.sequence(0, *n).generate_state(4)) for n in names]
    assert len(set(states)) == len(names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("b", "a")),
        (("ab",), ("a", "b")),
        ((1,), ("1",)),
        ((1, 2), (12,)),
        ((), ("",)),
        (("a",), ("a", "")),
    ],
)
def test_order_type_and_borders_of_names_count(
    one: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    assert seeds.generator(0, *one).random() != seeds.generator(0, *other).random()


def test_the_seed_counts() -> None:
    values = [seeds.generator(seed, "a").random() for seed in (0, 1, 2, 2**31, 2**32 - 1)]
    assert len(set(values)) == 5


def test_names_of_any_length() -> None:
    assert seeds.generator(0, "x" * 10_000).random() != seeds.generator(0, "x" * 9_999).random()


def test_streams_are_uncorrelated_and_uniform() -> None:
    n = 20_000
    streams = np.array([seeds.generator(7, "model", layer).random(n) for layer in range(8)])
    # Six standard deviations.
    assert np.abs(streams.mean(axis=1) - 0.5).max() < 6 * np.sqrt(1 / 12 / n)
    between = np.corrcoef(streams)[np.triu_indices(8, 1)]
    assert np.abs(between).max() < 6 / np.sqrt(n)


def test_integers_are_spread() -> None:
    names = itertools.product(["a", "b"], range(500))
    drawn = np.array([seeds.integer(3, *name) for name in names])
    assert len(set(drawn.tolist())) == 1000
    assert abs(drawn.mean() / 2**31 - 0.5) < 6 * np.sqrt(1 / 12 / 1000)


def test_the_global_generators_are_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    seeds.generator(0, "a").random(10)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # type: ignore[index]
