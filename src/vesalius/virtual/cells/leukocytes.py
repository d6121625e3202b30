"""White cells, platelets and blasts of a blood film, each drawn from a few outlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vesalius.virtual.cells.film import Film, density_of
from vesalius.virtual.cells.stamp import Array, make_outlines

__all__ = ["RADIUS_UM", "WHITE_CELLS", "paint_platelets"]

_NUCLEUS = density_of(96, 66, 150)
_DENSE = density_of(78, 52, 138)
_FINE = density_of(142, 104, 182)
_PINK = density_of(224, 196, 208)
_BLUE = density_of(150, 168, 214)
_DEEP = density_of(120, 135, 205)
_GREY = density_of(186, 182, 208)
_ORANGE = density_of(226, 128, 96)
_PLATELET = density_of(172, 132, 190)
_GLASS_SPOT = density_of(226, 216, 222)

RADIUS_UM = {
    "neutrophil": 6.3, "band neutrophil": 6.4, "lymphocyte": 4.5, "monocyte": 7.6, "eosinophil": 6.3, "basophil": 5.5,
    "blast": 8.2,
}  # fmt: skip


def _one(place: Array) -> Array:
    return np.asarray(place, np.float32)[None]


def _body(film: Film, name: str, place: Array, colour: Array, *, rough: float = 0.03, form: str = "") -> float:
    """Paint the cytoplasm and return the radius of the cell in µm."""
    radius = RADIUS_UM[name] * float(np.exp(0.07 * np.clip(film.rng.standard_normal(), -2, 2)))
    body = make_outlines(film.rng, _one(place), area=np.pi * radius**2, cv=0.0, ratio=1.06, rough=rough)
    film.cover(body, colour, name=name, form=form, clear=0.93, clump=0.14, rim=0.15)
    return radius


def _lobes(film: Film, place: Array, count: int, *, reach: float, area: float) -> None:
    """Paint the lobes of a nucleus on an arc, joined by thin bridges."""
    rng = film.rng
    start, step = rng.random() * 2 * np.pi, float(rng.uniform(1.05, 1.45)) * 4 / max(count, 3)
    turn = start + step * np.arange(count) + rng.normal(0, 0.12, count)
    middle = np.stack([np.cos(turn), np.sin(turn)], axis=1) * reach + place
    bridge = (middle[1:] + middle[:-1]) / 2
    if len(bridge):
        film.cover(make_outlines(rng, bridge.astype(np.float32), area=0.42 * area, cv=0.1, ratio=2.0, rough=0.02,
                                 angle=(turn[1:] - step / 2 + np.pi / 2).astype(np.float32)), _NUCLEUS)  # fmt: skip
    film.cover(make_outlines(rng, middle.astype(np.float32), area=area, cv=0.2, ratio=1.3, rough=0.05), _NUCLEUS,
               clump=0.25, rim=0.1)  # fmt: skip


def _grains(film: Film, place: Array, radius: float, *, count: int, area: float, colour: Array) -> None:
    yard = radius * 0.9 * np.sqrt(film.rng.random(count))
    turn = film.rng.random(count) * 2 * np.pi
    spots = place + np.stack([yard * np.cos(turn), yard * np.sin(turn)], axis=1)
    film.cover(make_outlines(film.rng, spots.astype(np.float32), area=area, cv=0.3, ratio=1.1, rough=0.02), colour,
               clear=0.85)  # fmt: skip


def _neutrophil(film: Film, place: Array) -> None:
    radius = _body(film, "neutrophil", place, _PINK)
    _grains(film, place, radius, count=50, area=0.14, colour=1.4 * _PINK)
    count = int(film.rng.integers(3, 6))
    _lobes(film, place, count, reach=0.46 * radius, area=52 / count)


def _band(film: Film, place: Array) -> None:
    radius = _body(film, "band neutrophil", place, _PINK)
    turn = film.rng.random() * 2 * np.pi + np.linspace(0, 3.6, 11)
    arc = place + 0.5 * radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lobes = make_outlines(film.rng, np.asarray(arc, np.float32), area=10, cv=0.08, ratio=1.1, rough=0.03)
    film.cover(lobes, _NUCLEUS, clump=0.25)


def _lymphocyte(film: Film, place: Array) -> None:
    radius = _body(film, "lymphocyte", place, _BLUE)
    place = place + film.rng.normal(0, 0.25, 2)
    area = np.pi * (0.86 * radius) ** 2
    film.cover(make_outlines(film.rng, _one(place), area=area, cv=0.03, ratio=1.05, rough=0.03), _DENSE, clump=0.28)


def _monocyte(film: Film, place: Array) -> None:
    radius = _body(film, "monocyte", place, _GREY, rough=0.05)
    film.cover(make_outlines(film.rng, _one(place), area=0.46 * np.pi * radius**2, cv=0.05, ratio=1.55, rough=0.03,
                             bend=0.2), 0.85 * _NUCLEUS, clump=0.35)  # fmt: skip
    _grains(film, place, radius, count=5, area=0.7, colour=_GLASS_SPOT)


def _eosinophil(film: Film, place: Array) -> None:
    radius = _body(film, "eosinophil", place, _PINK)
    _grains(film, place, radius, count=130, area=0.55, colour=_ORANGE)
    _lobes(film, place, 2, reach=0.42 * radius, area=20)


def _basophil(film: Film, place: Array) -> None:
    radius = _body(film, "basophil", place, _PINK)
    _lobes(film, place, 2, reach=0.3 * radius, area=24)
    _grains(film, place, radius, count=70, area=0.5, colour=_DENSE)


def _blast(film: Film, place: Array) -> None:
    radius = _body(film, "blast", place, _DEEP, rough=0.04)
    nucleus = 0.9 * radius
    place = place + film.rng.normal(0, 0.4, 2)
    film.cover(make_outlines(film.rng, _one(place), area=np.pi * nucleus**2, cv=0.04, ratio=1.08, rough=0.04), _FINE,
               clump=0.16, rim=0.15)  # fmt: skip
    spots = place + film.rng.normal(0, 0.36 * nucleus, (int(film.rng.integers(1, 4)), 2))
    film.cover(make_outlines(film.rng, spots.astype(np.float32), area=4.2, cv=0.3, ratio=1.1, rough=0.02),
               0.62 * _FINE, clump=0.0, rim=0.4)  # fmt: skip


def paint_platelets(film: Film, places: Array) -> None:
    """Paint platelets at `places` (N, 2) in µm."""
    for place in places:
        body = make_outlines(film.rng, _one(place), area=4.9, cv=0.35, ratio=1.25, rough=0.07)
        film.cover(body, _PLATELET, name="platelet", clear=0.6, clump=0.3)
        _grains(film, place, 0.8, count=4, area=0.25, colour=1.5 * _PLATELET)


WHITE_CELLS: Mapping[str, Callable[[Film, Array], None]] = {
    "neutrophil": _neutrophil, "band neutrophil": _band, "lymphocyte": _lymphocyte, "monocyte": _monocyte,
    "eosinophil": _eosinophil, "basophil": _basophil, "blast": _blast,
}  # fmt: skip
"""How each class of white cell is painted at a place (2,) in µm."""
