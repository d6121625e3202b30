"""A blood film in Giemsa's stain under work: cells painted one over the other by optical density.

The field is FILM_UM wide whatever the number of pixels. Overlapping red cells are darker, white cells hide them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import blurred
from vesalius.virtual.cells.stamp import Array, Outlines, Patches, make_outlines, patches
from vesalius.virtual.noise import smooth_noise
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import Site

__all__ = ["FILM_UM", "RED_CELLS", "Cell", "Film", "RedKind", "Smear", "density_of", "draw_smear", "photograph"]

FILM_UM = 80.0
_GLASS = (238, 229, 224)
_OPTICS_UM = 0.16
_NOISE = 0.007


def density_of(red: int, green: int, blue: int) -> Array:
    """Optical density (3,) of a colour on the film, over the glass."""
    return np.asarray(-np.log10(np.array([red, green, blue]) / np.array(_GLASS)), np.float32)


@dataclass(frozen=True, kw_only=True)
class RedKind:
    """A form of red cell: size, how round, how pale its centre."""

    diameter_um: float = 7.2
    cv: float = 0.055
    """Of the diameter."""
    ratio: float = 1.06
    rough: float = 0.015
    pallor: float = 0.34
    """Radius of the pale centre as a share of the cell's."""
    depth: float = 0.62
    """How much of the colour the centre lacks."""
    tone: float = 1.0
    """Density factor of the whole cell."""
    target: bool = False
    """A dark spot in the pale centre."""
    bend: float = 0.0
    """How far the ends are bowed, as a share of the half length."""


RED_CELLS = {
    "normal": RedKind(),
    "microcyte": RedKind(diameter_um=5.7, cv=0.09, pallor=0.62, depth=0.85, tone=0.72),
    "macrocyte": RedKind(diameter_um=8.6, ratio=1.15, pallor=0.3),
    "spherocyte": RedKind(diameter_um=5.9, cv=0.05, ratio=1.02, rough=0.008, pallor=0.1, depth=0.0, tone=1.35),
    "target": RedKind(diameter_um=7.4, pallor=0.66, depth=0.7, target=True),
    "pencil cell": RedKind(diameter_um=5.6, ratio=2.9, pallor=0.45, depth=0.55, tone=0.75),
    "sickle": RedKind(diameter_um=6.2, cv=0.08, ratio=3.6, rough=0.02, pallor=0.05, depth=0.0, tone=1.25, bend=0.5),
    "stomatocyte": RedKind(pallor=0.3, ratio=1.12, depth=0.7),
}
_RED = density_of(220, 156, 148)


@dataclass(frozen=True, eq=False)
class Cell:
    """One cell that was painted."""

    name: str
    """Class: red blood cell, infected red blood cell, platelet, neutrophil, …"""
    form: str
    """Variant within the class."""
    mask: NDArray[np.bool_]
    """(H, W)."""
    place_um: tuple[float, float]
    area_um2: float
    """Whole area by geometry, also of what lies outside the field."""


@dataclass(eq=False)
class Film:
    """Optical density and the cells so far."""

    size: int
    rng: np.random.Generator
    density: Array = field(init=False)
    """(H, W, 3)."""
    grain: Array = field(init=False)
    cells: list[Cell] = field(default_factory=list)
    """In order of painting."""

    def __post_init__(self) -> None:
        self.density = np.zeros((self.size, self.size, 3), np.float32)
        self.grain = smooth_noise(self.rng, self.size, 110)

    @property
    def um(self) -> float:
        """µm a pixel."""
        return FILM_UM / self.size

    def red(self, form: str, places: Array, *, infected: NDArray[np.bool_] | None = None) -> None:
        """Paint red cells of a form at `places` (N, 2) in µm; say which are infected, (N,)."""
        kind = RED_CELLS[form]
        cells = make_outlines(self.rng, places, area=np.pi / 4 * kind.diameter_um**2, cv=2 * kind.cv,
                              ratio=kind.ratio, rough=kind.rough, bend=kind.bend)  # fmt: skip
        tone = np.exp(0.07 * self.rng.standard_normal(len(places))) * kind.tone
        pallor = np.clip(kind.pallor * (1 + 0.18 * self.rng.standard_normal(len(places))), 0.04, 0.85)
        sick = np.zeros(len(places), np.bool_) if infected is None else infected
        for part in patches(cells.scaled(1 / self.um), self.size):
            share = part.radius / pallor[part.chosen][:, None, None]
            body = 1 - kind.depth / (1 + share**5)
            if kind.target:
                body += 0.75 * kind.depth * np.exp(-((share / 0.45) ** 2))
            # The disc is thickest near its edge.
            body *= 0.88 + 0.25 * np.exp(-(((part.radius - 0.84) / 0.15) ** 2))
            self._add(part, part.cover * body * tone[part.chosen][:, None, None], _RED)
            names = ["infected red blood cell" if sick[number] else "red blood cell" for number in part.chosen]
            self._note(names, form, cells, part)

    def _add(self, part: Patches, value: NDArray[np.floating], colour: Array) -> None:
        flat = self.density.reshape(-1, 3)
        index, amount = part.pixel.ravel(), (value * part.inside).ravel().astype(np.float32)
        for channel in range(3):
            np.add.at(flat[:, channel], index, amount * colour[channel])

    def cover(self, outlines: Outlines, colour: Array, *, name: str = "", form: str = "", clear: float = 1.0,
              clump: float = 0.1, rim: float = 0.0) -> None:  # fmt: skip
        """Paint bodies in µm over what is there, which shines through by 1 − `clear`; with a name they are noted."""
        flat = self.density.reshape(-1, 3)
        for part in patches(outlines.scaled(1 / self.um), self.size):
            texture = 1 + clump * self.grain.ravel()[part.pixel] + rim * np.exp(-(((part.radius - 0.92) / 0.1) ** 2))
            for row in range(len(part.chosen)):
                inside = part.inside[row]
                index, share = part.pixel[row][inside], part.cover[row][inside][:, None]
                flat[index] = flat[index] * (1 - clear * share) + share * texture[row][inside][:, None] * colour
            if name:
                self._note([name] * len(part.chosen), form, outlines, part)

    def _note(self, names: list[str], form: str, outlines: Outlines, part: Patches) -> None:
        """Keep the masks of painted outlines; those that lie outside are left out."""
        areas = outlines.area
        for row, number in enumerate(part.chosen):
            mask = np.zeros(self.size**2, np.bool_)
            mask[part.pixel[row][part.cover[row] > 0.5]] = True
            if mask.any():
                place = float(outlines.x[number]), float(outlines.y[number])
                shape = mask.reshape(self.size, self.size)
                self.cells.append(Cell(names[row], form, shape, place, float(areas[number])))


class Smear(NamedTuple):
    """How one film was stained and photographed."""

    strength: float
    hue: tuple[float, float, float]
    light: float
    shade: float
    """Fall of the light towards the corners."""


def draw_smear(site: Site, rng: np.random.Generator) -> Smear:
    """Draw the stain of a film: the site's profile, the same for all its patients, with a little of the day."""
    house = stream(0, "giemsa", site.name)
    hue = 1 + house.uniform(-0.1, 0.1, 3) + rng.uniform(-0.02, 0.02, 3)
    return Smear(float(house.uniform(0.85, 1.2) * rng.uniform(0.94, 1.06)),
                 (float(hue[0]), float(hue[1]), float(hue[2])), float(rng.uniform(0.93, 1.0)),
                 float(house.uniform(0.0, 0.12)))  # fmt: skip


def photograph(film: Film, smear: Smear) -> NDArray[np.uint8]:
    """Return the picture of a film, (H, W, 3)."""
    density = film.density * smear.strength * np.array(smear.hue, np.float32)
    # A bright line about every cell, where its edge bends the light.
    body = film.density.mean(axis=2)
    edge = np.clip(blurred(body, 0.5 / film.um) - body, 0, None)
    light = np.array(_GLASS, np.float32) / 255 * smear.light * 10 ** (-density)
    light = light * (1 + 0.35 * edge)[..., None]
    place = (np.arange(film.size, dtype=np.float32) + 0.5) / film.size - 0.5
    fall = 1 - 2 * smear.shade * (place[None, :] ** 2 + place[:, None] ** 2)
    veil = 1 + 0.012 * smooth_noise(film.rng, film.size, 5)
    light = blurred(np.asarray(light * (fall * veil)[..., None], np.float32), _OPTICS_UM / film.um)
    light = light + _NOISE * film.rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(255 * light), 0, 255), np.uint8)
