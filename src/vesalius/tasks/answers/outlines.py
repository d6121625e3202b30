"""An outline or runs of pixels in a reply, as a mask.

Letters: H rows, W columns, V corners, R runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError
from vesalius.tasks.answers.embedded import find_json
from vesalius.tasks.answers.reply import Parsed, empty, refusal, without_reasoning

__all__ = ["filled_polygon", "filled_runs", "parse_mask", "runs_of"]

_MOST = 20_000
"""Corners or runs; a longer list is no answer."""


def parse_mask(reply: str, *, size: tuple[int, int]) -> Parsed:
    """Read a mask, (H, W), from a JSON object with ``polygon`` (or several, ``polygons``) or ``runs``.

    Args:
        reply: what the model wrote.
        size: width and height of the picture in pixels.

    Raises:
        ConfigError: the picture has no size.
    """
    if min(size) < 1:
        raise ConfigError(f"a mask needs a picture of some size; got {size}")
    nothing = empty(reply)
    if nothing:
        return nothing
    text = without_reasoning(reply)
    value = find_json(text)
    if not isinstance(value, Mapping):
        declined = refusal(text)[0]
        return Parsed(status="refused" if declined else "unparsed", rule="refusal" if declined else "no JSON object")
    for key in ("polygon", "polygons", "runs"):
        if key in value:
            mask = _mask(key, value[key], size)
            return mask or Parsed(status="unparsed", rule=f"{key} is no list of pairs of numbers")
    return Parsed(status="unparsed", rule="neither polygon nor runs")


def filled_polygon(corners: ArrayLike, *, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies inside an outline, (V, 2) as x and y, by the even-odd rule, (H, W)."""
    points = np.asarray(corners, dtype=np.float64).reshape(-1, 2)
    width, height = size
    toggles = np.zeros((height, width + 1), dtype=bool)
    centres = np.arange(height) + 0.5
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        rows = np.flatnonzero((y0 <= centres) != (y1 <= centres))
        if len(rows):
            cross = x0 + (centres[rows] - y0) * (x1 - x0) / (y1 - y0)
            toggles[rows, np.clip(np.ceil(cross - 0.5), 0, width).astype(np.intp)] ^= True
    inside: NDArray[np.bool_] = np.logical_xor.accumulate(toggles, axis=1)[:, :width]
    return inside


def filled_runs(runs: ArrayLike, *, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels of runs, (R, 2) as start and length, counted row by row from 0, (H, W)."""
    mask = np.zeros(size[0] * size[1], dtype=bool)
    for start, length in np.asarray(runs, dtype=np.float64).reshape(-1, 2):
        mask[max(int(start), 0) : max(int(start) + int(length), 0)] = True
    return mask.reshape(size[1], size[0])


def runs_of(mask: ArrayLike) -> list[list[int]]:
    """Return a mask, (H, W), as runs of start and length, counted row by row from 0."""
    flat = np.concatenate([[False], np.asarray(mask, dtype=bool).ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return [[int(start), int(stop - start)] for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _mask(key: str, value: Any, size: tuple[int, int]) -> Parsed | None:
    parts = value if key == "polygons" else [value]
    if not isinstance(parts, list) or len(parts) > _MOST:
        return None
    mask = np.zeros((size[1], size[0]), dtype=bool)
    for part in parts:
        pairs = _pairs(part)
        if pairs is None:
            return None
        mask |= filled_runs(pairs, size=size) if key == "runs" else filled_polygon(pairs, size=size)
    return Parsed(status="answered", value=mask, rule=key)


def _pairs(value: Any) -> NDArray[np.float64] | None:
    if not isinstance(value, list) or len(value) > _MOST:
        return None
    plain = all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e9 for one in pair)
        for pair in value
    )
    return np.array(value, dtype=np.float64).reshape(-1, 2) if plain else None
