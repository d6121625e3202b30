"""Outlines on the film without rays: where ellipsoids and upright bodies begin and end in one row.

Detector coordinates `u` and `v` in mm, see `camera`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import Side
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.mediastinum import descending_course, great_vessels, upright_tables
from vesalius.virtual.radiograph.shapes import Ellipsoid

__all__ = ["costophrenic_corner", "mediastinal_row", "row_of", "shape_row", "upright_row", "widest_row"]

Span = tuple[float, float]
"""Smallest and largest u."""


def row_of(camera: Camera, point: NDArray[np.float64]) -> float:
    """Detector v of a point of the trunk, mm."""
    return float(camera.project(point)[1])


def _dual(camera: Camera, shape: Ellipsoid) -> NDArray[np.float64]:
    """Dual conic of an ellipsoid's shadow, (3, 3): the projection of the quadric's dual."""
    own = shape.turned(camera)
    dual = np.empty((4, 4))
    dual[:3, :3] = np.outer(own.centre, own.centre) - own.covariance
    dual[:3, 3] = dual[3, :3] = own.centre
    dual[3, 3] = 1.0
    d = camera.distance_mm
    projection = np.array([[d, d * camera.rotation, 0, 0], [0, 0, d, -d * camera.centre_z_mm],
                           [0, -1, 0, camera.source_y_mm]])  # fmt: skip
    return np.asarray(projection @ dual @ projection.T)


def shape_rows(camera: Camera, shape: Ellipsoid, v_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return where the shadow of an ellipsoid begins and ends in rows `v_mm` (n,): (n, 2), NaN where it has none."""
    conic = np.linalg.inv(_dual(camera, shape))
    a, b = conic[0, 0], conic[0, 1] * v_mm + conic[0, 2]
    c = conic[1, 1] * v_mm**2 + 2 * conic[1, 2] * v_mm + conic[2, 2]
    inside = b * b - a * c
    root = np.where(inside > 0, np.sqrt(np.maximum(inside, 0)), np.nan)
    return np.sort(np.stack([(-b - root) / a, (-b + root) / a], axis=-1), axis=-1)


def shape_row(camera: Camera, shape: Ellipsoid, v_mm: float) -> Span | None:
    """Return where the shadow of an ellipsoid begins and ends in one row; None where it has none."""
    low, high = shape_rows(camera, shape, np.array([v_mm]))[0]
    return None if np.isnan(low) else (float(low), float(high))


def widest_row(camera: Camera, shape: Ellipsoid, u_mm: float) -> float:
    """Return the row where the shadow of an ellipsoid touches the vertical line at `u_mm`, one of its ends."""
    place = _dual(camera, shape) @ np.array([1.0, 0.0, -u_mm])
    return float(place[1] / place[2])


def upright_row(camera: Camera, table: NDArray[np.float64], v_mm: float) -> Span | None:
    """Return where an upright body (rows of z, x, y, half width, half depth) begins and ends in a row."""
    z, x, y, half, _ = table.T
    height = camera.centre_z_mm + v_mm * camera.scale(float(y.mean()))
    if not z[0] <= height <= z[-1]:
        return None
    x, y, half = (float(np.interp(height, z, part)) for part in (x, y, half))
    scale = camera.scale(y)
    middle = x + camera.rotation * y
    return (middle - half) / scale, (middle + half) / scale


def mediastinal_row(camera: Camera, chest: Chest, v_mm: float) -> Span:
    """Return the outer borders of heart, great vessels, nodes and aorta in a row of a frontal film."""
    axis, radius = descending_course(chest)
    tables = [*upright_tables(chest), np.stack([axis[:, 2], axis[:, 0], axis[:, 1], radius, radius], axis=1)]
    shapes = (*chest.heart, *great_vessels(chest), *chest.nodes)
    spans = [*(shape_row(camera, shape, v_mm) for shape in shapes),
             *(upright_row(camera, table, v_mm) for table in tables)]  # fmt: skip
    met = [span for span in spans if span is not None]
    return min(low for low, _ in met), max(high for _, high in met)


def costophrenic_corner(
    camera: Camera, chest: Chest, side: Side, reach_mm: float
) -> tuple[float, NDArray[np.float64]] | None:  # fmt: skip
    """Return the angle in degrees between wall and dome, and corner, place on the wall and on the dome, (3, 2) mm.

    Both places lie `reach_mm` above the corner; None where dome and wall do not meet on the film.
    """
    index = 0 if side == "right" else 1
    dome, sign = chest.domes[index], 2 * index - 1
    v = np.linspace(row_of(camera, dome.centre), row_of(camera, dome.centre + dome.axes * [0, 0, 1]), 600)[:-1]
    edge, wall = shape_rows(camera, dome, v)[:, index], _walls(camera, chest, v)[:, index]
    outside = sign * (edge - wall) > 0
    if not outside[0] or outside.all():
        return None
    first = int(np.argmin(outside))
    corner = np.array([wall[first], v[first]])
    places = []
    for line in (np.stack([wall, v], axis=1)[first:], np.stack([edge, v], axis=1)[first:]):
        far = np.abs(np.linalg.norm(line - corner, axis=1) - reach_mm)
        places.append(line[int(np.nanargmin(far))])
    one, other = (place - corner for place in places)
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), np.stack([corner, *places])


def _walls(camera: Camera, chest: Chest, v_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outer walls of the right and left cavity in rows, (n, 2); see `cavity_shadow`."""
    middle = np.zeros_like(v_mm)
    for _ in range(3):
        scale = (camera.source_y_mm - middle) / camera.distance_mm
        centre, width, _, middle = chest.cavity.at(camera.centre_z_mm + v_mm * scale)
    scale = (camera.source_y_mm - middle) / camera.distance_mm
    offset = camera.rotation * middle
    return np.stack([(offset - centre - width) / scale, (offset + centre + width) / scale], axis=1)
