"""Tokens of media that were shown before, so that the next question about them does not read or encode them anew."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vesalius.data.messages import Media

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RememberedMedia", "Shown"]


class Shown(NamedTuple):
    """A medium as the language model sees it."""

    tokens: Tensor
    """(T, D)."""
    number: int
    """Tells it from other media and from other versions of the file, 63 bits."""


class RememberedMedia:
    """The media that were shown last, within a bound of memory; a file that has changed is another medium."""

    def __init__(self, make: Callable[[Media], Tensor], *, most_bytes: int) -> None:
        """Hold how tokens (T, D) are made of a medium, and how many bytes of them are kept."""
        self.most_bytes = most_bytes
        self._make = make
        self._kept: OrderedDict[int, Tensor] = OrderedDict()

    def show(self, media: Media) -> Shown:
        """Return the tokens of a medium, from memory where the file is as it was.

        Raises:
            DataError: it cannot be read.
        """
        number = _number(media)
        tokens = self._kept.pop(number, None)
        if tokens is None:
            tokens = self._make(media)
        self._kept[number] = tokens
        while sum(one.numel() * one.element_size() for one in self._kept.values()) > self.most_bytes:
            self._kept.popitem(last=False)
        return Shown(tokens, number)


def _number(media: Media) -> int:
    """Digest of what is asked for and of names, sizes and times of the files behind it."""
    document = (media, _state(Path(media.path)))
    return int.from_bytes(hashlib.blake2b(repr(document).encode(), digest_size=8).digest()) >> 1


def _state(path: Path) -> list[tuple[str, int, int]]:
    try:
        entries = sorted(os.scandir(path), key=lambda entry: entry.name) if path.is_dir() else [path]
        found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return []
    return [(name, state.st_size, state.st_mtime_ns) for name, state in found]
