"""Run-length codes of masks, in the three conventions that medical data sets use. They look alike and are not.

- `relative`: text "offset length offset length …", the offset counted from the end of the run before (the first from
  the first pixel), column by column (SIIM-ACR Pneumothorax).
- `absolute`: text "start length …", the start counted from 1, column by column (Kaggle's own convention).
- `coco`: counts of pixels in turn off and on, column by column, as a list or packed into text (COCO, CheXlocalize).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import check_size
from vesalius.errors import DataError

__all__ = ["decode_absolute", "decode_coco", "decode_relative", "encode_coco", "encode_relative", "runs"]

Mask = NDArray[np.bool_]

_EXPECTED = "expected pairs of whole numbers"


def decode_relative(text: str, shape: tuple[int, int]) -> Mask:
    """Return the mask, (rows, columns), of "offset length" pairs; the first offset may be 0.

    Raises:
        DataError: no pairs of whole numbers, or a run that leaves the picture.
    """
    offsets, lengths = _pairs(text)
    ends = np.cumsum(offsets + lengths)
    return _filled(ends - lengths, lengths, shape)


def decode_absolute(text: str, shape: tuple[int, int]) -> Mask:
    """Return the mask, (rows, columns), of "start length" pairs; the first pixel is 1."""
    starts, lengths = _pairs(text)
    return _filled(starts - 1, lengths, shape)


def decode_coco(counts: str | Sequence[int], shape: tuple[int, int]) -> Mask:
    """Return the mask, (rows, columns), of counts that begin with pixels that are off.

    Raises:
        DataError: the counts do not add up to the number of pixels.
    """
    lengths = np.asarray(_unpacked(counts) if isinstance(counts, str) else list(counts), np.int64)
    check_size("run-length code", shape[0] * shape[1])
    if (lengths < 0).any() or int(lengths.sum()) != shape[0] * shape[1]:
        raise DataError(f"run-length code of {lengths.sum()} pixels; the picture has {shape[0]} × {shape[1]}")
    values = np.arange(len(lengths)) % 2 == 1
    flat: Mask = np.repeat(values, lengths)
    return np.ascontiguousarray(flat.reshape(shape, order="F"))


def encode_relative(mask: NDArray[np.bool_]) -> str:
    """Return the "offset length" pairs of a mask, (rows, columns); empty where nothing is on."""
    lengths = runs(mask)
    pairs = zip(lengths[0::2], lengths[1::2], strict=False)
    return " ".join(f"{offset} {length}" for offset, length in pairs)


def encode_coco(mask: NDArray[np.bool_]) -> str:
    """Return the counts of a mask, (rows, columns), packed into text."""
    counts = runs(mask)
    return "".join(_packed(count - counts[place - 2] if place > 2 else count) for place, count in enumerate(counts))


def _pairs(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    words = text.split()
    try:
        numbers = np.asarray([int(word) for word in words], np.int64)
    except (ValueError, OverflowError):
        raise DataError(f"run-length code {text[:40]!r}: {_EXPECTED}") from None
    if len(numbers) % 2 or (numbers < 0).any():
        raise DataError(f"run-length code {text[:40]!r} of {len(numbers)} numbers: {_EXPECTED}, none below 0")
    return numbers[0::2], numbers[1::2]


def _filled(starts: NDArray[np.int64], lengths: NDArray[np.int64], shape: tuple[int, int]) -> Mask:
    size = shape[0] * shape[1]
    check_size("run-length code", size)
    if len(starts) and (int(starts.min()) < 0 or int((starts + lengths).max()) > size):
        raise DataError(f"a run of the code ends at pixel {(starts + lengths).max()} of {size}")
    flat = np.zeros(size, bool)
    for start, length in zip(starts, lengths, strict=True):
        flat[start : start + length] = True
    return np.ascontiguousarray(flat.reshape(shape, order="F"))


def runs(mask: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of a mask, (rows, columns), in turn off and on down the columns.

    The first may be 0.
    """
    flat = mask.astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    return [0, *lengths] if len(flat) and flat[0] else lengths


def _unpacked(text: str) -> list[int]:
    """Read counts from text: five bits a character from "0", the sixth says that more follow; signed.

    From the fourth count on the difference to the count two places before is stored.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 50:
            raise DataError(f"run-length code has the character {character!r}, expected packed COCO counts")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise DataError("run-length code ends in the middle of a number")
    return counts


def _packed(value: int) -> str:
    found = ""
    while True:
        bits, value = value & 31, value >> 5
        done = value == (-1 if bits & 16 else 0)
        found += chr((bits if done else bits | 32) + 48)
        if done:
            return found
