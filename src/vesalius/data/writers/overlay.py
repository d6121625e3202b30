"""Boxes, masks, points and words drawn on a picture, each in a colour of its own.

H rows, W columns. Coordinates are those of records: (x, y), the origin at the corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vesalius.data.records import Box
from vesalius.errors import DataError

__all__ = ["Drawn", "burned"]

# Okabe and Ito's colours for all kinds of colour vision, those that stand out on grey.
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0))
_SMALLEST = 512
"""Small pictures are enlarged by a whole number to about this many pixels, so that words can be read."""
_FILL = 0.35
_POINT_RADIUS = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One thing to draw: a box, a mask or points, with its label."""

    label: str
    box: Box | None = None
    mask: NDArray[np.bool_] | None = None
    """On the picture's grid, (H, W)."""
    points: tuple[tuple[float, float], ...] = ()
    closed: bool = False
    """Whether the points are a closed line."""
    colour: int | None = None
    """Number of its colour; that of its place in the list where it is not given."""


def burned(picture: NDArray[np.float32], marks: Sequence[Drawn], *, words: str = "") -> tuple[NDArray[Any], int]:
    """Return the picture with everything drawn, (H, W, 3) uint8, and the factor by which it was enlarged.

    Args:
        picture: as shown, 0 black to 1 white, (H, W) or (H, W, 3).
        marks: drawn in order; the later lie on top.
        words: written at the top, such as what the picture is not.
    """
    grey = picture[..., None] if picture.ndim == 2 else picture
    height, width = grey.shape[:2]
    if grey.ndim != 3 or grey.shape[2] not in (1, 3):
        raise DataError(f"picture of shape {picture.shape}; expected (rows, columns) or (rows, columns, 3)")
    factor = max(1, _SMALLEST // max(height, width))
    colours = np.broadcast_to(np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8), (height, width, 3))
    canvas = _enlarged(colours, factor).astype(np.float32)
    for number, mark in enumerate(marks):
        if mark.mask is not None:
            _fill(canvas, _enlarged(mark.mask, factor), _colour(mark, number))
    image = Image.fromarray(np.rint(canvas).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(12, max(image.size) // 40))
    for number, mark in enumerate(marks):
        _outline(draw, mark, factor, _colour(mark, number), font)
    if words:
        _written(draw, (4, 2), words, (255, 255, 255), font)
    return np.asarray(image), factor


def _colour(mark: Drawn, number: int) -> tuple[int, int, int]:
    return _COLOURS[(number if mark.colour is None else mark.colour) % len(_COLOURS)]


def _enlarged(array: NDArray[Any], factor: int) -> NDArray[Any]:
    return array.repeat(factor, axis=0).repeat(factor, axis=1)


def _fill(canvas: NDArray[np.float32], mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    """Tint a mask and draw its rim in full colour."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    canvas[mask] = (1 - _FILL) * canvas[mask] + _FILL * np.array(colour, np.float32)
    canvas[mask & ~inner] = colour


def _outline(draw: ImageDraw.ImageDraw, mark: Drawn, factor: int, colour: Any, font: Any) -> None:
    place: tuple[float, float] | None = None
    if mark.box is not None:
        left, top, right, bottom = (value * factor for value in mark.box)
        draw.rectangle((left, top, right - 1, bottom - 1), outline=colour, width=max(1, factor // 2))
        place = (left, bottom)
    elif mark.points:
        points = [(x * factor, y * factor) for x, y in mark.points]
        if mark.closed:
            draw.line([*points, points[0]], fill=colour, width=2)
        else:
            for x, y in points:
                draw.line((x - _POINT_RADIUS, y, x + _POINT_RADIUS, y), fill=colour, width=2)
                draw.line((x, y - _POINT_RADIUS, x, y + _POINT_RADIUS), fill=colour, width=2)
        place = points[0]
    elif mark.mask is not None and mark.mask.any():
        rows, columns = np.nonzero(mark.mask)
        place = (float(columns.min()) * factor, float(rows.max() + 1) * factor)
    if place is not None and mark.label:
        _written(draw, place, mark.label, colour, font)


def _written(draw: ImageDraw.ImageDraw, place: tuple[float, float], words: str, colour: Any, font: Any) -> None:
    """Write words on black, moved inside the picture where they would leave it."""
    left, _, right, bottom = draw.textbbox((0, 0), words, font=font)
    width, height = draw.im.size
    x = min(max(place[0], 0), max(width - (right - left) - 2, 0))
    y = min(max(place[1], 0), max(height - bottom - 2, 0))
    draw.rectangle((x, y, x + right - left + 2, y + bottom + 1), fill=(0, 0, 0))
    draw.text((x + 1 - left, y), words, fill=colour, font=font)
