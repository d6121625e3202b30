"""Randomness by purpose: every draw has a stream of its own, so that leaving one out never shifts another."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

__all__ = ["identifier", "stream"]


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Return the counter-based generator of a purpose, such as ``stream(0, patient, "disease", "edema")``.

    The same words give the same numbers in every process and in any order of asking.
    """
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_digest(seed, purpose, 16), "little")))


def identifier(seed: int, *purpose: str | int, length: int = 12) -> str:
    """Return a name in hexadecimal digits that tells nothing of what it names."""
    return _digest(seed, purpose, (length + 1) // 2).hex()[:length]


def _digest(seed: int, purpose: tuple[str | int, ...], size: int) -> bytes:
    words = "\x1f".join(str(word) for word in (seed, *purpose))
    return blake2b(words.encode(), digest_size=size, person=b"vesalius-virtual").digest()
