"""What this machine has, found without importing torch."""

from pathlib import Path


def has_gpu(devices: Path = Path("/dev")) -> bool:
    """Say whether an NVIDIA GPU is among the machine's device files."""
    return any(devices.glob("nvidia[0-9]*"))
