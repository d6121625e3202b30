"""Indices of a left lateral film with their landmarks, from the geometry of the shapes; mm on the detector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.indices import Index
from vesalius.virtual.radiograph.mediastinum import great_vessels
from vesalius.virtual.radiograph.outlines import shape_row
from vesalius.virtual.radiograph.skeleton import VERTEBRAE, vertebra_size

__all__ = ["lateral_indices"]

_RETROSTERNAL_Z = 186.0
"""About 30 mm below the sternal angle, of the reference adult."""


def lateral_indices(camera: Camera, chest: Chest) -> Iterator[Index]:
    """Return the indices of a lateral film."""
    spans = [part.shadow(camera) for part in chest.heart]
    heart = min(low for low, _ in spans), max(high for _, high in spans)
    v = float(camera.project(chest.heart[0].centre)[1])
    yield Index("cardiac_depth", heart[1] - heart[0], "mm", "heart", "", np.array([(u, v) for u in heart]))
    yield from _retrosternal(camera, chest)
    yield _kyphosis(camera, chest)
    yield from _heights(camera, chest)


def _retrosternal(camera: Camera, chest: Chest) -> Iterator[Index]:
    """Space between the sternum and the ascending aorta."""
    z = _RETROSTERNAL_Z * float(chest.scale[2])
    _, _, half, middle = chest.cavity.at(z)
    u, v = camera.project(np.array([0.0, float(middle - half), z]))
    aorta = shape_row(camera, great_vessels(chest)[2], float(v))
    if aorta:
        points = np.array([(u, v), (aorta[0], v)])
        yield Index("retrosternal_space", float(aorta[0] - u), "mm", "retrosternal space", "", points)


def _kyphosis(camera: Camera, chest: Chest) -> Index:
    """Angle between the upper end plate of T4 and the lower one of T12."""
    z = VERTEBRAE[:13, 0] * chest.body.stature
    course = camera.project(np.stack([chest.spine_x(z), chest.spine_y(z), z], axis=1))
    upper, lower = course[2] - course[4], course[10] - course[12]
    tilt = [float(np.degrees(np.arctan2(part[0], part[1]))) for part in (upper, lower)]
    return Index("kyphosis_angle", abs(tilt[0] - tilt[1]), "deg", "thoracic spine", "", course[[3, 11]])


def _heights(camera: Camera, chest: Chest) -> Iterator[Index]:
    """Anterior over posterior height of each broken vertebral body, between its end plates at 0.9 of its depth."""
    for number, lost in chest.wedged:
        z = float(VERTEBRAE[number, 0]) * chest.body.stature
        centre = np.array([float(chest.spine_x(z)), float(chest.spine_y(z)), z])
        _, deep, high = vertebra_size(number)
        points: list[NDArray[np.float64]] = []
        for place in (-0.9, 0.9):
            top = high * (1 - 2 * lost * (0.5 - 0.5 * place))
            points += [centre + np.array([0, place * deep, end]) for end in (top, -high)]
        ends = camera.project(np.stack(points))
        name = f"T{number + 1}" if number < 12 else f"L{number - 11}"
        ratio = float((ends[0, 1] - ends[1, 1]) / (ends[2, 1] - ends[3, 1]))
        yield Index("vertebral_height_ratio", ratio, "1", name, "", ends)
