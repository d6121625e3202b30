"""Whole slides: read a tile or a region at a stated scale, find the tissue, and lay tiles over it.

Nothing reads the whole: a rectangle decodes the tiles of the file that it touches, and the picture at low power is
put together block by block. Boxes are ``(x_min, y_min, x_max, y_max)``, the maximum exclusive, in pixels of level 0
unless a level is named. The spacing is the file's own (micrometres a pixel) and empty where it states none.
Pictures of the label and of the whole glass are not read: the label shows who the patient is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageFilter

from vesalius.data.geometry import Geometry
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.pixels import Pixels, Presentation
from vesalius.data.readers.slide_sources import (
    Level,
    OpenSlideSource,
    Source,
    TiffSource,
    openslide_vendor,
    tiff_levels,
)
from vesalius.data.records import Box, Image
from vesalius.errors import DataError

__all__ = ["Level", "Slide", "Tile", "TissueMask", "describe_slide", "is_slide", "open_slide"]

_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_GENERIC = "generic-tiff"
_DICOM = "dicom"
# Side of the square of a level that is decoded at once when a region is reduced: 24 MiB of sums.
_BLOCK = 1024
# Lines of a grid that miss a pixel's border by less lie on it.
_ROUNDING = 1e-6
# Of CLAM (Lu et al. 2021): the mask is made at 1/64, smoothed by a median of 7, closed, and 8 of 255 is its fixed
# threshold, below which saturation is noise of an empty glass.
_CLAM_DOWNSAMPLE = 64.0
_CLAM_MEDIAN = 7
_CLAM_CLOSE = 5
_CLAM_NOISE = 8
# A mask of a small slide keeps at least this many pixels along the longer side.
_LEAST_MASK_SIDE = 512
# Asking for a spacing this much finer than the file's still counts as equal: cameras state four digits.
_SPACING_TOLERANCE = 1e-3


class Tile(NamedTuple):
    """A place of the tile grid."""

    box: Box
    """In pixels of level 0."""
    tissue: float
    """Share of its area that is tissue."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TissueMask:
    """Where tissue is, at low power."""

    mask: NDArray[np.bool_]
    """True on tissue, (rows, columns)."""
    downsample: tuple[float, float]
    """Pixels of level 0 along a mask pixel, rows and columns."""
    threshold: int
    """Saturation (0 to 255) above which a pixel counts as tissue."""

    def shares(self, boxes: Sequence[Box]) -> NDArray[np.float64]:
        """Return the share of each box's area that is tissue; mask pixels count by the part that lies inside."""
        total = np.zeros((self.mask.shape[0] + 1, self.mask.shape[1] + 1))
        total[1:, 1:] = self.mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
        x_min, y_min, x_max, y_max = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).T
        rows, columns = self.downsample
        left, right, top, bottom = x_min / columns, x_max / columns, y_min / rows, y_max / rows
        inside = (
            _between(total, bottom, right)
            - _between(total, top, right)
            - _between(total, bottom, left)
            + _between(total, top, left)
        )
        return np.asarray(inside / ((right - left) * (bottom - top)))


class Slide:
    """An open slide; use it in a ``with`` statement or `close` it. It may be sent to worker processes."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path = path
        self._source = source
        self.levels = source.levels
        """From the largest to the smallest."""
        self.spacing_mm = source.spacing_mm
        """Millimetres a pixel of level 0 along rows and columns; empty where the file does not state it."""
        self.info = source.info
        """Format, vendor and, where stated, the objective's power."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return open_slide, (self.path,)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of level 0."""
        return self.levels[0].shape

    def close(self) -> None:
        """Let the file go."""
        self._source.close()

    def tile(self, level: int, box: Sequence[int]) -> Pixels:
        """Return a rectangle of a level as it is stored.

        Args:
            level: 0 is the largest.
            box: whole numbers in pixels of that level; it must lie inside.

        Returns:
            RGB, axes YXC, with the level's spacing where the file states one.
        """
        if not 0 <= level < len(self.levels):
            raise DataError(f"{self.path}: level {level} asked for, the slide has levels 0 to {len(self.levels) - 1}")
        x_min, y_min, x_max, y_max = (int(value) for value in box)
        rows, columns = self.levels[level].shape
        if not (0 <= x_min < x_max <= columns and 0 <= y_min < y_max <= rows):
            raise DataError(
                f"{self.path}: box {tuple(box)} is not inside level {level} of {rows} rows and {columns} columns"
            )
        check_size(str(self.path), 4 * (x_max - x_min) * (y_max - y_min))
        array = self._source.pixels(level, x_min, y_min, x_max - x_min, y_max - y_min)
        step = self.levels[level].downsample
        return self._pixels(array, tuple(value * step for value in self.spacing_mm))

    def region(
        self, box: Sequence[float], *, shape: tuple[int, int] | None = None, mm_per_pixel: float | None = None
    ) -> Pixels:
        """Return a rectangle at another scale, each pixel the mean of the area that it covers.

        It is reduced from the nearest finer level, block by block. A scale finer than level 0 is refused, because its
        detail would be invented.

        Args:
            box: in pixels of level 0, fractions allowed; it must lie inside.
            shape: rows and columns of the result; or give `mm_per_pixel`.
            mm_per_pixel: spacing of the result; the slide must state its own.
        """
        rows, columns = self.shape
        x_min, y_min, x_max, y_max = (float(value) for value in box)
        # Sums of fractions may pass the edge by their rounding.
        if not (0 <= x_min < x_max <= columns + _ROUNDING and 0 <= y_min < y_max <= rows + _ROUNDING):
            raise DataError(f"{self.path}: box {tuple(box)} is not inside the slide of {rows} × {columns}")
        if (shape is None) == (mm_per_pixel is None):
            raise DataError(f"{self.path}: a region needs either shape= or mm_per_pixel=")
        if shape is None:
            steps = self._steps(mm_per_pixel or 0.0)
            shape = (max(round((y_max - y_min) / steps[0]), 1), max(round((x_max - x_min) / steps[1]), 1))
        step = ((y_max - y_min) / shape[0], (x_max - x_min) / shape[1])
        if min(step) < 1 - _SPACING_TOLERANCE:
            raise DataError(
                f"{self.path}: {shape} pixels for {y_max - y_min:g} × {x_max - x_min:g} of level 0 is finer"
            )
        check_size(str(self.path), 3 * shape[0] * shape[1])
        spacing = [mm * by for mm, by in zip(self.spacing_mm, step, strict=True)] if self.spacing_mm else ()
        return self._pixels(self._reduced((x_min, y_min), step, shape), tuple(spacing))

    def tissue_mask(self, *, downsample: float | None = None) -> TissueMask:
        """Find the tissue at low power as CLAM does: threshold of Otsu on a smoothed saturation, holes closed.

        Where Otsu's threshold is below 8 of 255, CLAM's fixed one, 8 is taken: on an empty glass Otsu splits noise.
        CLAM's removal of small pieces is not done here, `grid` leaves them out by share of area.

        Args:
            downsample: pixels of level 0 along a mask pixel; 64 where not given, less on a small slide.
        """
        rows, columns = self.shape
        longest = max(rows, columns)
        step = downsample or max(1.0, min(_CLAM_DOWNSAMPLE, longest / _LEAST_MASK_SIDE))
        shape = (max(round(rows / step), 1), max(round(columns / step), 1))
        picture = self.region((0, 0, columns, rows), shape=shape).array
        saturation = PilImage.fromarray(picture).convert("HSV").getchannel("S")
        smooth = saturation.filter(ImageFilter.MedianFilter(_CLAM_MEDIAN))
        threshold = max(_otsu(np.asarray(smooth)), _CLAM_NOISE)
        mask = PilImage.fromarray(np.where(np.asarray(smooth) > threshold, 255, 0).astype(np.uint8))
        closed = mask.filter(ImageFilter.MaxFilter(_CLAM_CLOSE)).filter(ImageFilter.MinFilter(_CLAM_CLOSE))
        return TissueMask(
            mask=np.asarray(closed) > 0, downsample=(rows / shape[0], columns / shape[1]), threshold=threshold
        )

    def grid(
        self,
        *,
        size: int = 256,
        mm_per_pixel: float | None = None,
        overlap: float = 0.0,
        tissue: float = 0.5,
        mask: TissueMask | None = None,
    ) -> Iterator[Tile]:
        """Yield tiles with tissue, row by row; read one with ``region(tile.box, shape=(size, size))``.

        All tiles lie inside the slide; the last of a row or column ends at its edge, so it may overlap more.

        Args:
            size: side of a tile in pixels of the result.
            mm_per_pixel: spacing of the result; level 0 as it is where not given.
            overlap: share of the side that neighbours have in common.
            tissue: least share of tissue; 0 yields every tile.
            mask: a mask made before.
        """
        if not 0 <= overlap < 1 or not 0 <= tissue <= 1:
            raise DataError(f"overlap {overlap} must be in 0..1, without 1, and tissue {tissue} in 0..1")
        steps = self._steps(mm_per_pixel) if mm_per_pixel is not None else (1.0, 1.0)
        height, width = size * steps[0], size * steps[1]
        if height > self.shape[0] or width > self.shape[1]:
            raise DataError(f"{self.path}: a tile of {height:g} × {width:g} is larger than the slide {self.shape}")
        mask = mask or self.tissue_mask()
        lefts = _starts(self.shape[1], width, overlap)
        for top in _starts(self.shape[0], height, overlap):
            boxes = [Box(left, top, left + width, top + height) for left in lefts]
            for box, share in zip(boxes, mask.shares(boxes).tolist(), strict=True):
                if share >= tissue:
                    yield Tile(box, share)

    def _steps(self, mm_per_pixel: float) -> tuple[float, float]:
        """Pixels of level 0 along a pixel of the given spacing, rows and columns."""
        if not self.spacing_mm:
            raise DataError(f"{self.path}: the slide states no spacing, so {mm_per_pixel} mm a pixel has no meaning")
        rows, columns = (mm_per_pixel / mm for mm in self.spacing_mm)
        if min(rows, columns) < 1 - _SPACING_TOLERANCE:
            raise DataError(f"{self.path}: {mm_per_pixel} mm a pixel is finer than the slide's {self.spacing_mm} mm")
        return max(rows, 1.0), max(columns, 1.0)

    def _reduced(
        self, start: tuple[float, float], step: tuple[float, float], shape: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Average a region of level 0 from (x, y) on; blocks of the result are read one by one."""
        # A level may be read if it is not coarser than the result; a thousandth is rounding of its shape.
        fitting = [n for n, level in enumerate(self.levels) if level.downsample <= min(step) * (1 + 1e-3)]
        level = max(fitting, key=lambda n: self.levels[n].downsample)
        scale = [size / whole for size, whole in zip(self.levels[level].shape, self.shape, strict=True)]
        side = max(int(_BLOCK / max(step[0] * scale[0], step[1] * scale[1])), 1)
        result = np.empty((*shape, 3), np.uint8)
        for top in range(0, shape[0], side):
            for left in range(0, shape[1], side):
                height, width = min(side, shape[0] - top), min(side, shape[1] - left)
                rows = (start[1] + np.array([top, top + height]) * step[0]) * scale[0]
                columns = (start[0] + np.array([left, left + width]) * step[1]) * scale[1]
                result[top : top + height, left : left + width] = self._averaged(
                    level, rows, columns, (height, width)
                )
        return result

    def _averaged(
        self, level: int, rows: NDArray[np.float64], columns: NDArray[np.float64], shape: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return the mean colours of the pixels of a grid over a level, whose lines may be fractions."""
        limits = self.levels[level].shape
        y, x = math.floor(rows[0] + _ROUNDING), math.floor(columns[0] + _ROUNDING)
        bottom = min(math.ceil(rows[1] - _ROUNDING), limits[0])
        right = min(math.ceil(columns[1] - _ROUNDING), limits[1])
        picture = self._source.pixels(level, x, y, right - x, bottom - y)
        lines = np.linspace(rows[0] - y, rows[1] - y, shape[0] + 1)
        means = _means(picture.astype(np.float64), lines, axis=0)
        means = _means(means, np.linspace(columns[0] - x, columns[1] - x, shape[1] + 1), axis=1)
        return np.rint(means).astype(np.uint8)

    def _pixels(self, array: NDArray[np.uint8], spacing: tuple[float, ...]) -> Pixels:
        return Pixels(
            array=array,
            axes="YXC",
            units="rgb",
            geometry=Geometry(spacing_mm=spacing, source="micrometres a pixel") if spacing else None,
            modality="SM",
            info=self.info
            if spacing
            else {**self.info, "geometry_missing": "the slide states no micrometres a pixel"},
            source=str(self.path),
            presentation=Presentation(white=255.0),
        )


def open_slide(path: str | Path) -> Slide:
    """Open a whole slide: a format of OpenSlide, or any other TIFF pyramid of 8 bits.

    Raises:
        DataError: no such file, no slide, or broken; names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the path relative to the current folder, or absolute")
    # A plain TIFF is not for OpenSlide: it knows neither OME's levels nor its spacing, and ends the process where a
    # broken header claims tiles that no memory holds.
    if openslide_vendor(path) not in ("", _GENERIC):
        return Slide(path, OpenSlideSource(path))
    if _head(path).startswith(_TIFF_MAGIC):
        return Slide(path, TiffSource(path))
    raise DataError(f"{path}: OpenSlide does not know this file and it is no TIFF; expected a whole slide")


def is_slide(path: str | Path) -> bool:
    """Say whether a file is a slide: a scanner's format, or a TIFF with the picture at two sizes or more.

    A tiled TIFF of one size is a picture, and a DICOM file is for the DICOM reader.
    """
    path = Path(path)
    vendor = openslide_vendor(path)
    if vendor and vendor not in (_GENERIC, _DICOM):
        return True
    return vendor != _DICOM and _head(path).startswith(_TIFF_MAGIC) and tiff_levels(path) > 1


def describe_slide(path: str | Path, *, id: str) -> Image:
    """Return the record of a slide of kind "slide", modality SM, without decoding its pixels."""
    with open_slide(path) as slide:
        return Image(
            id=id,
            path=str(path),
            modality="SM",
            kind="slide",
            shape=slide.shape,
            channels=3,
            spacing_mm=slide.spacing_mm,
            units="rgb",
        )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _otsu(values: NDArray[np.uint8]) -> int:
    """Return the value that splits a picture with the largest variance between its two parts (Otsu 1979)."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below = counts.cumsum()
    sums = (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sums / below - (sums[-1] - sums) / above
        variance = np.where((below > 0) & (above > 0), below * above * difference**2, 0.0)
    return int(variance.argmax())


def _between(
    total: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Read a summed-area table at fractional corners; between corners it is bilinear, so this is exact."""
    rows, columns = np.clip(rows, 0, total.shape[0] - 1), np.clip(columns, 0, total.shape[1] - 1)
    top = np.minimum(rows.astype(np.int64), total.shape[0] - 2)
    left = np.minimum(columns.astype(np.int64), total.shape[1] - 2)
    down, right = rows - top, columns - left
    upper = total[top, left] * (1 - right) + total[top, left + 1] * right
    lower = total[top + 1, left] * (1 - right) + total[top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)


def _means(values: NDArray[np.float64], lines: NDArray[np.float64], *, axis: int) -> NDArray[np.float64]:
    """Return the mean between neighbouring lines along an axis; a sample that a line cuts counts by its part."""
    lines = np.clip(lines, 0, values.shape[axis])
    values = np.moveaxis(values, axis, 0)
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=sums[1:])
    whole = np.minimum(lines.astype(np.int64), len(values) - 1)
    part = (lines - whole).reshape(-1, *[1] * (values.ndim - 1))
    at_lines = sums[whole] * (1 - part) + sums[whole + 1] * part
    widths = np.diff(lines).reshape(-1, *[1] * (values.ndim - 1))
    return np.moveaxis(np.diff(at_lines, axis=0) / widths, 0, axis)


def _starts(length: int, size: float, overlap: float) -> list[float]:
    """Return where tiles begin along an axis, the last flush with the end."""
    step = size * (1 - overlap)
    count = math.ceil((length - size) / step - 1e-9) + 1
    return [min(number * step, length - size) for number in range(count)]
