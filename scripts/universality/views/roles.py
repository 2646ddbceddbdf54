"""What stands beside a cross comparison: the ceilings and floors of the same models and layers."""

from typing import NamedTuple

import pandas as pd

NEURONS = "neurons"  # the dictionary that is the residual basis itself
PERMUTED = "--permuted"  # ends the id of a comparison whose rows were permuted

DETAILED = ("cross", "ceiling a", "ceiling b")  # what is looked at with every null and filter
FLOORS = ("permuted rows", "re-initialised model", "residual basis")


class Pair(NamedTuple):
    """Two models, each with a dictionary, that cross comparisons put side by side."""

    model_a: str
    dictionary_a: str
    model_b: str
    dictionary_b: str

    @property
    def side_a(self) -> str:
        return f"{self.model_a} ({self.dictionary_a})"

    @property
    def side_b(self) -> str:
        return f"{self.model_b} ({self.dictionary_b})"

    def __str__(self) -> str:
        return f"{self.side_a} and {self.side_b}"


def cross_pairs(frame: pd.DataFrame) -> list[Pair]:
    """Return the pairs of the cross comparisons of a `scores` or `matches` table, sorted."""
    cross = frame.loc[frame["kind"] == "cross", list(Pair._fields)].drop_duplicates()
    return sorted(Pair(*row) for row in cross.itertuples(index=False, name=None))


def beside(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Return the rows of `frame` that belong beside `pair`, with their `role`.

    A role is `cross`, `ceiling a` or `ceiling b` (two seeds of the pair's dictionary on that
    model), or a sort of floor: one of `FLOORS`, or `dictionary <name>` for the pair's own models
    under another dictionary. Rows that name the pair's models the other way round are turned.
    """
    frame = _turned(frame, pair)
    a, b = frame["model_a"] == pair.model_a, frame["model_b"] == pair.model_b
    own = (frame["dictionary_a"] == pair.dictionary_a) & (
        frame["dictionary_b"] == pair.dictionary_b
    )
    neurons = (frame["dictionary_a"] == NEURONS) & (frame["dictionary_b"] == NEURONS)
    permuted = frame["comparison"].str.endswith(PERMUTED)
    ceiling, floor = frame["kind"] == "ceiling", frame["kind"] == "floor"

    def has(dictionary: str) -> pd.Series:
        return (frame["dictionary_a"] == dictionary) | (frame["dictionary_b"] == dictionary)

    role = pd.Series(pd.NA, index=frame.index, dtype="str")
    role[(frame["kind"] == "cross") & a & b & own] = "cross"
    role[ceiling & a & has(pair.dictionary_a)] = "ceiling a"
    role[ceiling & ~a & (frame["model_a"] == pair.model_b) & has(pair.dictionary_b)] = "ceiling b"
    role[floor & permuted & a & b & own] = "permuted rows"
    role[floor & ~permuted & (a ^ b) & own] = "re-initialised model"
    other = floor & ~permuted & a & b & ~own
    role[other] = "dictionary " + frame["dictionary_a"]
    role[other & neurons] = "residual basis"
    return frame.assign(role=role)[role.notna()]


def detailed(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """Return the cross and ceiling rows of `beside`, in that order, by layers, with their `label`.

    A label names the layers: `7 – 13` of a cross comparison, `a 7` of a ceiling of a.
    """
    rows = beside(frame, pair)
    rows = rows[rows["role"].isin(DETAILED)]
    a, b = rows["layer_a"].astype(str), rows["layer_b"].astype(str)
    label = (a + " – " + b).mask(rows["role"] == "ceiling a", "a " + a)
    rows = rows.assign(
        label=label.mask(rows["role"] == "ceiling b", "b " + b),
        order=rows["role"].map({role: place for place, role in enumerate(DETAILED)}),
    )
    by = ["order", "layer_a", "layer_b", "comparison"]
    return rows.sort_values(by, kind="stable").drop(columns="order")


def _turned(frame: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    straight = (frame["model_a"] == pair.model_a) | (frame["model_b"] == pair.model_b)
    reverse = (frame["model_a"] == pair.model_b) | (frame["model_b"] == pair.model_a)
    turn = reverse & ~straight & (frame["model_a"] != frame["model_b"])
    # A cross comparison the other way round belongs to a pair of its own.
    turn &= frame["kind"] != "cross"
    frame = frame.copy()
    for column in ("model", "layer", "dictionary"):
        a, b = frame[f"{column}_a"], frame[f"{column}_b"]
        frame[f"{column}_a"], frame[f"{column}_b"] = a.mask(turn, b), b.mask(turn, a)
    return frame
