"""Healthy skin: tone, mottling, furrows; drawn before and without regard to disease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.background import sample
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.strokes import Array, Sheet

__all__ = ["Skin", "draw_skin", "mesh", "noise", "paint_skin"]

Floats = NDArray[np.floating]
_TONES = np.array([(230, 188, 168), (210, 165, 140), (196, 148, 120), (175, 125, 95), (132, 92, 68), (95, 65, 50)])
"""Types I to VI."""


@dataclass(frozen=True, kw_only=True)
class Skin:
    """The skin of one patient."""

    melanin: float
    """0 type I to 1 type VI."""
    redness: float
    hairs: int
    """Number in the field."""
    furrow: float
    """How plainly the furrows show."""

    @property
    def colour(self) -> Array:
        """Mean colour, (3,) 0 to 255."""
        place = np.arange(len(_TONES)) / (len(_TONES) - 1)
        tone = [np.interp(self.melanin, place, _TONES[:, channel]) for channel in range(3)]
        return np.asarray(np.array(tone) + self.redness * np.array([6, -6, -4]), np.float32)

    @property
    def type(self) -> str:
        """Skin type by Fitzpatrick."""
        return ("I", "II", "III", "IV", "V", "VI")[min(5, int(self.melanin * 6))]

    def seen(self, colour: tuple[float, float, float]) -> Array:
        """Return a pigment's colour on this skin: darker skin darkens all that lies in it."""
        share = (self.colour / _TONES[1]) ** np.float32(0.75)
        return np.asarray(np.array(colour) * np.minimum(share, 1.08), np.float32)


def draw_skin(patient: Patient) -> Skin:
    """Draw the skin of a patient; men have more hair."""
    rng = stream(patient.seed, patient.id, "skin")
    hairy = rng.random() < (0.6 if patient.body.sex == "M" else 0.35)
    return Skin(
        melanin=float(rng.beta(1.5, 2.4)), redness=float(rng.normal(0, 1)),
        hairs=int(2 + 28 * rng.beta(1.0, 2.2)) if hairy else 0, furrow=float(rng.uniform(0.3, 1.0)),
    )  # fmt: skip


def paint_skin(skin: Skin, sheet: Sheet, rng: np.random.Generator) -> Array:
    """Return the light of skin without a lesion, (H, W, 3) 0 to 255."""
    x, y = np.broadcast_arrays(*sheet.places())
    picture = np.broadcast_to(skin.colour, (sheet.rows, sheet.columns, 3))
    mottle = 0.5 * noise(rng, x, y, 5.0) + 0.35 * noise(rng, x, y, 1.2) + 0.2 * noise(rng, x, y, 0.35)
    picture = picture * (1 + np.float32(0.035) * mottle[..., None])
    blush = noise(rng, x, y, 2.2)[..., None] * np.array([1.0, -2.6, -2.0], np.float32)
    near, second = mesh(rng, x + 0.2 * noise(rng, x, y, 1.0), y, 0.85, 0.85)
    furrow = np.exp(-(((second - near) / 0.07) ** 2)) * np.float32(0.045 * skin.furrow)
    light: Array = ((picture + blush) * (1 - furrow[..., None])).astype(np.float32)
    return light


def noise(rng: np.random.Generator, x: Floats, y: Floats, size_mm: float) -> Array:
    """Smooth noise with bumps of a size, mean 0, of the shape of x and y."""
    return sample(rng.standard_normal((64, 64)), x / np.float32(size_mm) + 32, y / np.float32(size_mm) + 32)


def mesh(rng: np.random.Generator, x: Floats, y: Floats, cell_mm: float, jitter: float) -> tuple[Array, Array]:
    """Return the distances to the nearest and the second nearest middle of irregular cells, mm."""
    shift = (rng.random((64, 64, 2)) - 0.5) * jitter
    u, v = (x / cell_mm).astype(np.float32), (y / cell_mm).astype(np.float32)
    left, top = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    near = np.full(u.shape, 9.0, np.float32)
    second = near.copy()
    table = shift.astype(np.float32).reshape(-1, 2)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            index = ((top + row) % 64) * 64 + (left + column) % 64
            stagger = np.float32(0.5) * ((top + row) % 2)
            dx = left + column + np.float32(0.25) + stagger + table[index, 0] - u
            dy = top + row + np.float32(0.5) + table[index, 1] - v
            distance = np.sqrt(dx * dx + dy * dy).astype(np.float32)
            second = np.minimum(second, np.maximum(near, distance))
            near = np.minimum(near, distance)
    return near * np.float32(cell_mm), second * np.float32(cell_mm)
