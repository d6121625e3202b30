"""From a chest to a radiograph: masses along rays, Beer-Lambert, scatter, noise, processing.

H rows, W columns. Grey values: 0 black, 255 white; air is dark, bone is light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.body import SIDES
from vesalius.virtual.radiograph import beam
from vesalius.virtual.radiograph.camera import Array, Camera
from vesalius.virtual.radiograph.canvas import Canvas, meet_outline
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.shapes import Ellipsoid, Interval, ellipsoid, length

if TYPE_CHECKING:
    from vesalius.virtual.sites import Site

__all__ = ["Masses", "attenuation", "blur", "develop", "expose", "masses"]


_GREY_SCALE = (
    (-1.4, -0.6, -0.3, 0.0, 0.3, 0.8, 1.3, 1.8, 2.4, 3.2),
    (0.015, 0.06, 0.14, 0.26, 0.40, 0.60, 0.72, 0.81, 0.89, 0.96),
)
"""Attenuation against what is expected behind the lung, and grey: a toe that keeps air black, a shoulder for bone."""


@dataclass(frozen=True)
class Masses:
    """Mass per area along every ray, g/cm², each (H, W)."""

    fat: Array
    soft: Array
    bone: Array


def masses(canvas: Canvas) -> Masses:
    """Sum what every ray meets."""
    camera, chest = canvas.camera, canvas.chest
    skin, inner = _body(camera, chest)
    muscle = np.minimum(length(inner), length(skin))
    space, air = np.zeros_like(muscle), np.zeros_like(muscle)
    lung = np.zeros_like(muscle)
    for side, density in zip(SIDES, chest.lung_density, strict=True):
        space += canvas.spaces[side]
        air += np.float32(density) * canvas.aerated[side]
        lung += canvas.aerated[side]
    fluid = np.zeros_like(muscle)
    for side, density in canvas.fluid.items():
        fluid += np.float32(density) * (canvas.spaces[side] - canvas.aerated[side])
    solid = np.float32(beam.SOFT_DENSITY)
    cm = canvas.camera.slant * np.float32(0.1)
    filled = lung * (1 - canvas.clear)
    soft = solid * (muscle - space + filled) + fluid + air * canvas.clear * canvas.tint
    if camera.lateral:
        soft += solid * _raised_arms(camera, chest)
    bone = canvas.bone
    return Masses(
        fat=np.float32(beam.FAT_DENSITY) * (length(skin) - muscle) * cm,
        soft=np.maximum((soft - solid * bone) * cm + canvas.soft, 0),
        bone=np.float32(beam.BONE_DENSITY) * bone * cm + canvas.opaque,
    )


def _body(camera: Camera, chest: Chest) -> tuple[Interval, Interval]:
    """Skin and the outline within the subcutaneous fat, with shoulders (raised on a lateral film) and breasts."""
    front, side, back = chest.body.fat_mm
    inner = meet_outline(camera, chest.muscle)
    skin = meet_outline(camera, chest.muscle.grown(side + 2, front + 2, back + 2))
    for sign in (-1, 1):
        for grown, target in ((0.0, inner), (side, skin)):
            if not camera.lateral:
                _join(camera, _shoulder(chest, sign, grown), target)
        if chest.body.breast_mm:
            depth = chest.body.breast_mm
            tilt = (sign * 0.16, -0.22, -0.96)
            axes = (84 + 0.35 * depth, 0.85 * depth + front + 30, 66 + 0.15 * depth)
            breast = Ellipsoid.of((sign * 80.0, -64.0, 126.0 - 0.6 * depth), axes, tilt)
            _join(camera, Ellipsoid(breast.centre * chest.scale, breast.axes, breast.rotation), skin)
    return skin, inner


def _shoulder(chest: Chest, sign: int, grown: float) -> Ellipsoid:
    """Deltoid and upper arm, held away from the trunk."""
    part = Ellipsoid.of((sign * 186, 12, 180), (105, 50, 52), (sign * 0.30, 0.0, -1.0))
    return Ellipsoid(part.centre * chest.scale, part.axes + grown, part.rotation)


def _raised_arms(camera: Camera, chest: Chest) -> Array:
    """Soft tissue of raised arms over the apices of a lateral film, mm along the rays, without an edge."""
    u, v = camera.project(chest.place(0.0, 6.0, 296.0))
    away = ((camera.u[None, :] - np.float32(u)) / 62) ** 2 + ((camera.v[:, None] - np.float32(v)) / 44) ** 2
    depth: Array = np.float32(95.0 * chest.body.width) * np.exp(-0.5 * away)
    return depth


def _join(camera: Camera, shape: Ellipsoid, target: Interval) -> None:
    met = ellipsoid(camera, shape)
    if met:
        window, part = met
        np.minimum(target.front[window], part.front, out=target.front[window])
        np.maximum(target.back[window], part.back, out=target.back[window])


def attenuation(
    parts: Masses, kev: float | None = None, *, weights: tuple[float, ...] = beam.BIN_WEIGHT
) -> Array:  # fmt: skip
    """Logarithmic attenuation of the primary beam, (H, W); of one energy, or of a spectrum by its photon shares."""
    if kev is not None:
        mu = [np.float32(beam.coefficient(name, kev)) for name in ("fat", "soft", "bone")]
        path: Array = mu[0] * parts.fat + mu[1] * parts.soft + mu[2] * parts.bone
        return path
    total = sum(weight * energy for weight, energy in zip(weights, beam.BIN_KEV, strict=True))
    primary = np.zeros_like(parts.soft)
    for i, (weight, energy) in enumerate(zip(weights, beam.BIN_KEV, strict=True)):
        mu = [np.float32(-beam.COEFFICIENTS[name][i]) for name in ("fat", "soft", "bone")]
        path = mu[0] * parts.fat + mu[1] * parts.soft + mu[2] * parts.bone
        primary += np.float32(weight * energy / total) * np.exp(path)
    logarithm: Array = -np.log(primary)
    return logarithm


def expose(logarithm: Array, camera: Camera, site: Site, rng: np.random.Generator, exposure: float) -> Array:
    """Return the detected intensity against the open beam: primary, scatter, quantum and electronic noise, (H, W).

    Args:
        logarithm: attenuation of the primary beam.
        camera: pixel size for quanta and blur.
        site: grid and dose.
        rng: noise stream of this exposure.
        exposure: factor of the dose by the technique chart (habitus), so that thick patients get more quanta.
    """
    primary = np.exp(-logarithm)
    scatter = _scatter(primary, logarithm, camera) * np.float32(site.grid)
    quanta = np.float32(site.quanta * 1e3 * exposure * camera.spacing_mm**2)
    signal = _blur_small(primary + scatter, 0.35 / camera.spacing_mm)
    counts = np.maximum(signal * quanta, 1)
    noise = rng.standard_normal(counts.shape, dtype=np.float32)
    counts = counts + np.sqrt(counts * np.float32(1.1)) * noise
    counts += np.float32(4.0) * rng.standard_normal(counts.shape, dtype=np.float32)
    intensity: Array = np.maximum(counts, 1) / quanta
    return intensity


def _scatter(primary: Array, logarithm: Array, camera: Camera) -> Array:
    """Scatter without a grid: widely blurred primary, stronger where the body is thick."""
    coarse = 32
    small = _resize(primary, coarse)
    thick = _resize(logarithm, coarse)
    # Scatter fraction 0.45 behind lung (1.4) and 0.9 behind the mediastinum (4.5): ratio to primary 0.8 … 9.
    ratio = np.float32(0.8) * np.exp(np.float32(0.78) * (np.clip(thick, 0, 5) - np.float32(1.4)))
    ratio[thick < 0.3] = 0.05
    sigma = 32 / (camera.spacing_mm * camera.size / coarse)
    return _resize(blur(small * ratio, sigma), camera.size)


def _resize(picture: Array, size: int) -> Array:
    """Resample a square float picture: area mean downwards, bilinear upwards."""
    method = Image.Resampling.BOX if size < picture.shape[0] else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture, "F").resize((size, size), method), np.float32)


def blur(picture: Array, sigma: float) -> Array:
    """Gaussian blur with the border repeated, by adding shifted copies, (H, W)."""
    reach = max(1, int(np.ceil(3 * sigma)))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        padded = np.pad(picture, [(reach, reach) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        size = picture.shape[axis]
        parts = [padded[i : i + size] if axis == 0 else padded[:, i : i + size] for i in range(2 * reach + 1)]
        picture = kernel[0] * parts[0]
        for weight, part in zip(kernel[1:], parts[1:], strict=True):
            picture = picture + weight * part
    return picture


def _blur_small(picture: Array, sigma: float) -> Array:
    """Blur by less than a pixel or two; nothing where it would not be seen."""
    return blur(picture, sigma) if sigma > 0.15 else picture


def develop(intensity: Array, camera: Camera, site: Site, technique: float) -> NDArray[np.uint8]:
    """Turn intensity into grey values by fixed limits: logarithm, edge boost, S-shaped scale, 8 bits, (H, W).

    `technique` is the attenuation that the technique chart expects behind the lung for this habitus: it moves the
    scale as an exposure control would, without looking at the picture.
    """
    logarithm = -np.log(intensity)
    fine = logarithm - blur(logarithm, 1.6 / camera.spacing_mm)
    boosted = logarithm + np.float32(site.edge) * fine
    grey = np.interp((boosted - np.float32(technique)) * np.float32(site.contrast), *_GREY_SCALE)
    pixels: NDArray[np.uint8] = np.clip(grey * 255 + 0.5, 0, 255).astype(np.uint8)
    return pixels
