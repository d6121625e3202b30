"""Lumps in the organs of the abdomen: their shape, seat, look in words and course. Findings are subclasses.

A lesion is an ellipsoid with waves on its surface and, where it is ill-defined,
        a soft margin. Its words are read from
these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.abdomen_organs import LIVER_PARTS, SEGMENTS
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Lumpy, Point, Solid
from vesalius.virtual.anatomy.tissues import PHASES, tissues
from vesalius.virtual.findings.base import Disease, choose, severity_of

__all__ = [
    "FAT", "LIVER_ROOM", "AbdomenDisease", "FocalLesion", "axial_axes", "draw_segment", "inflamed_fat", "kidney_room",
    "seat",
]  # fmt: skip

FAT = ("visceral fat", "peritoneal fat", "left perirenal fat", "right perirenal fat")
LIVER_ROOM = (*LIVER_PARTS, "portal vein branches", "hepatic veins")
_SHARE = dict(zip(SEGMENTS, (0.03, 0.09, 0.09, 0.14, 0.15, 0.16, 0.17, 0.17), strict=True))
_NOISE_HU = 12.0
_TRIES = 2048
_OBSTACLES = (
    "gallbladder", "inferior vena cava", "stomach", "duodenum", "pancreas head", "pancreas body", "ascending colon",
    "transverse colon", "portal vein",
)  # fmt: skip
"""What is painted over the liver and the kidneys where they meet: no lesion of these has its centre there."""


@dataclass(frozen=True, kw_only=True)
class AbdomenDisease(Disease):
    """A disease of abdomen or pelvis."""

    region: ClassVar[str] = "abdomen"


@dataclass(frozen=True, kw_only=True)
class FocalLesion(AbdomenDisease):
    """One lump in an organ."""

    tissue: ClassVar[str]
    host: ClassVar[str] = "liver"
    """Tissue round it, for its contrast."""
    limits_mm: ClassVar[tuple[float, float]] = (3.0, 160.0)
    """Range of sizes over its course."""

    diameter_mm: float
    """Longest axis in space."""
    first_mm: float
    """The same when it was found; its seat does not change when it grows."""
    ratios: tuple[float, float] = (0.9, 0.9)
    """Second and third axis against the first."""
    direction: Point = (1.0, 0.0, 0.0)
    """Of the longest axis."""
    lobing: float = 0.0
    """Height of the waves on its surface in shares of its radius."""
    softness: float = 0.0
    """Width of the margin in shares of its radius."""
    score: float = 0.0
    """Deviation of its tissue from the mean."""
    seed: int = 0
    """Of its waves."""

    @classmethod
    def shaped(cls, rng: np.random.Generator, diameter_mm: float, **fields: Any) -> Self:
        """Return a lesion of this size with a random turn and density; `fields` override."""
        way = rng.standard_normal(3) * (1.0, 1.0, 0.6)
        way /= np.linalg.norm(way)
        drawn: dict[str, Any] = {
            "ratios": tuple(float(v) for v in np.sort(rng.uniform(0.72, 1.0, 2))[::-1]),
            "direction": tuple(float(v) for v in way), "score": float(np.clip(rng.standard_normal(), -2, 2)),
            "seed": int(rng.integers(1 << 30)),
        }  # fmt: skip
        drawn.update(fields)
        return cls(diameter_mm=diameter_mm, first_mm=diameter_mm, severity=cls.grade(diameter_mm), **drawn)

    @classmethod
    def grade(cls, diameter_mm: float) -> str:
        """Return the word for a size."""
        return severity_of(diameter_mm, (10, 30), ("small", "medium-sized", "large"))

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, *self.limits_mm))
        return replace(self, diameter_mm=size, severity=self.grade(size))

    @property
    def axes_mm(self) -> tuple[float, float, float]:
        """Semi-axes."""
        radius = self.diameter_mm / 2
        return radius, radius * self.ratios[0], radius * self.ratios[1]

    @property
    def shape(self) -> str:
        """Round, oval, lobulated or irregular, read from axes and waves."""
        if self.lobing >= 0.16:
            return "irregular"
        if self.lobing >= 0.08:
            return "lobulated"
        return "round" if min(self.ratios) >= 0.8 else "oval"

    @property
    def margin(self) -> str:
        """Word for the width of the margin."""
        return severity_of(self.softness, (0.05, 0.15), ("sharp", "slightly blurred", "ill-defined"))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"shape": self.shape, "margin": self.margin, "density": self.density}

    @property
    def density(self) -> str:
        """Word for its attenuation against its host in the portal phase."""
        gap = self.contrast_hu
        return "hypodense" if gap < -8 else "hyperdense" if gap > 8 else "isodense"

    @property
    def contrast_hu(self) -> float:
        """CT number against the host's in the portal phase."""
        phase, known = PHASES.index("portal"), tissues()
        own = known[self.tissue]
        return own.hu[phase] + self.score * own.hu_sd - known[self.host].hu[phase]

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        long, short = axial_axes(self.egg((0.0, 0.0, 0.0)))
        return {"long axis": long, "short axis": short}

    @property
    def visibility(self) -> float:
        long, short = axial_axes(self.egg((0.0, 0.0, 0.0)))
        return float(abs(self.contrast_hu) / _NOISE_HU * np.sqrt(np.pi / 4 * long * short) / 4)

    @property
    def room(self) -> tuple[str, ...]:
        """Structures that it takes room of."""
        return LIVER_ROOM

    def seated(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        """Return its centre."""
        return seat(
            anatomy, rng, self.anatomy, depth_mm=0.5 * self.first_mm * self.ratios[1], reach_mm=self.first_mm / 2
        )

    def egg(self, centre: Point) -> Ellipsoid:
        """Return its ellipsoid without waves."""
        return Ellipsoid(centre, self.axes_mm, self.direction)

    def solid(self, centre: Point) -> Solid:
        """Return its solid with waves."""
        egg = self.egg(centre)
        radius = self.diameter_mm / 2
        if self.lobing <= 0:
            return egg
        octaves = 2 if self.shape == "irregular" else 1
        return Lumpy(egg, self.lobing * radius, 1.6 * radius, self.seed, octaves)

    def body(self, solid: Solid, *, component: str = "body", tissue: str = "") -> Part:
        """Return a part of the lesion."""
        return Part(
            structure=self.room[0], solid=solid, tissue=tissue or self.tissue, score=self.score, within=self.room,
            softness_mm=self.softness * self.diameter_mm / 4, concept=self.concept, component=component,
        )  # fmt: skip

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return (self.body(self.solid(self.seated(anatomy, rng))),)


def draw_segment(rng: np.random.Generator, *, right: float = 0.7) -> str:
    """Draw a segment of the liver; `right` is the share of the right lobe."""
    left = {name: _SHARE[name] for name in SEGMENTS[:4]}
    side = {name: _SHARE[name] for name in SEGMENTS[4:]} if rng.random() < right else left
    return f"segment {choose(rng, side)}"


def kidney_room(side: str) -> tuple[str, ...]:
    """Structures that a lesion of a kidney takes room of."""
    name = f"{side} kidney"
    return (name, f"{name} medulla", f"{side} renal sinus", *FAT)


def axial_axes(egg: Ellipsoid) -> tuple[float, float]:
    """Longest axis of an ellipsoid on axial slices and the longest perpendicular to it there, mm; exact.

    All axial sections of an ellipsoid have the same shape, and that through its centre is the largest.
    """
    turn = egg.rotation
    form = turn.T @ np.diag(1 / np.asarray(egg.axes) ** 2) @ turn
    small, large = np.linalg.eigvalsh(form[:2, :2])
    return float(2 / np.sqrt(small)), float(2 / np.sqrt(large))


def inflamed_fat(solid: Solid, reach_mm: float) -> Part:
    """Return the fat round a solid with the fluid of inflammation in it, fading outwards."""
    return Part(structure="", solid=Inset(solid, -0.5 * reach_mm), tissue="inflamed_fat", within=FAT,
                softness_mm=max(1.5, 0.14 * reach_mm), opacity=0.85)  # fmt: skip


def seat(anatomy: Anatomy, rng: np.random.Generator, structure: str, *, depth_mm: float, reach_mm: float) -> Point:
    """Draw a place in a structure, uniform in volume, at least so deep and clear of lesions painted before.

    Of the places drawn the first that fits is taken, else the one that comes nearest to it.

    Args:
        anatomy: with the lesions so far.
        rng: of this lesion.
        structure: name of a structure, or of a segment of the liver.
        depth_mm: wanted depth below the organ's surface.
        reach_mm: wanted distance to other lesions.
    """
    organ = "liver" if structure.startswith("segment ") else structure
    solid = anatomy.solid(organ)
    low, high = solid.bounds
    points = rng.uniform(low, high, (_TRIES, 3)).astype(np.float32)
    lines = points[:, 0], points[:, 1], points[:, 2]
    depth = -solid.distance(*lines)
    spare = np.minimum(depth - np.float32(depth_mm), _clearance(anatomy, lines) - np.float32(reach_mm))
    inside = depth > 0
    if organ == "liver":
        inside &= _clearance_of(anatomy, ("right kidney", "left kidney"), lines) > 3
    if organ != structure:
        inside &= anatomy.solid(structure).distance(*lines) < 0
    inside &= _clearance_of(anatomy, _OBSTACLES, lines) > 0
    spare[~inside] = -1e4
    fits = np.flatnonzero(spare >= 0)
    x, y, z = points[fits[0] if len(fits) else int(spare.argmax())]
    return (float(x), float(y), float(z))


def _clearance(anatomy: Anatomy, lines: tuple[NDArray[np.float32], ...]) -> NDArray[np.float32]:
    """Distance of points to the nearest lesion painted so far."""
    nearest = np.full(lines[0].shape, np.float32(1e4))
    for part in anatomy.parts:
        if part.concept and part.opacity > 0:
            np.minimum(nearest, part.solid.distance(*lines), out=nearest)
    return nearest


def _clearance_of(
    anatomy: Anatomy, structures: tuple[str, ...], lines: tuple[NDArray[np.float32], ...]
) -> NDArray[np.float32]:
    """Distance of points to the nearest of some structures."""
    nearest = np.full(lines[0].shape, np.float32(1e4))
    for name in structures:
        if name in anatomy.structures:
            np.minimum(nearest, anatomy.solid(name).distance(*lines) - np.float32(1.0), out=nearest)
    return nearest
