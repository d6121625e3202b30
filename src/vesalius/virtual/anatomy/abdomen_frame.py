"""The personal frame of an abdomen: reference placements become those of one body, with its sizes and its breath.

Placements are written for the reference adult in full inspiration (LPS trunk frame, mm) and moved by `Frame`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Point, Solid, Tube, rotation_to
from vesalius.virtual.body import Body, draw_clipped
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["Frame", "draw_frame", "grown", "mean_frame"]

_SPREAD = {
    "liver": 0.13, "spleen": 0.30, "left kidney": 0.16, "right kidney": 0.16, "pancreas": 0.22, "gallbladder": 0.30,
    "bladder": 0.45, "prostate": 0.22, "uterus": 0.22, "left ovary": 0.3, "right ovary": 0.3, "stomach": 0.3,
    "colon": 0.25, "small bowel": 0.2, "caudate lobe": 0.2, "adrenal": 0.25, "nodes": 0.5, "veins": 0.2,
}  # fmt: skip
"""Log deviation of an organ's volume between people of one sex and size."""
_WOMEN = {"liver": 0.88, "spleen": 0.86, "left kidney": 0.87, "right kidney": 0.87, "pancreas": 0.88, "veins": 0.9}
_LIMITS = {
    "liver": (0.62, 1.38), "spleen": (0.5, 1.55), "left kidney": (0.62, 1.45), "right kidney": (0.62, 1.45),
    "pancreas": (0.5, 1.55), "gallbladder": (0.5, 1.6), "bladder": (0.33, 2.0),
}  # fmt: skip
"""Volumes against the reference that still count as healthy."""
_WOMANS_FRAME = 0.93 * 0.94 * 162 / 175


def grown(solid: Solid, by_mm: float) -> Inset:
    """Return a solid whose surface is moved outwards, or inwards where the distance is negative."""
    return Inset(solid, -by_mm)


@dataclass(frozen=True)
class Frame:
    """Where reference placements lie in one body, and how large its organs are."""

    body: Body
    push_mm: float = 0.0
    """How far visceral fat pushes the front wall forward against the reference."""
    lift_mm: tuple[float, float] = (0.0, 0.0)
    """How far the right and left dome stand above full inspiration of the reference."""
    volumes: Mapping[str, float] | None = None
    """Volume factors by organ against the reference adult's; none for the mean of the body's size."""
    shift_mm: Mapping[str, Point] | None = None
    """Small personal displacement of organs."""

    def at(self, point: Sequence[float], *, breath: float = 0.0) -> Point:
        """Return the place of a reference point.

        Args:
            point: (x, y, z) of the reference adult.
            breath: share of the dome's movement that this place follows.
        """
        x, y, z = point
        body = self.body
        left = float(np.clip(0.5 + x / 80, 0, 1))
        lift = self.lift_mm[0] * (1 - left) + self.lift_mm[1] * left
        forward = self.push_mm * float(np.clip((-y - 10) / 60, 0, 1))
        return (x * body.width, y * body.depth - forward, z * body.stature + breath * lift)

    def size(self, organ: str) -> float:
        """Linear factor of an organ beyond the body's own."""
        if self.volumes is None or organ not in self.volumes:
            return 1.0
        body = self.body
        return float((self.volumes[organ] / (body.width * body.depth * body.stature)) ** (1 / 3))

    @property
    def vein(self) -> float:
        """Factor of the width of veins, so that no healthy portal vein is wider than 13 mm."""
        return float(np.clip((self.volumes or {}).get("veins", 1.0) ** (1 / 3), 0.8, 1.06))

    def egg(
        self, organ: str, centre: Point, axes: Point, direction: Point = (1.0, 0.0, 0.0), *, exponent: float = 2.0,
        breath: float = 0.0,
    ) -> Ellipsoid:  # fmt: skip
        """Return the ellipsoid of an organ in this body; its axes follow the body and the organ's size."""
        body = self.body
        stretch = np.linalg.norm(rotation_to(direction) * (body.width, body.depth, body.stature), axis=1)
        scaled = np.asarray(axes) * stretch * self.size(organ)
        moved = np.add(self.at(centre, breath=breath), (self.shift_mm or {}).get(organ, (0.0, 0.0, 0.0)))
        return Ellipsoid(_point(moved), _point(scaled), direction, exponent)

    def tube(
        self, points: Sequence[Sequence[float]], *, organ: str = "", breath: float = 0.0, factor: float = 1.0,
        steps: int = 4,
    ) -> Tube:  # fmt: skip
        """Return the tube through reference points (x, y, z, radius); radii follow the body where an organ is
        named."""
        body = self.body
        thick = factor * ((body.width * body.depth) ** 0.5 * self.size(organ) ** 1.5 if organ else 1.0)
        moved = [self.at(point[:3], breath=breath) for point in points]
        return Tube(tuple(moved), tuple(float(point[3]) * thick for point in points), steps)


def _point(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> Point:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def mean_frame(body: Body) -> Frame:
    """Return the frame of a body whose organs have the mean size, in full inspiration and without displacement."""
    return Frame(body)


def draw_frame(patient: Patient) -> Frame:
    """Draw what varies between abdomens beyond the body; it never depends on disease."""
    body = patient.body
    rng = stream(patient.seed, patient.id, "abdomen")
    common = draw_clipped(rng, 0, 1)
    frame = body.width * body.depth * body.stature / (_WOMANS_FRAME if body.sex == "F" else 1.0)
    volumes, shift = {}, {}
    for organ, spread in _SPREAD.items():
        own = 0.7071 * common + 0.7071 * draw_clipped(rng, 0, 1)
        factor = _expected(organ, body) * frame**0.5 * float(np.exp(spread * own))
        low, high = _LIMITS.get(organ, (0.0, 9.0))
        woman = _WOMEN.get(organ, 1.0) if body.sex == "F" else 1.0
        volumes[organ] = float(np.clip(factor, low * woman, high * woman))
        x, y, z = (draw_clipped(rng, 0, 2.0) for _ in range(3))
        shift[organ] = (x, y, z)
    expiration = 1 - body.inspiration
    lift = (30 * expiration + body.dome_offset_mm[0], 28 * expiration + body.dome_offset_mm[1])
    push = float(np.clip(2.2 * (body.bmi - 24.5), -14, 30))
    return Frame(body, push, lift, volumes, shift)


def _expected(organ: str, body: Body) -> float:
    """Volume of an organ against the reference by sex, age and weight."""
    factor = _WOMEN.get(organ, 1.0) if body.sex == "F" else 1.0
    if organ == "liver":
        return factor * (1 + 0.025 * float(np.clip(body.bmi - 24.5, -8, 12)))
    if organ == "pancreas":
        return float(factor * 0.94 ** max(0.0, (body.age_years - 50) / 10))
    if organ == "prostate":
        return 1 + 0.0143 * max(0.0, min(body.age_years, 75) - 40)
    if organ in ("uterus", "left ovary", "right ovary"):
        return 0.42 if body.age_years > 52 else 0.95
    return factor
