"""The picture through a dermatoscope: skin, lesion, hair, gel and marks, lens and camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.background import blend
from vesalius.virtual.eye.camera import soften
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.skin.lesion import SkinDisease
from vesalius.virtual.skin.pigment import Site, paint_pigment
from vesalius.virtual.skin.structures import Drawn, paint_structures
from vesalius.virtual.skin.tone import Skin, draw_skin, paint_skin
from vesalius.virtual.strokes import Array, Sheet, Spots, paint_spots, paint_strokes

__all__ = ["Device", "Shot", "device_of", "shoot"]


@dataclass(frozen=True, kw_only=True)
class Device:
    """A site's dermatoscope and camera, whatever is in front of them."""

    field_mm: float
    gain: tuple[float, float, float]
    gamma: float
    noise: float
    corners: float
    """Radius beyond which the picture is dark, as a share of half its side; above 1.42 nowhere."""
    ruler: float
    """Share of pictures with a scale at the edge."""
    sticker: float
    """Share of pictures with a coloured sticker at a corner."""


_DEVICES = (
    Device(field_mm=18.0, gain=(1.0, 0.99, 0.98), gamma=1.0, noise=2.0, corners=1.5, ruler=0.25, sticker=0.05),
    Device(field_mm=21.0, gain=(1.06, 0.98, 0.92), gamma=0.94, noise=3.0, corners=1.06, ruler=0.1, sticker=0.15),
    Device(field_mm=16.5, gain=(0.95, 0.98, 1.05), gamma=1.05, noise=1.6, corners=1.5, ruler=0.5, sticker=0.0),
    Device(field_mm=19.5, gain=(1.02, 0.94, 1.0), gamma=1.1, noise=2.5, corners=1.22, ruler=0.15, sticker=0.1),
)
_OF_SITE = {"north": 0, "harbour": 1, "valley": 2, "market": 3}


def device_of(site: str) -> Device:
    """Return the device of a site by its name; one that is not in the table gets one of the same four."""
    number = _OF_SITE[site] if site in _OF_SITE else int(identifier(0, "dermatoscope", site), 16) % len(_DEVICES)
    return _DEVICES[number]


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """A picture with what it was made from."""

    pixels: NDArray[np.uint8]
    """(H, W, 3)."""
    sheet: Sheet
    skin: Skin
    site: Site | None
    """The lesion on the grid; None for healthy skin."""
    drawn: tuple[Drawn, ...]


def shoot(patient: Patient, size: int) -> Shot:
    """Picture the lesion of a patient, or skin where there is none, `size` × `size` pixels."""

    def random(purpose: str) -> np.random.Generator:
        return stream(patient.seed, patient.id, "exam", "dermatoscopy", purpose)

    def today(purpose: str) -> np.random.Generator:
        return stream(patient.seed, patient.occasion, "exam", "dermatoscopy", purpose)

    device, skin = device_of(patient.site.name), draw_skin(patient)
    frame = today("frame")
    sheet = Sheet(size, size, device.field_mm / patient.acquisition.zoom)
    middle = np.clip(frame.normal(0, 0.05, 2), -0.11, 0.11) * sheet.width_mm
    light = paint_skin(skin, sheet, today("skin"))
    lesion = next((part for part in patient.diseases if isinstance(part, SkinDisease)), None)
    site: Site | None = None
    drawn: tuple[Drawn, ...] = ()
    if lesion is not None:
        site = Site(lesion, skin, sheet, (float(middle[0]), float(middle[1])))
        light = paint_pigment(site, light, random("pigment"))
        light, drawn = paint_structures(site, light, random)
    light = _paint_hair(skin, sheet, light, today("hair"))
    light = _paint_gel(sheet, light, today("gel"))
    light = _paint_marks(device, sheet, light, today("marks"))
    pixels = _expose(device, sheet, light, today("noise"))
    return Shot(pixels=pixels, sheet=sheet, skin=skin, site=site, drawn=drawn)


def _paint_hair(skin: Skin, sheet: Sheet, light: Array, rng: np.random.Generator) -> Array:
    """Bowed hairs that mostly lie the same way."""
    if not skin.hairs:
        return light
    side = sheet.width_mm
    middle = rng.uniform(-side / 2, side / 2, (skin.hairs, 1, 2))
    heading = rng.uniform(0, np.pi) + rng.normal(0, 0.45, (skin.hairs, 1))
    along = np.linspace(-0.5, 0.5, 25)[None] * rng.uniform(0.25, 0.9, (skin.hairs, 1)) * side
    bow = rng.normal(0, 0.026, (skin.hairs, 1)) * along**2
    cos, sin = np.cos(heading), np.sin(heading)
    points = middle + np.stack([along * cos - bow * sin, along * sin + bow * cos], axis=2)
    start, end = points[:, :-1].reshape(-1, 2), points[:, 1:].reshape(-1, 2)
    width = np.repeat(rng.uniform(0.025, 0.05, skin.hairs), points.shape[1] - 1)
    colour = np.array([58, 40, 30]) * (1.25 - 0.7 * skin.melanin)
    return blend(light, colour, 0.85 * paint_strokes(sheet, start, end, width))


def _paint_gel(sheet: Sheet, light: Array, rng: np.random.Generator) -> Array:
    """Bubbles of the contact gel: a bright rim with a glint."""
    if rng.random() > 0.3:
        return light
    count = int(rng.integers(1, 12))
    place = rng.uniform(-0.5, 0.5, (2, count)) * sheet.width_mm
    radius = np.clip(0.35 * np.exp(0.6 * rng.standard_normal(count)), 0.1, 1.4)
    zero = np.zeros(count)
    outer = paint_spots(sheet, Spots(place[0], place[1], radius, radius, zero, zero, zero, zero + 0.1))
    inner = paint_spots(sheet, Spots(place[0], place[1], 0.82 * radius, 0.82 * radius, zero, zero, zero, zero + 0.3))
    x, y = place - 0.4 * radius
    glint = Spots(x, y, 0.16 * radius, 0.1 * radius, zero - 0.8, zero, zero, zero + 0.4)
    light = blend(light, np.array([236, 230, 224]), 0.35 * np.clip(outer - inner, 0, 1))
    return blend(light, np.array([252, 250, 248]), 0.8 * paint_spots(sheet, glint))


def _paint_marks(device: Device, sheet: Sheet, light: Array, rng: np.random.Generator) -> Array:
    """A ruler at the lower edge and a sticker at a corner, by the site's habit."""
    has_ruler, has_sticker, corner = rng.random(3)
    half = sheet.width_mm / 2
    if has_ruler < device.ruler:
        ticks = np.arange(np.ceil(-half), half, 1.0)
        length = np.where(ticks % 5 == 0, 0.9, 0.5)
        start = np.stack([ticks, np.full(len(ticks), half)], axis=1)
        end = np.stack([ticks, half - length], axis=1)
        light = blend(
            light, np.array([30, 30, 34]), 0.85 * paint_strokes(sheet, start, end, np.full(len(ticks), 0.05))
        )
    if has_sticker < device.sticker:
        x = np.array([half * (0.92 if corner < 0.5 else -0.92)])
        size, zero = np.array([0.3 * half]), np.zeros(1)
        spot = Spots(x, np.array([-0.92 * half]), size, 0.8 * size, zero + 0.5, zero, zero, zero)
        light = blend(light, np.array([70, 130, 190]), 0.95 * paint_spots(sheet, spot))
    return light


def _expose(device: Device, sheet: Sheet, light: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn light (H, W, 3) into a picture by the device's fixed settings."""
    x, y = sheet.places()
    radius = np.hypot(x, y) / np.float32(sheet.width_mm / 2)
    lamp = np.float32(rng.normal(1.0, 0.03)) * (1 - 0.10 * radius**2)
    lit = soften(light, 0.02 / sheet.pixel_mm) * (lamp / 255)[..., None]
    shown = 255 * np.clip(lit, 0, None) ** device.gamma * np.array(device.gain)
    grain = rng.standard_normal(shown.shape, dtype=np.float32) * device.noise
    dark = np.clip((device.corners - radius) / 0.03 + 0.5, 0, 1)
    pixels: NDArray[np.uint8] = np.clip((shown + grain) * dark[..., None] + 3, 0, 255).astype(np.uint8)
    return pixels
