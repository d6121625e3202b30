"""Indices of a frontal film with their landmarks, from the geometry of the shapes.

Widths and distances are mm on the detector; angles are those of the projected lines. An index is left out where what
it needs is hidden or does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality
from vesalius.virtual.body import SIDES
from vesalius.virtual.radiograph.airways import carina_angle, trachea_point
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest, cavity_shadow, heart_shadow, thorax_shadow
from vesalius.virtual.radiograph.lungs import HILUM
from vesalius.virtual.radiograph.mediastinum import descending_course, great_vessels, upright_tables
from vesalius.virtual.radiograph.outlines import (
    costophrenic_corner,
    mediastinal_row,
    row_of,
    shape_row,
    upright_row,
    widest_row,
)
from vesalius.virtual.radiograph.skeleton import VERTEBRAE, clavicle_curve, rib_curve

__all__ = ["Index", "frontal_indices", "spinous_process"]

_CLAVICLES_Z = 243.0
_T8_Z = 124.0
_APEX_Z = 277.0
_CORNER_MM = 20.0


class Index(NamedTuple):
    """A number with the places by which a reader finds it."""

    name: str
    value: float
    unit: str
    anatomy: str
    laterality: Laterality
    points: NDArray[np.float64]
    """(n, 2), detector (u, v) in mm."""


def frontal_indices(camera: Camera, chest: Chest) -> Iterator[Index]:
    """Return the indices of a PA or AP film."""
    yield from _heart(camera, chest)
    yield from _mediastinum(camera, chest)
    yield from _aorta(camera, chest)
    yield from _airway(camera, chest)
    yield from _posture(camera, chest)
    yield from _domes(camera, chest)
    yield _hila(camera, chest)
    yield _spine(camera, chest)


def _width(name: str, span: tuple[float, float], v_mm: float, anatomy: str) -> Index:
    """Distance of two places of one row."""
    return Index(name, span[1] - span[0], "mm", anatomy, "", np.array([(span[0], v_mm), (span[1], v_mm)]))


def _heart(camera: Camera, chest: Chest) -> Iterator[Index]:
    heart, inner = heart_shadow(chest, camera), thorax_shadow(chest, camera)
    level = row_of(camera, np.array([chest.domes[0].centre[0], chest.domes[0].centre[1], chest.dome_top("right")]))
    ends = [max(chest.heart, key=lambda part: sign * part.shadow(camera)[sign > 0]) for sign in (-1, 1)]
    places = [(heart[i], widest_row(camera, part, heart[i])) for i, part in enumerate(ends)]
    points = np.array([*places, (inner[0], level), (inner[1], level)])
    ratio = (heart[1] - heart[0]) / (inner[1] - inner[0])
    yield Index("cardiothoracic_ratio", float(ratio), "1", "heart", "", points)
    yield Index("cardiac_width", heart[1] - heart[0], "mm", "heart", "", points[:2])
    yield Index("thoracic_width", inner[1] - inner[0], "mm", "thorax", "", points[2:])


def _mediastinum(camera: Camera, chest: Chest) -> Iterator[Index]:
    arch = great_vessels(chest)[1]
    v = row_of(camera, arch.centre)
    span, inner = mediastinal_row(camera, chest, v), cavity_shadow(chest, camera, v)
    yield _width("mediastinal_width", span, v, "mediastinum")
    points = np.array([(u, v) for u in (*span, *inner)])
    yield Index("mediastinal_ratio", (span[1] - span[0]) / (inner[1] - inner[0]), "1", "mediastinum", "", points)


def _aorta(camera: Camera, chest: Chest) -> Iterator[Index]:
    _, arch, ascending = great_vessels(chest)
    v = row_of(camera, arch.centre)
    knob = shape_row(camera, arch, v)
    trachea = trachea_point(chest, float(arch.centre[2]))
    wall = float(camera.project(trachea + np.array([9.2 * chest.scale[0], 0, 0]))[0])
    if knob:
        yield _width("aortic_knob_width", (wall, knob[1]), v, "aortic knob")
    v = row_of(camera, ascending.centre)
    span, cava = shape_row(camera, ascending, v), upright_row(camera, upright_tables(chest)[2], v)
    if span and cava:
        yield _width("ascending_aorta_width", span, v, "ascending aorta")
        points = np.array([(cava[0], v), (span[0], v)])
        yield Index("ascending_aorta_overhang", cava[0] - span[0], "mm", "ascending aorta", "right", points)
    axis, radius = descending_course(chest)
    table = np.stack([axis[:, 2], axis[:, 0], axis[:, 1], radius, radius], axis=1)
    v = row_of(camera, chest.place(0.0, 30.0, _T8_Z))
    across = upright_row(camera, table, v)
    if across:
        yield _width("descending_aorta_width", across, v, "descending aorta")
    course = camera.project(axis[axis[:, 2] > 20 * chest.scale[2]])
    arc = float(np.linalg.norm(np.diff(course, axis=0), axis=1).sum())
    ratio = arc / float(np.linalg.norm(course[-1] - course[0]))
    yield Index("descending_aorta_tortuosity", ratio, "1", "descending aorta", "", course[::4])


def _airway(camera: Camera, chest: Chest) -> Iterator[Index]:
    fork, right, left = camera.project(carina_angle(chest)[1])
    one, other = right - fork, left - fork
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    points = np.stack([right, fork, left])
    yield Index("carina_angle", float(np.degrees(np.arccos(cosine))), "deg", "carina", "", points)
    level = _CLAVICLES_Z * float(chest.scale[2])
    ends = camera.project(np.stack([trachea_point(chest, level), spinous_process(chest, level)]))
    ends[1, 1] = ends[0, 1]
    yield Index("tracheal_deviation", float(ends[0, 0] - ends[1, 0]), "mm", "trachea", "", ends)


def spinous_process(chest: Chest, z_mm: float) -> NDArray[np.float64]:
    """Return the place behind the spine at a height, (3,), mm."""
    return np.array([float(chest.spine_x(z_mm)), float(chest.spine_y(z_mm)) + 50.0, z_mm])


def _posture(camera: Camera, chest: Chest) -> Iterator[Index]:
    middle = camera.project(spinous_process(chest, 240.0 * float(chest.scale[2])))
    ends = [camera.project(clavicle_curve(chest, side)[0]) for side in SIDES]
    right, left = float(middle[0] - ends[0][0]), float(ends[1][0] - middle[0])
    points = np.array([ends[0], (middle[0], ends[0][1]), ends[1]])
    yield Index("rotation_ratio", abs(right - left) / (right + left), "1", "clavicles", "", points)
    clavicle = clavicle_curve(chest, "right")
    u = float(camera.project(clavicle[len(clavicle) // 2])[0])
    dome = shape_top(camera, chest)
    for rib in range(11, 0, -1):
        place = _rib_at(camera, chest, rib, u)
        if place and place[1] > dome[1]:
            points = np.array([place, dome])
            yield Index("posterior_ribs_above_dome", float(rib), "1", "ribs", "right", points)
            break


def shape_top(camera: Camera, chest: Chest) -> tuple[float, float]:
    """Return the place of the top of the right dome on the detector, mm."""
    dome = chest.domes[0]
    u, v = camera.project(np.array([dome.centre[0], dome.centre[1], chest.dome_top("right")]))
    return float(u), float(v)


def _rib_at(camera: Camera, chest: Chest, rib: int, u_mm: float) -> tuple[float, float] | None:
    """Return where the posterior part of a right rib crosses a line along the body; None where it does not."""
    curve = camera.project(rib_curve(chest, "right", rib, 6.0))
    crossed = np.flatnonzero((curve[:-1, 0] > u_mm) & (curve[1:, 0] <= u_mm))
    return None if len(crossed) == 0 else (u_mm, float(curve[crossed[0], 1]))


def _domes(camera: Camera, chest: Chest) -> Iterator[Index]:
    for index, side in enumerate(SIDES):
        dome = chest.domes[index]
        top = camera.project(np.array([dome.centre[0], dome.centre[1], chest.dome_top(side)]))
        apex = camera.project(chest.place((1 - 2 * (side == "right")) * 38.0, 12.0, _APEX_Z))
        points = np.array([apex, (apex[0], top[1])])
        yield Index("lung_height", float(apex[1] - top[1]), "mm", "lung", side, points)
        found = costophrenic_corner(camera, chest, side, _CORNER_MM)
        if found is None:
            continue
        angle, corner = found
        yield Index("costophrenic_angle", angle, "deg", "costophrenic angle", side, corner)
        inner = shape_row(camera, dome, float(top[1]) - 0.5 * float(top[1] - corner[0, 1]))
        if inner:
            medial = np.array([inner[1 - index], top[1] - 0.5 * (top[1] - corner[0, 1])])
            yield _sagitta(top, corner[0], medial, side)


def _sagitta(
    top: NDArray[np.float64], lateral: NDArray[np.float64], medial: NDArray[np.float64], side: Laterality
) -> Index:  # fmt: skip
    """Height of a dome over the line of its ends: the costophrenic corner and its medial edge at half that height."""
    along = lateral - medial
    away = top - medial
    height = abs(along[0] * away[1] - along[1] * away[0]) / float(np.linalg.norm(along))
    return Index("dome_sagitta", float(height), "mm", "diaphragm", side, np.stack([lateral, top, medial]))


def _hila(camera: Camera, chest: Chest) -> Index:
    right, left = (camera.project(chest.place(*HILUM[side])) for side in SIDES)
    return Index("hilar_height_difference", float(left[1] - right[1]), "mm", "hila", "", np.stack([right, left]))


def _spine(camera: Camera, chest: Chest) -> Index:
    """Angle between the two end plates of T1 to T12 that are tilted most, from the projected axis of the spine."""
    z = VERTEBRAE[:12, 0] * chest.body.stature
    fine = np.linspace(z[-1], z[0], 111)
    course = camera.project(np.stack([chest.spine_x(fine), chest.spine_y(fine), fine], axis=1))
    tilt = np.degrees(np.arctan2(np.gradient(course[:, 0]), np.gradient(course[:, 1])))
    low, high = int(tilt.argmin()), int(tilt.argmax())
    points = course[sorted((low, high))]
    return Index("cobb_angle", float(tilt[high] - tilt[low]), "deg", "thoracic spine", "", points)
