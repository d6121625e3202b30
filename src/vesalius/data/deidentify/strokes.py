"""Text in pixels, found without a network: thin strokes of even brightness that stand in a row.

Letters that somebody burned into an image are a few pixels thick, as bright (or dark) as each other, far from
what surrounds them, of the same height, on one line, and end within a pixel. Anatomy is rarely all of that, and ribs
and vessels end softly. Works on grey values at three sizes, in both polarities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.optional import require

__all__ = ["Box", "find_text", "grey"]

_SCALES = (1, 2, 4)
_STROKE = 9
"""Wider strokes are left to the coarser sizes; pixels."""
_HEIGHTS = (5, 30)
"""Of letters at the size at hand; pixels."""
_CONTRASTS = (18.0, 28.0, 64.0, 120.0)
"""Least contrasts of strokes, of 255: each takes other letters apart from what they lie on."""
_LEAST_LETTERS = 3
_WIDEST = 14.0
"""Width of letters that run together, by their height."""
_SHARP, _SENSITIVE_SHARP = {1: 0.6, 2: 0.65, 4: 0.75}, 0.3
"""Least sharpness of the letters of a line, as a rule by the size at hand. Made smaller, ink ends within a pixel all
the more, and so does what is soft over several pixels: one limit for all sizes lets ribs pass at the smallest. Of the
lines that are found in 40 films without a limit, these leave 6 % by area where 0.6 at all sizes leaves 11 %. Of
planted text they leave as much, 0.907, after JPEG 40 and a blur too; of text on smaller and larger copies of the
films, 186 of 218 lines for 189. The sensitive mode takes all that has 0.3."""
_LONG_ROW = 5
"""Letters; a row of so many needs the sharpness of the full size only: anatomy makes short rows."""
_TALLEST = (40.0, 0.05)
"""Height of letters that count as a rule: pixels, or part of the shorter side of the picture, the greater of both.
Names and numbers are written smaller; ribs beside each other are taller."""
_BLOCK = 256
"""Letters whose neighbours are looked for at once: memory grows with it."""
_EVEN_PEN = 16.0
"""Most by which the brightness of letters differs, as median, of 255."""


class Box(NamedTuple):
    """Rows and columns from the first to before the last."""

    top: int
    left: int
    bottom: int
    right: int


class _Letters(NamedTuple):
    """Candidates as columns: edges in pixels, brightness, sharpness."""

    top: NDArray[Any]
    left: NDArray[Any]
    bottom: NDArray[Any]
    right: NDArray[Any]
    value: NDArray[Any]
    """Brightness of the brightest (or darkest) pixel, which is the colour of the pen."""
    sharp: NDArray[Any]
    """Change from pixel to pixel by the rise over what is around, both summed: 1 where ink ends within a pixel."""

    def chosen(self, keep: NDArray[Any]) -> _Letters:
        return _Letters(*(column[keep] for column in self))


class _Look(NamedTuple):
    """How a picture is looked at."""

    tallest: float
    """Height of letters that count, in pixels at the size at hand."""
    sharp: float
    """Least sharpness of a row."""
    long_sharp: float
    """Of a long row."""


def _look(scale: int, tallest: float, *, sensitive: bool) -> _Look:
    if sensitive:
        return _Look(np.inf, _SENSITIVE_SHARP, _SENSITIVE_SHARP)
    return _Look(tallest / scale, _SHARP[scale], _SHARP[1])


def grey(frame: NDArray[Any]) -> NDArray[np.float32]:
    """Return a frame (H, W) or (H, W, 3) as brightness from 0 to 255: the brightest channel, stretched.

    The brightest channel, as coloured letters are as bright as white ones there.
    """
    flat = frame.max(axis=-1) if frame.ndim == 3 else frame
    flat = np.nan_to_num(flat.astype(np.float32))
    low, high = float(np.percentile(flat, 0.5)), float(np.percentile(flat, 99.9))
    if high <= low:
        low, high = float(flat.min()), float(flat.max())
    return np.clip((flat - low) * (255.0 / max(high - low, 1e-6)), 0, 255).astype(np.float32)


def find_text(frame: NDArray[Any], *, sensitive: bool = False) -> list[Box]:
    """Return boxes around lines of text.

    Args:
        frame: (H, W) or (H, W, 3) of any numeric type.
        sensitive: also take soft letters, for images that are likely to hold text.
    """
    require("scipy", purpose="finding burned-in text")
    if frame.ndim == 3 and (frame == frame[..., :1]).all():
        frame = frame[..., 0]
    pictures = [grey(frame)]
    if frame.ndim == 3:
        pictures.append(255.0 - grey(255 - frame.astype(np.float32)))
    found: list[Box] = []
    tallest = max(_TALLEST[0], _TALLEST[1] * min(frame.shape[:2]))
    for picture in pictures:
        for scale in _SCALES:
            small = _smaller(picture, scale)
            if min(small.shape) >= 2 * _HEIGHTS[0]:
                looked = _look(scale, tallest, sensitive=sensitive)
                for sign in (1, -1):
                    found += [_larger(box, scale, frame.shape) for box in _lines(small, sign, looked)]
    return _joined(found)


def _smaller(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    if scale == 1:
        return picture
    height, width = (size // scale * scale for size in picture.shape)
    blocks = picture[:height, :width].reshape(height // scale, scale, width // scale, scale)
    averaged: NDArray[Any] = blocks.mean(axis=(1, 3))
    return averaged


def _lines(picture: NDArray[Any], sign: int, looked: _Look) -> Iterator[Box]:
    """Yield boxes of lines of letters brighter (sign 1) or darker (-1) than what is around them."""
    from scipy import ndimage

    if sign > 0:
        hat = picture - ndimage.grey_opening(picture, size=(_STROKE, _STROKE))
    else:
        hat = ndimage.grey_closing(picture, size=(_STROKE, _STROKE)) - picture
    noise, steps = float(np.median(hat)), _steps(picture)
    for threshold in _CONTRASTS:
        letters = _letters(picture, hat > max(threshold, 4.0 * noise), sign, _Relief(hat, steps))
        if not len(letters.top):
            continue
        for members in _rows(letters):
            chosen = letters.chosen(members)
            if _reads_as_text(chosen, looked):
                yield _around(_with_neighbours(chosen, letters))


def _around(row: _Letters) -> Box:
    height = float(np.median(row.bottom - row.top))
    margin = max(2, round(0.4 * height))
    return Box(
        int(row.top.min()) - margin, int(row.left.min()) - margin,
        int(row.bottom.max()) + margin, int(row.right.max()) + margin,
    )  # fmt: skip


class _Relief(NamedTuple):
    """Of a picture: the rise of every pixel over what is around, and its greatest step to a neighbour."""

    hat: NDArray[Any]
    steps: NDArray[Any]


def _steps(picture: NDArray[Any]) -> NDArray[Any]:
    """Return the greatest difference of every pixel from those above, below and beside it."""
    steps = np.zeros_like(picture)
    level, side = np.abs(np.diff(picture, axis=0)), np.abs(np.diff(picture, axis=1))
    for part, values in ((steps[1:], level), (steps[:-1], level), (steps[:, 1:], side), (steps[:, :-1], side)):
        np.maximum(part, values, out=part)
    return steps


def _letters(picture: NDArray[Any], strokes: NDArray[Any], sign: int, relief: _Relief) -> _Letters:
    """Return the connected pieces of strokes that have the size and the fill of letters or of words run together."""
    from scipy import ndimage

    labels, count = ndimage.label(strokes, structure=np.ones((3, 3)))
    if count == 0:
        return _Letters(*(np.zeros(0),) * 6)
    edges = np.array([(y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(labels)])
    inside = np.flatnonzero(labels)
    piece = labels.ravel()[inside]
    area = np.bincount(piece, minlength=count + 1)[1:]
    order = inside[np.argsort(piece, kind="stable")]
    first = np.concatenate([[0], np.cumsum(area)[:-1]])
    pen = (np.maximum if sign > 0 else np.minimum).reduceat(picture.ravel()[order], first)
    rise, step = (np.add.reduceat(part.ravel()[order].astype(np.float64), first) for part in relief)
    height, width = edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]
    fill = area / np.maximum(height * width, 1)
    fits = (height >= _HEIGHTS[0]) & (height <= _HEIGHTS[1]) & (width <= _WIDEST * height) & (area >= 5)
    fits &= (fill > 0.12) & ((fill < 0.97) | (width <= 0.45 * height))
    top, left, bottom, right = edges.T
    return _Letters(top, left, bottom, right, pen, step / np.maximum(rise, 1e-6)).chosen(fits)


def _rows(letters: _Letters) -> Iterator[NDArray[Any]]:
    """Yield the indices of letters that stand beside each other: of like height, brightness and level."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    order = np.argsort(letters.left, kind="stable")
    ordered = letters.chosen(order)
    pairs = [_beside(ordered, start, min(start + _BLOCK, len(order))) for start in range(0, len(order), _BLOCK)]
    first, second = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(len(order), len(order)))
    joined = connected_components(graph, directed=False)[1]
    by_row = np.argsort(joined, kind="stable")
    for group in np.split(by_row, np.flatnonzero(np.diff(joined[by_row])) + 1):
        if len(group) > 1:
            yield order[group]


def _beside(letters: _Letters, start: int, stop: int) -> NDArray[np.int64]:
    """Return pairs (2, N) of letters from `start` to before `stop`, sorted by left edge, and those next to them."""
    height = letters.bottom - letters.top
    at = np.arange(start, stop)
    reach = letters.right[at] + 1.3 * height[at] + 2
    count = np.maximum(np.searchsorted(letters.left, reach, side="right") - at - 1, 0)
    one = np.repeat(at, count)
    other = one + 1 + np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    lesser, greater = np.minimum(height[other], height[one]), np.maximum(height[other], height[one])
    common = np.minimum(letters.bottom[other], letters.bottom[one]) - np.maximum(letters.top[other], letters.top[one])
    fits = (common >= 0.6 * lesser) & (greater <= 1.7 * lesser)
    fits &= np.abs(letters.value[other] - letters.value[one]) < 45
    fits &= letters.left[other] - letters.right[one] <= 1.3 * lesser + 2
    fits &= letters.left[other] >= letters.right[one] - 0.3 * height[one]
    return np.stack([one[fits], other[fits]])


def _with_neighbours(row: _Letters, letters: _Letters) -> _Letters:
    """Return a row with all that stands on its level close by: other words, full stops, strokes of another height."""
    height = float(np.median(row.bottom - row.top))
    top, bottom = float(np.median(row.top)), float(np.median(row.bottom))
    while True:
        left, right = float(row.left.min()), float(row.right.max())
        middle = (letters.top + letters.bottom) / 2
        near = (middle > top - 0.2 * height) & (middle < bottom + 0.2 * height)
        near &= (letters.bottom - letters.top) < 1.7 * height
        near &= (letters.left < right + 1.6 * height) & (letters.right > left - 1.6 * height)
        grown = letters.chosen(near)
        if not len(grown.left) or (grown.left.min() >= left and grown.right.max() <= right):
            return row
        row = _Letters(*(np.concatenate(pair) for pair in zip(row, grown, strict=True)))


def _reads_as_text(letters: _Letters, looked: _Look) -> bool:
    """Say whether a row has enough letters, one base line, one brightness and the look of words."""
    height = letters.bottom - letters.top
    middle = float(np.median(height))
    wide = float((letters.right - letters.left).sum()) / middle
    run = float(letters.right.max() - letters.left.min()) / middle
    count = len(height)
    if count < _LEAST_LETTERS and wide < 3.0:
        return False
    sharp = looked.long_sharp if count >= _LONG_ROW else looked.sharp
    if middle > looked.tallest or float(np.median(letters.sharp)) < sharp:
        return False
    spread = float(np.median(np.abs(letters.bottom - np.median(letters.bottom)))) / middle
    level = float(np.median(np.abs(letters.top - np.median(letters.top)))) / middle
    if min(spread, level) > 0.12 or max(spread, level) > 0.4:
        return False
    if float(letters.bottom.max() - letters.top.min()) > 2.2 * middle:
        return False
    pen = float(np.median(np.abs(letters.value - np.median(letters.value))))
    return run >= 1.2 and pen <= _EVEN_PEN


def _larger(box: Box, scale: int, shape: tuple[int, ...]) -> Box:
    top, left = max(0, box.top * scale), max(0, box.left * scale)
    return Box(top, left, min(shape[0], box.bottom * scale), min(shape[1], box.right * scale))


def _joined(boxes: list[Box]) -> list[Box]:
    """Return boxes without those that lie wholly in another."""
    kept: list[Box] = []
    for box in sorted(set(boxes), key=lambda item: -(item.bottom - item.top) * (item.right - item.left)):
        inside = (
            o.top <= box.top and o.left <= box.left and o.bottom >= box.bottom and o.right >= box.right for o in kept
        )
        if not any(inside):
            kept.append(box)
    return sorted(kept)
