"""Degradations of ultrasound. Depth runs down the rows; the display spans 60 dB of echo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.degradation.filters import field, gaussian, warped
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]
_RANGE_DB = 60.0


def _depth(plane: Plane) -> np.ndarray:
    return np.linspace(0, 1, len(plane))[:, None, None]


@degradation("ultrasound", kind="photometric", domain="object", words=("dark far field",), decibel=(0, 6, 12, 24))
def attenuation(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """More loss on the way: the echo falls with depth."""
    del scene, rng
    return np.asarray(plane - p["decibel"] / _RANGE_DB * _depth(plane) * (plane > 0.004), np.float32)


@degradation(
    "ultrasound", kind="local", domain="detector", words=("black wedge from the top",), share=(0, 0.05, 0.15, 0.35)
)
def poor_contact(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A part of the lines is silent."""
    del scene
    width = plane.shape[1]
    gap = np.abs(np.arange(width) - rng.uniform(0.2, 0.8) * width)
    lost = np.clip((p["share"] * width / 2 - gap) / (0.02 * width) + 0.5, 0, 1) if p["share"] > 0 else np.zeros(width)
    return np.asarray(plane * (1 - lost)[None, :, None], np.float32)


@degradation("ultrasound", kind="local", domain="object", words=("comb stripes", "dirty shadow"), lines=(0, 2, 4, 8))
def gas_reverberation(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Gas: equally spaced bright lines that fade, over a dirty shadow."""
    del scene
    height, width = plane.shape[:2]
    top, step, place = rng.uniform(0.1, 0.3), rng.uniform(0.05, 0.09), rng.uniform(0.3, 0.7)
    x = np.arange(width)[None, :] / width
    beam = np.exp(-(((x - place) / 0.10) ** 4))
    y = np.arange(height)[:, None] / height
    shade = np.clip((y - top) * 12, 0, 1) * beam * (1 - 0.86 ** p["lines"])
    made = plane * (1 - shade)[..., None]
    for rank in range(int(np.ceil(min(p["lines"], 14)))):
        share = min(p["lines"] - rank, 1.0) * 0.75 * 0.82**rank
        arc = top + rank * step + 0.02 * ((x - place) / 0.1) ** 2
        made += (share * np.exp(-(((y - arc) * height / 2.5) ** 2)) * beam)[..., None]
    return np.asarray(made, np.float32)


@degradation("ultrasound", kind="photometric", domain="display", words=("too bright", "too dark", "cysts filled"),
             decibel=(0, 6, 12, 20))  # fmt: skip
def wrong_gain(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """All echoes are amplified or damped."""
    del scene
    sign = 1 if rng.random() < 0.5 else -1
    return np.asarray(np.clip(plane + sign * p["decibel"] / _RANGE_DB * (plane > 0.004), 0, 1), np.float32)


@degradation("ultrasound", kind="blur", domain="detector", words=("smeared sideways",), widening=(1, 1.4, 2, 3.5))
def lateral_smear(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Out of focus: the beam is wider, against one of 1.6 pixels in 512 columns."""
    del scene, rng
    sigma = 1.6 * plane.shape[1] / 512 * np.sqrt(max(p["widening"] ** 2 - 1, 0))
    return gaussian(plane, float(sigma), axes=(1,))


@degradation(
    "ultrasound", kind="photometric", domain="detector", words=("fog in cysts",), decibel=(-60, -30, -20, -10)
)
def side_lobe_clutter(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Echoes from the side at a level below the main ones."""
    del scene
    echo = 10 ** ((np.clip(plane, 0, 1) - 1) * _RANGE_DB / 20)
    wide = gaussian(echo, 0.12 * plane.shape[1], axes=(1,)) * 10 ** (p["decibel"] / 20)
    wide = wide * np.exp(0.5 * field(rng, plane.shape, max(16, len(plane) // 6)))[..., None] * (plane > 0.004)
    if p["decibel"] <= -_RANGE_DB:
        return plane
    seen = np.clip(1 + 20 / _RANGE_DB * np.log10(echo + wide), 0, None)
    return np.asarray(seen * (plane > 0.004), np.float32)


@degradation("ultrasound", kind="geometric", domain="object", words=("sheared",), shift=(0, 0.006, 0.018, 0.05))
def motion_between_lines(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Tissue moves while the lines are swept: depth shifts by a share of the height, 0.5, 1.5 and 4 mm in 80."""
    del scene
    height, width = plane.shape[:2]
    turn = rng.random() * 2 * np.pi
    wave = np.sin(np.linspace(0, 2 * np.pi * rng.uniform(0.8, 1.6), width) + turn) * p["shift"] * height
    rows, columns = np.meshgrid(np.arange(height, dtype=float), np.arange(width, dtype=float), indexing="ij")
    return warped(plane, rows + wave[None, :], columns, outside=None)
