"""The pigment of a lesion: ground colour with its edge, other colours, network, veil, regression."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.background import blend
from vesalius.virtual.skin.lesion import COLOURS, SkinDisease
from vesalius.virtual.skin.tone import Skin, mesh, noise
from vesalius.virtual.strokes import Array, Sheet

__all__ = ["Site", "paint_pigment"]

Floats = NDArray[np.floating]
_ABRUPT = 0.07
"""Width of an abrupt edge as a share of the radius."""


@dataclass(frozen=True, eq=False)
class Site:
    """A lesion on the picture's grid."""

    lesion: SkinDisease
    skin: Skin
    sheet: Sheet
    middle: tuple[float, float]
    """Place of the lesion's middle on the sheet, mm."""

    @cached_property
    def places(self) -> tuple[Array, Array]:
        """Places of the pixels in the lesion's frame, mm, each (H, W)."""
        x, y = self.sheet.places()
        shape = (self.sheet.rows, self.sheet.columns)
        x = np.broadcast_to(x - np.float32(self.middle[0]), shape)
        return np.ascontiguousarray(x), np.ascontiguousarray(np.broadcast_to(y - np.float32(self.middle[1]), shape))

    @cached_property
    def polar(self) -> tuple[Floats, Floats]:
        """Radius against the edge and direction of the pixels."""
        return self.lesion.outline.radius(*self.places)

    @property
    def radius_mm(self) -> float:
        """Mean radius."""
        outline = self.lesion.outline
        return outline.diameter_mm / 2 * float(np.sqrt(outline.flat))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Inside the edge, (H, W)."""
        inside: NDArray[np.bool_] = self.polar[0] <= 1
        return inside

    @cached_property
    def cover(self) -> Floats:
        """How much of the ground colour there is, by the softness of the edge in each direction, (H, W)."""
        radius, angle = self.polar
        width = np.maximum(edge_width(self.lesion, angle), 1.5 * self.sheet.pixel_mm / self.radius_mm)
        share = np.clip(0.5 + (1 - radius) / width, 0, 1)
        smooth: Floats = share * share * (3 - 2 * share)
        return smooth

    def patch(self, rng: np.random.Generator, away: float, size: float, edge: float = 0.12) -> Floats:
        """Return a cloudy patch inside the lesion, (H, W) 0 to 1.

        Args:
            rng: direction and outline.
            away: distance of its middle from the lesion's, as a share of the radius.
            size: its radius as a share of the lesion's.
            edge: width of its edge as a share of the radius.
        """
        x, y = self.places
        centre = self.lesion.outline.place(np.array([away]), rng.uniform(0, 2 * np.pi, 1))
        distance = np.hypot(x - centre[0], y - centre[1]) / self.radius_mm
        wave = noise(rng, x, y, 0.35 * self.radius_mm)
        share = np.clip(0.5 + (size * (1 + 0.35 * wave) - distance) / (2 * edge), 0, 1)
        inside: Floats = share * np.clip((1.02 - self.polar[0]) / 0.08, 0, 1)
        return inside


def edge_width(lesion: SkinDisease, angle: Floats) -> Floats:
    """Width of the edge as a share of the radius: `abrupt` eighths end suddenly, the others fade."""
    order = np.argsort(np.sin(np.arange(8) * 1.9 + lesion.outline.phase))
    wide = np.full(8, max(lesion.soft, _ABRUPT))
    wide[order[: lesion.abrupt]] = _ABRUPT
    sector = (angle + lesion.outline.phase) % (2 * np.pi) * (8 / (2 * np.pi)) - 0.5
    first = np.floor(sector).astype(np.intp)
    # Flat inside an eighth, a quick change between two.
    share = np.clip((sector - first - 0.5) / 0.5 + 0.5, 0, 1)
    width: Floats = wide[first % 8] * (1 - share) + wide[(first + 1) % 8] * share
    return width


def paint_pigment(site: Site, light: Array, rng: np.random.Generator) -> Array:
    """Paint the ground colour, the other colours and the network."""
    lesion, parts = site.lesion, site.lesion.structures
    x, y = site.places
    cloud = 1 + 0.10 * noise(rng, x, y, 0.6) + 0.06 * noise(rng, x, y, 0.2)
    ground = site.skin.seen(COLOURS[lesion.colours[0]])
    light = blend(light, ground * cloud[..., None].astype(np.float32), lesion.depth * site.cover)
    for colour in lesion.colours[1:]:
        if colour in ("blue-grey", "white") and (parts.veil or parts.regression or parts.scar or parts.nests):
            continue  # the structure of that colour is painted below
        away = lesion.uneven * rng.uniform(0.35, 0.65)
        patch = site.patch(rng, away, float(rng.uniform(0.32, 0.5)), 0.10)
        light = blend(light, site.skin.seen(COLOURS[colour]), 0.82 * patch * np.minimum(1.2 * site.cover, 1))
    if parts.network:
        light = _paint_network(site, light, rng)
    return _paint_areas(site, light, rng)


def _paint_network(site: Site, light: Array, rng: np.random.Generator) -> Array:
    """Lines of pigment round lighter holes: even ones fade at the edge, atypical ones are broad and broken."""
    x, y = site.places
    atypical = site.lesion.structures.network == "atypical"
    warp = noise(rng, x, y, 1.4)
    cell = (0.42 if atypical else 0.34) * (1 + (0.25 * float(rng.standard_normal()) if atypical else 0.0))
    near, second = mesh(
        rng, x + 0.18 * warp, y + 0.18 * noise(rng, x, y, 1.4), max(0.26, cell), 0.8 if atypical else 0.35
    )
    width = 0.055 * (1 + (0.9 * np.clip(noise(rng, x, y, 1.0), -0.6, 1.5) if atypical else 0.0))
    line = np.exp(-(((second - near) / (2 * np.maximum(width, 0.7 * site.sheet.pixel_mm))) ** 2))
    radius = site.polar[0]
    there = np.clip((1.0 - radius) / 0.25, 0, 1) * (0.35 + 0.65 * np.clip(radius / 0.5, 0, 1))
    if atypical:
        there = there * np.clip(0.45 + 1.2 * noise(rng, x, y, 1.8), 0, 1)
    hole = np.clip(1 - 3 * line, 0, 1) * there
    light = blend(light, light * np.float32(1.12), 0.8 * hole)
    return blend(light, site.skin.seen((84, 54, 38) if not atypical else (64, 42, 34)), 0.75 * line * there)


def _paint_areas(site: Site, light: Array, rng: np.random.Generator) -> Array:
    """Blotches, regression, veil, scar, nests and leaf-like areas."""
    parts, seen = site.lesion.structures, site.skin.seen
    for _ in range(parts.blotches):
        light = blend(light, seen((52, 36, 32)), 0.8 * site.patch(rng, rng.uniform(0.35, 0.65), 0.22, 0.06))
    if parts.regression:
        light = blend(light, seen((214, 194, 186)), 0.75 * site.patch(rng, 0.4, parts.regression, 0.10))
    if parts.veil:
        light = blend(light, np.array([112, 124, 146]), 0.66 * site.patch(rng, 0.25, parts.veil, 0.14))
    if parts.scar:
        light = blend(light, seen((232, 208, 196)), 0.75 * site.patch(rng, 0.05, parts.scar, 0.14))
    for _ in range(parts.nests):
        light = blend(light, np.array([88, 90, 104]), 0.72 * site.patch(rng, rng.uniform(0.2, 0.7), 0.17, 0.05))
    for _ in range(parts.leaves):
        light = blend(light, seen((112, 84, 72)), 0.7 * site.patch(rng, rng.uniform(0.72, 0.9), 0.2, 0.05))
    if parts.ulcer:
        crust = site.patch(rng, 0.2, parts.ulcer, 0.05)
        light = blend(light, np.array([150, 46, 40]), 0.8 * crust)
        light = blend(light, np.array([96, 40, 28]), 0.7 * crust * np.clip(0.3 + noise(rng, *site.places, 0.3), 0, 1))
    return light
