"""Bounds that keep one bad file from filling the memory, and what decoders raise on bad bytes."""

from __future__ import annotations

import struct
import zlib

from vesalius.errors import DataError

__all__ = ["DECODER_FAULTS", "MAX_DECODED_BYTES", "check_size"]

MAX_DECODED_BYTES = 4 * 2**30
"""A file that needs more memory is refused; frames of a long clip are read one by one instead."""

_SMALL_BYTES = 256 * 2**20
# Photographs and radiographs compress to 1/100 at most; blank pictures of this ratio stay below _SMALL_BYTES.
_MAX_RATIO = 200

DECODER_FAULTS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    MemoryError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What third-party decoders raise on broken bytes. Only calls into a decoder may be wrapped with these."""


def check_size(name: str, decoded: int, stored: int | None = None) -> None:
    """Refuse a file whose header announces more bytes than fit, before anything is decoded.

    Args:
        name: file name for the message.
        decoded: bytes of the decoded array.
        stored: bytes of the file, where a high ratio of the two marks a decompression bomb.
    """
    if decoded > MAX_DECODED_BYTES:
        raise DataError(
            f"{name}: its header announces {decoded / 2**30:.1f} GiB of pixels, more than the limit of "
            f"{MAX_DECODED_BYTES / 2**30:.0f} GiB; read single frames with frame=, or tile it"
        )
    if stored is not None and decoded > _SMALL_BYTES and decoded > _MAX_RATIO * stored:
        raise DataError(
            f"{name}: {stored} bytes would unpack to {decoded}, {decoded // max(stored, 1)} times as much; "
            f"refused as a decompression bomb (limit {_MAX_RATIO} times above {_SMALL_BYTES // 2**20} MiB)"
        )
