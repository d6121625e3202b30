"""Frames, depth and poses of a passage through a hollow organ.

T frames, H rows, W columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array, Lens
from vesalius.virtual.scope.light import Surface, develop, shade
from vesalius.virtual.scope.trace import Hits, Tracer
from vesalius.virtual.scope.wall import STEP_MM, Knob, Wall

__all__ = ["DEPTH_STEP_MM", "Film", "Frame", "film_of", "shoot"]

DEPTH_STEP_MM = 0.01
"""One grey value of a depth map."""
_SKIP = 4
_LAMP = np.array((1.0, 0.98, 0.87), np.float32)
"""Light of lamp and processor against white: frames of colonoscopies are warmer than the lining under white light."""
_MIRROR = 0.4
"""Share of light that is mirrored above which the depth of a pixel is not stated."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its truth."""

    pixels: NDArray[np.uint8]
    """sRGB, (H, W, 3)."""
    depth_mm: Array
    """Along the optical axis, NaN where there is none, (H, W)."""
    label: NDArray[np.uint8]
    """Number of the lesion from 1, (H, W)."""
    mirrored: NDArray[np.bool_]
    """Reflections, (H, W)."""


@dataclass(frozen=True, eq=False)
class Film:
    """A clip with its truth."""

    lens: Lens
    poses: tuple[NDArray[np.float64], ...]
    """Camera to world, (3, 4) each."""
    frames: tuple[Frame, ...]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """All pictures, (T, H, W, 3)."""
        return np.stack([frame.pixels for frame in self.frames])

    @property
    def depth(self) -> NDArray[np.uint16]:
        """Depth maps in steps of `DEPTH_STEP_MM`, (T, H, W); 0 where there is none, a reflection or no picture."""
        maps = np.array([np.where(frame.mirrored, np.float32(np.nan), frame.depth_mm) for frame in self.frames])
        return np.nan_to_num(np.clip(maps / DEPTH_STEP_MM + 0.5, 0, 65535)).astype(np.uint16)


class _Skin:
    """Tables of the wall's look, flat with one more angle, for `Tracer.interpolate`."""

    def __init__(self, wall: Wall, wetness: float) -> None:
        along, round_ = np.gradient(wall.wet, STEP_MM)
        rise = np.stack([along, round_], axis=-1).astype(np.float32)
        rise[..., 1] *= wall.radius.shape[1] * STEP_MM / (2 * np.pi * 20)
        self.albedo = _flat(wall.albedo)
        self.rise = _flat(rise * np.float32(wetness / rise.std()))
        self.gloss = np.float32(1.0) * _flat(np.clip(0.55 + 0.5 * wall.wet, 0.05, 2)[..., None])[:, 0]


def _flat(table: Array) -> Array:
    closed = np.concatenate([table, table[:, :1]], axis=1)
    closed = np.concatenate([closed, closed[-1:]])
    return np.ascontiguousarray(closed.reshape(-1, table.shape[2]))


def film_of(
    wall: Wall, tracer: Tracer, lens: Lens, poses: list[NDArray[np.float64]], rng: np.random.Generator
) -> Film:
    """Take a picture at every pose; gain and noise are the camera's, drawn once."""
    skin = _Skin(wall, float(rng.uniform(0.10, 0.17)))
    target, sd = float(rng.uniform(0.40, 0.50)), float(rng.uniform(1.0, 2.6))
    frames = []
    for pose in poses:
        frames.append(shoot(wall, tracer, skin, lens, pose, target=target, sd=sd, rng=rng))
    return Film(lens, tuple(poses), tuple(frames))


def shoot(
    wall: Wall, tracer: Tracer, skin: _Skin, lens: Lens, pose: NDArray[np.float64], *, target: float, sd: float,
    rng: np.random.Generator,
) -> Frame:  # fmt: skip
    """Take one picture."""
    inside = lens.aperture
    rays = lens.rays[inside]
    turn = pose[:, :3].astype(np.float32)
    directions = rays @ turn.T
    hits = tracer.trace(pose[:, 3], directions, _known(tracer, lens, pose)[inside])
    points = np.nan_to_num(hits.distance, nan=1e6)[:, None] * rays
    albedo, rough, gloss = _look(wall, tracer, skin, hits, points, pose)
    surface = Surface(points, hits.normal @ turn, albedo, rough @ turn, gloss)
    diffuse, mirrored = shade(surface)
    light = (diffuse + mirrored[:, None]) * _LAMP
    size = lens.size
    picture = np.zeros((size, size, 3), np.float32)
    picture[inside] = light
    bright = np.zeros((size, size), bool)
    bright[inside] = mirrored > _MIRROR * light.mean(axis=1)
    depth = np.full((size, size), np.nan, np.float32)
    depth[inside] = points[:, 2]
    depth[inside] = np.where(np.isfinite(hits.distance), depth[inside], np.nan)
    label = np.zeros((size, size), np.uint8)
    label[inside] = hits.label
    pixels, _ = develop(picture, target=target, sd=sd, rng=rng, inside=inside)
    pixels[~inside] = np.minimum(pixels[~inside], 6)
    return Frame(pixels, depth, label, bright)


def _known(tracer: Tracer, lens: Lens, pose: NDArray[np.float64]) -> Array:
    """Return how far every pixel's ray surely meets no wall, (H, W): less than what the rays round it meet.

    The rays of every fourth pixel are followed; nine tenths of the nearest of a ray's neighbours, less 2 mm.
    """
    rays = lens.rays[1::_SKIP, 1::_SKIP]
    turn = pose[:, :3].astype(np.float32)
    near = tracer.glance(pose[:, 3], rays.reshape(-1, 3) @ turn.T).reshape(rays.shape[:2])
    wide = np.pad(near, 1, mode="edge")
    rows, columns = rays.shape[:2]
    least = np.min([wide[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
    known: Array = np.maximum(0.9 * least - 2.0, 0).astype(np.float32)
    return known.repeat(_SKIP, axis=0).repeat(_SKIP, axis=1)[: lens.size, : lens.size]


def _look(
    wall: Wall, tracer: Tracer, skin: _Skin, hits: Hits, points: Array, pose: NDArray[np.float64]
) -> tuple[Array, Array, Array]:
    """Return albedo (R, 3), normals of the moist film (R, 3) in the world, and gloss (R,)."""
    albedo = tracer.interpolate(skin.albedo, hits.station, hits.angle)
    gloss = tracer.interpolate(skin.gloss, hits.station, hits.angle)
    rise = tracer.interpolate(skin.rise, hits.station, hits.angle)
    turn = hits.angle * np.float32(2 * np.pi / wall.radius.shape[1])
    rough = hits.normal.copy()
    rough[:, 0] -= np.sin(turn) * rise[:, 1]
    rough[:, 1] += np.cos(turn) * rise[:, 1]
    rough[:, 2] += rise[:, 0]
    for number, knob in enumerate(wall.knobs):
        at = np.flatnonzero(hits.knob == number)
        if len(at):
            world = points[at] @ pose[:, :3].T.astype(np.float32) + pose[:, 3].astype(np.float32)
            albedo[at], wave = _knob_look(knob, world)
            rough[at] = hits.normal[at] + wave
    return albedo, rough / np.sqrt(np.einsum("ri,ri->r", rough, rough))[:, None], gloss


def _knob_look(knob: Knob, world: Array) -> tuple[Array, Array]:
    """Return colours (P, 3) and the waves of the moist film (P, 3) of points on a solid."""
    local = knob.local(world)
    u, v, w = (2 * np.pi / knob.pit_mm * local).T
    pits = np.sin(u + 1.4 * np.sin(0.43 * v)) * np.sin(v + 1.4 * np.sin(0.37 * w)) + 0.6 * np.sin(w + 0.5 * u)
    blotch = np.sin(0.21 * u + 1.0) * np.sin(0.17 * v) + 0.6 * np.sin(0.31 * w + 0.13 * u)
    ground, pit, top = knob.colours
    share = np.clip(0.45 * pits + 0.1, 0, 1)[:, None] * np.float32(0.7)
    colour = ground * (1 - share) + pit * share
    share = np.clip(0.5 * blotch, 0, 0.7)[:, None]
    wave = 0.16 * np.sin(1.9 * local[:, [1, 2, 0]] + 2.0 * np.sin(1.1 * local[:, [2, 0, 1]]))
    return (colour * (1 - share) + top * share).astype(np.float32), wave.astype(np.float32)
