"""Sperm under phase contrast: tracks, heads, midpieces and beating tails on a field of 128 µm.

Positions are µm from the corner, times seconds. T frames, N sperm, S points along a tail.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import blurred
from vesalius.virtual.cells.stamp import Array, Outlines, patches
from vesalius.virtual.findings.base import Disease, choose
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = [
    "CLASSES", "FRAMES", "FRAMES_PER_SECOND", "SEMEN_UM", "Semen", "SemenDisease", "Speeds", "Swarm", "draw_semen",
    "draw_swarm", "film_swarm", "head_outlines", "track_speeds",
]  # fmt: skip

SEMEN_UM = 128.0
_DEPTH_UM = 20.0
FRAMES = 24
FRAMES_PER_SECOND = 25.0
CLASSES = ("rapid progressive", "slow progressive", "non-progressive", "immotile")
_TAIL = 20
_ML_PER_FIELD = SEMEN_UM**2 * _DEPTH_UM * 1e-12
"""Chamber of 20 µm: 1 µm³ is 1e-12 ml."""


@dataclass(frozen=True, kw_only=True)
class Semen:
    """What one sample is like; diseases change it."""

    per_ml: float
    motion: Mapping[str, float]
    """Weights of the classes of motion."""
    normal_forms: float
    """Share of sperm without a defect."""
    drift_um_per_s: tuple[float, float]
    """All sperm move with the fluid."""


@dataclass(frozen=True, kw_only=True)
class SemenDisease(Disease):
    """A finding of semen analysis."""

    region: ClassVar[str] = "sperm"
    sex: ClassVar[str] = "M"

    @abstractmethod
    def change(self, semen: Semen) -> Semen:
        """Return the sample with this finding."""


class Swarm(NamedTuple):
    """All sperm near the field."""

    track: Array
    """Head centres (T, N, 2), x and y."""
    heading: Array
    """Direction of each head, radians, (T, N)."""
    motion: NDArray[np.str_]
    """Class of motion by the drawn speed, (N,)."""
    length: Array
    width: Array
    """Of the heads, µm, (N,)."""
    defect: NDArray[np.str_]
    """Name of the defect, "" for a normal form, (N,)."""
    beat: Array
    """Amplitude µm, frequency Hz and phase of the tail, (N, 3)."""


def draw_semen(patient: Patient) -> Semen:
    """Draw the sample of a man without findings, then let his findings change it."""
    rng = stream(patient.seed, patient.id, "semen")
    motile = float(rng.uniform(0.46, 0.82))
    progressive = motile * float(rng.uniform(0.75, 0.92))
    speed, turn = rng.uniform(0, 10), rng.random() * 2 * np.pi
    semen = Semen(
        per_ml=float(np.exp(rng.uniform(np.log(20e6), np.log(150e6)))),
        motion={CLASSES[0]: 0.72 * progressive, CLASSES[1]: 0.28 * progressive, CLASSES[2]: motile - progressive,
                CLASSES[3]: 1 - motile},
        normal_forms=float(rng.uniform(0.06, 0.3)),
        drift_um_per_s=(float(speed * np.cos(turn)), float(speed * np.sin(turn))),
    )  # fmt: skip
    for disease in patient.diseases:
        if isinstance(disease, SemenDisease):
            semen = disease.change(semen)
    return semen


_DEFECTS = {
    "large head": 0.1, "small head": 0.14, "tapered head": 0.18, "round head": 0.1, "pyriform head": 0.14,
    "vacuolated head": 0.08, "bent neck": 0.12, "coiled tail": 0.14,
}  # fmt: skip
_SHAPE = {
    "large head": (1.35, 1.35), "small head": (0.62, 0.66), "tapered head": (1.12, 0.62), "round head": (0.85, 1.25),
    "pyriform head": (1.1, 0.85),
}  # fmt: skip


def draw_swarm(semen: Semen, rng: np.random.Generator) -> Swarm:
    """Draw sperm and their tracks; some swim into the field from a margin."""
    margin = 30.0
    mean = semen.per_ml * _ML_PER_FIELD * (1 + 2 * margin / SEMEN_UM) ** 2
    count = int(rng.poisson(mean))
    motion = np.array([choose(rng, semen.motion) for _ in range(count)], dtype=object)
    defect = np.array(
        ["" if rng.random() < semen.normal_forms else choose(rng, _DEFECTS) for _ in range(count)], dtype=object
    )
    shape = np.array([_SHAPE.get(str(name), (1.0, 1.0)) for name in defect]).reshape(count, 2)
    length = rng.normal(4.5, 0.25, count).clip(4.0, 5.0) * shape[:, 0]
    width = rng.normal(2.8, 0.15, count).clip(2.5, 3.2) * shape[:, 1]
    beat = np.stack([rng.uniform(3, 7, count), rng.uniform(10, 20, count), rng.random(count) * 2 * np.pi], axis=1)
    still = motion == CLASSES[3]
    beat[still, :2] = np.stack([rng.uniform(0.5, 4, int(still.sum())), np.zeros(int(still.sum()))], axis=1)
    start = rng.uniform(-margin, SEMEN_UM + margin, (count, 2))
    track, heading = _tracks(rng, motion, start, beat)
    seconds = np.arange(FRAMES)[:, None, None] / FRAMES_PER_SECOND
    track = track + seconds * np.array(semen.drift_um_per_s)
    return Swarm(np.asarray(track, np.float32), np.asarray(heading, np.float32), motion.astype(str),
                 np.asarray(length, np.float32), np.asarray(width, np.float32), defect.astype(str),
                 np.asarray(beat, np.float32))  # fmt: skip


def _tracks(
    rng: np.random.Generator, motion: NDArray[np.object_], start: NDArray[np.float64], beat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Swim without drift: straight or in a bow, the head swinging from side to side.

    Speeds along the mean path by class, µm/s: 45 ± 12 from 28, 15 ± 4 from 7 to 24, 2 ± 1 below 4, 0.
    """
    count = len(start)
    speeds = {
        CLASSES[0]: (45, 12, 28, 90),
        CLASSES[1]: (15, 4, 7, 23),
        CLASSES[2]: (2, 1, 0, 4),
        CLASSES[3]: (0, 0, 0, 0),
    }
    table = np.array([speeds[str(name)] for name in motion]).reshape(count, 4)
    speed = np.clip(table[:, 0] + table[:, 1] * rng.standard_normal(count), table[:, 2], table[:, 3])
    seconds = np.arange(FRAMES)[:, None] / FRAMES_PER_SECOND
    turn = rng.random(count) * 2 * np.pi + rng.normal(0, 0.35, count) * (speed > 5) * seconds
    step = np.stack([np.cos(turn), np.sin(turn)], axis=2) * (speed / FRAMES_PER_SECOND)[None, :, None]
    path = np.concatenate([np.zeros((1, count, 2)), np.cumsum(step, axis=0)[:-1]])
    moves = (motion != CLASSES[3]).astype(float)
    swing = 2.0 * rng.uniform(0.7, 1.3, count) * moves * np.sin(2 * np.pi * 0.5 * beat[:, 1] * seconds + beat[:, 2])
    across = np.stack([-np.sin(turn), np.cos(turn)], axis=2)
    nod = 0.22 * moves * np.cos(2 * np.pi * 0.5 * beat[:, 1] * seconds + beat[:, 2])
    return start + path + across * swing[..., None], turn + nod


class Speeds(NamedTuple):
    """Of each track, µm/s, (N,)."""

    curvilinear: NDArray[np.float64]
    straight: NDArray[np.float64]


def track_speeds(track: Array) -> Speeds:
    """Measure tracks (T, N, 2) after the common drift is taken away."""
    step = np.diff(track.astype(np.float64), axis=0) * FRAMES_PER_SECOND
    mean = step.mean(axis=0)
    drift = np.zeros(2)
    if len(mean) >= 4:
        # Immotile sperm move alike: the densest place among the mean velocities is the drift.
        gap = np.hypot(*(mean[:, None] - mean[None]).transpose(2, 0, 1))
        near = (gap < 3.0).sum(axis=1)
        if near.max() >= 3:
            drift = np.median(mean[gap[int(near.argmax())] < 3.0], axis=0)
    free = step - drift
    return Speeds(np.hypot(free[..., 0], free[..., 1]).mean(axis=0), np.hypot(*free.mean(axis=0).T))


def film_swarm(swarm: Swarm, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Film the sperm in phase contrast, (T, size, size) of 8 bits: dark heads and tails with bright haloes."""
    scale = size / SEMEN_UM
    ground = 0.62 + 0.012 * smooth_noise(rng, size, 4) + 0.01 * smooth_noise(rng, size, 30)
    frames = np.empty((FRAMES, size, size), np.uint8)
    for t in range(FRAMES):
        dark = _tails(swarm, t, scale, size)
        core = np.zeros(size * size, np.float32)
        for part in patches(head_outlines(swarm, t).scaled(scale), size):
            value = part.cover * (0.72 - 0.5 * np.exp(-((part.radius / 0.55) ** 2)))
            np.maximum.at(core, part.pixel.ravel(), value.ravel())
        body = np.maximum(dark, core.reshape(size, size))
        light = ground - 0.5 * body + 0.75 * np.clip(blurred(body, 1.1 * scale) - 0.4 * body, 0, None)
        grain = 0.013 * rng.standard_normal(light.shape, dtype=np.float32)
        frames[t] = np.clip(np.rint(255 * (blurred(light, 0.28 * scale) + grain)), 0, 255)
    return frames


def head_outlines(swarm: Swarm, frame: int) -> Outlines:
    """Return the heads of one frame, in µm."""
    count = len(swarm.length)
    waves = np.zeros((count, 3), np.float32)
    waves[swarm.defect == "pyriform head", 1] = 0.16
    waves[swarm.defect == "tapered head", 1] = 0.08
    zero = np.zeros((count, 3), np.float32)
    x, y = swarm.track[frame].T
    return Outlines(x, y, swarm.length / 2, swarm.width / 2, swarm.heading[frame], waves, zero,
                    np.zeros(count, np.float32))  # fmt: skip


def _tails(swarm: Swarm, frame: int, scale: float, size: int) -> Array:
    """Paint midpieces and tails as rows of dots, (H, W)."""
    share = np.linspace(0, 1, _TAIL * 3, dtype=np.float32)[None, :]
    amplitude, frequency, phase = (part[:, None] for part in swarm.beat.T)
    seconds = frame / FRAMES_PER_SECOND
    along = -(swarm.length[:, None] / 2 + 46 * share)
    wave = amplitude * share * np.sin(2 * np.pi * (1.3 * share - frequency * seconds) + phase)
    coiled = (swarm.defect == "coiled tail")[:, None]
    curl = 2 * np.pi * 2.2 * share
    along = np.where(coiled, -(swarm.length[:, None] / 2 + 3.2 * np.sin(curl) + 3.2), along)
    wave = np.where(coiled, 3.2 * np.cos(curl) * (1 - 0.3 * share), wave)
    bent = np.where((swarm.defect == "bent neck")[:, None], 1.1, 0.0) + swarm.heading[frame][:, None]
    x = swarm.track[frame, :, 0, None] + along * np.cos(bent) - wave * np.sin(bent)
    y = swarm.track[frame, :, 1, None] + along * np.sin(bent) + wave * np.cos(bent)
    strength = np.broadcast_to(np.where(share < 0.1, 0.42, 0.26 - 0.14 * share), x.shape)
    return _dots(np.stack([x.ravel(), y.ravel()], 1) * scale, strength.ravel(), max(0.45, 0.3 * scale), size)


def _dots(places: Array, strength: Array, sigma: float, size: int) -> Array:
    """Paint Gaussian dots at `places` (N, 2) in pixels; where they overlap the strongest shows."""
    reach = int(np.ceil(2.2 * sigma))
    step = np.arange(-reach, reach + 1)
    column = np.floor(places[:, 0]).astype(int)[:, None, None] + step[None, None, :]
    row = np.floor(places[:, 1]).astype(int)[:, None, None] + step[None, :, None]
    yard = (column + 0.5 - places[:, 0, None, None]) ** 2 + (row + 0.5 - places[:, 1, None, None]) ** 2
    value = (strength[:, None, None] * np.exp(-yard / (2 * sigma**2))).astype(np.float32)
    good = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    flat = np.zeros(size * size, np.float32)
    np.maximum.at(flat, (row * size + column)[good], value[good])
    return flat.reshape(size, size)
