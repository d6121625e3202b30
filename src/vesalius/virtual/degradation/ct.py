"""Degradations of computed tomography, by changes of the sinogram of each slice (see `tomography`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.degradation.filters import gaussian, turned
from vesalius.virtual.degradation.model import Plane, Scene, degradation
from vesalius.virtual.degradation.tomography import VIEWS, Sinogram, add_change, line_integrals, project, scan

__all__: list[str] = []
Parameters = Mapping[str, float]
_QUANTA = 1e5
_BONE = 1.25
"""Attenuation over water's from which a pixel counts as bone."""


@degradation("ct", kind="noise", domain="sinogram", words=("noisy", "streaks across shoulders or hips"), fresh=True,
             dose=(1, 0.4, 0.15, 0.04))  # fmt: skip
def low_dose(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Fewer quanta: their Poisson noise, in its normal approximation, and 5 of electronic noise in every ray."""
    sinogram = scan(plane, scene)
    quantum, electronic = rng.standard_normal((2, *sinogram.rays.shape))

    def measured(dose: float) -> NDArray[np.float64]:
        mean = dose * _QUANTA * np.exp(-sinogram.rays)
        return line_integrals(mean + np.sqrt(mean) * quantum + 5 * electronic, dose * _QUANTA)

    return add_change(plane, sinogram, measured(p["dose"]) - measured(1.0))


@degradation("ct", kind="artefact", domain="sinogram", words=("radiating streaks", "star lines"), step=(1, 3, 6, 14))
def sparse_views(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """One view in `step` is measured and counts `step` times; between two whole steps both results are mixed."""
    sinogram = scan(plane, scene)
    step, start = min(max(p["step"], 1.0), VIEWS / 2), int(rng.integers(VIEWS))
    low = int(step)
    number = (np.arange(VIEWS) + start) % VIEWS
    weight = [np.where(number % whole == 0, float(whole), 0.0) for whole in (low, low + 1)]
    mixed = weight[0] + (step - low) * (weight[1] - weight[0])
    return add_change(plane, sinogram, (mixed - 1)[:, None] * sinogram.rays)


@degradation("ct", kind="artefact", domain="sinogram", words=("elongated", "edges missing along one direction"),
             degrees=(0, 15, 40, 80))  # fmt: skip
def limited_angle(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A wedge of views is missing."""
    sinogram = scan(plane, scene)
    middle = rng.integers(VIEWS)
    gap = np.abs((np.arange(VIEWS) - middle + VIEWS / 2) % VIEWS - VIEWS / 2)
    lost = np.clip(p["degrees"] / 180 * VIEWS / 2 - gap + 0.5, 0, 1)
    return add_change(plane, sinogram, -lost[:, None] * sinogram.rays)


@degradation("ct", kind="artefact", domain="detector", words=("concentric rings round the centre",),
             gain=(0, 0.003, 0.01, 0.03))  # fmt: skip
def rings(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Every channel of the detector has an error of gain."""
    sinogram = scan(plane, scene)
    error = np.log1p(np.clip(p["gain"] * rng.standard_normal(sinogram.rays.shape[1]), -0.5, 0.5))
    return add_change(plane, sinogram, np.broadcast_to(error, sinogram.rays.shape))


@degradation("ct", kind="photometric", domain="sinogram", words=("dark bands between bones", "cupping"),
             beta=(0, 0.005, 0.015, 0.03))  # fmt: skip
def beam_hardening(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Line integrals fall short by β p²."""
    del rng
    sinogram = scan(plane, scene)
    return add_change(plane, sinogram, -p["beta"] * sinogram.rays**2)


@degradation("ct", kind="local", domain="sinogram", words=("bright and dark streaks from metal", "voids"),
             diameter_mm=(0, 3, 8, 20))  # fmt: skip
def metal_implant(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A steel rod across the slice: rays through it are starved below 5 quanta and hardened."""
    sinogram = scan(plane, scene)
    count = len(sinogram.attenuation)
    step = _pixel_mm(plane, scene, count)
    radius = 0.5 * p["diameter_mm"] / step
    y, x = np.mgrid[:count, :count] - (count - 1) / 2 - rng.uniform(-0.18, 0.18, 2)[:, None, None] * count
    rod = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1) * min(1.0, 2 * radius)
    extra = project(rod) * 0.8 * step
    through = sinogram.rays + extra
    starved = np.minimum(through, np.log(_QUANTA / 5))
    hardened = starved - 0.02 * np.minimum(extra, 6) ** 2
    return add_change(plane, sinogram, hardened - sinogram.rays)


def _pixel_mm(plane: Plane, scene: Scene, count: int) -> float:
    spacing = scene.spacing_mm[0]
    return spacing * len(plane) / count if np.isfinite(spacing) else 400 / count


@degradation("ct", kind="artefact", domain="object", words=("double contours", "tails"), shift_mm=(0, 1, 3, 8),
             degrees=(0, 2, 6, 15))  # fmt: skip
def patient_motion(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The slice moves between groups of views, rigidly."""
    sinogram = scan(plane, scene)
    count = len(sinogram.attenuation)
    step = _pixel_mm(plane, scene, count)
    start = int(rng.integers(VIEWS // 4, 3 * VIEWS // 4))
    turn, *way = rng.uniform(-1, 1, 3)
    way = np.array(way) / max(np.hypot(*way), 1e-6) * p["shift_mm"] / step
    moved = turned(
        sinogram.attenuation[..., None].astype(np.float32), 0.15 * turn * p["degrees"], shift=(way[0], way[1])
    )
    change = np.zeros_like(sinogram.rays)
    change[start:] = (project(moved[..., 0].astype(np.float64)) - sinogram.rays)[start:]
    return add_change(plane, sinogram, change)


@degradation(
    "ct", kind="artefact", domain="reconstruction", words=("spokes near bone edges",), amount=(0, 0.04, 0.1, 0.25)
)
def windmill(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Interpolation along z of a helical scan: bone counts too much in some views and too little in others."""
    sinogram = scan(plane, scene)
    wave = np.cos(2 * np.pi * (6 * np.arange(VIEWS) / VIEWS + rng.random()))
    return add_change(plane, sinogram, p["amount"] * wave[:, None] * project(_bone(sinogram)))


def _bone(sinogram: Sinogram) -> NDArray[np.float64]:
    water = np.median(sinogram.attenuation[sinogram.attenuation > 0.5 * sinogram.attenuation.max()])
    dense = sinogram.attenuation > _BONE * min(float(water), float(sinogram.attenuation.max()) / _BONE)
    return np.asarray(sinogram.attenuation * dense, np.float64)


@degradation("ct", "mr", kind="blur", domain="reconstruction", words=("smeared small lesions", "stair steps"),
             whole=True, thickness_mm=(0, 3, 6, 12))  # fmt: skip
def thick_slices(stack: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Slices averaged over a thickness, of a volume; the profile is a Gaussian of that full width at half height."""
    del rng
    step = scene.slice_mm if np.isfinite(scene.slice_mm) else 1.0
    return gaussian(stack, p["thickness_mm"] / 2.355 / step, axes=(0,))


@degradation(
    "ct", kind="local", domain="sinogram", words=("bright rim at the edge of the field",), share=(0, 0.02, 0.08, 0.2)
)
def truncation(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """The outer channels see nothing: the body reaches beyond the field."""
    del rng
    sinogram = scan(plane, scene)
    count = sinogram.rays.shape[1]
    body = np.flatnonzero(sinogram.rays.max(axis=0) > 0.05)
    reach = (1 - 2 * p["share"]) * (body[-1] - body[0] + 1) / 2 if len(body) else count / 2
    middle = (body[-1] + body[0]) / 2 if len(body) else count / 2
    lost = np.clip(np.abs(np.arange(count) - middle) - reach + 0.5, 0, 1)
    return add_change(plane, sinogram, -lost[None, :] * sinogram.rays)


@degradation(
    "ct", kind="photometric", domain="detector", words=("cupping", "low contrast"), ratio=(0, 0.05, 0.15, 0.4)
)
def scattered_quanta(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """Scatter over primary quanta behind the thickest place, even over the detector, and not corrected."""
    del rng
    sinogram = scan(plane, scene)
    through = np.exp(-sinogram.rays)
    veil = p["ratio"] * through.min(axis=1, keepdims=True)
    return add_change(plane, sinogram, -np.log((through + veil) / through))


@degradation("ct", kind="photometric", domain="object", words=("poor enhancement",), share=(1, 0.75, 0.5, 0.25))
def contrast_timing(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """What lies between 45 and 400 HU, taken for enhanced tissue, keeps a share of its excess; bone inside it too."""
    del rng
    low, width = (scene.low, scene.high - scene.low) if scene.units == "HU" else (-160.0, 400.0)
    value = low + plane * width
    excess = np.clip(value - 45, 0, None) * np.clip((430 - value) / 60, 0, 1)
    return np.asarray((value - (1 - p["share"]) * excess - low) / width, np.float32)


@degradation("ct", kind="noise", domain="reconstruction", words=("over-sharp noise",), gain=(1, 1.5, 2.5, 4))
def sharp_kernel(plane: Plane, p: Parameters, scene: Scene, rng: np.random.Generator) -> Plane:
    """A kernel for bone on soft tissue: what is finer than 1.2 pixels is amplified."""
    del scene, rng
    return np.asarray(plane + (p["gain"] - 1) * (plane - gaussian(plane, 1.2)), np.float32)
