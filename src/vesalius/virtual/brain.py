"""What diseases of the brain have in common: a place in the mean head, a side, and the push of a mass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from vesalius.data.records import Laterality
from vesalius.virtual.anatomy.head import Head
from vesalius.virtual.anatomy.head_lesions import lump, swelling
from vesalius.virtual.anatomy.head_shape import HeadShape
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Point, Solid
from vesalius.virtual.findings.base import Disease, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["BrainDisease", "Lump", "draw_direction", "head", "side_at", "size_in"]

_LARGEST_MM = 90.0
"""No mass grows beyond it: the patient would not live to be examined."""


@dataclass(frozen=True, kw_only=True)
class BrainDisease(Disease):
    """A disease of the brain or its covers."""

    region: ClassVar[str] = "brain"

    @property
    def shown_by(self) -> tuple[str, ...]:
        """Structures whose mask is its region where it has no lesion of its own."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Lump(BrainDisease):
    """A mass about one centre: an ellipsoid with an uneven surface."""

    limits_mm: ClassVar[tuple[float, float]] = (20.0, 40.0)
    """Diameters from which it is called moderate and large."""
    contrast: ClassVar[float] = 4.0
    """Visibility at a diameter of 10 mm."""
    waves: ClassVar[tuple[float, float]] = (0.0, 0.12)
    """Range of the unevenness."""

    centre: Point
    """In the mean head."""
    diameter_mm: float
    """Longest axis, in the patient."""
    ratio: float
    """Of the shortest axis to the longest."""
    direction: Point
    uneven: float
    """Waves of the surface against the radius."""
    seed: int
    """Of the waves."""

    @property
    def sizes_mm(self) -> dict[str, float]:
        return {"diameter": self.diameter_mm, "short_axis": self.diameter_mm * self.ratio}

    @property
    def ellipsoid_ml(self) -> float:
        """Volume of the ellipsoid in the patient; waves leave it nearly unchanged."""
        return float(np.pi / 6 * self.diameter_mm**3 * self.ratio * (1 + self.ratio) / 2 / 1000)

    @property
    def margin(self) -> str:
        """Word for the surface."""
        return "smooth" if self.uneven < 0.05 else "lobulated" if self.uneven < 0.13 else "irregular"

    @classmethod
    def lump_fields(cls, rng: np.random.Generator, centre: Point, diameter_mm: float) -> dict[str, Any]:
        """Draw the fields of this class for a place and a size."""
        return {
            "laterality": side_at(centre), "severity": cls.graded(diameter_mm), "centre": centre,
            "diameter_mm": diameter_mm, "ratio": float(rng.uniform(0.68, 0.95)), "direction": draw_direction(rng),
            "uneven": float(rng.uniform(*cls.waves)), "seed": int(rng.integers(2**31)),
        }  # fmt: skip

    def body(self, shape: HeadShape, *, share: float = 1.0, uneven: float = 1.0) -> Solid:
        """Return the solid, or one about the same centre of a `share` of its size."""
        return lump(
            self.centre, 0.5 * share * self.diameter_mm / shape.size, ratio=self.ratio, direction=self.direction,
            uneven=self.uneven * uneven, seed=self.seed,
        )  # fmt: skip

    def scaled(self, factor: float) -> Self:
        diameter = min(self.diameter_mm * factor, _LARGEST_MM)
        return replace(self, diameter_mm=diameter, severity=self.graded(diameter))

    @classmethod
    def graded(cls, diameter_mm: float) -> str:
        """Word for a size."""
        return severity_of(diameter_mm, cls.limits_mm, ("small", "moderate", "large"))

    @property
    def visibility(self) -> float:
        return float(self.contrast * (self.diameter_mm / 10) ** 1.2)

    def part(
        self,
        solid: Solid,
        tissue: str,
        component: str,
        within: tuple[str, ...],
        *,
        soft: float = 0.5,
        opacity: float = 1.0,
    ) -> Part:
        """Return a piece of the mass, which lies where it is seen."""
        return Part(structure=within[0], solid=solid, tissue=tissue, component=component, within=within, fixed=True,
                    softness_mm=soft, opacity=opacity, concept=self.concept)  # fmt: skip

    def pushed(self, anatomy: Anatomy, volume_ml: float) -> Head:
        """Return the head with the push of a volume in the patient at the centre."""
        found = head(anatomy)
        assert found.shape is not None
        push = swelling(self.centre, volume_ml / found.shape.volume)
        return replace(found, pushes=(*found.pushes, push))


def head(anatomy: Anatomy) -> Head:
    """Return the anatomy as the head that it is."""
    assert isinstance(anatomy, Head)
    return anatomy


def size_in(anatomy: Anatomy) -> HeadShape:
    """Return the shape of the head."""
    shape = head(anatomy).shape
    assert shape is not None
    return shape


def side_at(point: Point, *, midline_mm: float = 5.0) -> Laterality:
    """Side of a place."""
    return "midline" if abs(point[0]) < midline_mm else "left" if point[0] > 0 else "right"


def draw_direction(rng: np.random.Generator) -> Point:
    """Draw a direction, even over the sphere."""
    x, y, z = rng.standard_normal(3)
    length = float(np.sqrt(x * x + y * y + z * z)) + 1e-9
    return (float(x) / length, float(y) / length, float(z) / length)
