"""The scores that every study has beside its metrics, by name."""

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
"""Correlations from which matched pairs, and features with a partner, are counted."""

_COUNTED = ("share", "features_a", "features_b")

RESERVED = frozenset(
    {
        "correlation_fit",
        "correlation_heldout",
        *(f"correlation_heldout_q{percent}" for percent in (10, 50, 90)),
        *(f"{what}_above_{threshold}" for what in _COUNTED for threshold in THRESHOLDS),
        "activation_cka",
        "activation_rsa",
        "shared_fraction",
    }
)
"""Names that no metric of a study may take."""
