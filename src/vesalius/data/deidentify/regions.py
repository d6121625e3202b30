"""Text in pixels for the second scan: pieces that stay the same at many thresholds, in a row.

A letter of ink has the same outline whether one cuts the picture at a third or at two thirds of its contrast; a rib
or a vessel grows and shrinks with the threshold. So the picture is cut at even steps, pieces are joined to those of
the next step whose edges lie within a pixel, and what stays so for long is a letter. Letters of one height beside
each other, or above each other for text that was turned by a quarter, are a line. No code is shared with the finders
that mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.optional import require

__all__ = ["Line", "find_lines"]

_LEVELS = tuple(range(24, 250, 24))
"""Thresholds, of 255."""
_STAYS = 2
"""Steps over which the edges of a letter stay: 48 of 255 at least."""
_HEIGHTS, _WIDEST = (7, 64), 1.7
"""Of letters, pixels; and their width by their height. Both hold for turned letters with the sides exchanged."""
_FILLS = (0.12, 0.82)
"""Part of its box that a letter fills: a disc fills 0.79, a bar all."""
_GAP, _ALIKE, _OVERLAP = 0.9, 1.5, 0.6
"""Of letters in a line: room between them by their height, ratio of heights, and common part of the lesser height."""
_LETTERS = 4
_ON_LINE = 0.14
"""Most by which the upper, or the lower, edges of the letters of a line differ as median, by their height."""
_LARGEST = 4096


class Line(NamedTuple):
    """Rows and columns from the first to before the last."""

    top: int
    left: int
    bottom: int
    right: int


def find_lines(frame: NDArray[Any]) -> list[Line]:
    """Return lines of text in a frame (H, W) or (H, W, 3) of any numeric type, level or turned by a quarter."""
    require("scipy", purpose="looking for text in written files")
    picture, factor = _prepared(frame)
    letters = np.unique(np.concatenate([_letters(shown) for shown in (picture, 255 - picture)]), axis=0)
    turned = letters[:, [1, 0, 3, 2]]
    found = {Line(*(int(edge / factor) for edge in line)) for line in _lines(letters)}
    found |= {Line(*(int(line[side] / factor) for side in (1, 0, 3, 2))) for line in _lines(turned)}
    return sorted(found)


def _prepared(frame: NDArray[Any]) -> tuple[NDArray[np.uint8], float]:
    """Return brightness from 0 to 255 at twice the size, and how much larger it is; colours by their mean."""
    from PIL import Image

    flat = np.nan_to_num(np.asarray(frame, dtype=np.float32))
    flat = flat.mean(axis=-1) if flat.ndim == 3 else flat
    low, high = np.percentile(flat, [0.2, 99.95])
    if high <= low:
        low, high = float(flat.min()), float(max(flat.max(), flat.min() + 1))
    plain = Image.fromarray(np.clip((flat - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8))
    factor = 2.0 if max(plain.size) * 2 <= _LARGEST else 1.0
    size = round(plain.width * factor), round(plain.height * factor)
    return np.asarray(plain.resize(size, Image.Resampling.BILINEAR)), factor


def _letters(picture: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return edges (N, 4) of pieces brighter than what is around that stay over several thresholds."""
    from scipy.spatial import cKDTree

    kept: list[NDArray[np.int64]] = []
    before, ages = np.zeros((0, 4), np.int64), np.zeros(0, np.int64)
    for level in _LEVELS:
        pieces = _pieces(picture > level)
        age = np.zeros(len(pieces), np.int64)
        if len(before) and len(pieces):
            distance, nearest = cKDTree(before).query(pieces, p=np.inf, distance_upper_bound=1.5)
            same = np.isfinite(distance)
            age[same] = ages[nearest[same]] + 1
            kept.append(pieces[age >= _STAYS])
        before, ages = pieces, age
    return np.concatenate([np.zeros((0, 4), np.int64), *kept])


def _pieces(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return top, left, bottom and right of connected pieces of the size and the fill of letters."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if count == 0:
        return np.zeros((0, 4), np.int64)
    edges = np.array(
        [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in ndimage.find_objects(labels)],
        dtype=np.int64,
    )
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    height, width = edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1]
    longer = np.maximum(height, width)
    fill = area / (height * width)
    fits = (longer >= _HEIGHTS[0]) & (longer <= _HEIGHTS[1]) & (np.minimum(height, width) >= 2)
    fits &= (fill >= _FILLS[0]) & ((fill <= _FILLS[1]) | (longer >= 3 * np.minimum(height, width)))
    chosen: NDArray[np.int64] = edges[fits]
    return chosen


def _lines(letters: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the edges of lines of letters that stand beside each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    height, width = letters[:, 2] - letters[:, 0], letters[:, 3] - letters[:, 1]
    letters = letters[(height >= _HEIGHTS[0]) & (width <= _WIDEST * height)]
    if len(letters) < _LETTERS:
        return
    letters = letters[np.argsort(letters[:, 1], kind="stable")]
    pairs = np.array([pair for at in range(len(letters)) for pair in _followers(letters, at)], np.int64).reshape(
        -1, 2
    )
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(letters), len(letters)))
    for group in _groups(connected_components(graph, directed=False)[1]):
        line = letters[group]
        if _is_written(line):
            yield np.concatenate([line[:, :2].min(axis=0), line[:, 2:].max(axis=0)])


def _followers(letters: NDArray[np.int64], at: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of a letter and those that may stand next to it in a line."""
    top, _, bottom, right = letters[at]
    height = bottom - top
    last = int(np.searchsorted(letters[:, 1], right + _GAP * height, side="right"))
    other = letters[at + 1 : last]
    heights = other[:, 2] - other[:, 0]
    common = np.minimum(other[:, 2], bottom) - np.maximum(other[:, 0], top)
    fits = (common >= _OVERLAP * np.minimum(heights, height)) & (other[:, 1] >= right - 0.2 * height)
    fits &= np.maximum(heights, height) <= _ALIKE * np.minimum(heights, height)
    yield from ((at, at + 1 + int(place)) for place in np.flatnonzero(fits))


def _groups(marks: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of every group of four or more with the same mark."""
    order = np.argsort(marks, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(marks[order])) + 1):
        if len(group) >= _LETTERS:
            yield group


def _is_written(line: NDArray[np.int64]) -> bool:
    """Say whether pieces of a row stand on one line and are several letters, not one piece at several thresholds."""
    height = float(np.median(line[:, 2] - line[:, 0]))
    spread = min(float(np.median(np.abs(line[:, side] - np.median(line[:, side])))) for side in (0, 2))
    starts = np.sort(line[:, 1])
    apart = 1 + int((np.diff(starts) >= 0.2 * height).sum())
    return apart >= _LETTERS and spread <= _ON_LINE * height
