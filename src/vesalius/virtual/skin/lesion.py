"""One lesion of the skin as geometry: outline, edge, colours and the structures that a dermatoscope shows.

Places are in the lesion's own frame: mm from its middle, x to the right and y downwards on the picture. P places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality
from vesalius.virtual.findings.base import Disease, choose, lognormal, severity_of

__all__ = ["COLOURS", "SITES_OF_BODY", "Outline", "SkinDisease", "Structures", "draw_outline", "draw_place"]

Floats = NDArray[np.floating]
COLOURS: Mapping[str, tuple[float, float, float]] = {
    "light brown": (166, 116, 78), "dark brown": (98, 60, 40), "black": (44, 32, 30), "red": (190, 92, 84),
    "blue-grey": (108, 124, 150), "white": (226, 208, 200),
}  # fmt: skip
SITES_OF_BODY = {"back": 0.24, "chest": 0.12, "abdomen": 0.08, "arm": 0.17, "leg": 0.17, "face": 0.14, "neck": 0.08}
_MIDDLE_SITES = ("back", "chest", "abdomen", "face", "neck")


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The edge of a lesion: an oval with waves."""

    diameter_mm: float
    """Longest diameter of the oval."""
    flat: float
    """Diameter across over the longest."""
    turn: float
    """Radians from x towards y."""
    lopsided: float
    """Asymmetry of the shape, 0 to 1."""
    wavy: float
    """Irregularity of the edge, 0 to 1."""
    phase: float
    """Radians; which waves."""

    def reach(self, angle: Floats) -> Floats:
        """Return the factor of the oval's radius in the lesion's own directions."""
        uneven = np.cos(3 * angle + self.phase) + 0.7 * np.cos(2 * angle + 1.7 * self.phase)
        waves = np.cos(7 * angle - self.phase) + 0.7 * np.cos(11 * angle + 2 * self.phase)
        waves = waves + 0.5 * np.cos(17 * angle + 0.6 * self.phase)
        factor: Floats = 1 + 0.14 * self.lopsided * uneven + 0.055 * self.wavy * waves
        return factor

    def radius(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the radius of places against the edge (1 on it) and their direction in the lesion's own axes."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        u = (x * cos + y * sin) / (self.diameter_mm / 2)
        v = (y * cos - x * sin) / (self.diameter_mm / 2 * self.flat)
        angle = np.arctan2(v, u)
        return np.hypot(u, v) / self.reach(angle), angle

    def place(self, radius: Floats, angle: Floats) -> tuple[Floats, Floats]:
        """Return the places (x, y) at shares of the radius in the lesion's own directions."""
        reach = radius * self.reach(angle) * self.diameter_mm / 2
        u, v = reach * np.cos(angle), reach * np.sin(angle) * self.flat
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return u * cos - v * sin, u * sin + v * cos

    def edge(self, count: int) -> Floats:
        """Return points on the edge, (count, 2) mm."""
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        return np.stack(self.place(np.ones(count), angle), axis=1)


@dataclass(frozen=True, kw_only=True)
class Structures:
    """What is seen inside a lesion; counts are of things, shares are of its area or depth."""

    network: str = ""
    """"" for none, "regular" or "atypical"."""
    globules: int = 0
    globules_even: bool = True
    streaks: int = 0
    veil: float = 0.0
    """Radius of the blue-white veil as a share of the lesion's."""
    regression: float = 0.0
    """Radius of the white scar-like area as a share of the lesion's."""
    peppering: int = 0
    blotches: int = 0
    """Structureless dark areas off the middle."""
    milia: int = 0
    openings: int = 0
    """Comedo-like openings."""
    nests: int = 0
    """Blue-grey ovoid nests."""
    leaves: int = 0
    """Leaf-like areas at the edge."""
    vessels: str = ""
    """"", "arborising", "dotted", "hairpin", "linear irregular", "comma" or "glomerular"."""
    vessel_count: int = 0
    lacunae: int = 0
    white_lines: int = 0
    scale: int = 0
    """Flakes of keratin."""
    ulcer: float = 0.0
    """Radius of the ulcer as a share of the lesion's."""
    scar: float = 0.0
    """Radius of the central white patch as a share of the lesion's."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the structures that are present, in a fixed order."""
        there = {
            f"{self.network} pigment network": bool(self.network), "globules": self.globules > 0,
            "streaks": self.streaks > 0, "blue-white veil": self.veil > 0, "regression": self.regression > 0,
            "peppering": self.peppering > 0, "blotches": self.blotches > 0, "milia-like cysts": self.milia > 0,
            "comedo-like openings": self.openings > 0, "ovoid nests": self.nests > 0,
            "leaf-like areas": self.leaves > 0, f"{self.vessels} vessels": bool(self.vessels),
            "lacunae": self.lacunae > 0, "shiny white lines": self.white_lines > 0, "scale": self.scale > 0,
            "ulcer": self.ulcer > 0, "central white patch": self.scar > 0,
        }  # fmt: skip
        return tuple(name for name, present in there.items() if present)


@dataclass(frozen=True, kw_only=True)
class SkinDisease(Disease):
    """One lesion of the skin."""

    region: ClassVar[str] = "skin"

    outline: Outline
    soft: float
    """Width of the edge as a share of the radius, where it is not abrupt."""
    abrupt: int
    """Number of eighths of the edge where pigment ends suddenly."""
    colours: tuple[str, ...]
    """Names of `COLOURS`, the ground colour first."""
    depth: float
    """How much the ground colour covers the skin, 0 to 1."""
    uneven: float
    """How far the other colours lie off the middle, 0 to 1."""
    structures: Structures = field(default_factory=Structures)

    @property
    def attributes(self) -> Mapping[str, str]:
        found = self.structures.names
        count = len(self.colours)
        return {
            "shape": "asymmetric" if self.outline.lopsided > 0.35 else "symmetric",
            "margin": "sharp" if self.abrupt >= 4 else "fading",
            "color": self.colours[0],
            "color_count": "one color" if count == 1 else f"{count} colors",
            "structure": found[0] if found else "no specific structure",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.outline.diameter_mm}

    @property
    def visibility(self) -> float:
        """All are in the middle of the picture; pale and small ones show least."""
        return 3.0 + 6 * self.depth * float(np.sqrt(self.outline.diameter_mm / 5))

    def scaled(self, factor: float) -> Self:
        size = self.outline.diameter_mm * factor
        return replace(self, outline=replace(self.outline, diameter_mm=size), severity=self.size_word(size))

    @staticmethod
    def size_word(diameter_mm: float) -> str:
        """Return the grade of a diameter."""
        return severity_of(diameter_mm, (5, 10), ("small", "medium-sized", "large"))


def draw_outline(
    rng: np.random.Generator, median_mm: float, sd: float, lopsided: tuple[float, float], wavy: tuple[float, float]
) -> Outline:
    """Draw an outline with a log-normal diameter and ranges of its irregularities."""
    return Outline(
        diameter_mm=lognormal(rng, median_mm, sd, 2.0, 16.0), flat=float(rng.uniform(0.68, 1.0)),
        turn=float(rng.uniform(0, np.pi)), lopsided=float(rng.uniform(*lopsided)), wavy=float(rng.uniform(*wavy)),
        phase=float(rng.uniform(0, 2 * np.pi)),
    )  # fmt: skip


def draw_place(rng: np.random.Generator, shares: Mapping[str, float] | None = None) -> tuple[Laterality, str]:
    """Draw the side and the part of the body, by shares of its own or those of all lesions."""
    site = choose(rng, shares or SITES_OF_BODY)
    middle = rng.random() < 0.25 and site in _MIDDLE_SITES
    right = rng.random() < 0.5
    return ("midline" if middle else "right" if right else "left"), site
