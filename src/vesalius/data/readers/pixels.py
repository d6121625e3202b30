"""What every reader gives back: an array with its meaning, its geometry and the way it wants to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.errors import DataError

__all__ = ["Axes", "LookupTable", "Pixels", "Presentation", "Units", "Window", "WindowShape"]

Axes = Literal["YX", "YXC", "ZYX", "ZYXC", "TYX", "TYXC", "TZYX"]
Units = Literal["HU", "SUV", "stored", "display", "rgb"]
WindowShape = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

# Hounsfield values outside any soft tissue and up to dense bone, shown where a CT file states no window.
_BODY_HU = (-1000.0, 1000.0)
# Share of samples beyond either end of the shown range where a file of arbitrary units states no window.
_TAIL_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width of the values that are shown, in the units of the array (DICOM PS3.3 C.11.2.1.2)."""

    centre: float
    width: float
    shape: WindowShape = "LINEAR"

    def __post_init__(self) -> None:
        smallest = 1.0 if self.shape == "LINEAR" else 0.0
        allowed = self.width >= 1.0 if self.shape == "LINEAR" else self.width > 0.0
        if not (np.isfinite(self.centre) and np.isfinite(self.width) and allowed):
            bound = "at least" if self.shape == "LINEAR" else "above"
            raise DataError(
                f"window centre {self.centre}, width {self.width}: {self.shape} needs finite numbers "
                f"and a width {bound} {smallest:g}"
            )

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Map values to 0..1 by the formula of the standard for the window's shape; not a number stays so."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._shown(values.astype(np.float32))

    def _shown(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.shape == "SIGMOID":
            return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (x - self.centre) / self.width)), dtype=np.float32)
        centre, width = self.centre, self.width
        if self.shape == "LINEAR":
            # The standard counts whole grey levels: centre 0.5 lower, width 1 smaller.
            centre, width = centre - 0.5, width - 1.0
            if width == 0:
                return (x > centre).astype(np.float32)
        x -= centre
        x /= width
        x += 0.5
        return np.clip(x, 0.0, 1.0, out=x)


@dataclass(frozen=True, slots=True, eq=False)
class LookupTable:
    """Table from integer input values to outputs; inputs beyond its ends take the end's output (C.11.1.1)."""

    entries: NDArray[np.uint16]
    first: int
    """Input value of the first entry."""
    bits: int
    """Bits of an output value: white is 2**bits - 1."""

    def __call__(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Look every value up; the result has the shape of `values`."""
        index = np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[index]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Presentation:
    """How the file wants its values shown."""

    windows: tuple[Window, ...] = ()
    lookup: LookupTable | None = None
    """VOI lookup table; it goes before the windows where both are stated."""
    white: float | None = None
    """Value shown white (0 is black) in arrays of units "display" and "rgb"."""
    inverted: bool = False
    """The smallest value is shown white (MONOCHROME1)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pixels:
    """Samples of a file with their meaning.

    `array` keeps the true values: CT in HU, 16 bits kept, nothing windowed, nothing inverted.
    """

    array: NDArray[Any]
    axes: Axes
    """One letter an axis: T frames that are no volume, Z slices, Y rows, X columns, C colours."""
    units: Units
    """HU; SUV (body weight, g/mL); stored (arbitrary); display (0 black, white as stated); rgb."""
    geometry: Geometry | None = None
    """Geometry of the spatial axes; None where the file does not state it, see `info["geometry_missing"]`."""
    modality: str = ""
    info: Mapping[str, str] = field(default_factory=dict)
    """What else is to be known: format, transfer syntax, why units are "stored"; no names."""
    source: str = ""
    """Name of the file, for messages."""
    presentation: Presentation = field(default_factory=Presentation)

    def __post_init__(self) -> None:
        if self.array.ndim != len(self.axes):
            raise DataError(f"{self.source}: array of shape {self.array.shape} does not have the axes {self.axes}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the colour channels, as records store it."""
        return self.array.shape[:-1] if self.axes.endswith("C") else self.array.shape

    @property
    def channels(self) -> int:
        """Number of colour channels, 1 for grey."""
        return self.array.shape[-1] if self.axes.endswith("C") else 1

    def meant_as(self, units: str) -> Pixels:
        """Return the same samples with the units that a record states, where the format says less than the record.

        A PNG says that its values are for display; a record may know that they are stored ones, of fewer bits than
        the file could hold, and that black is not 0.
        """
        if units != "stored" or self.units != "display":
            return self
        return replace(self, units="stored", presentation=Presentation(inverted=self.presentation.inverted))

    def require_geometry(self, *, position: bool = False) -> Geometry:
        """Return the geometry, or say what the file lacks.

        Args:
            position: ask for position and orientation in the patient, too, not for the spacing alone.

        Raises:
            DataError: names the file and the missing field.
        """
        if self.geometry is None:
            reason = self.info.get("geometry_missing", "the format states none")
            raise DataError(
                f"{self.source}: no geometry: {reason}; spacing is never guessed, so state it in the file"
            )
        if position and not self.geometry.directions:
            reason = self.info.get("position_missing", "the file states a spacing only")
            raise DataError(f"{self.source}: no position in the patient: {reason}")
        return self.geometry

    def display(self, window: Window | tuple[float, float] | None = None) -> NDArray[np.float32]:
        """Return the picture as a viewer shows it: 0 black to 1 white, in the shape of `array`.

        Args:
            window: centre and width in the array's units; a plain pair is a LINEAR window. Without one, the
                file's
                VOI table or first window is taken; without these, -1000 to 1000 HU for HU, black to white for
                "display" and "rgb", and else the range from the 0.5th to the 99.5th percentile of this array.
        """
        if isinstance(window, tuple):
            window = Window(*window)
        shown = self.presentation
        picture: NDArray[np.float32]
        if window is None and shown.lookup is not None:
            picture = shown.lookup(self.array).astype(np.float32) / np.float32(2**shown.lookup.bits - 1)
        elif window is not None or shown.windows:
            picture = (window or shown.windows[0])(self.array)
        else:
            picture = _stretch(self.array, *self._range())
        if self.array.dtype.kind == "f":
            np.nan_to_num(picture, copy=False, nan=0.0)
        return np.subtract(1.0, picture, out=picture) if shown.inverted else picture

    def _range(self) -> tuple[float, float]:
        if self.presentation.white is not None:
            return 0.0, self.presentation.white
        if self.units == "HU":
            return _BODY_HU
        finite = self.array[np.isfinite(self.array)] if self.array.dtype.kind == "f" else self.array
        if finite.size == 0:
            return 0.0, 1.0
        low, high = np.percentile(finite, (_TAIL_PERCENT, 100.0 - _TAIL_PERCENT))
        if low == high:
            low, high = float(finite.min()), float(finite.max())
        return float(low), float(high)


def _stretch(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map low..high to 0..1 and cut the rest; a constant picture is black, and NaN stays."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values.astype(np.float32)
        scaled -= np.float32(low)
        scaled *= np.float32(1.0 / (high - low) if high > low else 1.0)
        return np.clip(scaled, 0.0, 1.0, out=scaled)
