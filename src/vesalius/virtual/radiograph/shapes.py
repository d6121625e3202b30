"""Implicit shapes met by rays: depth intervals of convex bodies, and the projected thickness of tubes.

A convex body meets a ray in one interval of depth `y`. An `Interval` holds where it begins (front, near the
detector) and ends (back) for every pixel; empty where front > back. Thickness, union and difference are then exact
sums of minima and maxima, without voxels. Fine structures (vessels, ribs) are swept discs: the thickness of a tube
is the integral of a disc along its axis, which holds for every direction of the tube.

H rows, W columns, N samples along tubes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.radiograph.camera import Array, Camera, Window

__all__ = [
    "EMPTY",
    "Ellipsoid",
    "Interval",
    "column",
    "ellipsoid",
    "free_length",
    "hull",
    "length",
    "nothing",
    "sweep",
]

EMPTY = np.float32(1e4)
"""Front of an empty interval, in mm; its back is the negative."""


_WIDE = 4
"""Reach in pixels from which a disc's place and size need not be so fine."""
_CHUNK = 100_000
"""Values stamped at once; more would leave the processor's cache."""


class Interval(NamedTuple):
    """Depths between which rays are inside a body, mm, each (H, W)."""

    front: Array
    back: Array

    def at(self, window: Window) -> Interval:
        """Return the part of a window, sharing memory."""
        return Interval(self.front[window], self.back[window])


@dataclass(frozen=True)
class Ellipsoid:
    """Centre (3,), semi-axes (3,) in mm and the rotation (3, 3) whose rows are the axes' directions."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    rotation: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        centre: Sequence[float] | NDArray[np.float64],
        axes: Sequence[float],
        direction: Sequence[float] = (1.0, 0.0, 0.0),
    ) -> Ellipsoid:
        """Build an ellipsoid whose first axis points along `direction`, the third as near to +z as it can."""
        first = np.asarray(direction, float) / np.linalg.norm(direction)
        third = np.array([0.0, 0.0, 1.0]) - first[2] * first
        third /= np.linalg.norm(third)
        return cls(
            np.asarray(centre, float),
            np.asarray(axes, float),
            np.stack([first, np.cross(third, first), third]),
        )

    def scaled(self, factor: float, about: NDArray[np.float64]) -> Ellipsoid:
        """Grow about a fixed point."""
        return Ellipsoid(about + factor * (self.centre - about), self.axes * factor, self.rotation)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Matrix whose quadratic form gives the squared reach along a direction, (3, 3)."""
        return (self.rotation.T * self.axes**2) @ self.rotation

    def turned(self, camera: Camera) -> Ellipsoid:
        """Return it in the camera's frame."""
        if not camera.lateral:
            return self
        centre, rotation = (np.asarray(camera.turned(part), float) for part in (self.centre, self.rotation))
        return Ellipsoid(centre, self.axes, rotation)

    def shadow(self, camera: Camera) -> tuple[float, float]:
        """Smallest and largest detector `u` of the projected outline, exactly.

        A plane through the source and parallel to z touches the ellipsoid where
        (n·(c - s))² = n·Σn with n = (1, t, 0); the two roots t give u = t · distance.
        """
        own = self.turned(camera)
        sheared = np.array([[1.0, camera.rotation, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        spread = sheared @ own.covariance @ sheared.T
        across = float(own.centre[0] + camera.rotation * own.centre[1])
        depth = float(camera.source_y_mm - own.centre[1])
        a = depth**2 - spread[1, 1]
        b = -(across * depth + spread[0, 1])
        c = across**2 - spread[0, 0]
        root = float(np.sqrt(max(0.0, b * b - a * c)))
        low, high = sorted(((-b - root) / a * camera.distance_mm, (-b + root) / a * camera.distance_mm))
        return low, high


def nothing(camera: Camera) -> Interval:
    """Return the interval of a body that no ray meets."""
    shape = (camera.size, camera.size)
    return Interval(np.full(shape, EMPTY, np.float32), np.full(shape, -EMPTY, np.float32))


def length(interval: Interval) -> Array:
    """Depth inside, mm, (H, W)."""
    depth: Array = np.maximum(interval.back - interval.front, 0)
    return depth


def hull(target: Interval, window: Window, front: Array, back: Array) -> None:
    """Grow `target` in place to hold another body and all between."""
    np.minimum(target.front[window], front, out=target.front[window])
    np.maximum(target.back[window], back, out=target.back[window])


def ellipsoid(camera: Camera, shape: Ellipsoid) -> tuple[Window, Interval] | None:
    """Meet an ellipsoid with the rays of its window; None where it is out of the picture."""
    window = camera.window(shape.centre, np.sqrt(np.diag(shape.covariance)))
    if window is None:
        return None
    shape = shape.turned(camera)
    matrix = shape.rotation / shape.axes[:, None]
    depth = float(shape.centre[1])
    u, v = camera.u[None, window[1]], camera.v[window[0], None]
    # In the ellipsoid's own frame a ray is start + step · (y - depth), both linear in (1, u, v).
    step = [matrix[:, 1] - camera.rotation * matrix[:, 0], -matrix[:, 0] / camera.distance_mm,
            -matrix[:, 2] / camera.distance_mm]  # fmt: skip
    offset = np.array([-camera.rotation * depth - shape.centre[0], 0.0, camera.centre_z_mm - shape.centre[2]])
    scale = camera.scale(depth)
    start = [matrix @ offset, matrix[:, 0] * scale, matrix[:, 2] * scale]
    a, b, c = _quadratic(step, step, u, v), _quadratic(start, step, u, v), _quadratic(start, start, u, v)
    inside = b * b - a * (c - 1)
    root = np.sqrt(np.maximum(inside, 0))
    miss = inside <= 0
    front, back = depth - (b + root) / a, depth - (b - root) / a
    front[miss], back[miss] = EMPTY, -EMPTY
    return window, Interval(front, back)


def _quadratic(
    left: Sequence[NDArray[np.float64]], right: Sequence[NDArray[np.float64]], u: Array, v: Array
) -> Array:
    """Scalar product of two vectors that are linear in (1, u, v), over the window."""
    rows, columns = [part.tolist() for part in left], [part.tolist() for part in right]
    k = [[np.float32(p[0] * q[0] + p[1] * q[1] + p[2] * q[2]) for q in columns] for p in rows]
    along_u = k[0][0] + (k[0][1] + k[1][0]) * u + k[1][1] * u * u
    along_v = (k[0][2] + k[2][0]) * v + k[2][2] * v * v
    product: Array = along_u + along_v + ((k[1][2] + k[2][1]) * v) * u
    return product


def column(
    camera: Camera, x: Array, y: Array, half: tuple[Array, Array], rows: slice, *, soft: bool = False
) -> tuple[Window, Interval] | None:
    """Meet an upright body that has an ellipse in every row: centres `x`, `y` and half widths (x, y), each (H,).

    All in the camera's frame. Only the rows of `rows` are used. The ray's height is taken at the body's own depth. A
    `soft` body tapers to thin wedges at its right and left side instead of rounding off.
    """
    scale = (np.float32(camera.source_y_mm) - y[rows]) / np.float32(camera.distance_mm)
    centre = (x[rows] + np.float32(camera.rotation) * y[rows]) / scale
    width = half[0][rows] / scale
    if centre.size == 0:
        return None
    columns = camera.column(np.array([(centre - width).min(), (centre + width).max()]))
    span = slice(max(0, int(columns[0])), min(camera.size, int(columns[1]) + 2))
    if span.start >= span.stop:
        return None
    off = (camera.u[None, span] - centre[:, None]) / width[:, None]
    inside = np.maximum(1 - off * off, 0)
    if soft:
        profile = np.sqrt(np.maximum(1 - np.sqrt(np.abs(off)), 0)) if camera.lateral else inside * inside
    else:
        profile = np.sqrt(inside)
    reach = half[1][rows, None] * profile
    front, back = y[rows, None] - reach, y[rows, None] + reach
    miss = inside <= 0
    front[miss], back[miss] = EMPTY, -EMPTY
    return (rows, span), Interval(front, back)


def free_length(inside: Interval, bodies: Sequence[Interval]) -> Array:
    """Depth of `inside` that none of `bodies` covers, mm, by inclusion and exclusion, (H, W)."""
    met = inside.front <= inside.back
    rows, columns = np.flatnonzero(met.any(axis=1)), np.flatnonzero(met.any(axis=0))
    total = np.zeros(met.shape, np.float32)
    if len(rows) == 0:
        return total
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    part = total[window]
    _shared(part, inside.at(window), [body.at(window) for body in bodies], 1)
    np.maximum(part, 0, out=part)
    return total


def _shared(total: Array, inside: Interval, bodies: Sequence[Interval], sign: int) -> None:
    """Add the depth of `inside` with `sign`, and with the other sign what it shares with each group of bodies."""
    depth = np.maximum(inside.back - inside.front, 0)
    if not depth.any():
        return
    np.add(total, depth, out=total) if sign > 0 else np.subtract(total, depth, out=total)
    for i, body in enumerate(bodies):
        common = Interval(np.maximum(inside.front, body.front), np.minimum(inside.back, body.back))
        _shared(total, common, bodies[i + 1 :], -sign)


def sweep(
    picture: Array, camera: Camera, points: NDArray[np.floating], radius: NDArray[np.floating],
    weight: NDArray[np.floating], aspect: float = 1.0, core: tuple[NDArray[np.floating], float] | None = None,
) -> None:  # fmt: skip
    """Add swept discs to `picture` in place: at every sample a disc of `weight` (mm of axis × density).

    Args:
        picture: (H, W).
        camera: the rays.
        points: samples along the axes, (N, 3), mm.
        radius: radius of the disc across, (N,), mm; its mass is kept where it is smaller than a pixel.
        weight: step along the axis times density, (N,).
        aspect: width (along u) over height (along v) of the disc, at most 1.
        core: thickness of a tube's wall in mm, (N,), and the density that its core lacks, as a share of the wall's.
    """
    projected = camera.project(points)
    magnify = camera.distance_mm / (camera.source_y_mm - camera.turned(points)[:, 1]) / camera.spacing_mm
    columns, rows = camera.column(projected[:, 0]), camera.row(projected[:, 1])
    reach = np.ceil(radius * magnify + 0.5).astype(np.int64)
    near = (columns > -reach) & (columns < camera.size + reach) & (rows > -reach) & (rows < camera.size + reach)
    wall, lack = core or (np.zeros(1), 0.0)
    inner = np.maximum(radius - wall, 0.25 * radius) if core else radius
    if not near.any():
        return
    samples = np.stack([rows, columns, radius * magnify, weight, inner * magnify]).astype(np.float32)
    frame = _frame(rows[near], columns[near], int(reach[near].max()))
    padded = np.zeros(frame.height * frame.width)
    for half in np.unique(reach[near]):
        chosen = samples[:, near & (reach == half)]
        # From above downwards, so that a chunk touches few rows.
        chosen = chosen[:, chosen[0].argsort(kind="stable")]
        chunk = max(1, _CHUNK // int((2 * half + 1) ** 2))
        for first in range(0, chosen.shape[1], chunk):
            flat, cover = _stamp(chosen[:, first : first + chunk], int(half), aspect, lack, frame)
            if len(flat):  # the discs of a chunk may be smaller than what a pixel shows
                low = int(flat.min())
                added = np.bincount(flat - low, weights=cover)
                padded[low : low + len(added)] += added
    inside, own = frame.window(camera.size)
    picture[inside] += padded.reshape(frame.height, frame.width)[own].astype(np.float32)


class _Frame(NamedTuple):
    """The part of the plane that discs touch, in pixels; it may reach beyond the picture."""

    top: int
    left: int
    height: int
    width: int

    def window(self, size: int) -> tuple[Window, Window]:
        """Return the part that lies in the picture, in the picture's and in its own places."""
        rows = slice(max(0, self.top), max(0, min(size, self.top + self.height)))
        columns = slice(max(0, self.left), max(0, min(size, self.left + self.width)))
        own = (slice(rows.start - self.top, rows.stop - self.top),
               slice(columns.start - self.left, columns.stop - self.left))  # fmt: skip
        return (rows, columns), own


def _frame(rows: NDArray[np.floating], columns: NDArray[np.floating], reach: int) -> _Frame:
    top, left = int(rows.min()) - reach - 1, int(columns.min()) - reach - 1
    return _Frame(top, left, int(rows.max()) + reach + 3 - top, int(columns.max()) + reach + 3 - left)


def _stamp(
    samples: Array, half: int, aspect: float, lack: float, frame: _Frame
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Places in the frame and values of discs of one stamp size, flat.

    Discs of equal place within a pixel and equal radius share a stamp: equal to an eighth and a sixteenth of a pixel,
    or to a quarter and an eighth where they are some pixels wide.

    Args:
        samples: row, column, radius (pixels), weight and core radius, (5, N).
        half: reach of the stamp in pixels.
        aspect: width over height of the discs.
        lack: what the core lacks, as a share.
        frame: the padded picture.
    """
    rows, columns, radius, weight, inner = samples
    row, col = np.rint(rows), np.rint(columns)
    fine = 8 if half < _WIDE else 4
    kinds = np.stack([np.rint((rows - row) * fine), np.rint((columns - col) * fine), np.rint(radius * 2 * fine),
                      np.rint(inner * 2 * fine)]).astype(np.int64)  # fmt: skip
    key = ((kinds[0] + 4) * 9 + kinds[1] + 4) * 2**40 + kinds[2] * 2**20 + kinds[3]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    kinds = kinds[:, first].astype(np.float32)
    across = max(1, int(np.ceil(half * aspect)))
    step_r = np.arange(-half, half + 1, dtype=np.float32)
    step_c = np.arange(-across, across + 1, dtype=np.float32)
    far_r = (step_r - kinds[0][:, None] / fine) ** 2
    far_c = ((step_c - kinds[1][:, None] / fine) * np.float32(1 / aspect)) ** 2
    distance = np.sqrt(far_r[:, :, None] + far_c[:, None, :])
    stamps = _discs(distance, kinds[2] / (2 * fine), aspect)
    if lack:
        stamps -= np.float32(lack) * _discs(distance, kinds[3] / (2 * fine), aspect)
    flat = stamps.reshape(len(first), -1)
    used = np.flatnonzero(flat.any(axis=0))
    cover = flat[:, used].astype(np.float64)[which] * weight[:, None]
    corner = (row.astype(np.int64) - frame.top) * frame.width + col.astype(np.int64) - frame.left
    offset = (step_r[:, None] * frame.width + step_c).astype(np.int64).ravel()[used]
    return (corner[:, None] + offset).ravel(), cover.ravel()


def _discs(distance: Array, radius: Array, aspect: float) -> Array:
    """Cover of discs on their stamps, (N, K, L), each with the exact area in sum."""
    cover: Array = np.clip((radius + np.float32(0.5))[:, None, None] - distance, 0, 1)
    mass = cover.sum(axis=(1, 2))
    full = np.float32(np.pi * aspect) * radius * radius
    cover *= (full / np.maximum(mass, np.float32(1e-6)))[:, None, None]
    return cover
