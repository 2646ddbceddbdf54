"""A change reruns what depends on it and nothing else, by dry run after a full tiny study."""

import pytest

from checkouts import Checkout

SCORED = {"calibration": 1, "tables": 1, "figures": 1, "manifest": 1, "summary": 1, "report": 1}
CONFIG = "studies/tiny.yaml"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("permutations: 99", "permutations: 199", {"scores": 5, **SCORED}),
        (
            "min_correlation: 0.05",
            "min_correlation: 0.06",
            {"matching": 5, "scores": 5, **SCORED},
        ),
        ("study: tiny", "# A comment.\nstudy: tiny", {}),
    ],
)
def test_a_changed_setting(
    finished: Checkout, old: str, new: str, expected: dict[str, int]
) -> None:
    finished.edit(CONFIG, old, new)
    assert finished.planned() == expected


def test_a_changed_sae_keeps_activations(finished: Checkout) -> None:
    finished.edit(CONFIG, "width: 96", "width: 80")
    planned = finished.planned()
    assert planned["sae"] == 4
    assert planned["features"] == 4
    assert not set(planned) & {"activations", "tokens", "model", "corpus", "alignment"}


def test_a_layer_added(finished: Checkout) -> None:
    finished.edit(CONFIG, "layers: [3] }", "layers: [3, 4] }")
    planned = finished.planned()
    assert planned["activations"] == 1
    assert planned["sae"] == planned["features"] == planned["sae_quality"] == 1
    # Layer 4 against both layers of llama, and permuted.
    assert planned["correlation"] == planned["matching"] == planned["scores"] == 3
    assert not set(planned) & {"model", "tokens", "alignment", "corpus"}


def test_a_figure_style(finished: Checkout) -> None:
    path = finished.root / "scripts" / "universality" / "views" / "style.py"
    path.write_text(path.read_text() + "\n# edited\n")
    assert finished.planned() == {"figures": 1, "dag": 1, "report": 1}


@pytest.mark.parametrize(
    ("module", "first"),
    [
        ("similarity/metrics/rsa.py", "scores"),
        ("similarity/calibration.py", "scores"),
        ("features/matching.py", "matching"),
        ("features/correlation.py", "correlation"),
        ("features/encoding.py", "features"),
        ("features/training.py", "sae"),
    ],
)
def test_an_edited_module_spares_what_comes_before(
    finished: Checkout, module: str, first: str
) -> None:
    path = finished.root / "scripts" / "universality" / module
    path.write_text(path.read_text() + "\n# edited\n")
    planned = finished.planned()
    order = ["corpus", "model", "tokens", "alignment", "activations", "sae", "features"]
    order += ["correlation", "matching", "scores"]
    assert first in planned
    assert not set(planned) & set(order[: order.index(first)])


def test_a_deleted_output(finished: Checkout) -> None:
    (finished.study / "summary.md").unlink()
    assert finished.planned() == {"summary": 1, "report": 1}


def test_two_studies_share_models_and_activations(finished: Checkout) -> None:
    finished.edit(CONFIG, "study: tiny", "study: other")
    planned = finished.planned()
    assert not set(planned) & {"corpus", "model", "tokens", "alignment", "activations"}
    assert planned["sae"] == 4
