"""What metrics and corrections are called."""

import pytest

from universality.views.names import METRICS, correction_name, metric_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("rsa", "RSA"),
        ("rsa_cosine", "RSA cosine"),
        ("mutual_knn_10", "Mutual k-NN 10"),
        ("svcca_cv", "Cross-validated SVCCA"),
        ("svcca_cv_5", "Cross-validated SVCCA 5"),
        ("svcca_small_k", "SVCCA small k"),
        ("rsatoolbox", "rsatoolbox"),
        ("_rsa", "_rsa"),
        ("$x_1$ <b>", "$x_1$ <b>"),
        ("correlation_heldout_q10", "Held-out correlation, 10 % quantile"),
        ("correlation_heldout_mine", "Mean held-out correlation mine"),
        ("share_above_0.5", "Share of pairs with r > 0.5"),
        ("features_b_above_0.9", "Share of b's features with a partner of r > 0.9"),
    ],
)
def test_metric_names(label: str, name: str) -> None:
    assert metric_name(label) == name


def test_names_differ() -> None:
    labels = [*METRICS, *(f"{metric}_10" for metric in METRICS), "share_above_0.3"]
    assert len({metric_name(label) for label in labels}) == len(labels)


def test_corrections() -> None:
    assert correction_name("published") == "as published"
    assert correction_name("one_component") == "k components"
    assert correction_name("another_choice") == "another choice"
