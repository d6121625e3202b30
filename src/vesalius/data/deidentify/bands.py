"""Text in pixels found by another way than `strokes`: bands in which narrow runs of one pen follow each other.

No letter is cut out here. Along every row the runs that are brighter (or darker) than both sides are marked; where
many of them share the brightness of the pen in a band as high as a line of letters, and the rows above and below hold
few, somebody has written. It finds faint and small letters that run together, by other rules than `strokes`, so that
what one is blind to the other may see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.strokes import Box, grey
from vesalius.optional import require

__all__ = ["find_text_in_bands"]

_STEPS = (1, 2, 4)
"""Sizes at which a picture is looked at: every block of so many pixels squared becomes its mean."""
_HEIGHTS = (5, 7, 10)
"""Of lines of letters at the size at hand; pixels."""
_WIDEST_RUN = 7
"""A run is no wider; pixels at the size at hand."""
_LENGTH = 5
"""Of the window along a row, in heights of a line: about six letters."""
_LEAST_RISES = (24.0, 10.0)
"""Of a run over both its sides, of 255: as a rule, and in the sensitive mode."""
_DENSITIES = (0.95, 0.8)
"""Least number of runs in a stretch of a row as long as the line is high; letters have about two."""
_PENS = (0.6, 0.6)
"""Least part of the runs in a window that have the brightness of its pen."""
_TOLERANCES = (10.0, 16.0)
"""By which runs of one pen differ, of 255: compression and the edges of thin letters."""
_QUIET = 0.5
"""Most runs in the rows beside a line, by those within it."""
_LEAST_SIDE = 16
"""Of a picture in which a line counts as a rule, by the height of the line: in less, a few edges fill a window."""
_SHORTEST = 1.6
"""Length of what is found, by its height."""


def find_text_in_bands(frame: NDArray[Any], *, sensitive: bool = False) -> list[Box]:
    """Return boxes around lines of text; the same signature as `strokes.find_text`."""
    require("scipy", purpose="finding burned-in text")
    picture = grey(frame)
    found: set[Box] = set()
    for step in _STEPS:
        small = _shrunk(picture, step)
        if min(small.shape) < 3 * _HEIGHTS[0]:
            continue
        for shown in (small, 255.0 - small):
            for box in _bands(shown, int(sensitive)):
                found.add(
                    Box(
                        max(0, box.top * step), max(0, box.left * step),
                        min(frame.shape[0], box.bottom * step), min(frame.shape[1], box.right * step),
                    )
                )  # fmt: skip
    return sorted(found)


def _shrunk(picture: NDArray[Any], step: int) -> NDArray[Any]:
    rows, columns = picture.shape[0] // step, picture.shape[1] // step
    totals = np.add.reduceat(np.add.reduceat(picture, np.arange(rows) * step, axis=0), np.arange(columns) * step, 1)
    return totals[:rows, :columns] / (step * step) if step > 1 else picture


def _bands(picture: NDArray[Any], mode: int) -> Iterator[Box]:
    """Yield the bands of one brightness and size."""
    from scipy import ndimage

    rise = picture - ndimage.grey_opening(picture, size=(1, _WIDEST_RUN))
    floor = 4.0 * float(np.median(rise))
    peaks = (rise > max(_LEAST_RISES[mode], floor)) & (picture >= ndimage.maximum_filter1d(picture, 3, axis=1))
    peaks[:, 1:] &= ~peaks[:, :-1]
    runs = peaks.astype(np.float32)
    inked = np.where(peaks, picture, 0.0)
    for height in _HEIGHTS:
        if not mode and min(picture.shape) < _LEAST_SIDE * height:
            continue
        window = (height, _LENGTH * height)
        density = ndimage.uniform_filter(runs, window) * height
        if not (density >= _DENSITIES[mode]).any():
            continue
        pen = ndimage.maximum_filter(inked, window)
        written = peaks & (picture >= pen - _TOLERANCES[mode])
        same = ndimage.uniform_filter(written.astype(np.float32), window) * height
        line = ndimage.uniform_filter(runs, (1, window[1])) * height
        reach = height // 2 + 2
        beside = np.maximum(_shifted(line, reach), _shifted(line, -reach))
        centre = (same >= _PENS[mode] * density) & (density >= _DENSITIES[mode]) & (beside <= _QUIET * density)
        yield from _around(centre, peaks, height)


def _shifted(values: NDArray[Any], rows: int) -> NDArray[Any]:
    """Move rows down (up where negative); what comes in from outside is 0."""
    moved = np.zeros_like(values)
    if rows > 0:
        moved[rows:] = values[:-rows]
    else:
        moved[:rows] = values[-rows:]
    return moved


def _around(centre: NDArray[Any], peaks: NDArray[Any], height: int) -> Iterator[Box]:
    """Yield boxes around the runs near connected centres of windows."""
    from scipy import ndimage

    labels, _ = ndimage.label(centre, structure=np.ones((3, 3)))
    for rows, columns in ndimage.find_objects(labels):
        half, reach = height // 2 + 1, _LENGTH * height // 2
        top, bottom = max(0, rows.start - half), rows.stop + half
        left, right = max(0, columns.start - reach), columns.stop + reach
        inside = peaks[top:bottom, left:right]
        level, at = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(at) < 2 or at[-1] - at[0] < _SHORTEST * height:
            continue
        margin = max(2, int(level[-1] - level[0]) // 3)
        yield Box(
            top + int(level[0]) - margin, left + int(at[0]) - margin,
            top + int(level[-1]) + 1 + margin, left + int(at[-1]) + 1 + margin,
        )  # fmt: skip
