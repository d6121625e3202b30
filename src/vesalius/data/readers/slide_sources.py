"""Where the samples of a slide come from: OpenSlide, or for other pyramids the segments of a TIFF file.

A source gives rectangles of a level as 8-bit RGB and decodes only the tiles or strips that they touch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["Level", "OpenSlideSource", "Source", "TiffSource", "openslide_vendor", "tiff_levels"]

_MM_PER_MICROMETRE = 1e-3
_MM_OF_UNIT = {"µm": 1e-3, "um": 1e-3, "mm": 1.0, "cm": 10.0, "nm": 1e-6, "m": 1e3}
_CENTIMETRE = 3
"""Value of the TIFF tag ResolutionUnit (296)."""
_MAX_SEGMENT_BYTES = 2**28
"""A single tile or strip that unpacks to more is no pyramid to read rectangles of."""


class Level(NamedTuple):
    """One size of the same picture."""

    shape: tuple[int, int]
    """Rows and columns."""
    downsample: float
    """Pixels of level 0 along one pixel of this level."""


class Source(Protocol):
    """Samples and description of a slide file."""

    levels: tuple[Level, ...]
    spacing_mm: tuple[float, ...]
    """Millimetres a pixel of level 0 along rows and columns, or empty."""
    info: dict[str, str]

    def pixels(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return the rectangle whose first pixel is (x, y) of the level, (height, width, 3)."""

    def close(self) -> None:
        """Let the file go."""


def openslide_vendor(path: Path) -> str:
    """Return OpenSlide's name of the format, empty where it does not know the file.

    Raises:
        MissingDependency: openslide-python is not installed.
    """
    openslide = require("openslide", purpose=f"{path}: reading whole slides")
    try:
        return openslide.OpenSlide.detect_format(path) or ""
    except (openslide.OpenSlideError, *DECODER_FAULTS):
        return ""


def tiff_levels(path: Path) -> int:
    """Return at how many sizes a TIFF file holds its first picture; 0 where it is broken."""
    tifffile = require("tifffile", purpose=f"{path}: reading TIFF")
    try:
        with quiet(), tifffile.TiffFile(path) as file:
            return len(file.series[0].levels) if file.series else 0
    except DECODER_FAULTS:
        return 0


class OpenSlideSource:
    """A file that OpenSlide knows; it decodes the tiles that a rectangle touches and keeps a bounded cache."""

    def __init__(self, path: Path) -> None:
        self._openslide = require("openslide", purpose=f"{path}: reading whole slides")
        self._path = path
        self._faults = (self._openslide.OpenSlideError, *DECODER_FAULTS)
        try:
            self._file = self._openslide.OpenSlide(path)
            sizes = zip(self._file.level_dimensions, self._file.level_downsamples, strict=True)
            self.levels = tuple(Level((rows, columns), float(step)) for (columns, rows), step in sizes)
            properties = self._file.properties
            vendor = properties.get("openslide.vendor", "")
            self._check_tiles(properties)
            self.spacing_mm = _micrometres(properties.get("openslide.mpp-y"), properties.get("openslide.mpp-x"))
            self._background = _colour(properties.get("openslide.background-color", "FFFFFF"))
        except self._faults as error:
            raise DataError(f"{path}: broken or truncated slide: {_reason(error)}; copy it again") from None
        self.info = {"format": "slide", "vendor": vendor} | _objective(properties)

    def _check_tiles(self, properties: Any) -> None:
        """Refuse tiles that no memory holds: OpenSlide would end the process over them."""
        for level in range(len(self.levels)):
            sides = [properties.get(f"openslide.level[{level}].tile-{side}", "0") for side in ("width", "height")]
            if 4 * int(sides[0]) * int(sides[1]) > _MAX_SEGMENT_BYTES:
                self._file.close()
                raise DataError(
                    f"{self._path}: level {level} claims tiles of {sides[0]} × {sides[1]} pixels; copy it again"
                )

    def pixels(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return the rectangle whose first pixel is (x, y) of the level, (height, width, 3).

        What was never scanned has the background colour that the file states, else white.
        """
        # OpenSlide wants the place in pixels of level 0; rounding up never falls into the pixel before.
        step = self.levels[level].downsample
        place = (math.ceil(x * step), math.ceil(y * step))
        try:
            picture: NDArray[np.uint8] = np.asarray(self._file.read_region(place, level, (width, height)))
        except self._faults as error:
            raise DataError(f"{self._path}: level {level} cannot be read: {_reason(error)}; copy it again") from None
        if picture[..., 3].min() == 255:
            return np.ascontiguousarray(picture[..., :3])
        share = picture[..., 3:].astype(np.float32) / np.float32(255.0)
        mixed = picture[..., :3] * share + np.array(self._background, np.float32) * (1 - share)
        return np.asarray(np.rint(mixed), dtype=np.uint8)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class TiffSource:
    """A TIFF pyramid read by tifffile, segment by segment: tiled or in strips, 8 bits, grey or RGB."""

    def __init__(self, path: Path) -> None:
        tifffile = require("tifffile", purpose=f"{path}: reading TIFF")
        self._path = path
        try:
            with quiet():
                self._file = tifffile.TiffFile(path)
        except DECODER_FAULTS as error:
            raise DataError(f"{path}: broken or truncated TIFF: {_reason(error)}; copy it again") from None
        try:
            with quiet():
                self._describe()
        except DataError:
            self.close()
            raise
        except DECODER_FAULTS as error:
            self.close()
            raise DataError(f"{path}: broken or truncated TIFF: {_reason(error)}; copy it again") from None

    def pixels(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return the rectangle whose first pixel is (x, y) of the level, (height, width, 3)."""
        page = self._pages[level]
        result = np.zeros((height, width, page.samplesperpixel if page.samplesperpixel in (1, 3) else 3), np.uint8)
        try:
            with quiet():
                for index in _touched(page, x, y, width, height):
                    self._paste(result, page, index, x, y)
        except DECODER_FAULTS as error:
            raise DataError(f"{self._path}: level {level} cannot be read: {_reason(error)}; copy it again") from None
        if page.photometric == 0:
            result = 255 - result
        return np.broadcast_to(result, (height, width, 3)).copy() if result.shape[-1] == 1 else result

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _describe(self) -> None:
        if not self._file.series:
            raise DataError(f"{self._path}: a TIFF without pictures; copy it again from its source")
        self._pages = [series.keyframe for series in self._file.series[0].levels]
        for number, page in enumerate(self._pages):
            self._check(number, page)
        rows, columns = (int(size) for size in (self._pages[0].imagelength, self._pages[0].imagewidth))
        self.levels = tuple(
            Level(
                (int(page.imagelength), int(page.imagewidth)),
                (rows / page.imagelength + columns / page.imagewidth) / 2,
            )
            for page in self._pages
        )
        self.spacing_mm, source = _tiff_spacing(self._file, self._pages[0])
        self.info = {"format": "slide", "vendor": "tiff"} | ({"spacing_source": source} if source else {})

    def _check(self, number: int, page: Any) -> None:
        samples = int(page.samplesperpixel)
        if page.dtype != np.uint8 or samples not in (1, 3, 4) or (samples > 1 and page.planarconfig == 2):
            raise DataError(
                f"{self._path}: level {number} has {samples} samples of {page.dtype} a pixel; a slide is read with 8 "
                "bits, grey or RGB; open single pages with readers.read(path, frame=...)"
            )
        rows, columns = _segment_shape(page)
        if rows * columns * samples > _MAX_SEGMENT_BYTES:
            raise DataError(
                f"{self._path}: level {number} is stored in pieces of {rows} × {columns} pixels, too large to read a "
                "rectangle of it; write it anew as a tiled pyramid"
            )

    def _paste(self, result: NDArray[np.uint8], page: Any, index: int, x: int, y: int) -> None:
        """Decode one tile or strip and copy what lies in the rectangle."""
        segment, (_, _, top, left, _), (_, rows, columns, _) = self._segment(page, index)
        if segment is None:
            return
        height, width, samples = result.shape
        first_row, last_row = max(top, y), min(top + rows, y + height)
        first, last = max(left, x), min(left + columns, x + width)
        if first_row < last_row and first < last:
            part = segment[0, first_row - top : last_row - top, first - left : last - left, :samples]
            result[first_row - y : last_row - y, first - x : last - x] = part

    def _segment(self, page: Any, index: int) -> Any:
        """Return samples (depth, rows, columns, samples), place and shape of one tile or strip."""
        handle = self._file.filehandle
        length = page.databytecounts[index]
        check_size(str(self._path), length)
        handle.seek(page.dataoffsets[index])
        data = handle.read(length) if length else None
        return page.decode(data, index, jpegtables=page.jpegtables)


def _segment_shape(page: Any) -> tuple[int, int]:
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _touched(page: Any, x: int, y: int, width: int, height: int) -> Iterator[int]:
    """Yield the numbers of the tiles or strips that a rectangle touches."""
    rows, columns = _segment_shape(page)
    across = math.ceil(page.imagewidth / columns)
    for row in range(y // rows, (y + height - 1) // rows + 1):
        for column in range(x // columns, (x + width - 1) // columns + 1):
            yield row * across + column


def _tiff_spacing(file: Any, page: Any) -> tuple[tuple[float, ...], str]:
    """Return rows and columns spacing and where it stands: OME metadata, or pixels a centimetre.

    Pixels an inch are a hint for printers and are no spacing.
    """
    if file.is_ome:
        sizes = []
        for axis in "YX":
            found = re.search(rf'PhysicalSize{axis}="([^"]+)"', file.ome_metadata or "")
            unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', file.ome_metadata or "")
            scale = _MM_OF_UNIT.get(unit.group(1) if unit else "µm")
            sizes.append(_positive(found.group(1)) * scale if found and scale else 0.0)
        if all(sizes):
            return tuple(sizes), "PhysicalSize of the OME metadata"
    if page.tags.valueof(296, 2) == _CENTIMETRE:
        values = (page.tags.valueof("YResolution"), page.tags.valueof("XResolution"))
        resolution = [_positive(value[0] / value[1]) if value and value[1] else 0.0 for value in values]
        if all(resolution):
            return tuple(10.0 / value for value in resolution), "XResolution (282) a centimetre"
    return (), ""


def _micrometres(rows: str | None, columns: str | None) -> tuple[float, ...]:
    """Turn OpenSlide's micrometres a pixel into millimetres; empty where one is missing or no length."""
    stated = (_positive(rows), _positive(columns))
    return tuple(value * _MM_PER_MICROMETRE for value in stated) if all(stated) else ()


def _positive(value: Any) -> float:
    """Return a finite number above 0, else 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def _objective(properties: Any) -> dict[str, str]:
    power = properties.get("openslide.objective-power", "")
    return {"objective_power": power} if power else {}


def _colour(text: str) -> tuple[int, ...]:
    try:
        return tuple(bytes.fromhex(text)) if len(text) == 6 else (255, 255, 255)
    except ValueError:
        return (255, 255, 255)


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
