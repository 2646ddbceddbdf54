"""What metrics and corrections are called in figures and sentences."""

import re

METRICS = {
    "svcca": "SVCCA",
    "svcca_cv": "Cross-validated SVCCA",
    "pwcca": "PWCCA",
    "rsa": "RSA",
    "cka": "CKA",
    "procrustes": "Procrustes",
    "mutual_knn": "Mutual k-NN",
    "jaccard_knn": "Jaccard k-NN",
    "rank_neighbours": "Neighbour ranks",
    "linear_predictivity": "Linear predictivity",
    "correlation_fit": "Mean correlation on the match split",
    "correlation_heldout": "Mean held-out correlation",
    "activation_cka": "CKA of activations",
    "activation_rsa": "RSA of activations",
    "shared_fraction": "Estimated shared fraction",
}
# What takes the place of each choice of the published protocol, in the fewest words.
CORRECTIONS = {
    "published": "as published",
    "block_input": "block output",
    "special_positions": "no special tokens",
    "pre_activations": "after TopK",
    "rare_features": "no rare features",
    "first_come": "best, not first",
    "signed_maximum": "optimal matching",
    "junk_labels": "study's junk labels",
    "shared_label": "other labels too",
    "low_correlation": "study's threshold",
    "one_component": "k components",
    "shuffled_p": "p never 0",
}
# Metrics that carry a number in their name.
_NUMBERED = {
    r"correlation_heldout_q(\d+)": r"Held-out correlation, \1 % quantile",
    r"share_above_([\d.]+)": r"Share of pairs with r > \1",
    r"features_a_above_([\d.]+)": r"Share of a's features with a partner of r > \1",
    r"features_b_above_([\d.]+)": r"Share of b's features with a partner of r > \1",
}


def metric_name(label: str) -> str:
    """Return the name of the metric that a study calls `label`.

    A label that begins with a known one keeps its rest: `mutual_knn_10` is `Mutual k-NN 10`. Any
    other label is its own name.
    """
    if label in METRICS:
        return METRICS[label]
    for pattern, name in _NUMBERED.items():
        if re.fullmatch(pattern, label):
            return re.sub(pattern, name, label)
    known = [metric for metric in METRICS if label.startswith(f"{metric}_")]
    if not known:
        return label
    longest = max(known, key=len)
    return f"{METRICS[longest]} {label.removeprefix(f'{longest}_').replace('_', ' ')}"


def correction_name(step: str) -> str:
    """Return what a step of the table `published_vs_calibrated` is called."""
    return CORRECTIONS.get(step, step.replace("_", " "))
