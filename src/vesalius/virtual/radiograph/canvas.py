"""The canvas: what every ray meets in one chest, as depth intervals, masses per area and regions of findings.

H rows, W columns. Lengths in mm, masses in g/cm².
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph import mediastinum
from vesalius.virtual.radiograph.camera import Array, Camera, Window
from vesalius.virtual.radiograph.chest import Chest, Outline, side_sign
from vesalius.virtual.radiograph.shapes import EMPTY, Interval, free_length

__all__ = ["Canvas", "PaintedRegion", "meet_outline"]


@dataclass(frozen=True)
class PaintedRegion:
    """Where a finding shows on the picture."""

    concept: str
    anatomy: str
    mask: NDArray[np.bool_]
    """(H, W)."""
    instance: int
    """Index of the disease in the patient's list."""


class Canvas:
    """Rays through one chest. Findings add to it before noise and blur are made.

    Attributes:
        lungs: aerated lung by side; the whole cavity until fluid or air takes a part.
        soft: mass of soft tissue beyond the plain anatomy, g/cm², (H, W); negative where gas takes its place.
        bone: length of compact bone in place of soft tissue, mm, (H, W).
        opaque: radiopaque material of devices, as g/cm² of compact bone that takes no room, (H, W).
        clear: share of the lung along a ray that is still aerated, (H, W).
        tint: density of aerated lung against its mean, (H, W).
        regions: where findings show.
    """

    def __init__(self, camera: Camera, chest: Chest) -> None:
        shape = (camera.size, camera.size)
        self.camera, self.chest = camera, chest
        self.soft, self.bone = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.opaque = np.zeros(shape, np.float32)
        self.clear, self.tint = np.ones(shape, np.float32), np.ones(shape, np.float32)
        self.lungs: dict[Side, Interval] = dict(self.cavities)
        self.fluid: dict[Side, float] = {}
        self.regions: list[PaintedRegion] = []

    @cached_property
    def cavities(self) -> dict[Side, Interval]:
        """Pleural cavity of each side before mediastinum and diaphragm are taken out."""
        return {side: meet_outline(self.camera, self.chest.cavity, side) for side in SIDES}

    @cached_property
    def heart(self) -> Interval:
        """The heart alone."""
        return mediastinum.heart(self.camera, self.chest)

    @cached_property
    def bodies(self) -> tuple[Interval, ...]:
        """What takes room from the lungs: mediastinum with the heart, spine, aorta, what is under the domes."""
        return (
            mediastinum.anterior_mediastinum(self.camera, self.chest, self.heart),
            mediastinum.prevertebral(self.camera, self.chest),
            mediastinum.descending_aorta(self.camera, self.chest),
            mediastinum.subphrenic(self.camera, self.chest),
            *self.hernia,
        )

    @cached_property
    def hernia(self) -> tuple[Interval, ...]:
        """The herniated stomach, where there is one."""
        return (mediastinum.meet(self.camera, self.chest.hernia),) if self.chest.hernia else ()

    def free(self, inside: Interval, window: Window | None = None) -> Array:
        """Depth of a body outside mediastinum and diaphragm, mm; of a body of a window only, where one is given."""
        bodies = self.bodies if window is None else [body.at(window) for body in self.bodies]
        return free_length(inside, bodies)

    @cached_property
    def spaces(self) -> dict[Side, Array]:
        """Free depth of each pleural cavity, mm."""
        return {side: self.free(cavity) for side, cavity in self.cavities.items()}

    @cached_property
    def aerated(self) -> dict[Side, Array]:
        """Free depth of each lung after fluid and air took their part, mm. Ask when all have been taken."""
        return {
            side: self.spaces[side] if lung is self.cavities[side] else self.free(lung)
            for side, lung in self.lungs.items()
        }

    def fill(self, share: Array) -> None:
        """Replace a share (0..1) of the lung along each ray by soft tissue, (H, W)."""
        self.clear *= 1 - np.clip(share, 0, 1)

    def mark(self, concept: str, anatomy: str, mask: NDArray[np.bool_], instance: int) -> None:
        """Remember where a finding shows."""
        self.regions.append(PaintedRegion(concept, anatomy, mask, instance))


def meet_outline(camera: Camera, outline: Outline, side: Side | None = None) -> Interval:
    """Meet an outline with all rays; `side` takes the half of the body on that side only.

    The surfaces are found by a fixed point: the ray's place at the depth found before, starting from the axis.
    """
    if camera.lateral:
        return _meet_across(camera, outline, side)
    axis = outline.at(camera.height(0.0))[3]
    surfaces = []
    for direction in (-1, 1):
        depth: NDArray[np.floating] = axis
        for _ in range(2):
            scale = (camera.source_y_mm - depth) / camera.distance_mm
            centre, width, half, middle = outline.at(camera.centre_z_mm + camera.v * scale)
            depth = np.asarray(middle + direction * 0.8 * half, np.float64)
        surfaces.append(_surface(camera, (centre, width, half, middle), direction, side))
    front, back = surfaces
    outside = front > back
    front[outside], back[outside] = EMPTY, -EMPTY
    return Interval(front, back)


def _meet_across(camera: Camera, outline: Outline, side: Side | None) -> Interval:
    """Meet an outline from its side: depth is -x."""
    wall = {which: _wall(camera, outline, side_sign(which)) for which in (SIDES if side is None else (side,))}
    if side is None:
        front, back = -wall["left"][1], wall["right"][1]
    else:
        inner, outer = wall[side]
        front, back = (-outer, -inner) if side == "left" else (inner, outer)
    missed = wall[side or "left"][1] <= 0
    front[missed], back[missed] = EMPTY, -EMPTY
    return Interval(front, back)


def _wall(camera: Camera, outline: Outline, sign: int) -> tuple[Array, Array]:
    """Distance of the inner and the outer wall of one half from the mid-line, (H, W); 0 where the ray misses."""
    depth: NDArray[np.floating] = np.full(camera.size, -0.75 * sign * float(np.sqrt(outline.width2.max())))
    for _ in range(2):
        scale = (camera.source_y_mm - depth) / camera.distance_mm
        centre, width, half, middle = outline.at(camera.centre_z_mm + camera.v * scale)
        depth = -sign * (centre + 0.8 * width)
    across = np.broadcast_to(depth[:, None], (camera.size, camera.size))
    columns = [part.astype(np.float32)[:, None] for part in (centre, width, 1 / np.maximum(half, 1e-3), middle)]
    for _ in range(2):
        y = camera.u[None, :] * ((np.float32(camera.source_y_mm) - across) * np.float32(1 / camera.distance_mm))
        off = (y - np.float32(camera.rotation) * across - columns[3]) * columns[2]
        reach = columns[1] * np.cbrt(np.maximum(1 - off * off, 0))
        across = -sign * (columns[0] + reach)
    outer = np.where(np.abs(off) < 1, columns[0] + reach, 0).astype(np.float32)
    inner = np.where(np.abs(off) < 1, np.maximum(columns[0] - reach, 0), 0).astype(np.float32)
    return inner, outer


def _surface(camera: Camera, rows: tuple[NDArray[np.float64], ...], direction: int, side: Side | None) -> Array:
    """Depth of the front (-1) or back (+1) surface; beyond the outline the result lies on the wrong side."""
    centre, width, half, middle = (part.astype(np.float32)[:, None] for part in rows)
    sign = side_sign(side) if side else 0
    inverse = 1 / np.maximum(width, np.float32(1e-3))
    # Columns that lie on the other side even at the front or the back of the body, 150 mm from its middle.
    span = camera.u * sign > -150 * abs(camera.rotation) if sign else np.ones(camera.size, bool)
    u = camera.u[None, span]
    depth: NDArray[np.floating] = np.broadcast_to(middle, (camera.size, u.shape[1]))
    for _ in range(2):
        x = u * ((np.float32(camera.source_y_mm) - depth) * np.float32(1 / camera.distance_mm))
        x = x - np.float32(camera.rotation) * depth
        share = np.abs(x * sign - centre if sign else x) * inverse
        inside = 1 - share * share * share
        depth = middle + np.float32(direction) * half * np.sqrt(np.maximum(inside, 0))
    wrong = inside <= 0
    if sign:
        wrong |= x * sign < 0
    depth[wrong] = middle.max() - np.float32(direction) * EMPTY
    surface = np.full((camera.size, camera.size), -np.float32(direction) * EMPTY, np.float32)
    surface[:, span] = depth
    return surface
