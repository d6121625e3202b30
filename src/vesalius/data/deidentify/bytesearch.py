"""Many words looked for in the bytes of a file at once, in every coding in which a program may have stored them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["WordSearch"]

_CODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be")
_WINDOW = 4
_BLOCK = 2**24


class WordSearch:
    """Words by kind, found without regard to case where no letter or digit stands beside them.

    The first four bytes of every word are compared with all windows of the data; the few places that agree are then
    looked at in full, so that the time hardly depends on how many words there are.
    """

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        """Take pairs of kind and word; words of fewer than four bytes in a coding are left out of it."""
        self._by_head: dict[int, set[tuple[bytes, str, int]]] = defaultdict(set)
        for kind, word in words:
            for coding in _CODINGS:
                data = word.lower().encode(coding, "ignore")
                step = 2 if coding.startswith("utf-16") else 1
                if len(data) >= max(_WINDOW, step * len(word)):
                    self._by_head[int.from_bytes(data[:_WINDOW], "little")].add((data, kind, step))
        self._heads: NDArray[np.uint32] = np.array(sorted(self._by_head), dtype=np.uint32)

    def __len__(self) -> int:
        return len({data for group in self._by_head.values() for data, _, _ in group})

    def kinds_in(self, data: bytes) -> Iterator[tuple[str, int]]:
        """Yield the kind of every word found and the place of its first byte."""
        if len(data) < _WINDOW or not len(self._heads):
            return
        lower = data.lower()
        for start in range(0, len(lower), _BLOCK):
            block = np.frombuffer(lower[start : start + _BLOCK + _WINDOW - 1], dtype=np.uint8).astype(np.uint32)
            if len(block) < _WINDOW:
                continue
            windows = block[:-3] | block[1:-2] << 8 | block[2:-1] << 16 | block[3:] << 24
            at = np.searchsorted(self._heads, windows).clip(max=len(self._heads) - 1)
            for place in np.flatnonzero(self._heads[at] == windows):
                head = int(windows[place])
                for word, kind, step in self._by_head[head]:
                    if _stands_at(lower, start + int(place), word, step):
                        yield kind, start + int(place)


def _stands_at(data: bytes, place: int, word: bytes, step: int) -> bool:
    if data[place : place + len(word)] != word:
        return False
    before = data[place - step : place] if place >= step else b""
    after = data[place + len(word) : place + len(word) + step]
    return not (_is_part(before) or _is_part(after))


def _is_part(neighbour: bytes) -> bool:
    """Say whether the character beside a word belongs to it; in one byte, or two of which one is zero."""
    bare = neighbour.replace(b"\0", b"")
    return len(bare) == 1 and bare.isalnum()
