"""A volume on a grid of its own: turned to an orientation, resampled to a spacing, padded or cut about its centre.

The rules are those of MONAI's Orientation, Spacing, SpatialPad and CenterSpatialCrop, which many published models of
volumes were trained behind: the first voxel stays where it is, and between voxels values are linear.
"""

# D slices, H rows, W columns of the grid

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, DataError

if TYPE_CHECKING:
    from vesalius.data.readers import Pixels

__all__ = ["on_grid", "require_orientation", "turned"]

_TOWARDS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
"""Direction of a letter in patient LPS."""
_AXES = ("LR", "PA", "SI")


def require_orientation(letters: str) -> None:
    """Refuse what does not name one direction of each of the three axes of the patient.

    Raises:
        ConfigError: says what is expected.
    """
    if len(letters) != 3 or any(sum(letter in axis for letter in letters) != 1 for axis in _AXES):
        raise ConfigError(f"orientation {letters!r}: expected one letter of each of LR, PA and SI, such as 'SRA'")


def on_grid(
    pixels: Pixels, *, spacing_mm: Sequence[float], size: Sequence[int], orientation: str = "", outside: float
) -> NDArray[np.float32]:
    """Return the values of a volume on a grid (D, H, W); no more than the grid is ever computed.

    Args:
        pixels: a volume with spacing, and with orientation where one is asked for.
        spacing_mm: of the grid along slices, rows and columns.
        size: D, H and W.
        orientation: where slices, rows and columns grow to, such as "SRA" for superior, right and anterior; empty
            keeps the file's.
        outside: value around a volume that is smaller than the grid, in the units of the file.

    Raises:
        DataError: it is no grey volume, or the file does not state its spacing or orientation.
    """
    if pixels.axes != "ZYX":
        raise DataError(f"{pixels.source}: axes {pixels.axes} are no grey volume, which a grid in millimetres needs")
    values, steps = turned(pixels, orientation)
    out = np.full(tuple(size), outside, dtype=np.float32)
    places = []
    for axis, length in enumerate(size):
        step = float(spacing_mm[axis] / steps[axis])
        # Rounded as MONAI does, so that a half goes to the even number.
        count = int(np.round((values.shape[axis] - 1) / step + 1))
        values = _resampled(values, axis, step=step, rows=_kept(count, length))
        start = max(0, (length - count) // 2)
        places.append(slice(start, start + values.shape[axis]))
    out[tuple(places)] = values
    return out


def turned(pixels: Pixels, orientation: str) -> tuple[NDArray[np.generic], tuple[float, ...]]:
    """Return the values of a volume (slices, rows, columns) turned to an orientation, and the new spacing in mm.

    Args:
        pixels: a volume with spacing, and with orientation where one is asked for.
        orientation: where slices, rows and columns grow to, such as "SRA"; empty keeps the file's. The nearest axes
            are taken: nothing is resampled.

    Raises:
        DataError: the file does not state its spacing or orientation.
    """
    geometry = pixels.require_geometry(position=bool(orientation))
    values = np.asarray(pixels.array)
    if not orientation:
        return values, geometry.spacing_mm
    order, flipped = _turn(np.array(geometry.directions, dtype=np.float64), orientation, pixels.source)
    return np.flip(values.transpose(order), axis=flipped), tuple(geometry.spacing_mm[axis] for axis in order)


def _kept(count: int, length: int) -> slice:
    """Which of `count` rows lie on the grid of `length`."""
    start = max(0, count // 2 - length // 2)
    return slice(start, min(count, start + length))


def _turn(directions: NDArray[np.float64], letters: str, source: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order of the array's axes for the letters, and which of the new axes are flipped."""
    wanted = np.array([_TOWARDS[letter] for letter in letters], dtype=np.float64)
    along = wanted @ directions.T
    order = tuple(int(place) for place in np.abs(along).argmax(axis=1))
    if len(set(order)) < 3:
        raise DataError(f"{source}: its axes lie between the patient's, so that none is nearest to {letters}")
    return order, tuple(axis for axis, place in enumerate(order) if along[axis, place] < 0)


def _resampled(values: NDArray[np.generic], axis: int, *, step: float, rows: slice) -> NDArray[np.float32]:
    """Linear values at step · row along an axis; beyond the last voxel its value stays."""
    last = values.shape[axis] - 1
    places = np.minimum(np.arange(rows.start, rows.stop, dtype=np.float64) * step, last)
    below = np.floor(places).astype(np.intp)
    shape = [1] * values.ndim
    shape[axis] = -1
    share = (places - below).astype(np.float32).reshape(shape)
    low = values.take(below, axis=axis).astype(np.float32)
    high = values.take(np.minimum(below + 1, last), axis=axis).astype(np.float32)
    return np.asarray(low + share * (high - low), dtype=np.float32)
