"""Glands in cross-section: a wavy closed line, a wall of cells, a lumen, nuclei along the wall."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.nuclei import NucleusKind
from vesalius.virtual.cells.section import FIELD_UM, Compartment, Section
from vesalius.virtual.cells.stamp import Array

__all__ = ["Gland", "Lining", "draw_gland", "gland_depth", "line_gland", "paint_gland", "ring_gland", "settle"]

_STEPS = 360


@dataclass(frozen=True, eq=False, kw_only=True)
class Gland:
    """ρ(φ) = radius (1 + Σ amplitude cos(order φ + phase)), stretched by `aspect` along `angle`; µm."""

    x: float
    y: float
    radius: float
    wall: float
    aspect: float = 1.0
    angle: float = 0.0
    orders: tuple[int, ...] = (2, 3, 5)
    amplitude: tuple[float, ...] = (0.0, 0.0, 0.0)
    phase: tuple[float, ...] = (0.0, 0.0, 0.0)

    def line(self, phi: Array) -> Array:
        """ρ at the angles `phi`, before stretching."""
        waves = zip(self.orders, self.amplitude, self.phase, strict=True)
        return np.asarray(
            self.radius * (1 + sum(size * np.cos(order * phi + turn) for order, size, turn in waves)), np.float32
        )


@dataclass(frozen=True, kw_only=True)
class Lining:
    """The cells of a gland's wall."""

    kind: NucleusKind | str
    spacing_um: float = 6.0
    base_um: float = 6.0
    """How far the nuclei's centres lie from the outer line."""
    levels_um: float = 0.0
    """How far they are spread towards the lumen: piled up where polarity is lost."""
    basal: bool = False
    """A second row of flat cells on the outer line."""
    haematoxylin: float = 0.09
    eosin: float = 0.15
    """Of the cytoplasm."""
    lumen_eosin: float = 0.015


def draw_gland(
    rng: np.random.Generator, place: Array, *, radius: float, wall: float, rough: float, aspect: float = 1.0
) -> Gland:
    """Draw a gland with waves of about `rough` of its radius."""
    size = rough * np.clip(rng.standard_normal(3), -1.8, 1.8) * (1, 0.8, 0.5)
    turn = rng.random(3) * 2 * np.pi
    return Gland(
        x=float(place[0]), y=float(place[1]), radius=radius, wall=wall, aspect=aspect,
        angle=float(rng.random() * np.pi), amplitude=(float(size[0]), float(size[1]), float(size[2])),
        phase=(float(turn[0]), float(turn[1]), float(turn[2])),
    )  # fmt: skip


def gland_depth(section: Section, gland: Gland) -> Array:
    """Depth under the outer line in µm, negative outside, (H, W); near the line it is the distance."""
    dx, dy = section.x - gland.x, section.y - gland.y
    cos, sin = np.cos(gland.angle), np.sin(gland.angle)
    p = (dx * cos + dy * sin) / gland.aspect
    q = dy * cos - dx * sin
    radius = np.sqrt(p * p + q * q) + 1e-6
    slope = np.sqrt((p / gland.aspect) ** 2 + q * q) / radius
    return np.asarray((gland.line(np.arctan2(q, p)) - radius) / np.maximum(slope, 0.3), np.float32)


def paint_gland(section: Section, gland: Gland, lining: Lining) -> NDArray[np.bool_]:
    """Paint wall and lumen, note the gland and return its mask (H, W)."""
    depth = gland_depth(section, gland)
    soft = np.clip(0.5 + depth / section.um, 0, 1)
    section.fill(soft, lining.haematoxylin + 0.012 * section.grain, lining.eosin + 0.02 * section.grain,
                 Compartment.EPITHELIUM)  # fmt: skip
    if gland.wall < 0.95 * gland.radius:
        open_ = np.clip(0.5 + (depth - gland.wall) / section.um, 0, 1)
        section.fill(open_, 0.004, lining.lumen_eosin, Compartment.LUMEN)
    mask = depth > 0
    section.glands.append(mask)
    return np.asarray(mask, np.bool_)


def line_gland(section: Section, gland: Gland, lining: Lining) -> None:
    """Put the nuclei of the wall, standing across it, and the flat cells of the base."""
    rng = section.rng
    places, normal = _along(gland, lining.base_um, lining.spacing_um, rng)
    if len(places) == 0:
        return
    if lining.basal:
        ring_gland(section, gland, "basal cell", spacing_um=2.2 * lining.spacing_um, depth_um=1.6)
    inward = lining.levels_um * rng.random(len(places)) + 0.7 * rng.standard_normal(len(places))
    direction = np.stack([np.cos(normal), np.sin(normal)], axis=1)
    turn = normal + rng.normal(0, 0.12 + 0.02 * lining.levels_um, len(places))
    section.add(lining.kind, places - direction * inward[:, None].astype(np.float32), angle=turn.astype(np.float32))


def ring_gland(section: Section, gland: Gland, kind: str, *, spacing_um: float, depth_um: float) -> None:
    """Put flat nuclei along the line `depth_um` under the outer one."""
    flat, outward = _along(gland, depth_um, spacing_um, section.rng)
    section.add(kind, flat, angle=outward + np.float32(np.pi / 2))


def _along(gland: Gland, depth_um: float, spacing_um: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Places at equal steps along the line `depth_um` under the outer one, and the outward direction there."""
    phi = np.linspace(0, 2 * np.pi, _STEPS, endpoint=False)
    radius = np.maximum(gland.line(phi.astype(np.float32)) - depth_um, 0.15 * gland.radius)
    stretched = gland.aspect * radius * np.cos(phi), radius * np.sin(phi)
    cos, sin = np.cos(gland.angle), np.sin(gland.angle)
    x, y = gland.x + stretched[0] * cos - stretched[1] * sin, gland.y + stretched[0] * sin + stretched[1] * cos
    step_x, step_y = np.roll(x, -1) - np.roll(x, 1), np.roll(y, -1) - np.roll(y, 1)
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x, append=x[0]), np.diff(y, append=y[0])))])
    count = int(way[-1] / spacing_um)
    at = (np.arange(count) + rng.uniform(-0.25, 0.25, count) + rng.random()) * spacing_um
    near = np.searchsorted(way, at % way[-1]).clip(max=_STEPS) % _STEPS
    keep = (x[near] > -15) & (x[near] < FIELD_UM + 15) & (y[near] > -15) & (y[near] < FIELD_UM + 15)
    near = near[keep]
    normal = np.arctan2(-step_x[near], step_y[near])
    return np.stack([x[near], y[near]], axis=1).astype(np.float32), normal.astype(np.float32)


def settle(
    rng: np.random.Generator, candidates: list[Gland], *, gap_um: float, area_um2: float = np.inf,
    allowed: NDArray[np.bool_] | None = None, section: Section | None = None,
) -> list[Gland]:  # fmt: skip
    """Find places without overlap for glands, in their order, until their area is reached; the rest is left out.

    Args:
        rng: stream of this purpose.
        candidates: glands whose places are drawn anew.
        gap_um: least distance between two outer lines.
        area_um2: of the field, where to stop.
        allowed: where centres may lie, (H, W) of `section`.
        section: the field of `allowed`.
    """
    made: list[Gland] = []
    total = 0.0
    for gland in candidates:
        reach = gland.radius * gland.aspect**0.5
        for place in rng.uniform(-0.4 * reach, FIELD_UM + 0.4 * reach, (60, 2)):
            spot = place[None].astype(np.float32)
            if allowed is not None and section is not None and not section.is_at(spot, allowed)[0]:
                continue
            gaps = [
                np.hypot(place[0] - other.x, place[1] - other.y) - other.radius * other.aspect**0.5 for other in made
            ]
            if min(gaps, default=np.inf) > reach + gap_um:
                made.append(replace(gland, x=float(place[0]), y=float(place[1])))
                total += np.pi * gland.radius**2 * gland.aspect * _inside(place, reach)
                break
        if total >= area_um2:
            break
    return made


def _inside(place: NDArray[np.floating], reach: float) -> float:
    """Share of the square about a gland that lies on the field."""
    ends = np.clip(np.stack([place - reach, place + reach]), 0, FIELD_UM)
    return float(np.prod(ends[1] - ends[0]) / (2 * reach) ** 2)
