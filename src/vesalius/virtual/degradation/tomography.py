"""Parallel beams through one slice and back: the Radon transform and filtered back-projection, in numpy and PIL.

Rays are parallel, not a fan, and the slice is taken to a grid of at most 160 pixels: what is computed there is the
change that a fault makes, which is then added to the slice at its own resolution.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.degradation.filters import resized
from vesalius.virtual.degradation.model import Plane, Scene

__all__ = ["VIEWS", "Sinogram", "add_change", "back_projected", "line_integrals", "project", "scan"]

VIEWS = 200
_GRID = 160
_WATER_PER_MM = 0.0195
"""Attenuation of water at about 70 keV."""
_FIELD_MM = 400.0
"""Taken where the picture has no spacing."""


class Sinogram(NamedTuple):
    """Line integrals of attenuation of one slice."""

    rays: NDArray[np.float64]
    """(VIEWS, N), without unit."""
    attenuation: NDArray[np.float64]
    """(N, N), of one pixel of the grid."""
    per_unit: float
    """Attenuation of a pixel of the grid for one display unit."""


def project(picture: NDArray[np.float64], views: int = VIEWS) -> NDArray[np.float64]:
    """Sum along parallel rays, (N, N) to (views, N); the angles cover half a turn."""
    image = Image.fromarray(np.asarray(picture, np.float32), "F")
    angles = np.arange(views) * 180 / views
    return np.stack(
        [
            np.asarray(image.rotate(float(angle), Image.Resampling.BILINEAR), np.float64).sum(axis=0)
            for angle in angles
        ]
    )


def back_projected(rays: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Filter with a ramp under a Hann window and project back, (views, N) to (N, N).

    Args:
        rays: line integrals.
        weight: share of each view, 1 where not given, (views,).
    """
    views, count = rays.shape
    length = 2 * (1 << (count - 1).bit_length())
    rate = np.fft.rfftfreq(length)
    ramp = 2 * rate * (0.5 + 0.5 * np.cos(2 * np.pi * rate))
    filtered = np.fft.irfft(np.fft.rfft(rays, n=length, axis=1) * ramp, n=length, axis=1)[:, :count]
    if weight is not None:
        filtered = filtered * weight[:, None]
    place = np.arange(count) - (count - 1) / 2
    made = np.zeros((count, count))
    channel = np.arange(count, dtype=np.float64)
    for number, angle in enumerate(np.arange(views) * np.pi / views):
        at = place[None, :] * np.cos(angle) + place[:, None] * np.sin(angle) + (count - 1) / 2
        made += np.interp(at.ravel(), channel, filtered[number], left=0, right=0).reshape(count, count)
    return np.asarray(made * np.pi / (2 * views), np.float64)


def scan(plane: Plane, scene: Scene) -> Sinogram:
    """Project a slice (H, W, 1) in display units of HU; what is thinner than air counts as air."""
    height, width = plane.shape[:2]
    grid = min(_GRID, height, width)
    small = resized(plane[..., :1], (grid, grid), Image.Resampling.BOX)[..., 0]
    low, high = (scene.low, scene.high) if scene.units == "HU" else (-160.0, 240.0)
    step = scene.spacing_mm[0] * height / grid if np.isfinite(scene.spacing_mm[0]) else _FIELD_MM / grid
    return _scanned(small.tobytes(), grid, step, (low, high))


@lru_cache(maxsize=4)
def _scanned(pixels: bytes, grid: int, step_mm: float, window: tuple[float, float]) -> Sinogram:
    """Project a slice given as bytes; kept, since the search for a strength asks for the same one again."""
    small = np.frombuffer(pixels, np.float32).reshape(grid, grid).astype(np.float64)
    low, high = window
    attenuation = _WATER_PER_MM * step_mm * np.maximum(1 + (low + small * (high - low)) / 1000, 0)
    return Sinogram(project(attenuation), attenuation, _WATER_PER_MM * step_mm * (high - low) / 1000)


def add_change(plane: Plane, sinogram: Sinogram, change: NDArray[np.float64]) -> Plane:
    """Add to a slice what a change of its line integrals (VIEWS, N) makes of it."""
    made = back_projected(change) / sinogram.per_unit
    wide = resized(
        np.asarray(made, np.float32)[..., None], (plane.shape[0], plane.shape[1]), Image.Resampling.BICUBIC
    )
    return np.asarray(plane + wide, np.float32)


def line_integrals(counts: NDArray[np.float64], quanta: float) -> NDArray[np.float64]:
    """−ln of the share of quanta that came through, at least one of them."""
    return np.asarray(-np.log(np.maximum(counts, 1.0) / quanta), np.float64)
