"""A corpus or one part of its split, by one word of the command line."""

from __future__ import annotations

from pathlib import Path

from vesalius.data.corpus import Corpus

__all__ = ["open_part"]


def open_part(name: str) -> Corpus:
    """Open ``CORPUS`` or ``CORPUS:PART``; a folder whose own name has a colon is opened as it is."""
    if Path(name).exists() or ":" not in name:
        return Corpus.open(name)
    path, _, part = name.rpartition(":")
    return Corpus.open(path).split(part)
