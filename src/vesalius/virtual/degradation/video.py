"""Degradations of endoscopy, surgical video and photographs through a lens."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.degradation.common import coded
from vesalius.virtual.degradation.filters import cover, field, gaussian, luma, spots, warped
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]


@degradation(
    "video", kind="local", domain="object", words=("bright spots", "glare"), fresh=True, share=(0, 0.02, 0.06, 0.15)
)
def specular_highlights(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Wet mucosa mirrors the lamp, first where it is bright."""
    del scene
    hills = 0.45 * field(rng, plane.shape, 22) + 2.2 * gaussian(luma(plane)[..., None], len(plane) / 90)[..., 0]
    level = np.quantile(hills, 1 - min(p["share"], 0.9))
    spot = np.clip((hills - level) / 0.12, 0, 1) if p["share"] > 0 else 0 * hills
    return np.asarray(plane + (np.maximum(plane, 1.0) - plane) * spot[..., None], np.float32)


@degradation(
    "video", kind="photometric", domain="object", words=("hazy", "milky", "smoke"), clear=(1, 0.8, 0.55, 0.25)
)
def fog(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fog or smoke: light from the thing passes by a share that differs from place to place, grey is added."""
    del scene
    cloud = np.clip(1 + 0.45 * field(rng, plane.shape, 4), 0.2, 1.8)
    left = np.clip(p["clear"], 0.02, 1) ** cloud
    return np.asarray(plane * left[..., None] + 0.75 * (1 - left[..., None]), np.float32)


@degradation(
    "video", "fundus", kind="local", domain="optics", words=("stained", "covered"), share=(0, 0.05, 0.15, 0.4)
)
def film_on_lens(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Blood, bile or stool on a part of the lens: a blurred coloured film."""
    del scene
    tint = np.array(((0.55, 0.08, 0.06), (0.62, 0.5, 0.1), (0.42, 0.3, 0.12))[int(rng.integers(3))], np.float32)
    patch = cover(rng, plane.shape, 4, p["share"], soft=0.25)[..., None]
    colour = tint[: plane.shape[2]] if plane.shape[2] == 3 else np.float32(tint.mean())
    under = 0.35 * gaussian(plane, len(plane) / 60) + 0.65 * colour * (0.4 + 0.6 * gaussian(plane, len(plane) / 20))
    return np.asarray(plane + patch * (under - plane), np.float32)


@degradation("video", kind="local", domain="object", words=("foam", "bubbles"), share=(0, 0.03, 0.08, 0.2))
def bubbles(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Bubbles: bright rings with a bright dot."""
    del scene
    state = rng.integers(2**62)
    shape = plane.shape
    ring = spots(np.random.default_rng(state), shape, p["share"], radius=(0.012, 0.05), ring=0.22)
    disc = spots(np.random.default_rng(state), shape, p["share"], radius=(0.012, 0.05))
    made = plane + 0.12 * disc[..., None] * (0.9 - plane)
    return np.asarray(made + 0.6 * ring[..., None] * (np.maximum(made, 0.95) - made), np.float32)


@degradation("video", "microscopy", "fundus", kind="photometric", domain="optics", words=("dark corners",),
             corner=(1, 0.6, 0.35, 0.12))  # fmt: skip
def vignette(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Light falls to a share in the corners."""
    del scene, rng
    height, width = plane.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    return np.asarray(plane * (max(p["corner"], 1e-3) ** ((x * x + y * y) / 2))[..., None], np.float32)


@degradation("video", kind="photometric", domain="detector", words=("overexposed",), share=(0, 0.04, 0.12, 0.3))
def saturation(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Gain that clips a share of the pixels."""
    del scene, rng
    if p["share"] <= 0:
        return plane
    level = float(np.quantile(luma(plane), 1 - min(p["share"], 0.95)))
    return np.asarray(np.clip(plane / min(max(level, 0.05), 1.0), 0, 1), np.float32)


@degradation("colour", kind="photometric", domain="detector", words=("reddish", "greenish", "bluish"),
             shift=(0, 0.06, 0.14, 0.30))  # fmt: skip
def colour_cast(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """White balance: one channel gains and the others lose."""
    del scene
    channel = int(rng.integers(3))
    gain = np.array([1 + p["shift"] if k == channel else 1 - 0.6 * p["shift"] for k in range(3)], np.float32)
    return np.asarray(plane * gain, np.float32)


@degradation("video", kind="artefact", domain="detector", words=("comb lines",), pixels=(0, 2, 6, 14))
def interlace(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Every second line is of another instant: shifted sideways, in pixels of 720 rows."""
    del scene, rng
    height, width = plane.shape[:2]
    rows, columns = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    columns[1::2] += p["pixels"] * height / 720
    return warped(plane, rows, columns, outside=None)


@degradation("video", kind="artefact", domain="display", words=("blocks",), quality=(96, 30, 12, 3))
def video_compression(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Too few bits, by the coding of single frames; motion is not coded."""
    del scene, rng
    return coded(plane, p["quality"])


@degradation("video", kind="geometric", domain="optics", words=("barrel shape",), bend=(0, 0.08, 0.2, 0.45))
def barrel(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Distortion of a wide lens."""
    del scene, rng
    height, width = plane.shape[:2]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    factor = (1 + p["bend"] * (x * x + y * y)) / (1 + 0.25 * p["bend"])
    return warped(plane, (y * factor + 1) / 2 * (height - 1), (x * factor + 1) / 2 * (width - 1), outside=0.0)
