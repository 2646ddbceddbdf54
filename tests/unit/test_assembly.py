"""The table of scores is put together from what several jobs found."""

import pandas as pd
import pytest

from universality.views import assembly

COMPARISON = {"comparison": "x--y", "kind": "cross", "model_a": "x", "layer_a": 1}
PLACE = {"method": "hungarian", "filter": "kept", "metric": "rsa"}


def calibrated() -> pd.DataFrame:
    rows = [
        COMPARISON | PLACE | {"subspace": "all", "value": 0.5, "reason": ""},
        COMPARISON | PLACE | {"subspace": "Time", "value": 0.4, "reason": ""},
        COMPARISON | PLACE | {"subspace": "all", "metric": "cka", "value": None, "reason": "n = 2"},
    ]
    numbers = {"n": 40, "k_a": None, "k_b": None, "null": "permuted", "null_mean": 0.0, "m": 9}
    return pd.DataFrame(rows).assign(**numbers, p=0.1)


def intervals() -> pd.DataFrame:
    rows = [
        COMPARISON | PLACE | {"resampled": "pairs", "low": 0.4, "high": 0.6},
        COMPARISON | PLACE | {"resampled": "documents_refit", "low": 0.1, "high": 0.9},
    ]
    return pd.DataFrame(rows)


def published() -> pd.DataFrame:
    rows = [
        COMPARISON | {"step": 0, "correction": "published", "metric": "svcca", "k": 1},
        COMPARISON | {"step": 1, "correction": "the layer", "metric": "svcca", "k": 1},
    ]
    numbers = {"n": 7, "value": 0.3, "null_mean": 0.2, "m": 9, "p": 0.0, "reason": None}
    return pd.DataFrame(rows).assign(**numbers)


def test_intervals_are_those_of_the_matching_as_it_is_over_all_features() -> None:
    found = assembly.scores(calibrated(), intervals(), published().iloc[:0])
    assert set(found["protocol"]) == {"calibrated"}
    place = found.set_index(["metric", "subspace"])
    assert tuple(place.loc[("rsa", "all"), ["ci_low", "ci_high"]]) == (0.4, 0.6)
    assert place.loc[("rsa", "Time"), ["ci_low", "ci_high"]].isna().all()
    assert place.loc[("cka", "all"), "reason"] == "n = 2"
    assert pd.isna(place.loc[("rsa", "all"), "reason"])


def test_the_first_step_is_the_published_protocol() -> None:
    found = assembly.scores(calibrated(), intervals(), published())
    (row,) = found[found["protocol"] == "published"].to_dict("records")
    expected = {"metric": "svcca", "n": 7, "k_a": 1, "k_b": 1, "p": 0.0, "value": 0.3, "m": 9}
    assert {name: row[name] for name in expected} == expected
    assert (row["filter"], row["method"], row["null"]) == ("published", "first_come", "permuted")
    assert row["model_a"] == "x"
    assert pd.isna(row["ci_low"])
    assert len(found) == 4


def test_two_intervals_for_one_score_are_an_error() -> None:
    with pytest.raises(pd.errors.MergeError):
        assembly.scores(calibrated(), pd.concat([intervals(), intervals()]), published())
