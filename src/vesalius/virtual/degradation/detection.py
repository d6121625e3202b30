"""Whether a degradation hides a finding: how well a standard lesion can be told from what is about it."""

from __future__ import annotations

import numpy as np

from vesalius.errors import ConfigError
from vesalius.virtual.degradation.apply import Degraded, PlaneWork
from vesalius.virtual.degradation.model import Plane
from vesalius.virtual.picture import Picture

__all__ = ["GRADES", "detectability", "grade_of"]

GRADES = ("reject", "usable", "good")
"""Of a picture for its task, in rising order."""
_LIMITS = (1.5, 3.0)
_OFFSETS = 9


def detectability(
    reference: Picture, degraded: Degraded, *, place: tuple[float, float], diameter_px: float, contrast: float
) -> float:
    """Return d′ of a round lesion at a place of a degraded image.

    The lesion is put into the reference and degraded with it, by the same random numbers; what it changes is the
    template. d′ is the template's answer to the lesion over the standard deviation of its answers to the degraded
    picture at 80 places about it, which holds noise, artefacts and anatomy. An observer of this kind does not whiten.

    Args:
        reference: image before the degradation; no volume and no clip.
        degraded: what `degrade` made of it.
        place: x and y of the lesion's centre in pixels.
        diameter_px: of the lesion; its edge is one pixel soft.
        contrast: of the lesion, in shares of the display range.
    """
    if reference.kind != "image":
        raise ConfigError(f"picture {reference.name!r} is a {reference.kind}; detectability is of single images")
    reach = int(np.ceil(1.25 * diameter_px))
    column, row = round(place[0]), round(place[1])
    height, width = reference.shape
    if not (reach <= row < height - reach and reach <= column < width - reach):
        raise ConfigError(f"lesion at {place} with diameter {diameter_px} px: expected {reach} px to every edge")
    work = PlaneWork(reference, degraded)
    rows, columns = np.mgrid[:height, :width]
    disc = np.clip(diameter_px / 2 + 0.5 - np.hypot(columns + 0.5 - place[0], rows + 0.5 - place[1]), 0, 1)
    plain = work.run(work.plane)
    change = work.run(work.plane + np.float32(contrast) * disc[..., None].astype(np.float32)) - plain
    template = _window(change, row, column, reach)
    template = template - template.mean()
    signal = float((template * _window(change, row, column, reach)).sum())
    answers = [float((template * _window(plain, y, x, reach)).sum())
               for y, x in _about(row, column, diameter_px, (height - reach, width - reach), reach)]  # fmt: skip
    spread = float(np.std(answers))
    return signal / spread if spread > 0 else (float("inf") if signal > 0 else 0.0)


def grade_of(d_prime: float) -> str:
    """Return good from 3, usable from 1.5, else reject."""
    return GRADES[sum(d_prime >= limit for limit in _LIMITS)]


def _window(plane: Plane, row: int, column: int, reach: int) -> Plane:
    part = plane[row - reach : row + reach + 1, column - reach : column + reach + 1]
    return np.asarray(part.mean(axis=2), np.float32)


def _about(row: int, column: int, diameter: float, end: tuple[int, int], start: int) -> list[tuple[int, int]]:
    """Places on a square grid of 9 × 9 about the lesion, half a diameter apart, those at the edge moved inwards."""
    made = []
    for k in range(-(_OFFSETS // 2), _OFFSETS // 2 + 1):
        for j in range(-(_OFFSETS // 2), _OFFSETS // 2 + 1):
            if (k, j) != (0, 0):
                y, x = round(row + k * diameter / 2), round(column + j * diameter / 2)
                made.append((min(max(y, start), end[0] - 1), min(max(x, start), end[1] - 1)))
    return made
