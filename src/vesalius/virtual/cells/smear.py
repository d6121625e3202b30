"""Findings of blood, and the field of a film that shows them with every cell by class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import lattice
from vesalius.virtual.cells.film import FILM_UM, Cell, Film, density_of, draw_smear, photograph
from vesalius.virtual.cells.leukocytes import RADIUS_UM, WHITE_CELLS, paint_platelets
from vesalius.virtual.cells.stamp import Array, make_outlines
from vesalius.virtual.findings.base import Disease, choose
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["BloodDisease", "BloodField", "Recipe", "look_at_film"]

_RED_PER_LITRE = 4.7e12
_RING = density_of(104, 96, 178)
_DOT = density_of(150, 30, 80)
_PIGMENT = density_of(110, 80, 50)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a film is made of; diseases change it."""

    red: Mapping[str, float]
    """Weights of the forms of red cells."""
    white: Mapping[str, float]
    """Weights of the classes of white cells."""
    white_cells: float = 1.9
    """Mean number on a field, which is chosen to show at least one."""
    platelets_per_litre: float = 250e9
    parasitaemia: float = 0.0
    """Share of red cells; an infected film shows one at least."""
    stages: Mapping[str, float] = field(default_factory=lambda: {"ring": 1.0})
    """Weights of the parasites' stages."""


_HEALTHY = Recipe(
    red={"normal": 0.955, "stomatocyte": 0.01, "macrocyte": 0.015, "microcyte": 0.012, "target": 0.004,
         "spherocyte": 0.004},
    white={"neutrophil": 0.56, "lymphocyte": 0.3, "monocyte": 0.06, "eosinophil": 0.04, "basophil": 0.01,
           "band neutrophil": 0.03},
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class BloodDisease(Disease):
    """A disease seen on a blood film."""

    region: ClassVar[str] = "blood"

    @abstractmethod
    def change(self, recipe: Recipe) -> Recipe:
        """Return what the film is made of with this disease."""

    @abstractmethod
    def shows(self, cell: Cell) -> bool:
        """Say whether a cell is one of those that the disease is known by."""


@dataclass(frozen=True, eq=False, kw_only=True)
class BloodField:
    """A photographed field of a film with its cells."""

    pixels: NDArray[np.uint8]
    """(H, W, 3)."""
    um_per_pixel: float
    cells: tuple[Cell, ...]
    """Those of which a fifth or more lies on the field."""


def look_at_film(patient: Patient, size: int) -> BloodField:
    """Make and photograph one field of the patient's film, `size` × `size` pixels."""
    rng = stream(patient.seed, patient.occasion, "exam", "blood_film")
    # The spread of the cells is drawn by itself, so that a disease shifts none of it.
    layout = stream(patient.seed, patient.occasion, "exam", "blood_film", "layout")
    recipe = replace(_HEALTHY, platelets_per_litre=float(layout.uniform(165e9, 400e9)))
    for disease in patient.diseases:
        if isinstance(disease, BloodDisease):
            recipe = disease.change(recipe)
    film = Film(size, rng)
    white = _white_places(recipe, layout)
    _paint_red(film, recipe, _red_places(layout, white))
    for name, place in white:
        WHITE_CELLS[name](film, place)
    count = layout.poisson(len(film.cells) * recipe.platelets_per_litre / _RED_PER_LITRE)
    paint_platelets(film, layout.uniform(0, FILM_UM, (int(count), 2)).astype(np.float32))
    smear = draw_smear(patient.site, stream(patient.seed, patient.occasion, "exam", "blood_film", "smear"))
    seen = tuple(cell for cell in film.cells if cell.mask.sum() * film.um**2 >= 0.2 * cell.area_um2)
    return BloodField(pixels=photograph(film, smear), um_per_pixel=film.um, cells=seen)


def _white_places(recipe: Recipe, rng: np.random.Generator) -> list[tuple[str, Array]]:
    """Draw class and place of each white cell, apart from one another."""
    count = 1 + int(min(rng.poisson(max(recipe.white_cells - 1, 0.0)), 13))
    made: list[tuple[str, Array]] = []
    for _ in range(count):
        name = choose(rng, recipe.white)
        for place in rng.uniform(2, FILM_UM - 2, (40, 2)).astype(np.float32):
            if all(np.hypot(*(place - other)) > RADIUS_UM[name] + RADIUS_UM[kind] + 0.5 for kind, other in made):
                made.append((name, place))
                break
    return made


def _red_places(rng: np.random.Generator, white: list[tuple[str, Array]]) -> Array:
    """Spread red cells with few overlaps; white cells push them aside."""
    places = lattice(rng, FILM_UM, float(rng.uniform(8.9, 11.8)), jitter=0.2)
    places = places[rng.random(len(places)) < 0.94]
    for name, place in white:
        places = places[np.hypot(*(places - place).T) > RADIUS_UM[name] + 2.6]
    return places


def _paint_red(film: Film, recipe: Recipe, places: Array) -> None:
    rng = film.rng
    forms = np.array([choose(rng, recipe.red) for _ in range(len(places))])
    sick = rng.random(len(places)) < recipe.parasitaemia
    inside = ((places > 4) & (places < FILM_UM - 4)).all(axis=1)
    if recipe.parasitaemia > 0 and not (sick & inside).any() and inside.any():
        sick[rng.choice(np.flatnonzero(inside))] = True
    for form in recipe.red:
        chosen = forms == form
        if chosen.any():
            film.red(form, places[chosen], infected=sick[chosen])
    for place in places[sick]:
        _parasite(film, place, choose(rng, recipe.stages))


def _parasite(film: Film, place: Array, stage: str) -> None:
    """Paint a malaria parasite inside the red cell at `place` (2,)."""
    rng = film.rng
    place = place + rng.normal(0, 0.7, 2)
    one = place.astype(np.float32)[None]
    if stage == "ring":
        ring = make_outlines(rng, one, area=3.9, cv=0.25, ratio=1.15, rough=0.04)
        film.cover(ring, _RING, clear=0.3, clump=0.0)
        hole = make_outlines(rng, one, area=1.7, cv=0.1, ratio=1.15, rough=0.03)
        film.cover(hole, density_of(222, 165, 165), clear=1.0, clump=0.0)
        turn = rng.random() * 2 * np.pi
        dots = place + 1.05 * np.array(
            [[np.cos(turn + k), np.sin(turn + k)] for k in range(1 + (rng.random() < 0.25))]
        )
        film.cover(
            make_outlines(rng, dots.astype(np.float32), area=0.75, cv=0.2, ratio=1.2, rough=0.03), _DOT, clump=0.0
        )
    elif stage == "trophozoite":
        film.cover(make_outlines(rng, one, area=14, cv=0.2, ratio=1.4, rough=0.18), _RING, clear=0.4, clump=0.3)
        film.cover(make_outlines(rng, one + 0.8, area=2.4, cv=0.2, ratio=1.3, rough=0.05), _DOT, clump=0.1)
    elif stage == "schizont":
        dots = place + rng.normal(0, 1.35, (int(rng.integers(8, 20)), 2))
        film.cover(
            make_outlines(rng, dots.astype(np.float32), area=1.3, cv=0.2, ratio=1.1, rough=0.03), _RING, clear=0.8
        )
        film.cover(
            make_outlines(rng, dots.astype(np.float32), area=0.5, cv=0.2, ratio=1.1, rough=0.02), _DOT, clump=0.0
        )
        film.cover(make_outlines(rng, one, area=1.1, cv=0.2, ratio=1.2, rough=0.1), _PIGMENT, clump=0.0)
    else:
        film.cover(make_outlines(rng, one, area=15.5, cv=0.1, ratio=4.2, rough=0.02, bend=0.35), _RING, clear=0.9,
                   clump=0.2)  # fmt: skip
        film.cover(make_outlines(rng, one, area=2.6, cv=0.2, ratio=1.4, rough=0.05), _DOT, clump=0.1)
