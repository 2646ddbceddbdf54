"""Match the features of two subjects by each method, and flag the pairs that pass the filters."""

import job

job.start(snakemake)

import numpy as np
import pandas as pd

from universality import store
from universality.features import selection
from universality.features.matching import MATCHERS, finite

correlation = store.open_store(snakemake.input.correlation, "correlation")
fit, heldout = correlation.read("fit"), correlation.read("heldout")
finite(fit, f"{snakemake.input.correlation}, array 'fit'")
features_a, features_b = correlation.read("a"), correlation.read("b")


def top_words(side):
    """Return the top words of each feature of a side, when a filter looks at them."""
    if f"labels_{side}" not in snakemake.input.keys():
        return {}
    labels = pd.read_parquet(snakemake.input[f"labels_{side}"], columns=["feature", "word"])
    return selection.top_words(labels["feature"].to_numpy(), labels["word"])


words = top_words("a"), top_words("b")
columns = []
for number, method in enumerate(snakemake.params.methods):
    row, column = MATCHERS[method](fit)
    a, b, r = features_a[row], features_b[column], fit[row, column]
    flags = selection.select(a, b, r, *words, snakemake.params.selection)
    columns.append(
        {
            "method": np.full(len(a), number, np.int8),
            "a": a,
            "b": b,
            "correlation_fit": r,
            "correlation_heldout": heldout[row, column],
            **flags,
        }
    )
    print(f"{method}: {len(a)} pairs, {int(flags['kept'].sum())} kept")
store.write(
    snakemake.output[0],
    "matching",
    {name: np.concatenate([part[name] for part in columns]) for name in columns[0]},
    {"comparison": snakemake.wildcards.comparison, "methods": snakemake.params.methods},
)
