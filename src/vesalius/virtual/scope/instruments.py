"""Instruments as strokes of round metal about a shaft that pivots in a port.

Local coordinates in mm: u from the tip backwards along the shaft, s across it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.canvas import Canvas

__all__ = ["INSTRUMENTS", "Held", "Kit", "Stroke", "paint_instrument"]

STEEL, BLACK, DARK, GOLD = (150, 155, 160), (28, 28, 30), (70, 72, 76), (205, 170, 80)
WHITE, BLUE, CLEAR = (222, 224, 228), (70, 110, 190), (190, 205, 215)


class Stroke(NamedTuple):
    """A rounded rod between two places (u, s) with a radius at each end, mm."""

    start: tuple[float, float]
    end: tuple[float, float]
    radii: tuple[float, float]
    colour: tuple[int, int, int] = STEEL


class Kit(NamedTuple):
    """An instrument."""

    shaft_mm: float
    """Diameter."""
    neck_mm: float
    """Where the shaft begins behind the tip."""
    colour: tuple[int, int, int]
    tip: tuple[Stroke, ...]
    ring: tuple[int, int, int] | None = None
    """Colour of a ring on the shaft."""


class Held(NamedTuple):
    """An instrument in the field."""

    name: str
    tip: tuple[float, float]
    """Place of the tip on the field, mm."""
    port: tuple[float, float]
    """Place that the shaft points to, outside the picture, mm."""


def _jaws(length: float, angle: float, radius: float, colour: tuple[int, int, int] = STEEL) -> tuple[Stroke, ...]:
    """Two jaws that open by an angle (radians)."""
    spread = float(length * np.sin(angle / 2))
    return tuple(
        Stroke((0.0, side * spread), (length, side * 0.3 * radius), (0.7 * radius, radius), colour)
        for side in (-1, 1)
    )


def _ring(radius: float, wire: float, parts: int = 8) -> tuple[Stroke, ...]:
    """A loop of wire."""
    angles = np.linspace(0, 2 * np.pi, parts + 1)
    places = [(float(radius - radius * np.cos(a)), float(radius * np.sin(a))) for a in angles]
    return tuple(Stroke(a, b, (wire, wire)) for a, b in pairwise(places))


def _tube(length: float, radius: float, colour: tuple[int, int, int] = STEEL) -> tuple[Stroke, ...]:
    """A tube with a dark mouth."""
    return (
        Stroke((0.4, 0), (length, 0), (radius, radius), colour),
        Stroke((0.0, 0), (0.3, 0), (0.75 * radius,) * 2, DARK),
    )


def _knife(length: float, width: float) -> tuple[Stroke, ...]:
    return (Stroke((0, 0), (length, 0), (0.1 * width, width), WHITE),)


INSTRUMENTS: dict[str, Kit] = {
    "grasper": Kit(5, 17, BLACK, (*_jaws(16, 0.42, 1.5), Stroke((16, 0), (19, 0), (2.2, 2.4)))),
    "hook": Kit(5, 13, BLACK, (Stroke((5, 0), (14, 0), (0.7, 0.8)), Stroke((5, 0), (2.5, 0.0), (0.7, 0.7)),
                               Stroke((2.5, 0), (1.5, 4.5), (0.7, 0.5)), Stroke((10, 0), (14, 0), (1.5, 2.4), GOLD))),
    "bipolar": Kit(5, 15, BLUE, (*_jaws(15, 0.3, 1.1), Stroke((14, 0), (17, 0), (1.8, 2.3), WHITE))),
    "scissors": Kit(5, 13, BLACK, (*_jaws(12, 0.5, 0.9, WHITE), Stroke((11, 0), (15, 0), (1.7, 2.3)))),
    "clipper": Kit(9, 16, STEEL, (*_jaws(13, 0.55, 1.3), Stroke((12, 0), (18, 0), (2.6, 4.2)),
                                  Stroke((1, -2.6), (6, -1.6), (0.5, 0.5), WHITE))),
    "irrigator": Kit(5, 2, STEEL, (*_tube(10, 2.4), Stroke((4, 1.2), (4.2, 1.2), (0.6, 0.6), DARK),
                                   Stroke((7, -0.8), (7.2, -0.8), (0.6, 0.6), DARK))),
    "suction": Kit(2.4, 6, STEEL, _tube(8, 1.15)),
    "freer elevator": Kit(2.2, 8, STEEL, (Stroke((0, 0), (8, 0), (1.5, 0.9)),)),
    "cottle elevator": Kit(2.2, 8, STEEL, (Stroke((0, 0.6), (8, 0), (1.9, 0.9)),)),
    "bipolar forceps": Kit(2.8, 9, BLUE, _jaws(9, 0.35, 0.5)),
    "nasal cutting forceps": Kit(2.8, 7, STEEL, (*_jaws(7, 0.5, 0.9), Stroke((6, 0), (8, 0), (1.2, 1.4)))),
    "drill": Kit(3.0, 8, DARK, (Stroke((1.6, 0), (1.7, 0), (1.7, 1.7), GOLD), Stroke((3, 0), (9, 0), (0.7, 0.9)))),
    "kerrison": Kit(2.8, 4, STEEL, (Stroke((0, -1.3), (0, 1.4), (0.5, 0.5)), Stroke((2, 0.9), (6, 0.6), (0.9, 1.1)),
                                    Stroke((0, -1.2), (6, -0.8), (0.5, 0.6)))),
    "blakesley": Kit(2.8, 8, STEEL, _jaws(8, 0.55, 1.0)),
    "pituitary rongeur": Kit(2.6, 7, STEEL, _jaws(6, 0.5, 0.8)),
    "cup forceps": Kit(2.4, 6, STEEL, _jaws(4.5, 0.6, 0.9)),
    "navigation pointer": Kit(2.0, 10, STEEL, (Stroke((0, 0), (10, 0), (0.15, 0.9)),), (60, 160, 90)),
    "micro-doppler": Kit(2.0, 6, WHITE, (Stroke((0, 0), (6, 0), (0.7, 0.8), BLUE),)),
    "retractable knife": Kit(2.4, 5, STEEL, _knife(5, 0.8)),
    "dural scissors": Kit(2.4, 6, STEEL, _jaws(6, 0.5, 0.45, WHITE)),
    "ring curette": Kit(1.8, 5, STEEL, (*_ring(2.2, 0.32), Stroke((4.4, 0), (8, 0), (0.4, 0.8)))),
    "spatula dissector": Kit(1.8, 6, STEEL, (Stroke((0, 0), (6, 0), (1.2, 0.6)),)),
    "haemostatic foam": Kit(2.2, 3, CLEAR, (Stroke((0, 0), (3, 0), (0.9, 1.0), WHITE),)),
    "irrigation syringe": Kit(2.2, 4, CLEAR, _tube(6, 0.9, CLEAR)),
    "tissue glue": Kit(2.4, 4, BLUE, _tube(6, 0.8, WHITE)),
    "keratome": Kit(1.6, 3.2, STEEL, _knife(3.2, 1.3)),
    "cannula": Kit(0.5, 1, STEEL, (Stroke((0, 0), (3, 0), (0.17, 0.2)),)),
    "cystotome": Kit(0.5, 1, STEEL, (Stroke((0, 0.25), (0.25, 0), (0.07, 0.12)),
                                     Stroke((0.25, 0), (3, 0), (0.14, 0.2)))),
    "capsule forceps": Kit(1.0, 4, STEEL, _jaws(4, 0.16, 0.13)),
    "phaco handpiece": Kit(1.6, 3.5, BLUE, (*_tube(3.2, 0.5), Stroke((2.4, 0), (4.5, 0), (0.6, 0.8), BLUE))),
    "second hook": Kit(0.7, 2, STEEL, (Stroke((0, 0.5), (0, 0), (0.12, 0.14)), Stroke((0, 0), (4, 0), (0.14, 0.3)))),
    "irrigation-aspiration handpiece": Kit(1.4, 3, STEEL, (*_tube(3, 0.45),
                                                           Stroke((0.5, 0), (0.55, 0), (0.18, 0.18), DARK))),
    "polisher": Kit(0.6, 2, STEEL, (Stroke((0, 0), (0.4, 0), (0.28, 0.2)), Stroke((0.4, 0), (3, 0), (0.16, 0.22)))),
    "injector": Kit(2.2, 4, BLUE, (Stroke((0, 0), (4, 0), (0.75, 1.05), CLEAR),)),
    "needle": Kit(0.5, 1, STEEL, (Stroke((0, 0), (4, 0), (0.06, 0.18)),)),
}  # fmt: skip
"""Shaft diameters and tips of `paint_instrument`, mm."""
_LIFT_MM = 3.0


def paint_instrument(canvas: Canvas, held: Held, scale: float = 1.0) -> NDArray[np.bool_]:
    """Paint an instrument over the field and return its mask (H, W).

    The shaft widens towards the port, which is nearer to the lens. `scale` multiplies all its sizes.
    """
    kit = INSTRUMENTS[held.name]
    away = np.array(held.port) - np.array(held.tip)
    reach = float(np.linalg.norm(away))
    along = away / reach
    dx, dy = canvas.x - held.tip[0], canvas.y - held.tip[1]
    u = (dx * along[0] + dy * along[1]).astype(np.float32) / np.float32(scale)
    s = (dy * along[0] - dx * along[1]).astype(np.float32) / np.float32(scale)
    radius = kit.shaft_mm / 2
    far = reach / scale
    shaft = Stroke(
        (kit.neck_mm, 0), (far, 0), (radius, radius * (1 + 0.35 * min(1.0, far / (30 * radius)))), kit.colour
    )
    pixel = canvas.view.pixel_mm / scale
    mask = np.zeros(canvas.x.shape, bool)
    strokes = [shaft, *kit.tip]
    if kit.ring:
        strokes.insert(1, Stroke((kit.neck_mm + 6, 0), (kit.neck_mm + 8, 0), (1.1 * radius,) * 2, kit.ring))
    _shadow(canvas, held, kit.shaft_mm * scale)
    base = float(canvas.height.max()) * 0.3
    for stroke in strokes:
        mask |= _rod(canvas, (u, s), stroke, pixel, base, scale)
    return mask


def _rod(
    canvas: Canvas, place: tuple[Array, Array], stroke: Stroke, pixel: float, base: float, scale: float
) -> NDArray[np.bool_]:
    """Paint one rod; return where it covers."""
    (u0, s0), (u1, s1) = stroke.start, stroke.end
    widest = max(stroke.radii) + 2 * pixel
    box = (place[0] > min(u0, u1) - widest) & (place[0] < max(u0, u1) + widest)
    box &= (place[1] > min(s0, s1) - widest) & (place[1] < max(s0, s1) + widest)
    if not box.any():
        return box
    at = np.flatnonzero(box)
    u, s = place[0].ravel()[at], place[1].ravel()[at]
    du, ds = u1 - u0, s1 - s0
    part = np.clip(((u - u0) * du + (s - s0) * ds) / max(du * du + ds * ds, 1e-9), 0, 1)
    off = np.hypot(u - u0 - part * du, s - s0 - part * ds)
    radius = stroke.radii[0] + part * (stroke.radii[1] - stroke.radii[0])
    cover = np.clip((radius - off) / pixel + 0.5, 0, 1)
    side = np.clip((s - s0 - part * ds) / np.maximum(radius, 1e-3), -1, 1)
    round_ = np.sqrt(np.clip(1 - (off / np.maximum(radius, 1e-3)) ** 2, 0, 1))
    tone = 0.35 + 0.65 * round_ + 1.1 * np.exp(-(((side + 0.35) / 0.16) ** 2))
    colour = (np.asarray(stroke.colour, np.float32) / 255) ** 2.2 * tone[:, None].astype(np.float32)
    albedo, height = canvas.albedo.reshape(-1, 3), canvas.height.reshape(-1)
    albedo[at] += (colour - albedo[at]) * cover[:, None].astype(np.float32)
    top = base + _LIFT_MM * scale * 0.2
    height[at] += ((top - height[at]) * cover).astype(np.float32)
    canvas.gloss.reshape(-1)[at] *= (1 - cover).astype(np.float32)
    mask = np.zeros(box.size, bool)
    mask[at] = cover > 0.5
    return mask.reshape(box.shape)


def _shadow(canvas: Canvas, held: Held, width_mm: float) -> None:
    """Darken the field beside the shaft."""
    shift = (0.35 * width_mm, 0.8 * width_mm)
    dx, dy = canvas.x - held.tip[0] - shift[0], canvas.y - held.tip[1] - shift[1]
    away = np.array(held.port) - np.array(held.tip)
    along = away / np.linalg.norm(away)
    u, s = dx * along[0] + dy * along[1], dy * along[0] - dx * along[1]
    dark = np.exp(-((s / (0.75 * width_mm)) ** 2)) * np.clip(u / width_mm + 0.5, 0, 1)
    canvas.albedo *= (1 - 0.45 * dark)[..., None].astype(np.float32)
