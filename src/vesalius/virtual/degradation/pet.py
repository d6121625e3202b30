"""Degradations of positron emission tomography."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.degradation.filters import gaussian
from vesalius.virtual.degradation.model import Plane, Scene, degradation

__all__: list[str] = []
Parameters = Mapping[str, float]


@degradation(
    "pet", kind="noise", domain="detector", words=("noisy", "blotchy"), fresh=True, share=(1, 0.5, 0.2, 0.05)
)
def low_counts(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer counts: noise with the root of the uptake and the grain of the reconstruction."""
    del scene
    grain = gaussian(rng.standard_normal(plane.shape), 1.3) * 4.6
    sigma = 0.03 * np.sqrt(np.clip(gaussian(plane, 1.5), 0, None)) * np.sqrt(max(1 / p["share"] - 1, 0))
    return np.asarray(np.clip(plane + sigma * grain, 0, None), np.float32)


@degradation("pet", kind="blur", domain="object", words=("smeared dome lesions",), millimetres=(0, 6, 12, 25))
def respiratory_blur(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Breathing over the whole scan: blur along the rows of a coronal slice, in the plane of an axial one."""
    del rng
    step = scene.spacing_mm[0] if np.isfinite(scene.spacing_mm[0]) else 4.0
    return gaussian(plane, p["millimetres"] / 2.355 / step, axes=(0,))


@degradation(
    "pet", kind="photometric", domain="reconstruction", words=("cold band at the dome",), loss=(0, 0.12, 0.3, 0.6)
)
def attenuation_mismatch(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The attenuation map is from another breath: a cold band across the picture."""
    del scene
    y = np.linspace(0, 1, len(plane))
    band = np.exp(-(((y - rng.uniform(0.35, 0.6)) / 0.09) ** 2))
    return np.asarray(plane * (1 - min(p["loss"], 0.95) * band)[:, None, None], np.float32)


@degradation("pet", kind="photometric", domain="object", words=("low uptake",), scale=(1, 0.9, 0.75, 0.5))
def paravenous_dose(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A part of the tracer stays in the arm: all uptake is scaled."""
    del scene, rng
    return np.asarray(plane * p["scale"], np.float32)
