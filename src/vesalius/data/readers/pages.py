"""TIFF files of several pages as clips: page after page, without times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vesalius.data.readers import raster
from vesalius.data.readers.clip import Clip
from vesalius.errors import DataError

__all__ = ["open_pages"]


@dataclass(frozen=True, slots=True)
class _Pages:
    """Decodes the pages of a TIFF file one by one."""

    path: Path
    shape: tuple[int, ...]
    """Of every page."""

    def decode(self, wanted: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Yield pages by number."""
        for index in wanted:
            page = raster.read(self.path, kind="tiff", frame=index).array
            if page.shape != self.shape:
                raise DataError(
                    f"{self.path}: page {index} has the shape {page.shape} and page 0 {self.shape}; the frames of a "
                    "clip are all of one size"
                )
            yield page


def open_pages(path: Path) -> Clip:
    """Open a TIFF file whose pages are the frames of a clip; it states no times.

    Raises:
        DataError: broken, or without pages.
    """
    first = raster.read(path, kind="tiff", frame=0)
    rows, columns = first.array.shape[:2]
    return Clip(
        path=path,
        shape=(int(first.info["pages"]), rows, columns),
        channels=3 if first.axes == "YXC" else 1,
        times_s=None,
        duration_s=None,
        frames_per_second=None,
        info=dict(first.info),
        dtype=str(first.array.dtype),
        source=_Pages(path, first.array.shape),
    )
