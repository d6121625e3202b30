"""UIDs made of what they name, so that the same call writes the same file.

They lie under 2.25, the root for UIDs derived from a UUID (PS3.5 B.2); the UUID is made of a hash of the
content (version 8 of RFC 9562), not of the clock.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

__all__ = ["digest_of", "uid_of"]

_VERSION, _VARIANT = 0x8 << 76, 0x2 << 62
_CLEARED = ~((0xF << 76) | (0x3 << 62))


def uid_of(*parts: str) -> str:
    """Return the UID of some parts; equal parts give equal UIDs, and their borders count."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode("utf-8")).digest()[:16], "big")
    return f"2.25.{UUID(int=(number & _CLEARED) | _VERSION | _VARIANT).int}"


def digest_of(*arrays: NDArray[np.generic]) -> str:
    """Return a hash of arrays with their shapes and types."""
    hasher = hashlib.sha256()
    for array in arrays:
        hasher.update(f"{array.shape}{array.dtype.str}".encode())
        hasher.update(np.ascontiguousarray(array).data)
    return hasher.hexdigest()
