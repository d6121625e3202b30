"""From a picture, a volume or a clip to views: arrays of one size that a vision encoder takes, and how they lie.

NumPy only: this runs in the workers of a loader, and the reader knows the number of tokens before any model runs.
Legend: V views, C channels, D slices, H rows, W columns, T tokens of one view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.data.messages import MediaKind
from vesalius.errors import DataError

__all__ = ["Layout"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """How one medium was cut into views; all views of a medium share a size. No pixels."""

    kind: MediaKind
    views: int
    """V: arrays (C, H, W), or (C, D, H, W) where `size` has three numbers."""
    size: tuple[int, ...]
    """Rows and columns of a view, or slices, rows and columns."""
    columns: int = 1
    """Tiles beside each other; views other than the overview go row by row."""
    rows: int = 1
    overview: bool = False
    """View 0 is the whole picture, resized, and comes before the tiles."""
    positions: tuple[float, ...] = ()
    """Of the views: mm of the slices from the first slice of the volume, or seconds of the frames; empty for
    pictures and where the file does not state them."""
    kept: NDArray[np.bool_] | None = None
    """Which tokens stay, decided by the pixels, (V, T) where T is what the connector makes of one view; None: all."""
    merged: int = 1
    """So many neighbouring views share one set of tokens, their mean; the last set may be of fewer."""

    def __post_init__(self) -> None:
        tiles = self.rows * self.columns + self.overview
        if self.kind == "image" and self.views != tiles:
            raise DataError(
                f"{self.views} views of a picture in {self.rows} rows and {self.columns} columns of tiles"
                f"{' with an overview' if self.overview else ''}; expected {tiles}"
            )
        if self.positions and len(self.positions) != self.views:
            raise DataError(f"{len(self.positions)} positions for {self.views} views; expected one each, or none")
        if self.kept is not None and (self.kept.ndim != 2 or len(self.kept) != self.views):
            raise DataError(f"kept has the shape {self.kept.shape}; expected ({self.views}, tokens of a view)")
        if self.kept is not None and self.merged > 1:
            raise DataError("kept chooses tokens of single views, which merged views no longer have; use one of them")
