"""Reproducible randomness: one generator for each named purpose of a study.

Every random choice draws from a stream that is a function of the study's seed and of the names of
the thing it is drawn for (`"sae", "smollm2-135m", 14, "topk-s0"`). Streams for different names are
independent (`numpy.random.SeedSequence`), so adding a layer or a pair changes no other result.
"""

import hashlib

import numpy as np


def sequence(seed: int, *names: str | int) -> np.random.SeedSequence:
    """Return the seed sequence of the purpose `names` in the study with this `seed`.

    Names enter by their SHA-256, so they may be of any length and their order counts.
    """
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in names)
    digest = hashlib.sha256(text.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.SeedSequence([seed, *words.tolist()])


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a numpy generator for the purpose `names`."""
    return np.random.default_rng(sequence(seed, *names))


def integer(seed: int, *names: str | int) -> int:
    """Return an integer in [0, 2**31) for libraries that take one (torch, sae-lens)."""
    return int(sequence(seed, *names).generate_state(1, np.uint32)[0] >> 1)
