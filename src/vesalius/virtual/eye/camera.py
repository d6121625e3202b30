"""The fundus camera: where each pixel lies on the retina, and how a site's camera renders colours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vesalius.virtual.body import Side
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.strokes import Array, Sheet, Spots

__all__ = ["FIELD_MM", "Camera", "Frame", "camera_of", "develop", "frame_of", "soften"]

Floats = NDArray[np.floating]
FIELD_MM = 12.5
"""Diameter of the 45° field on the retina."""
_PICTURE_MM = 12.9
"""Side of the picture: the field with a narrow black border."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How a site's camera looks, whatever is in front of it."""

    gain: tuple[float, float, float]
    """Of red, green and blue."""
    gamma: float
    saturation: float
    vignette: float
    """Share of light lost at the edge of the field."""
    blur_mm: float
    """Standard deviation of the point spread on the retina."""
    noise: float
    """Standard deviation in grey values of 255."""
    tab: bool
    """A round notch at the upper right of the field."""


_CAMERAS = (
    Camera(gain=(1.07, 0.82, 0.74), gamma=0.95, saturation=1.12, vignette=0.30, blur_mm=0.034, noise=1.2, tab=True),
    Camera(gain=(0.97, 1.02, 1.05), gamma=1.05, saturation=0.92, vignette=0.45, blur_mm=0.044, noise=2.0, tab=False),
    Camera(gain=(1.05, 0.96, 0.80), gamma=1.00, saturation=1.05, vignette=0.22, blur_mm=0.030, noise=0.9, tab=False),
    Camera(gain=(0.98, 0.92, 0.90), gamma=1.10, saturation=0.98, vignette=0.38, blur_mm=0.038, noise=1.6, tab=True),
)
_OF_SITE = {"north": 0, "harbour": 1, "valley": 2, "market": 3}


def camera_of(site: str) -> Camera:
    """Return the camera of a site by its name; one that is not in the table gets one of the same four."""
    number = _OF_SITE[site] if site in _OF_SITE else int(identifier(0, "fundus camera", site), 16) % len(_CAMERAS)
    return _CAMERAS[number]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One photograph's geometry: the retina's mm (x towards the nose, y upwards) on the picture's grid."""

    sheet: Sheet
    side: Side
    centre: tuple[float, float]
    """Place of the retina in the picture's middle."""
    turn: float
    """Radians by which the head is tilted."""
    zoom: float

    @property
    def _across(self) -> float:
        """The nose lies to the right of the fovea in a picture of the right eye."""
        return 1.0 if self.side == "right" else -1.0

    def to_picture(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return places of the sheet (x to the right, y downwards, mm) of places of the retina."""
        dx, dy = (x - self.centre[0]) * self._across, y - self.centre[1]
        cos, sin = np.cos(self.turn) * self.zoom, np.sin(self.turn) * self.zoom
        return dx * cos - dy * sin, -(dx * sin + dy * cos)

    def to_pixels(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return columns and rows of places of the retina."""
        return self.sheet.pixels(*self.to_picture(x, y))

    @cached_property
    def retina(self) -> tuple[Array, Array]:
        """Places of the pixels on the retina, x and y mm, each (H, W)."""
        right, down = self.sheet.places()
        cos, sin = np.float32(np.cos(self.turn) / self.zoom), np.float32(np.sin(self.turn) / self.zoom)
        dx, dy = right * cos - down * sin, -right * sin - down * cos
        x = dx * np.float32(self._across) + np.float32(self.centre[0])
        return x.astype(np.float32), (dy + np.float32(self.centre[1])).astype(np.float32)

    @cached_property
    def field(self) -> NDArray[np.bool_]:
        """True inside the round field, (H, W)."""
        right, down = self.sheet.places()
        inside: NDArray[np.bool_] = right**2 + down**2 <= (FIELD_MM / 2) ** 2
        return inside

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel on the retina."""
        return self.sheet.pixel_mm / self.zoom

    def within(self, x: Floats, y: Floats) -> NDArray[np.bool_]:
        """Say which places of the retina lie in the field."""
        right, down = self.to_picture(x, y)
        inside: NDArray[np.bool_] = right**2 + down**2 <= (FIELD_MM / 2) ** 2
        return inside

    def spots(self, spots: Spots) -> Spots:
        """Return spots of the retina as they lie on the sheet."""
        x, y = self.to_picture(spots.x, spots.y)
        # A mirrored axis turns the angle and the order of the outline's waves the other way round.
        tip_x, tip_y = self.to_picture(spots.x + np.cos(spots.angle), spots.y + np.sin(spots.angle))
        angle = np.arctan2(tip_y - y, tip_x - x)
        phase = spots.phase * (1.0 if self.side == "left" else -1.0)
        return Spots(x, y, spots.long * self.zoom, spots.wide * self.zoom, angle, spots.wobble, phase, spots.soft)

    def line(self, places: Floats) -> Floats:
        """Return places of the retina (N, 2) as places of the sheet (N, 2)."""
        return np.stack(self.to_picture(places[:, 0], places[:, 1]), axis=1)


def frame_of(patient: Patient, side: Side, size: int) -> Frame:
    """Return the geometry of a patient's photograph; it does not depend on disease."""
    rng = stream(patient.seed, patient.occasion, "exam", "fundus", "frame")
    off = rng.normal(0, (0.30, 0.25))
    return Frame(
        sheet=Sheet(size, size, _PICTURE_MM), side=side, centre=(1.5 + float(off[0]), 0.1 + float(off[1])),
        turn=float(np.clip(rng.normal(0, 0.05), -0.12, 0.12)), zoom=1 + 0.5 * (patient.acquisition.zoom - 1),
    )  # fmt: skip


def soften(picture: Array, sigma: float) -> Array:
    """Blur (H, W) or (H, W, C) by about `sigma` pixels; wide blurs are made on a coarser grid."""
    if sigma < 0.2:
        return picture
    if picture.ndim == 3:
        return np.stack([soften(picture[..., channel], sigma) for channel in range(picture.shape[2])], axis=2)
    rows, columns = picture.shape
    step = max(1, int(sigma / 1.5))
    small = picture
    if step > 1:
        shape = (max(2, columns // step), max(2, rows // step))
        small = np.asarray(Image.fromarray(picture, "F").resize(shape, Image.Resampling.BOX), np.float32)
    small = _convolved(_convolved(small, sigma / step, 0), sigma / step, 1)
    if step > 1:
        wide = Image.fromarray(np.ascontiguousarray(small), "F").resize((columns, rows), Image.Resampling.BICUBIC)
        return np.asarray(wide, np.float32)
    return small


def _convolved(picture: Array, sigma: float, axis: int) -> Array:
    reach = max(1, int(np.ceil(2.5 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(picture, [(reach, reach) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
    size = picture.shape[axis]
    total = np.zeros_like(picture)
    for shift, weight in enumerate(kernel):
        total += weight * (padded[shift : shift + size] if axis == 0 else padded[:, shift : shift + size])
    return total


def develop(light: Array, frame: Frame, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn the light from the retina (H, W, 3; 0 to 255) into a photograph by the camera's fixed settings."""
    right, down = frame.sheet.places()
    radius = (right**2 + down**2) / np.float32((FIELD_MM / 2) ** 2)
    lean = rng.normal(0, 0.06, 2).astype(np.float32)
    shade = 1 - np.float32(camera.vignette) * radius**1.5 + (right * lean[0] + down * lean[1]) / np.float32(6)
    flash = np.float32(rng.normal(1.0, 0.05) / 255)
    lit = soften(light, camera.blur_mm / frame.pixel_mm) * shade[..., None] * flash
    light = (np.clip(lit, 0, None) ** np.float32(camera.gamma) * np.array(camera.gain)).astype(np.float32)
    grey = light.mean(axis=2, keepdims=True)
    vivid = 255 * (grey + (light - grey) * np.float32(camera.saturation))
    vivid = np.where(vivid > 225, 225 + 30 * np.tanh((vivid - 225) / 30), vivid)
    grain = rng.standard_normal(vivid.shape, dtype=np.float32) * np.float32(camera.noise)
    edge = np.clip((FIELD_MM / 2 - np.sqrt(radius) * FIELD_MM / 2) / frame.sheet.pixel_mm + 0.5, 0, 1)
    if camera.tab:
        tab = np.hypot(right - np.float32(4.65), down + np.float32(4.35))
        edge = np.maximum(edge, np.clip((np.float32(0.32) - tab) / frame.sheet.pixel_mm + 0.5, 0, 1))
    pixels: NDArray[np.uint8] = np.clip((vivid + grain) * edge[..., None] + 2.5, 0, 255).astype(np.uint8)
    return pixels
