"""A set of study keys that stays at 8 bytes a key, however many there are."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["KeySet", "Keys"]

Keys = np.ndarray[Any, np.dtype[np.int64]]
"""Keys of studies, see `vesalius.data.fingerprint.study_key`."""
_MOST_FRESH = 1 << 18


class KeySet:
    """Keys in a sorted array, and the newest in a set until there are enough to sort them in."""

    def __init__(self) -> None:
        self._sorted: Keys = np.empty(0, np.int64)
        self._fresh: set[int] = set()

    def __contains__(self, key: int) -> bool:
        place = int(np.searchsorted(self._sorted, key))
        return key in self._fresh or (place < len(self._sorted) and bool(self._sorted[place] == key))

    def add(self, *keys: int) -> None:
        """Add keys, new or not."""
        self._fresh.update(keys)
        if len(self._fresh) > _MOST_FRESH:
            self._sorted = np.union1d(self._sorted, np.fromiter(self._fresh, np.int64, len(self._fresh)))
            self._fresh.clear()
