"""One block of samples in a file, plain or packed, read whole or a box of it.

Of a plain block only the rows of the box are read. A packed one has to be unpacked from its start: that is done
in small pieces and ends with the last sample that is wanted, so that memory is the box and one piece.
"""

from __future__ import annotations

import bz2
import gzip
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.pixels import Axes, Pixels, Presentation, Units
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["Block", "Grid", "Packing", "boxed", "cropped"]

Packing = Literal["", "gzip", "zlib", "bzip2"]

_PIECE_BYTES = 2**20
_DEFLATE_RATIO = 1032
"""Most that deflate packs: 258 bytes into two bits."""


class _Stream(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Where the samples of an array lie in a file."""

    path: Path
    start: int
    """Byte of the file where the block, or its packed form, starts."""
    skip: int = 0
    """Bytes before the samples, counted after unpacking."""
    packing: Packing = ""
    dtype: np.dtype[Any]
    """Kind of one sample with its byte order."""
    shape: tuple[int, ...]
    """In array order: the last axis changes fastest in the file."""

    @property
    def num_bytes(self) -> int:
        """Bytes of all samples, unpacked."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, box: Sequence[slice] | None = None) -> tuple[NDArray[Any], int]:
        """Read the samples of a box, or all, and return them with the number of bytes read from the file.

        Args:
            box: one slice an axis with stated ends, see `boxed`.

        Raises:
            DataError: the file ends before the samples do, or its packing is broken.
        """
        sides = tuple(box) if box is not None else tuple(slice(0, length) for length in self.shape)
        wanted = math.prod(side.stop - side.start for side in sides) * self.dtype.itemsize
        whole = wanted == self.num_bytes
        check_size(str(self.path), wanted)
        self._check_packed(wanted)
        try:
            with quiet(), self.path.open("rb") as file:
                counted = _Counted(file)
                stream = _Source(self, counted)
                array = stream.samples(sides)
                if self.packing and whole:
                    stream.finish()
        except DECODER_FAULTS as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise DataError(f"{self.path}: broken or truncated samples: {reason}; copy it again") from None
        return array.astype(self.dtype.newbyteorder("="), copy=False), counted.num_bytes

    def _check_packed(self, wanted: int) -> None:
        """Refuse what the packed bytes cannot hold, before memory is taken; masks may truly pack to a thousandth."""
        stored = self.path.stat().st_size
        if self.packing in ("gzip", "zlib") and wanted > _DEFLATE_RATIO * stored:
            raise DataError(
                f"{self.path}: broken or truncated: {stored} bytes cannot unpack to the {wanted} of its header; copy "
                "it again"
            )


class _Counted:
    """A file that counts the bytes taken from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.num_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.num_bytes += len(data)
        return data

    def seek(self, place: int) -> None:
        self._file.seek(place)


class _Zlib:
    """Unpacks one zlib stream in pieces."""

    def __init__(self, file: _Counted) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj()

    def read(self, size: int = -1, /) -> bytes:
        parts: list[bytes] = []
        left = size
        while left > 0 and not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(_PIECE_BYTES)
            if not packed:
                break
            part = self._unpacker.decompress(packed, left)
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


_UNPACKERS: dict[Packing, Callable[[_Counted], _Stream]] = {
    "": lambda file: file,
    "gzip": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "bzip2": lambda file: bz2.BZ2File(file, "rb"),  # type: ignore[call-overload]
    "zlib": _Zlib,
}


class _Source:
    """Samples taken from a block in the order in which they lie there."""

    def __init__(self, block: Block, file: _Counted) -> None:
        self._block = block
        self._file = file
        file.seek(block.start)
        self._stream = _UNPACKERS[block.packing](file)
        self._place = 0
        self._go_to(block.skip)

    def samples(self, sides: tuple[slice, ...]) -> NDArray[Any]:
        """Read a box: per slice one run of whole rows, cut to the columns afterwards."""
        block = self._block
        if len(block.shape) < 2:
            raise ValueError(f"a block of {len(block.shape)} axes")
        array = np.empty(tuple(side.stop - side.start for side in sides), dtype=block.dtype)
        rows, inner = len(block.shape) - _inner_axes(block.shape), block.shape[-_inner_axes(block.shape) + 1 :]
        step = math.prod(inner) * block.dtype.itemsize
        side = sides[rows]
        for index in product(*(range(outer.start, outer.stop) for outer in sides[:rows])):
            plane = int(np.ravel_multi_index(index, block.shape[:rows])) if rows else 0
            self._go_to(block.skip + (plane * block.shape[rows] + side.start) * step)
            data = self._take((side.stop - side.start) * step)
            found = np.frombuffer(data, dtype=block.dtype).reshape(-1, *inner)
            target = tuple(number - outer.start for number, outer in zip(index, sides[:rows], strict=True))
            array[target] = found[(slice(None), *sides[rows + 1 :])]
        return array

    def finish(self) -> None:
        """Read to the end of the packed data, where its checksum is looked at; what follows is not kept."""
        self._stream.read(1)

    def _go_to(self, place: int) -> None:
        if not self._block.packing:
            self._file.seek(self._block.start + place)
            self._place = place
            return
        while self._place < place:
            self._place += len(self._piece(min(_PIECE_BYTES, place - self._place)))

    def _take(self, size: int) -> bytes:
        if size <= _PIECE_BYTES:
            data = self._piece(size)
        else:
            parts = bytearray()
            while len(parts) < size:
                parts += self._piece(min(_PIECE_BYTES, size - len(parts)))
            data = bytes(parts)
        self._place += len(data)
        return data

    def _piece(self, size: int) -> bytes:
        data = self._stream.read(size)
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                raise EOFError(f"the samples end after {self._place + len(data) - self._block.skip} bytes")
            data += more
        return data


def _inner_axes(shape: tuple[int, ...]) -> int:
    """Number of last axes that one run of bytes covers: rows and columns, and colours where there are some."""
    return 3 if len(shape) > 2 and shape[-1] <= 4 else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What a file of one block states about it."""

    block: Block
    axes: Axes
    units: Units = "stored"
    geometry: Geometry | None = None
    info: Mapping[str, str] = field(default_factory=dict)
    presentation: Presentation = field(default_factory=Presentation)
    finish: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    """What is done to the samples after reading, such as scaling."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the colours."""
        return self.block.shape[:-1] if self.axes.endswith("C") else self.block.shape

    def read(self, box: Sequence[slice] | None = None) -> tuple[Pixels, int]:
        """Read a box, without the axis of colours, or all; return it with the bytes read from the file."""
        sides = None if box is None else boxed(str(self.block.path), self.shape, box)
        full = () if sides is None or not self.axes.endswith("C") else (slice(0, self.block.shape[-1]),)
        array, num_bytes = self.block.read(None if sides is None else (*sides, *full))
        pixels = Pixels(
            array=array if self.finish is None else self.finish(array),
            axes=self.axes,
            units=self.units,
            geometry=self.geometry if sides is None else cropped(self.geometry, sides),
            info=self.info,
            source=str(self.block.path),
            presentation=self.presentation,
        )
        return pixels, num_bytes

    def frame(self, number: int) -> Pixels:
        """Read one time point, or the only one."""
        several = self.axes.startswith("T")
        total = self.shape[0] if several else 1
        if number >= total:
            raise DataError(f"{self.block.path}: frame {number} asked for, the file has {total} time points")
        if not several:
            return self.read()[0]
        box = (slice(number, number + 1), *(slice(0, length) for length in self.shape[1:]))
        pixels, _ = self.read(box)
        return replace(pixels, array=pixels.array[0], axes=pixels.axes[1:])  # type: ignore[arg-type]


def boxed(name: str, shape: tuple[int, ...], box: Sequence[slice]) -> tuple[slice, ...]:
    """Return the box with all ends stated.

    Args:
        name: of the file, for messages.
        shape: of the volume, without colours.
        box: one slice an axis, in array order; ends may be left out, negative ones count from the end.

    Raises:
        DataError: another number of slices than axes, a step, an empty side, or a side beyond the volume.
    """
    if len(box) != len(shape):
        raise DataError(f"{name}: a box of {len(box)} slices for a volume of shape {shape}; give one slice an axis")
    sides = []
    for number, (side, length) in enumerate(zip(box, shape, strict=True)):
        start, stop = (0 if side.start is None else side.start), (length if side.stop is None else side.stop)
        start, stop = (start + length if start < 0 else start), (stop + length if stop < 0 else stop)
        if side.step not in (None, 1) or not 0 <= start < stop <= length:
            raise DataError(
                f"{name}: side {side.start}:{side.stop} of the box on axis {number} does not lie in 0:{length}; "
                "expected start < stop without a step"
            )
        sides.append(slice(int(start), int(stop)))
    return tuple(sides)


def cropped(geometry: Geometry | None, box: Sequence[slice]) -> Geometry | None:
    """Return the geometry of a box: its origin is that of the box's first sample.

    Args:
        geometry: of the last axes of the volume.
        box: one slice with stated ends for every axis of the volume.
    """
    if geometry is None or not geometry.directions:
        return geometry
    starts = [side.start for side in box][-len(geometry.spacing_mm) :]
    x, y, z = geometry.to_patient(starts).tolist()
    return replace(geometry, origin_mm=(x, y, z))
