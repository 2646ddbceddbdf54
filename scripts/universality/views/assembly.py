"""The table `scores` put together: corrected scores, their intervals, the published protocol."""

import pandas as pd

PUBLISHED_METHOD = "first_come"
"""The source's matching: each feature of B's best of A, of which the first for each A is kept."""

_INTERVAL = ["comparison", "method", "filter", "metric"]


def scores(
    calibrated: pd.DataFrame, intervals: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of the table `scores`.

    Args:
        calibrated: scores of the calibrated protocol, without intervals.
        intervals: the table `intervals`. Those for a matching as it is become `ci_low` and
            `ci_high`: over documents for correlations, over feature pairs for geometry.
        published: the table `published_vs_calibrated`, whose first step is the published protocol;
            no rows where the study does without it.
    """
    found = calibrated.assign(protocol="calibrated")
    found["reason"] = found["reason"].replace("", None)
    found = found.drop(columns=["ci_low", "ci_high"], errors="ignore")
    given = intervals[intervals["resampled"].isin(["documents", "pairs"])]
    ends = given[[*_INTERVAL, "low", "high"]].rename(columns={"low": "ci_low", "high": "ci_high"})
    found = found.merge(
        ends.assign(subspace="all"), on=[*_INTERVAL, "subspace"], how="left", validate="m:1"
    )
    if published.empty:
        return found
    first = published[published["step"] == 0].rename(columns={"k": "k_a"})
    rows = first.drop(columns=["step", "correction"]).assign(
        protocol="published",
        method=PUBLISHED_METHOD,
        filter="published",
        subspace="all",
        k_b=first["k_a"],
        null=first["value"].map(lambda value: None if pd.isna(value) else "permuted"),
    )
    rows = rows.reindex(columns=found.columns)
    return pd.concat([found, rows.astype(found.dtypes)], ignore_index=True)
