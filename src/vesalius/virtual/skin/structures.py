"""Countable structures of a lesion: globules, streaks, cysts, openings, vessels, lacunae, lines and scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.background import blend
from vesalius.virtual.skin.pigment import Site
from vesalius.virtual.strokes import Array, Spots, paint_spots, paint_strokes

__all__ = ["Drawn", "paint_structures"]

Floats = NDArray[np.float64]


class Drawn(NamedTuple):
    """What was painted: the name of the structure, how much of each pixel it covers, and places where countable."""

    name: str
    cover: Array
    """(H, W) 0 to 1."""
    places: Floats
    """(N, 2) mm on the sheet; empty where it is not countable."""


class _Look(NamedTuple):
    colour: tuple[float, float, float]
    opacity: float


_NONE = np.zeros((0, 2))


def paint_structures(
    site: Site, light: Array, random: Callable[[str], np.random.Generator]
) -> tuple[Array, tuple[Drawn, ...]]:
    """Paint all structures and return the picture (H, W, 3) and what was painted, in order of painting."""
    parts = site.lesion.structures
    drawn: list[tuple[Drawn, _Look]] = []
    if parts.lacunae:
        drawn += _lacunae(site, random("lacunae"))
    if parts.globules:
        drawn.append(_globules(site, random("globules")))
    if parts.peppering:
        spots = _inside(site, random("peppering"), parts.peppering, 0.15, 0.8, (0.018, 0.03))
        drawn.append((_spotted(site, "peppering", spots), _Look((96, 104, 122), 0.8)))
    if parts.streaks:
        drawn.append(_streaks(site, random("streaks")))
    if parts.openings:
        spots = _inside(site, random("openings"), parts.openings, 0.05, 0.9, (0.06, 0.22), wobble=0.1)
        drawn.append((_spotted(site, "comedo-like openings", spots), _Look((74, 52, 34), 0.85)))
    if parts.milia:
        spots = _inside(site, random("milia"), parts.milia, 0.0, 0.85, (0.05, 0.14), soft=0.6)
        drawn.append((_spotted(site, "milia-like cysts", spots), _Look((246, 236, 214), 0.85)))
    if parts.vessels:
        drawn.append(_vessels(site, random("vessels")))
    if parts.white_lines:
        drawn.append(_white_lines(site, random("white lines")))
    if parts.scale:
        spots = _inside(site, random("scale"), parts.scale, 0.0, 0.95, (0.15, 0.5), wobble=0.35, flat=0.3, soft=0.7)
        drawn.append((_spotted(site, "scale", spots), _Look((236, 224, 206), 0.62)))
    for part, look in drawn:
        light = blend(light, np.array(look.colour), look.opacity * part.cover)
    return light, tuple(part for part, _ in drawn)


def _inside(
    site: Site, rng: np.random.Generator, count: int, near: float, far: float, radius_mm: tuple[float, float], *,
    wobble: float = 0.0, soft: float = 0.25, flat: float = 0.75,
) -> Spots:  # fmt: skip
    """Scatter spots over a ring of the lesion, shares of the radius; they keep a distance from the edge."""
    share = np.sqrt(rng.uniform(near**2, far**2, count))
    x, y = site.lesion.outline.place(share, rng.uniform(0, 2 * np.pi, count))
    long = rng.uniform(*radius_mm, count)
    return Spots(
        x + site.middle[0], y + site.middle[1], long, long * rng.uniform(flat, 1, count),
        rng.uniform(0, np.pi, count), np.full(count, wobble), rng.uniform(0, 2 * np.pi, count), np.full(count, soft),
    )  # fmt: skip


def _spotted(site: Site, name: str, spots: Spots) -> Drawn:
    return Drawn(name, paint_spots(site.sheet, spots), np.stack([spots.x, spots.y], axis=1).astype(np.float64))


def _globules(site: Site, rng: np.random.Generator) -> tuple[Drawn, _Look]:
    parts = site.lesion.structures
    span = (0.0, 0.75, (0.06, 0.12)) if parts.globules_even else (0.35, 0.98, (0.05, 0.24))
    spots = _inside(site, rng, parts.globules, span[0], span[1], span[2], wobble=0.08)
    return _spotted(site, "globules", spots), _Look((74, 48, 36), 0.8)


def _streaks(site: Site, rng: np.random.Generator) -> tuple[Drawn, _Look]:
    """Radial lines with a knob at their end, on one part of the edge."""
    count = site.lesion.structures.streaks
    side = rng.uniform(0, 2 * np.pi)
    angle = side + rng.uniform(-1.1, 1.1, count)
    reach = rng.uniform(0.4, 1.0, count) / site.radius_mm
    start = np.stack(site.lesion.outline.place(np.full(count, 0.9), angle), axis=1) + np.array(site.middle)
    end = np.stack(site.lesion.outline.place(1 + 0.8 * reach, angle + rng.normal(0, 0.04, count)), axis=1)
    end = end + np.array(site.middle)
    width = rng.uniform(0.04, 0.075, count)
    knobs = Spots(end[:, 0], end[:, 1], 1.6 * width, 1.6 * width, np.zeros(count), np.zeros(count), np.zeros(count),
                  np.full(count, 0.3))  # fmt: skip
    cover = np.maximum(paint_strokes(site.sheet, start, end, width), paint_spots(site.sheet, knobs))
    return Drawn("streaks", cover, _NONE), _Look((54, 38, 32), 0.82)


def _lacunae(site: Site, rng: np.random.Generator) -> list[tuple[Drawn, _Look]]:
    count = site.lesion.structures.lacunae
    size = min(0.75, 0.42 * site.radius_mm)
    spots = _inside(site, rng, count, 0.0, 0.8, (0.45 * size, size), wobble=0.08, soft=0.2)
    purple = rng.random(count) < 0.3
    whole = _spotted(site, "lacunae", spots)
    dark = Drawn("lacunae", paint_spots(site.sheet, spots, purple.astype(float)), _NONE)
    return [(whole, _Look((176, 40, 52), 0.82)), (dark, _Look((92, 34, 70), 0.7))]


def _white_lines(site: Site, rng: np.random.Generator) -> tuple[Drawn, _Look]:
    """Short parallel and crossing lines."""
    count = site.lesion.structures.white_lines
    share = np.sqrt(rng.uniform(0, 0.6, count))
    middle = np.stack(site.lesion.outline.place(share, rng.uniform(0, 2 * np.pi, count)), axis=1) + np.array(
        site.middle
    )
    angle = rng.uniform(0, np.pi) + (np.pi / 2) * (rng.random(count) < 0.35) + rng.normal(0, 0.08, count)
    half = 0.5 * rng.uniform(0.5, 1.6, (count, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cover = paint_strokes(site.sheet, middle - half, middle + half, rng.uniform(0.014, 0.026, count))
    return Drawn("shiny white lines", cover, _NONE), _Look((244, 232, 226), 0.75)


def _vessels(site: Site, rng: np.random.Generator) -> tuple[Drawn, _Look]:
    parts = site.lesion.structures
    look = _Look((176, 44, 48), 0.85)
    name = f"{parts.vessels} vessels"
    if parts.vessels in ("dotted", "glomerular"):
        size = (0.02, 0.035) if parts.vessels == "dotted" else (0.05, 0.09)
        spots = _inside(site, rng, parts.vessel_count, 0.0, 0.9, size)
        return _spotted(site, name, spots), look
    lines = [_LINES[parts.vessels](site, rng) for _ in range(parts.vessel_count)]
    pieces = np.concatenate([line for line, _ in lines]) + np.array(site.middle)
    width = np.concatenate([radius for _, radius in lines])
    return Drawn(name, paint_strokes(site.sheet, pieces[:, 0], pieces[:, 1], width), _NONE), look


def _winding(
    rng: np.random.Generator, start: Floats, heading: float, length: float, bend: float
) -> NDArray[np.float64]:
    """Return the points of a winding line, (K, 2)."""
    steps = max(6, int(length / 0.12))
    angle = heading + np.cumsum(rng.normal(0, bend, steps))
    moved = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * (length / steps)
    return np.concatenate([start[None], start + moved])


def _pieces(points: Floats) -> Floats:
    return np.stack([points[:-1], points[1:]], axis=1)


def _start(site: Site, rng: np.random.Generator, near: float, far: float) -> tuple[Floats, float]:
    angle = rng.uniform(0, 2 * np.pi, 1)
    x, y = site.lesion.outline.place(rng.uniform(near, far, 1), angle)
    return np.array([x[0], y[0]]), float(np.arctan2(-y[0], -x[0]))


def _arborising(site: Site, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A bright stem from the edge that branches sharply."""
    start, inward = _start(site, rng, 0.75, 1.0)
    length = site.radius_mm * rng.uniform(0.8, 1.5)
    stem = _winding(rng, start, inward + rng.normal(0, 0.4), length, 0.16)
    pieces, widths = [_pieces(stem)], [np.linspace(0.05, 0.025, len(stem) - 1)]
    for place in rng.integers(2, len(stem) - 1, int(rng.integers(3, 7))):
        heading = inward + rng.choice([-1.0, 1.0]) * rng.uniform(0.5, 1.2)
        twig = _winding(rng, stem[place], heading, length * rng.uniform(0.25, 0.55), 0.2)
        pieces.append(_pieces(twig))
        widths.append(np.linspace(0.026, 0.013, len(twig) - 1))
    return np.concatenate(pieces), np.concatenate(widths)


def _irregular(site: Site, rng: np.random.Generator) -> tuple[Floats, Floats]:
    start, inward = _start(site, rng, 0.1, 0.85)
    line = _pieces(_winding(rng, start, inward + rng.uniform(-2, 2), rng.uniform(0.5, 1.3), 0.5))
    return line, np.full(len(line), rng.uniform(0.018, 0.035))


def _hairpin(site: Site, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two close limbs joined by a bow."""
    start, inward = _start(site, rng, 0.3, 0.9)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 8)
    bow = np.stack([0.25 + 0.06 * np.cos(turn), 0.06 * np.sin(turn)], axis=1)
    line = np.concatenate([[[0.0, -0.06]], bow, [[0.0, 0.06]]]) * rng.uniform(0.8, 1.6)
    cos, sin = np.cos(inward), np.sin(inward)
    points = start + line @ np.array([[cos, sin], [-sin, cos]])
    return _pieces(points), np.full(len(points) - 1, 0.022)


def _comma(site: Site, rng: np.random.Generator) -> tuple[Floats, Floats]:
    start, inward = _start(site, rng, 0.0, 0.8)
    angle = inward + np.linspace(0, rng.uniform(0.9, 1.6), 7)
    moved = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * 0.05
    return _pieces(start + moved), np.linspace(0.035, 0.02, 6)


_LINES: dict[str, Callable[[Site, np.random.Generator], tuple[Floats, Floats]]] = {
    "arborising": _arborising, "linear irregular": _irregular, "hairpin": _hairpin, "comma": _comma,
}  # fmt: skip
