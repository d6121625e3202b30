"""Light of an endoscope: lamps beside the lens, moist reflections, the camera's gain and noise.

R rays, H rows, W columns. Colours are linear light until `develop`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array

__all__ = ["LAMPS_MM", "Surface", "develop", "shade"]

LAMPS_MM = ((-3.2, -1.0, 0.0), (3.2, -1.0, 0.0))
"""Places of the lamps in camera axes."""
_AMBIENT = 0.10
"""Light that comes back from the opposite wall against direct light; it is coloured by that wall."""
_GLOSS = 2.2
_WRAP = 0.12
"""Light that enters the tissue and comes out beside the edge of the shadow."""


class Surface(NamedTuple):
    """What light falls on, in camera axes."""

    points: Array
    """mm, (R, 3)."""
    normals: Array
    """Unit, towards the camera's side, (R, 3)."""
    albedo: Array
    """(R, 3)."""
    rough: Array
    """Perturbed normals of the moist film, (R, 3)."""
    gloss: Array
    """Strength of its reflections, (R,)."""


def shade(surface: Surface, exponent: float = 420.0) -> tuple[Array, Array]:
    """Return the light that comes back to the lens, diffuse (R, 3) and mirrored (R,), both falling as 1/r²."""
    points = surface.points
    view = -points / np.sqrt(np.einsum("ri,ri->r", points, points))[:, None]
    direct, mirrored = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    fall = np.zeros(len(points), np.float32)
    for lamp in LAMPS_MM:
        to_lamp = np.asarray(lamp, np.float32) - points
        square = np.einsum("ri,ri->r", to_lamp, to_lamp)
        to_lamp /= np.sqrt(square)[:, None]
        cosine = np.einsum("ri,ri->r", to_lamp, surface.normals)
        direct += np.maximum((cosine + _WRAP) / (1 + _WRAP), 0) / square
        fall += 1 / square
        half = to_lamp + view
        half /= np.sqrt(np.einsum("ri,ri->r", half, half))[:, None]
        shine = np.maximum(np.einsum("ri,ri->r", half, surface.rough), 0)
        mirrored += shine ** np.float32(exponent) / square
    own = surface.albedo
    diffuse = own * direct[:, None] + _AMBIENT * own * own * fall[:, None] * np.float32(2.0)
    return diffuse, _GLOSS * mirrored * surface.gloss


def develop(
    light: NDArray[np.floating], *, target: float, sd: float, rng: np.random.Generator,
    inside: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.uint8], float]:  # fmt: skip
    """Choose the gain by the mean of the picture, bend the highlights, add noise and return 8 bit sRGB and the gain.

    Args:
        light: linear light, (H, W, 3).
        target: wanted mean of the picture, 0 to 1.
        sd: noise of a grey value, 0-255.
        rng: stream of this frame.
        inside: pixels that count for the mean, (H, W).
    """
    sample = (light if inside is None else light[inside]).reshape(-1, 3)[::13]
    low, high = 1e-4 / (sample.mean() + 1e-9), 1e4 / (sample.mean() + 1e-9)
    for _ in range(18):
        gain = float(np.sqrt(low * high))
        if _tone(sample * np.float32(gain)).mean() < target:
            low = gain
        else:
            high = gain
    picture = _tone(light.astype(np.float32) * np.float32(gain)) * 255
    shape = (*picture.shape[:2], 1)
    noise = rng.standard_normal(shape, dtype=np.float32) + 0.5 * rng.standard_normal(picture.shape, dtype=np.float32)
    picture += np.float32(sd) * noise
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8), gain


_CONTRAST = 1.13
"""Of the processor, on top of the sensor's gamma of 2.2."""
_CURVE = np.clip((1 - np.exp(-1.15 * np.linspace(0, 6, 4096))) / (1 - np.exp(-1.15 * 1.9)), 0, 1).astype(np.float32)
_CURVE **= np.float32(_CONTRAST / 2.2)
"""Linear light 0-6 to display: straight at the foot, clipping at 1.9."""


def _tone(light: NDArray[np.floating]) -> Array:
    shown: Array = _CURVE[np.minimum(light * np.float32(4095 / 6), 4095).astype(np.intp)]
    return shown
