"""One gzip member unpacked in one piece, twice as fast as a stream of pieces, where the package for it is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from vesalius.data.readers.limits import DECODER_FAULTS

__all__ = ["gunzip"]

_SLACK_BYTES = 2**20
"""Stored blocks, a name and a comment make packed bytes more than the unpacked, never by this much."""


def gunzip(path: Path, size: int) -> bytearray | None:
    """Return the bytes of a gzip file that holds exactly `size` of them, their checksum looked at, or None.

    None says that the file has to be read as a stream: it is broken, has several members, holds more or less than
    `size` bytes, or ``imagecodecs`` is not installed. Memory is `size`, which the caller has checked, twice at most.
    """
    packed = path.stat().st_size
    if packed > size + size // 1000 + _SLACK_BYTES or not find_spec("imagecodecs"):
        return None
    import imagecodecs

    data = path.read_bytes()
    # RFC 1952, 2.3.1: a member ends with its checksum and its length modulo 2^32.
    if int.from_bytes(data[-4:], "little") != size % 2**32:
        return None
    out = bytearray(size)
    try:
        found = imagecodecs.gzip_decode(data, out=out)
    except DECODER_FAULTS:
        return None
    return out if len(found) == size else None
