"""WAV audio: integers of 8, 16, 24 or 32 bits and floating point, in whole or from one time to another.

The chunks of the file are read here and not by the standard library, whose `wave` knows neither floating point nor,
in Python 3.11, the extensible header that most recorders write.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import check_size
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["Sound", "is_wav", "open_sound", "resample"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_STREAMED = 0xFFFFFFFF
"""Length that a program writes which does not know the end yet."""
_HIGHEST_RATE = 10**6
_MOST_CHANNELS = 1024
_MOST_CHUNKS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """Samples of a sound."""

    samples: NDArray[np.float32]
    """In −1 to 1 (a file of floating point may pass this), (channels, samples)."""
    rate: int
    """Samples a second."""
    bits: int
    """Bits of a sample in the file."""
    start_s: float = 0.0
    """Time of the first sample in the file."""
    source: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1]) / self.rate


class _Format(NamedTuple):
    coding: int
    channels: int
    rate: int
    bits: int


def is_wav(head: bytes) -> bool:
    """Tell a WAV file by its first 12 bytes."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def open_sound(path: str | Path, *, start_s: float = 0.0, stop_s: float | None = None) -> Sound:
    """Read a WAV file, or the part from `start_s` to before `stop_s` without reading the rest.

    Integers are divided by the largest magnitude of their kind (32768 for 16 bits), so that silence is 0 and full
    scale at most 1; 8-bit samples are unsigned with silence at 128.

    Raises:
        DataError: no WAV file, a coding that is none of these, or cut off; then it says how many samples are there.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if not is_wav(head):
                raise DataError(f"{path}: found content starting with {head[:8].hex()}; expected a WAV file")
            form, place, length = _chunks(path, file)
            return _read(path, file, form, place=place, length=length, span=(start_s, stop_s))
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror}; give the path of a WAV file") from None


def resample(sound: Sound, rate: int) -> Sound:
    """Return the sound at another rate.

    The filter is scipy's polyphase one: a Kaiser window of beta 5 with 10 periods of the lower rate on either side,
    without delay; a sound of n samples becomes one of ceil(n × rate / old rate).
    """
    if not 0 < rate <= _HIGHEST_RATE:
        raise DataError(f"{sound.source}: rate {rate} asked for; expected 1 to {_HIGHEST_RATE} samples a second")
    if rate == sound.rate:
        return sound
    signal = require("scipy.signal", purpose="resampling a sound")
    common = gcd(rate, sound.rate)
    up, down = rate // common, sound.rate // common
    check_size(sound.source, 4 * sound.samples.shape[0] * (sound.samples.shape[1] * up // down + 1))
    samples = signal.resample_poly(sound.samples, up, down, axis=1, window=("kaiser", 5.0))
    return Sound(
        samples=np.asarray(samples, dtype=np.float32),
        rate=rate,
        bits=sound.bits,
        start_s=sound.start_s,
        source=sound.source,
    )


def _chunks(path: Path, file: BinaryIO) -> tuple[_Format, int, int]:
    """Return the format, and place and stated length of the samples; other chunks are passed over."""
    form: _Format | None = None
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            break
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            if form is None:
                raise DataError(f"{path}: samples before their format ('fmt ' chunk); copy it again from its source")
            return form, file.tell(), length
        start = file.tell()
        if name == b"fmt ":
            form = _format(path, file.read(min(length, 40)))
        file.seek(start + length + length % 2)
    lacking = "format ('fmt ' chunk)" if form is None else "samples ('data' chunk)"
    raise DataError(f"{path}: the file ends before its {lacking}; copy it again from its source")


def _format(path: Path, chunk: bytes) -> _Format:
    if len(chunk) < 16:
        raise DataError(f"{path}: a format chunk of {len(chunk)} bytes; expected at least 16")
    coding, channels, rate, _, block, bits = struct.unpack("<HHIIHH", chunk[:16])
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        # The first two bytes of the sub-format's identifier are the coding.
        coding = int.from_bytes(chunk[24:26], "little")
    known = (coding == _PCM and bits in (8, 16, 24, 32)) or (coding == _FLOAT and bits in (32, 64))
    if not known:
        raise DataError(
            f"{path}: coding {coding} with {bits} bits; expected PCM of 8, 16, 24 or 32 bits or float of 32 or 64; "
            "convert it to 16-bit PCM"
        )
    sane = 0 < channels <= _MOST_CHANNELS and 0 < rate <= _HIGHEST_RATE and block == channels * bits // 8
    if not sane:
        raise DataError(
            f"{path}: {channels} channels at {rate} samples a second in blocks of {block} bytes make no sense"
        )
    return _Format(coding, channels, rate, bits)


def _read(
    path: Path, file: BinaryIO, form: _Format, *, place: int, length: int, span: tuple[float, float | None]
) -> Sound:
    block = form.channels * form.bits // 8
    there = path.stat().st_size - place
    if length > there and length != _STREAMED:
        raise DataError(
            f"{path}: the file was cut off: its header states {length // block} samples, {there // block} are there; "
            "copy it again from its source"
        )
    total = min(length, there) // block
    start, stop = round(span[0] * form.rate), total if span[1] is None else min(round(span[1] * form.rate), total)
    if not 0 <= start < max(stop, 1) or (start >= stop and total):
        raise DataError(f"{path}: {span[0]} s to {span[1]} s asked for, the sound lasts {total / form.rate:.6g} s")
    check_size(str(path), (stop - start) * form.channels * 8)
    file.seek(place + start * block)
    samples = _samples(file.read((stop - start) * block), form)
    return Sound(
        samples=np.ascontiguousarray(samples.reshape(-1, form.channels).T),
        rate=form.rate,
        bits=form.bits,
        start_s=start / form.rate,
        source=str(path),
    )


def _samples(data: bytes, form: _Format) -> NDArray[np.float32]:
    """Turn stored samples into −1 to 1."""
    if form.coding == _FLOAT:
        return np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float32)
    if form.bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    if form.bits == 24:
        # Three bytes become the upper three of four, which keeps the sign.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    whole = np.frombuffer(data, f"<i{form.bits // 8}")
    return (whole / 2.0 ** (form.bits - 1)).astype(np.float32)
