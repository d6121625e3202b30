"""How an endoscope travels through a hollow organ: advance with stops, wobble, roll, tremor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import look_at
from vesalius.virtual.scope.trace import Tracer
from vesalius.virtual.scope.wall import Wall

__all__ = ["fly"]

_AHEAD_MM = 38.0


def fly(
    wall: Wall, tracer: Tracer, rng: np.random.Generator, *, anchor: tuple[float, float], frames: int,
    frames_per_second: float,
) -> list[NDArray[np.float64]]:  # fmt: skip
    """Return the poses of a passage that comes close to the anchor, or of a withdrawal from there.

    The examiner stays off the wall of the anchor, a station in mm and an angle, and turns towards it.

    Speeds are 5 to 30 mm/s with stops, the roll up to ± 20°/s, the tremor 0.3 to 1 mm at 6 to 10 Hz.
    """
    time = np.arange(frames) / frames_per_second
    anchor_mm, angle = anchor
    side = np.array([np.cos(angle), np.sin(angle)])
    z = anchor_mm - _approach(rng, time)
    z = z[::-1] if rng.random() < 0.5 else z
    sway, gaze = _slow(rng, time, 2, 0.35), _slow(rng, time, 2, 0.45)
    tilt = _slow(rng, time, 1, 0.2)[:, 0]
    start = float(rng.uniform(-np.pi, np.pi))
    roll = start + np.radians(float(rng.uniform(-20, 20))) * time + 0.15 * tilt
    shake = (
        float(rng.uniform(0.3, 1.0))
        / 2
        * np.sin(2 * np.pi * float(rng.uniform(6, 10)) * time[:, None] + rng.uniform(0, 6.3, 2))
    )
    poses = []
    for number in range(frames):
        room = max(1.0, tracer.calibre(float(z[number])) - 4.0)
        off = room * (0.35 * np.clip(sway[number], -1, 1) - 0.4 * side)
        off += np.clip(shake[number], -0.15 * room, 0.15 * room)
        place = np.array([*(wall.bend.at(np.array(z[number])) + off), z[number]])
        ahead = z[number] + _AHEAD_MM
        near = float(np.clip(1.4 - (anchor_mm - z[number]) / 50, 0.15, 1.0))
        turned = 9.0 * np.clip(gaze[number], -1.6, 1.6) + (6 + 16 * near) * side
        target = np.array([*(wall.bend.at(np.array(ahead)) + turned), ahead])
        poses.append(look_at(place, target, float(roll[number])))
    return poses


def _approach(rng: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance to the anchor over time, mm: ends 11 to 22 before it, and begins 80 before it at most."""
    nearest = float(rng.uniform(11, 22))
    speed = float(rng.uniform(5, 30))
    pace = np.clip(1 + _slow(rng, time, 1, 0.5)[:, 0], 0, 2)
    gone = np.concatenate([[0.0], np.cumsum(pace[1:] * speed * np.diff(time))])
    left: NDArray[np.float64] = np.minimum(nearest + gone[-1] - gone, 80.0)
    return left


def _slow(rng: np.random.Generator, time: NDArray[np.float64], axes: int, hertz: float) -> NDArray[np.float64]:
    """Return smooth movements of SD about 0.7, (T, axes)."""
    total = np.zeros((len(time), axes))
    for harmonic in (0.4, 1.0, 1.9):
        phase, size = rng.uniform(0, 2 * np.pi, axes), rng.uniform(0.3, 0.8, axes)
        total += size * np.sin(2 * np.pi * hertz * harmonic * time[:, None] + phase)
    return total
