"""Do the null means that the source stored follow the law of one component?

The absolute correlation of two fixed score vectors under random pairing has mean sqrt(2 / (pi n)).
The notebooks of Lan et al. 2024 store the mean of their shuffled SVCCA for each layer pair
(resources/published.json); if their SVCCA kept more components, these would be far higher.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

STORED = Path(__file__).parents[3] / "resources" / "published.json"

COUNTS = ("num_feat_kept", "num_feat_B_kept", "num_unq_pairs")
"""How the tables call the number of pairs scored: also in those where features of a repeat."""
MEANS = ("svcca_rand_mean", "rand_shuff_mean_SVCCA_1To1")
P_VALUES = ("svcca_rand_pval", "rand_shuff_pval_SVCCA_1To1")


def law(n: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return the mean absolute correlation of n randomly paired values, sqrt(2 / (pi n)).

    The limit for large n: then the correlation is normal with variance 1 / n.
    """
    return np.sqrt(2 / (np.pi * np.asarray(n, float)))


def exact_law(n: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return the same for n values of a normal distribution: G((n - 1) / 2) / (sqrt(pi) G(n / 2)).

    G is the gamma function. Above `law` by 1 + 3 / (4 n) for large n: 15 % for n = 6.
    """
    half = np.asarray(n, float) / 2
    return np.exp(gammaln(half - 0.5) - gammaln(half)) / math.sqrt(math.pi)


def stored() -> dict[str, Any]:
    """Return the numbers that the source stored, with its settings."""
    content: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
    return content


def table(published: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for each experiment of the source that stores null means.

    `published` is the content of resources/published.json. Columns: `experiment`, `rows` (layer
    pairs, or those times categories), `n_low` and `n_high` (pairs scored), `ratio` (mean over rows
    of stored null mean / `law(n)`), `ratio_low` and `ratio_high` (its 95 % interval over rows, mean
    +- 1.96 standard errors), `ratio_exact` (the same with `exact_law`), `p_zero` (share of rows
    whose stored p is 0), `reason` (why there is no ratio).

    Each stored mean is over few shuffles (1 to 1000), each with a standard deviation of 0.76 times
    its mean. So single rows say little, their median lies below the law, and their mean is the
    estimate without bias. Where n is small the ratio is above 1 and `ratio_exact` is not.
    """
    experiments = {
        name: [row if isinstance(row, dict) else row[-1] for row in content["rows"]]
        for name, content in published.items()
        if isinstance(content, dict) and isinstance(content.get("rows"), list)
    }
    return [_experiment(name, rows) for name, rows in experiments.items()]


def _experiment(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    n, mean, p = (_column(rows, names) for names in (COUNTS, MEANS, P_VALUES))
    row: dict[str, Any] = {"experiment": name, "rows": len(rows), "reason": None}
    row |= dict.fromkeys(("n_low", "n_high", "ratio", "ratio_low", "ratio_high", "ratio_exact"))
    row["p_zero"] = float((p == 0).mean()) if np.isfinite(p).any() else None
    if np.isfinite(n).any():
        row |= {"n_low": int(np.nanmin(n)), "n_high": int(np.nanmax(n))}
    for values, what in ((n, "number of pairs"), (mean, "mean of shuffled SVCCA")):
        if missing := int((~np.isfinite(values)).sum()):
            return row | {"reason": f"{missing} of {len(rows)} rows store no {what}"}
    if len(rows) < 2:
        return row | {"reason": "fewer than 2 rows"}
    if n.min() < 2:
        return row | {"reason": "a row of fewer than 2 pairs"}
    ratio = mean / law(n)
    error = 1.96 * float(ratio.std(ddof=1)) / math.sqrt(len(ratio))
    centre = float(ratio.mean())
    return row | {
        "ratio": centre,
        "ratio_low": centre - error,
        "ratio_high": centre + error,
        "ratio_exact": float((mean / exact_law(n)).mean()),
    }


def _column(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Float[np.ndarray, "rows"]:
    """Return the first of the columns `names` that each row has; NaN where it has none."""
    found = [next((row[name] for name in names if name in row), None) for row in rows]
    return np.array([math.nan if value is None else value for value in found], float)
