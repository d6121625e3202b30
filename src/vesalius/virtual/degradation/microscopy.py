"""Degradations of microscopy: the slide, its stain, the scanner."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.stain import EOSIN, HAEMATOXYLIN
from vesalius.virtual.degradation.filters import cover, field, gaussian, line_blur, spots, turned
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]
_DYES = np.array([HAEMATOXYLIN, EOSIN, np.cross(HAEMATOXYLIN, EOSIN)])


def _density(plane: Plane) -> NDArray[np.float64]:
    return np.asarray(-np.log10(np.clip(plane, 1 / 255, 1)), np.float64)


@degradation(
    "microscopy", kind="blur", domain="optics", words=("partly blurred", "uneven focus"), sigma=(0, 1.2, 3, 8)
)
def uneven_focus(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A part of the field is out of focus, by up to `sigma` pixels in 512 rows."""
    del scene
    hills = field(rng, plane.shape, 3)
    weight = np.clip((hills - np.quantile(hills, 0.45)) / 0.5, 0, 1)[..., None]
    return np.asarray(plane + weight * (gaussian(plane, p["sigma"] * len(plane) / 512) - plane), np.float32)


@degradation("stain", kind="photometric", domain="slide", words=("faint stain",), density=(1, 0.75, 0.5, 0.3))
def pale_stain(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """All dyes are too thin."""
    del scene, rng
    return np.asarray(10 ** (-p["density"] * _density(plane)), np.float32)


@degradation("stain", kind="photometric", domain="slide", words=("dense stain",), density=(1, 1.3, 1.7, 2.3))
def dark_stain(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """All dyes are too thick."""
    del scene, rng
    return np.asarray(10 ** (-p["density"] * _density(plane)), np.float32)


@degradation(
    "stain", kind="photometric", domain="slide", words=("purple", "pink", "washed"), share=(1, 0.8, 0.6, 0.35)
)
def stain_cast(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """One of haematoxylin and eosin is too thin; the dyes are told apart by their vectors."""
    del scene
    dyes = _density(plane) @ np.linalg.inv(_DYES)
    dyes[..., int(rng.integers(2))] *= p["share"]
    return np.asarray(10 ** (-np.clip(dyes @ _DYES, 0, None)), np.float32)


def _band(plane: Plane, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A wavy band across the field that takes about `share` of it, 0 to 1, (H, W)."""
    height, width = plane.shape[:2]
    turn = rng.random() * np.pi
    y, x = np.arange(height)[:, None] / height - 0.5, np.arange(width)[None, :] / height - 0.5
    across = x * np.cos(turn) + y * np.sin(turn) + 0.05 * field(rng, plane.shape, 5) - rng.uniform(-0.2, 0.2)
    return np.asarray(np.clip((share / 2 - np.abs(across)) * height / 2 + 0.5, 0, 1) * (share > 0), np.float64)


@degradation("slide", kind="local", domain="slide", words=("dark band", "folded tissue"), share=(0, 0.03, 0.08, 0.2))
def fold(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Tissue lies double along a band: the densities add, and it is out of focus."""
    del scene
    band = _band(plane, p["share"], rng)[..., None]
    double = 10 ** -(
        _density(gaussian(plane, len(plane) / 200))
        + _density(turned(plane, 0, shift=(0.06 * len(plane), 0), outside=None))
    )
    return np.asarray(plane + band * (double - plane), np.float32)


@degradation("slide", kind="local", domain="slide", words=("gap", "torn tissue"), share=(0, 0.03, 0.08, 0.2))
def tear(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A gap in the tissue shows the glass."""
    del scene
    band = _band(plane, p["share"], rng)[..., None]
    return np.asarray(plane + band * (0.95 - plane), np.float32)


@degradation("microscopy", kind="local", domain="slide", words=("ring", "air bubble"), share=(0, 0.03, 0.08, 0.2))
def air_bubble(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Air under the cover slip: a dark edge, the field inside bright and out of focus."""
    del scene
    height, width = plane.shape[:2]
    radius = np.sqrt(max(p["share"], 0) * height * width / np.pi)
    y, x = (
        np.arange(height)[:, None] - rng.uniform(0.25, 0.75) * height,
        np.arange(width)[None, :] - rng.uniform(0.25, 0.75) * width,
    )
    yard = np.hypot(y, x)
    inside = np.clip(radius - yard + 0.5, 0, 1)[..., None]
    rim = np.exp(-(((yard - radius) / (0.012 * height)) ** 2))[..., None] * (p["share"] > 0)
    pale = 0.35 + 0.65 * gaussian(plane, len(plane) / 50)
    return np.asarray((plane + inside * (pale - plane)) * (1 - 0.75 * rim), np.float32)


@degradation(
    "slide", kind="artefact", domain="slide", words=("stripes", "knife chatter"), amplitude=(0, 0.05, 0.12, 0.3)
)
def knife_chatter(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The knife trembles: thickness, and with it density, changes in stripes 20 to 60 µm apart."""
    height, width = plane.shape[:2]
    step_um = scene.spacing_mm[0] * 1000 if np.isfinite(scene.spacing_mm[0]) else 0.5
    turn, period = rng.random() * np.pi, min(rng.uniform(20, 60) / step_um, height / 2)
    along = np.arange(width)[None, :] * np.cos(turn) + np.arange(height)[:, None] * np.sin(turn)
    wave = 1 + p["amplitude"] * np.sin(2 * np.pi * along / period + 0.6 * field(rng, plane.shape, 4))
    return np.asarray(10 ** (-_density(plane) * wave[..., None]), np.float32)


@degradation("slide", kind="local", domain="slide", words=("marker line", "ink"), share=(0, 0.02, 0.06, 0.15))
def ink(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A stroke of a green, blue or black pen."""
    del scene
    colour = np.array(((0.1, 0.45, 0.25), (0.1, 0.2, 0.6), (0.08, 0.08, 0.1))[int(rng.integers(3))], np.float32)
    colour = colour if plane.shape[2] == 3 else colour.mean(keepdims=True)
    band = 0.88 * _band(plane, p["share"], rng)[..., None]
    return np.asarray(plane * (1 - band) + band * colour * (0.6 + 0.4 * plane), np.float32)


@degradation("microscopy", kind="local", domain="optics", words=("spots", "dust"), share=(0, 0.01, 0.03, 0.08))
def dust(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Dust on the glass, out of focus."""
    del scene
    speck = gaussian(spots(rng, plane.shape, p["share"], radius=(0.008, 0.03))[..., None], len(plane) / 250)
    return np.asarray(plane * (1 - 0.7 * speck), np.float32)


@degradation(
    "slide", kind="local", domain="slide", words=("long dark smeared nuclei", "crush"), length_um=(0, 10, 30, 80)
)
def crush(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Half of the tissue was squeezed: nuclei are drawn out along one direction."""
    step_um = scene.spacing_mm[0] * 1000 if np.isfinite(scene.spacing_mm[0]) else 0.5
    angle = float(rng.random() * np.pi)
    length = min(p["length_um"] / step_um, len(plane) * 0.9)
    patch = cover(rng, plane.shape, 3, 0.5, soft=0.3)[..., None]
    dark = 10 ** (-1.12 * _density(line_blur(plane, length, angle))) if p["length_um"] > 0 else plane
    return np.asarray(plane + patch * (dark - plane), np.float32)


@degradation("microscopy", kind="geometric", domain="detector", words=("seam", "doubled"), pixels=(0, 2, 6, 15))
def stitching(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Tiles of the scanner do not meet: one half is shifted, by pixels of 512 rows."""
    del scene
    place = int(rng.uniform(0.3, 0.7) * plane.shape[1])
    made = plane.copy()
    made[:, place:] = turned(plane, 0.0, outside=None, shift=(p["pixels"] * len(plane) / 512, 0.0))[:, place:]
    return made


@degradation("microscopy", kind="geometric", domain="object", words=("ghosts", "drift"), pixels=(0, 1, 3, 8))
def stage_drift(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The stage moves during the exposure: half of the light is of a place some pixels of 256 rows away."""
    del scene
    turn = rng.random() * 2 * np.pi
    way = p["pixels"] * len(plane) / 256
    moved = turned(plane, 0.0, outside=None, shift=(float(way * np.sin(turn)), float(way * np.cos(turn))))
    return np.asarray(0.5 * (plane + moved), np.float32)
