"""What an examination gives: pixels in a stated unit and geometry, with all that is known of them.

H rows, W columns, D slices, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Box, Event, Laterality, Measurement, Text
from vesalius.errors import DataError

__all__ = ["Axes", "Mark", "Picture", "box_of"]

Axes = Literal["YX", "YXC", "ZYX", "TYX", "TYXC"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """Where something is on a picture: a mask with its box, points, or a contour."""

    concept: str = ""
    """Name of the finding; empty for a normal structure."""
    anatomy: str = ""
    """Structure, cell or instrument."""
    mask: NDArray[np.bool_] | None = None
    """On the picture's grid; (H, W) where `frame` is given."""
    points: tuple[tuple[float, ...], ...] = ()
    """(x, y) or (x, y, z) in pixels or voxels."""
    contour: bool = False
    """True where the points are a closed line."""
    frame: int | None = None
    instance: int | None = None
    """Number of this thing among those of its kind on the picture, from 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An image, volume or clip."""

    name: str
    """Id within the study, such as "pa", "ct" or "flair"; it tells nothing of the case."""
    modality: str
    """DICOM code."""
    pixels: NDArray[Any]
    axes: Axes
    units: str
    """display, rgb, HU, SUV, stored or mm; see `Image.units`."""
    spacing_mm: tuple[float, ...] = ()
    """One a spatial or temporal axis of `axes`, in its order; NaN for time."""
    orientation: tuple[float, ...] = ()
    origin_mm: tuple[float, ...] = ()
    view: str = ""
    body_part: str = ""
    laterality: Laterality = ""
    sequence: str = ""
    frames_per_second: float | None = None
    marks: tuple[Mark, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    """Their `image` is this picture's name."""
    events: tuple[Event, ...] = ()
    texts: tuple[Text, ...] = field(default_factory=tuple)
    """Texts that belong to the picture and not to the report, such as transcripts."""

    def __post_init__(self) -> None:
        if self.pixels.ndim != len(self.axes):
            raise DataError(f"picture {self.name!r}: {self.pixels.ndim} axes of pixels, {self.axes} stated")
        if self.spacing_mm and len(self.spacing_mm) != len(self.shape):
            raise DataError(f"picture {self.name!r}: {len(self.spacing_mm)} spacings for the axes {self.axes}")

    @property
    def kind(self) -> Literal["image", "volume", "video"]:
        """What it is by its axes."""
        return "volume" if self.axes == "ZYX" else "video" if self.axes.startswith("T") else "image"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without colour channels."""
        return self.pixels.shape[:-1] if self.axes.endswith("C") else self.pixels.shape


def box_of(mask: NDArray[np.bool_]) -> Box | None:
    """Return the tight box of a mask (H, W), maximum exclusive; None where it is empty."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if len(columns) == 0:
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
