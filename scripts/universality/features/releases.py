"""Published SAEs, downloaded through sae-lens."""

from pathlib import Path

from sae_lens import SAE

from universality.errors import StudyError, reason


def download(release: str, sae_id: str, folder: Path) -> None:
    """Download an SAE by its sae-lens release and id, and write it to `folder`."""
    try:
        sae = SAE.from_pretrained(release, sae_id, device="cpu")
    # sae-lens and the hub's client raise errors of many kinds; each is told in one line.
    except Exception as error:
        raise StudyError(
            f"release '{release}', id '{sae_id}': sae-lens could not load it "
            f"({type(error).__name__}: {reason(error)})"
        ) from error
    sae.save_model(folder)
