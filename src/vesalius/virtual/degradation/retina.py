"""Degradations of fundus photographs and of optical coherence tomography."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.degradation.filters import gaussian, turned, warped
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]
_VEIL = np.array((0.66, 0.6, 0.42), np.float32)


@degradation("fundus", kind="photometric", domain="optics", words=("hazy", "milky"), clear=(1, 0.8, 0.55, 0.3),
             sigma=(0, 2, 5, 10))  # fmt: skip
def cataract_veil(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A cloudy lens: blur, in pixels of 1024 rows, under a yellow veil; the black surround stays."""
    del scene, rng
    eye = gaussian((plane.mean(axis=2, keepdims=True) > 0.04).astype(np.float32), 1.0)
    veil = _VEIL if plane.shape[2] == 3 else np.float32(_VEIL.mean())
    clear = np.float32(np.clip(p["clear"], 0.02, 1))
    seen = gaussian(plane, p["sigma"] * len(plane) / 1024) * clear + (1 - clear) * veil
    return np.asarray(plane + eye * (seen - plane), np.float32)


@degradation("fundus", kind="photometric", domain="optics", words=("dark rim", "halo"), radius=(1.35, 0.9, 0.7, 0.45))
def small_pupil(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The iris shades the edge of the field; the radius is a share of the field's."""
    del scene
    height, width = plane.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    yard = np.hypot(y - rng.uniform(-0.06, 0.06), x - rng.uniform(-0.06, 0.06))
    light = 1 / (1 + np.exp((yard - p["radius"]) / 0.07))
    return np.asarray(plane * light[..., None], np.float32)


@degradation("fundus", kind="photometric", domain="optics", words=("one side dark",), loss=(0, 0.2, 0.45, 0.75))
def light_gradient(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Light falls across the field."""
    del scene
    height, width = plane.shape[:2]
    turn = rng.random() * 2 * np.pi
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    ramp = np.clip(0.5 + 0.5 * (x * np.cos(turn) + y * np.sin(turn)), 0, 1)
    return np.asarray(plane * (1 - min(p["loss"], 0.98) * ramp)[..., None], np.float32)


@degradation(
    "fundus", kind="local", domain="optics", words=("bright crescent", "lines", "spots"), share=(0, 0.02, 0.06, 0.15)
)
def arc_and_lashes(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Light mirrored at the lid as a crescent, with lashes before it."""
    del scene
    height, width = plane.shape[:2]
    turn = rng.random() * 2 * np.pi
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    width_ = 3.2 * p["share"]
    eye = plane.mean(axis=2) > 0.04
    crescent = np.clip((np.hypot(along + 0.25, across) - (1.2 - width_)) / 0.05, 0, 1) * (p["share"] > 0) * eye
    lashes = np.exp(-((np.sin(14 * across + 2 * along) / 0.16) ** 2)) * np.clip((along - 0.9 + width_) / 0.05, 0, 1)
    made = plane + 0.8 * crescent[..., None] * (np.maximum(plane, 0.9) - plane)
    return np.asarray(made * (1 - 0.8 * (lashes * (p["share"] > 0))[..., None]), np.float32)


@degradation("fundus", kind="geometric", domain="object", words=("off centre",), shift=(0, 0.1, 0.25, 0.45))
def decentred(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The eye looks elsewhere: the retina moves inside the field, what was not seen stays dark."""
    del scene
    turn = rng.random() * 2 * np.pi
    eye = plane.mean(axis=2, keepdims=True) > 0.02
    way = p["shift"] * len(plane)
    moved = turned(plane, 0.0, shift=(float(way * np.sin(turn)), float(way * np.cos(turn))))
    return np.asarray(moved * eye if p["shift"] > 0 else plane, np.float32)


@degradation(
    "oct", kind="noise", domain="detector", words=("grainy layers", "speckle"), fresh=True, frames=(400, 8, 3, 1)
)
def speckle(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer averaged frames: noise of ten parts in a hundred over the root of their number, on the log display."""
    del scene
    grain = gaussian(rng.standard_normal(plane.shape), 0.55) * 2.0
    return np.asarray(plane + 0.13 / np.sqrt(max(p["frames"], 0.05)) * grain, np.float32)


@degradation("oct", kind="local", domain="object", words=("dark stripes",), share=(0, 0.05, 0.15, 0.35))
def shadow_columns(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Vitreous opacities shade columns."""
    del scene
    line = np.interp(np.linspace(0, 11, plane.shape[1]), np.arange(12), rng.standard_normal(12))
    level = np.quantile(line, 1 - min(p["share"], 0.95))
    shade = np.clip((line - level) / 0.15 + 0.3, 0, 1) if p["share"] > 0 else 0 * line
    return np.asarray(plane * (1 - 0.75 * shade)[None, :, None], np.float32)


@degradation("oct", kind="geometric", domain="object", words=("broken line", "jump"), shift_um=(0, 40, 120, 400))
def eye_jump(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The eye moves along the beam during the scan: a part of the columns is shifted in depth."""
    step = scene.spacing_mm[0] * 1000 if np.isfinite(scene.spacing_mm[0]) else 2000 / len(plane)
    height, width = plane.shape[:2]
    start, end = np.sort(rng.integers(0, width, 2))
    end = max(end, start + width // 6)
    rows, columns = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    rows[:, start:end] -= min(p["shift_um"] / step, 0.6 * height)
    return warped(plane, rows, columns, outside=None)


@degradation("oct", kind="geometric", domain="object", words=("tilted layers",), shift_um=(0, 60, 160, 420))
def scan_tilt(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The beam enters beside the pupil's middle: depth changes across the scan."""
    step = scene.spacing_mm[0] * 1000 if np.isfinite(scene.spacing_mm[0]) else 2000 / len(plane)
    height, width = plane.shape[:2]
    ramp = np.linspace(-0.5, 0.5, width) * (1 if rng.random() < 0.5 else -1) * p["shift_um"] / step
    rows, columns = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    return warped(plane, rows + ramp[None, :], columns, outside=None)


@degradation(
    "oct", kind="photometric", domain="detector", words=("washed layers", "low signal"), decibel=(0, 4, 8, 16)
)
def low_signal(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Less light comes back while the noise floor stays, on a display of 40 dB."""
    del scene, rng
    floor = 0.12
    return np.asarray(np.maximum(plane - p["decibel"] / 40, np.minimum(plane, floor)), np.float32)


@degradation("oct", kind="local", domain="reconstruction", words=("mirror image",), strength=(0, 0.2, 0.45, 0.8))
def mirror_image(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The tissue lies beyond the zero of depth and is folded over."""
    del scene, rng
    return np.asarray(np.maximum(plane, p["strength"] * plane[::-1]), np.float32)
