"""A section under work: dyes, compartments, glands and nuclei on one square field.

The field is FIELD_UM wide whatever the number of pixels, so that more pixels are a stronger objective.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import fibres
from vesalius.virtual.cells.nuclei import KINDS, Nuclei, NucleusKind, draw_nuclei
from vesalius.virtual.cells.stain import Stain, coloured
from vesalius.virtual.cells.stamp import Array, Outlines, Patches, patches
from vesalius.virtual.noise import smooth_noise

__all__ = ["FIELD_UM", "Compartment", "Placed", "Section"]

FIELD_UM = 128.0
Mask = NDArray[np.bool_]


class Compartment(IntEnum):
    """What a pixel belongs to."""

    STROMA = 0
    EPITHELIUM = 1
    LUMEN = 2
    NECROSIS = 3
    KERATIN = 4
    FAT = 5
    LYMPHOID = 6
    VESSEL = 7


class Placed(NamedTuple):
    """All nuclei of a section after painting."""

    labels: NDArray[np.int32]
    """Number of the nucleus from 1, 0 elsewhere, (H, W)."""
    kinds: tuple[str, ...]
    """Kind of nucleus 1, 2, …"""
    places: Array
    """x, y in pixels, (N, 2)."""
    areas_um2: Array
    """By geometry, (N,)."""


class Section:
    """Dyes are optical densities; positions are µm from the corner of the field."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        self.um = FIELD_UM / size
        place = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(self.um)
        self.x: Array = place[None, :]
        self.y: Array = place[:, None]
        self.haematoxylin: Array = np.zeros((size, size), np.float32)
        self.eosin: Array = np.zeros((size, size), np.float32)
        self.rest: Array = np.zeros((size, size, 3), np.float32)
        self.compartment = np.zeros((size, size), np.uint8)
        self.glands: list[Mask] = []
        self.tumour: Mask = np.zeros((size, size), np.bool_)
        self.nuclei: list[Nuclei] = []
        self.grain: Array = smooth_noise(rng, size, 90)

    def branch(self) -> np.random.Generator:
        """Return a stream of its own for what is drawn a number of times that the pixels decide.

        What follows is then the same for every number of pixels.
        """
        return np.random.Generator(np.random.Philox(key=int(self.rng.integers(2**62))))

    def fill(self, cover: NDArray[np.floating] | Mask, haematoxylin: Array | float, eosin: Array | float,
             kind: Compartment | None = None) -> None:  # fmt: skip
        """Put dyes where `cover` (H, W) is, in its share, and name the compartment where it is above a half."""
        share = np.asarray(cover, np.float32)
        self.haematoxylin = self.haematoxylin * (1 - share) + share * haematoxylin
        self.eosin = self.eosin * (1 - share) + share * eosin
        self.rest *= (1 - share)[..., None]
        if kind is not None:
            self.compartment[share > 0.5] = kind

    def ground(self, *, collagen: float, width_um: float = 2.4, eosin: float = 0.2, clefts: float = 0.25) -> float:
        """Lay stroma over the whole field and return the direction of its fibres in radians."""
        angle = float(self.rng.random() * np.pi)
        bundles = fibres(self.rng, self.size, FIELD_UM, width_um=width_um, angle=angle)
        body = eosin * (1 + 0.24 * collagen * bundles) + 0.012 * self.grain
        gap = np.clip((-bundles - 1.35) * 1.8, 0, 1) * clefts
        self.fill(np.ones_like(body), 0.035 + 0.01 * self.grain, np.clip(body, 0.02, None), Compartment.STROMA)
        self.fill(gap, 0.0, 0.01)
        return angle

    def is_at(self, places: NDArray[np.floating], mask: Mask) -> Mask:
        """Say which of `places` (N, 2) in µm lie on `mask`; those outside count by the nearest pixel."""
        column, row = np.clip((places / self.um).astype(int), 0, self.size - 1).T
        return np.asarray(mask[row, column], np.bool_)

    def add(self, kind: NucleusKind | str, places: NDArray[np.floating], *, angle: Array | None = None) -> None:
        """Put nuclei of a kind at `places` (N, 2) in µm."""
        known = KINDS[kind] if isinstance(kind, str) else kind
        rng = self.branch()
        if len(places):
            self.nuclei.append(draw_nuclei(rng, known, np.asarray(places, np.float32), angle=angle))

    def spots(self, outlines: Outlines, haematoxylin: float, eosin: float, kind: Compartment | None = None) -> Array:
        """Fill outlines in µm with even dyes and return their cover (H, W)."""
        cover = np.zeros(self.size**2, np.float32)
        for part in patches(outlines.scaled(1 / self.um), self.size):
            np.maximum.at(cover, part.pixel.ravel(), part.cover.ravel())
        whole = cover.reshape(self.size, self.size)
        self.fill(whole, haematoxylin, eosin, kind)
        return whole

    def place_nuclei(self) -> Placed:
        """Paint all nuclei and number them; where two overlap the later one owns the pixel."""
        labels = np.zeros(self.size**2, np.int32)
        dye = np.zeros(self.size**2, np.float32)
        kinds: list[str] = []
        for group in self.nuclei:
            outlines = group.outlines.scaled(1 / self.um)
            for part in patches(outlines, self.size):
                self._paint(group, part, dye)
                owner = np.broadcast_to((part.chosen + 1 + len(kinds))[:, None, None], part.cover.shape)
                hit = part.cover > 0.5
                np.maximum.at(labels, part.pixel[hit], owner[hit].astype(np.int32))
            kinds += [group.kind.name] * len(outlines)
        density = dye.reshape(self.size, self.size)
        self.haematoxylin = np.maximum(self.haematoxylin, density)
        self.eosin = self.eosin * (1 - 0.35 * np.clip(density / 0.5, 0, 1))
        lines = [group.outlines for group in self.nuclei]
        places = [np.stack([line.x, line.y], axis=1) / self.um for line in lines] or [np.zeros((0, 2), np.float32)]
        areas = [line.area for line in lines] or [np.zeros(0, np.float32)]
        return Placed(labels.reshape(self.size, self.size), tuple(kinds),
                      np.asarray(np.concatenate(places), np.float32),
                      np.asarray(np.concatenate(areas), np.float32))  # fmt: skip

    def _paint(self, group: Nuclei, part: Patches, dye: Array) -> None:
        """Lay the chromatin of nuclei into the flat map `dye`; what lies over each other adds a little."""
        kind = group.kind
        tone = (kind.density * group.tone[part.chosen])[:, None, None]
        texture = 1 + kind.clump * self.grain.ravel()[part.pixel]
        texture += kind.rim * np.exp(-(((part.radius - 0.86) / 0.14) ** 2))
        texture -= kind.clump * 0.35 * np.exp(-((part.radius / 0.5) ** 2))
        if kind.nucleolus_um:
            radius = kind.nucleolus_um / 2 / self.um
            spot = group.spot[part.chosen]
            half = group.outlines.a[part.chosen] / self.um, group.outlines.b[part.chosen] / self.um
            du = part.u - (spot[:, 0] * half[0])[:, None, None]
            dv = part.v - (spot[:, 1] * half[1])[:, None, None]
            texture += 1.0 * np.exp(-((du * du + dv * dv) / (radius * radius)))
        value = (part.cover * tone * texture).ravel()
        index = part.pixel.ravel()
        under = dye[index]
        np.maximum.at(dye, index, np.maximum(value, under) + 0.3 * np.minimum(value, under))

    def picture(self, stain: Stain) -> NDArray[np.uint8]:
        """Stain and photograph what was laid, (H, W, 3)."""
        return coloured(np.clip(self.haematoxylin, 0, None), np.clip(self.eosin, 0, None), self.rest, stain=stain,
                        um_per_pixel=self.um, rng=self.rng)  # fmt: skip
