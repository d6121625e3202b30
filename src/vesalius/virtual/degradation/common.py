"""Degradations of any picture: noise, blur, exposure, compression, framing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from vesalius.virtual.degradation.filters import content, gaussian, line_blur, resized, turned
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]
_COSINES = np.sqrt(2 / 8) * np.cos(np.pi * np.arange(8)[:, None] * (np.arange(8)[None, :] + 0.5) / 8)
_COSINES[0] /= np.sqrt(2)
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_LUMA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
_CHROMA = np.minimum(99, np.array([
    [17, 18, 24, 47, 99, 99, 99, 99], [18, 21, 26, 66, 99, 99, 99, 99], [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99], *[[99] * 8] * 4,
]))  # fmt: skip
"""Tables of annex K of ISO/IEC 10918-1."""


@degradation("common", kind="noise", domain="detector", words=("grainy", "noisy", "speckled"), fresh=True,
             sigma=(0, 0.025, 0.05, 0.11))  # fmt: skip
def gaussian_noise(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """White noise of `sigma` of the display range."""
    del scene
    return plane + np.float32(p["sigma"]) * rng.standard_normal(plane.shape, dtype=np.float32)


@degradation(
    "common", kind="blur", domain="optics", words=("blurred", "soft", "unsharp edges"), sigma=(0, 1.2, 2.5, 6)
)
def defocus(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Gaussian spread of `sigma` pixels in a picture of 512 rows."""
    del scene, rng
    return gaussian(plane, p["sigma"] * len(plane) / 512)


@degradation("common", kind="blur", domain="optics", words=("smeared", "streaked along one direction"),
             length=(0, 4, 10, 22))  # fmt: skip
def motion_blur(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Spread along a line of `length` pixels in a picture of 512 rows."""
    del scene
    return line_blur(plane, p["length"] * len(plane) / 512, float(rng.random() * np.pi))


@degradation("common", kind="photometric", domain="display", words=("flat", "washed out", "hazy"),
             contrast=(1, 0.75, 0.5, 0.3))  # fmt: skip
def low_contrast(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Contrast about the middle grey."""
    del scene, rng
    return np.float32(0.5) + (plane - np.float32(0.5)) * np.float32(p["contrast"])


@degradation(
    "common", kind="photometric", domain="detector", words=("too bright", "burnt out"), gain=(1, 1.3, 1.7, 2.3)
)
def overexposure(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Gain, white clipped."""
    del scene, rng
    return np.asarray(np.minimum(plane * np.float32(p["gain"]), np.maximum(plane, 1)), np.float32)


@degradation("common", kind="photometric", domain="detector", words=("too dark",), gain=(1, 0.75, 0.5, 0.28))
def underexposure(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Gain below one."""
    del scene, rng
    return plane * np.float32(p["gain"])


@degradation("common", kind="photometric", domain="display", words=("contrast unsuitable",), gamma=(1, 1.3, 1.8, 2.6))
def wrong_gamma(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Display curve x^γ."""
    del scene, rng
    return np.asarray(np.clip(plane, 0, 1) ** p["gamma"], np.float32)


@degradation("common", kind="photometric", domain="display", words=("wrong window", "saturated"),
             width=(1, 0.7, 0.45, 0.25), shift=(0, 0.15, 0.35, 0.6))  # fmt: skip
def wrong_window(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Window narrower and its middle moved, by shares of the width."""
    del scene
    level = 0.5 + (1 if rng.random() < 0.5 else -1) * p["shift"] / 2
    return np.asarray(np.clip(0.5 + (plane - level) / p["width"], 0, 1), np.float32)


@degradation("common", kind="artefact", domain="display", words=("blocky", "ringing", "colour banding"),
             quality=(96, 45, 22, 8))  # fmt: skip
def block_coding(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Quantised cosines of blocks of 8 × 8, as JPEG does it, the chroma at full resolution.

    Quality scales the tables as the common encoder does, and goes on below 1.
    """
    del scene, rng
    return coded(plane, p["quality"])


def coded(plane: Plane, quality: float) -> Plane:
    """Code and decode a plane (H, W, C) in blocks at a quality up to 100."""
    scale = (50 / quality if quality < 50 else 2 - quality / 50) / 255
    height, width, channels = plane.shape
    wide = np.pad(np.clip(plane, 0, 1), [(0, -height % 8), (0, -width % 8), (0, 0)], mode="edge").astype(np.float64)
    wide = wide @ _YCC.T if channels == 3 else wide
    blocks = wide.reshape(wide.shape[0] // 8, 8, wide.shape[1] // 8, 8, channels)
    waves = np.einsum("ua,iajbc,vb->iujvc", _COSINES, blocks, _COSINES, optimize=True)
    for channel in range(channels):
        step = np.maximum((_LUMA if channel == 0 else _CHROMA) * scale, 1 / 255)[None, :, None, :]
        waves[..., channel] = np.rint(waves[..., channel] / step) * step
    back = np.einsum("ua,iujvc,vb->iajbc", _COSINES, waves, _COSINES, optimize=True).reshape(wide.shape)
    back = back @ np.linalg.inv(_YCC).T if channels == 3 else back
    return np.asarray(np.clip(back[:height, :width], 0, 1), np.float32)


@degradation("common", kind="blur", domain="detector", words=("pixelated", "coarse"), factor=(1, 1.6, 2.6, 5))
def downsampling(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer pixels by `factor`, shown on the old grid; between two whole numbers of rows both results are mixed."""
    del scene, rng
    height, width = plane.shape[:2]
    rows = height / p["factor"]

    def coarse(count: int) -> Plane:
        small = max(2, min(count, height)), max(2, min(round(count * width / height), width))
        return resized(resized(plane, small, Image.Resampling.BOX), (height, width), Image.Resampling.NEAREST)

    low = coarse(int(rows))
    return np.asarray(low + (rows - int(rows)) * (coarse(int(rows) + 1) - low), np.float32)


@degradation("common", kind="photometric", domain="display", words=("banding", "few grey levels"),
             levels=(256, 64, 24, 8))  # fmt: skip
def quantisation(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer levels of grey."""
    del scene, rng
    steps = max(p["levels"] - 1, 1)
    return np.asarray(np.rint(np.clip(plane, 0, 1) * steps) / steps, np.float32)


@degradation(
    "common", kind="geometric", domain="display", words=("cut off", "incomplete"), share=(0, 0.05, 0.15, 0.35)
)
def cut_off(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """One side is missing by a share of the thing's extent."""
    del scene
    side = int(rng.integers(4))
    first, last = content(plane)[:2] if side % 2 == 0 else content(plane)[2:]
    place = np.arange(plane.shape[side % 2], dtype=np.float64)
    lost = p["share"] * (last - first + 1)
    kept = np.clip(place - first + 1 - lost, 0, 1) if side < 2 else np.clip(last - place + 1 - lost, 0, 1)
    return np.asarray(plane * kept.reshape((-1, 1, 1) if side % 2 == 0 else (1, -1, 1)), np.float32)


@degradation("common", kind="geometric", domain="object", words=("tilted", "turned"), degrees=(0, 5, 12, 30))
def tilt(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Turned in the picture's plane."""
    del scene
    return turned(plane, float(p["degrees"] * (1 if rng.random() < 0.5 else -1)))


@degradation("common", kind="local", domain="display", words=("labels over the picture", "burned-in annotation"),
             share=(0, 0.02, 0.06, 0.15))  # fmt: skip
def overlay(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Bars with marks like writing, from the top or the bottom edge inwards."""
    del scene
    height, width = plane.shape[:2]
    rows = p["share"] * height
    inside = np.clip(rows - np.arange(height), 0, 1)[:, None, None]
    inside = inside if rng.random() < 0.5 else inside[::-1]
    ink = np.repeat(rng.random((max(height // 5, 2), max(width // 3, 2))) < 0.42, 3, axis=1)[:, :width]
    ink = np.repeat(ink, 5, axis=0)[:height]
    text = np.zeros((height, width), np.float32)
    text[: ink.shape[0], : ink.shape[1]] = ink
    text[np.arange(height) % 10 > 6] = 0
    return np.asarray(plane * (1 - inside) + inside * (0.16 + 0.8 * text[..., None]), np.float32)
