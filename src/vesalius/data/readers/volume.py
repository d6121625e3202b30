"""Volumes on the disk of which a box is read, without reading the whole.

Of an uncompressed NIfTI, NRRD or MetaImage file the rows of the box are read; a packed one is unpacked in small
pieces up to the last sample wanted; of a DICOM series or multi-frame file only the slices needed are decoded.
"""

# T times or echoes, Z slices, Y rows, X columns

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Protocol

from vesalius.data.geometry import Geometry
from vesalius.data.readers import sniff
from vesalius.data.readers.block import Grid
from vesalius.data.readers.dicom_stacks import Stack
from vesalius.data.readers.pixels import Axes, Pixels, Units
from vesalius.data.readers.series import choose, find_volumes, load, of_file
from vesalius.errors import DataError

__all__ = ["BlockVolume", "SeriesVolume", "Volume", "open_volume"]


class Volume(Protocol):
    """A volume that is not in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the order of `axes`, without colours."""

    @property
    def axes(self) -> Axes:
        """One letter an axis, as in `Pixels`."""

    @property
    def units(self) -> Units:
        """Meaning of the values."""

    @property
    def geometry(self) -> Geometry | None:
        """Geometry of the spatial axes, or None."""

    @property
    def info(self) -> Mapping[str, str]:
        """What else is to be known, such as why there is no geometry."""

    def read(self, box: Sequence[slice] | None = None) -> Pixels:
        """Read a box: one slice an axis in array order, colours left out; None for all.

        The geometry of the result is that of the box: its origin is the box's first sample.

        Raises:
            DataError: the box does not lie in the volume, or the file is broken where it is read.
        """


class BlockVolume:
    """A volume whose samples are one block of a file."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self.num_bytes_read = 0
        """Bytes that all reads so far took from the file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the order of `axes`, without colours."""
        return self._grid.shape

    @property
    def axes(self) -> Axes:
        """One letter an axis, as in `Pixels`."""
        return self._grid.axes

    @property
    def units(self) -> Units:
        """Meaning of the values."""
        return self._grid.units

    @property
    def geometry(self) -> Geometry | None:
        """Geometry of the spatial axes, or None."""
        return self._grid.geometry

    @property
    def info(self) -> Mapping[str, str]:
        """What else is to be known."""
        return self._grid.info

    def read(self, box: Sequence[slice] | None = None) -> Pixels:
        """Read a box, see `Volume.read`."""
        pixels, num_bytes = self._grid.read(box)
        self.num_bytes_read += num_bytes
        return pixels


class SeriesVolume:
    """A volume of DICOM slices: files, or frames of one file."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name
        self.num_slices_read = 0
        """Slices that all reads so far decoded."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in the order of `axes`, without colours."""
        return self._stack.shape

    @property
    def axes(self) -> Axes:
        """One letter an axis, as in `Pixels`."""
        return self._stack.axes

    @cached_property
    def _first(self) -> Pixels:
        """One pixel of the first slice, for what only a decoded slice tells."""
        return self.read([slice(0, 1)] * len(self.shape))

    @property
    def units(self) -> Units:
        """Meaning of the values; the first slice is decoded for it."""
        return self._first.units

    @property
    def geometry(self) -> Geometry:
        """Geometry of the axes (slices, rows, columns)."""
        return self._stack.geometry

    @property
    def info(self) -> Mapping[str, str]:
        """What else is to be known; the first slice is decoded for it."""
        return self._first.info

    def read(self, box: Sequence[slice] | None = None) -> Pixels:
        """Read a box, see `Volume.read`."""
        pixels, num_slices = load(self._stack, box, name=self._name)
        self.num_slices_read += num_slices
        return pixels


def open_volume(path: str | os.PathLike[str]) -> BlockVolume | SeriesVolume:
    """Open a volume for reading boxes of it; headers alone are read.

    Args:
        path: NIfTI, NRRD or MetaImage file, multi-frame DICOM file whose frames form a volume, or a folder with one
            DICOM volume.

    Raises:
        DataError: no volume, or several; says what was found.
    """
    path = Path(path)
    if path.is_dir():
        found = find_volumes(path)
        return SeriesVolume(choose(found), found.name)
    kind = sniff(path)
    if kind in ("nifti", "nrrd", "metaimage"):
        return BlockVolume(import_module(f"vesalius.data.readers.{kind}").describe(path))
    if kind != "dicom":
        raise DataError(f"{path}: a {kind.upper()} picture is no volume; open it with readers.read")
    return SeriesVolume(of_file(path), str(path))
