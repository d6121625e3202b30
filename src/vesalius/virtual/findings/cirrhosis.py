"""Cirrhosis: a nodular liver with a small right lobe, a large left and caudate lobe and a wide portal vein."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.abdomen_organs import LIVER_PARTS, with_liver
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Lumpy, Tube, Union
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Cirrhosis"]

_TISSUE = "cirrhotic_liver"


@dataclass(frozen=True, kw_only=True)
class Cirrhosis(AbdomenDisease):
    """A cirrhotic liver."""

    concept: ClassVar[str] = "cirrhosis"
    code: ClassVar[str] = "19943007"

    nodule_mm: float
    """Size of the nodules."""
    shrinkage: float
    """Loss of the right lobe's width and height; the left and caudate lobe gain as much."""
    portal_mm: float
    """Diameter of the portal vein."""
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        shrinkage = float(rng.uniform(0.06, 0.22))
        portal = float(np.clip(13.5 + 18 * (shrinkage - 0.12) + 1.3 * rng.standard_normal(), 10.5, 19))
        return (
            cls(nodule_mm=float(rng.uniform(8, 18)), shrinkage=shrinkage, portal_mm=portal,
                    seed=int(rng.integers(1 << 30)),
                anatomy="liver", severity=severity_of(shrinkage, (0.11, 0.17))),
        )  # fmt: skip

    @property
    def height_mm(self) -> float:
        """Height of the nodules at the surface."""
        return 0.16 * self.nodule_mm + 4 * self.shrinkage

    @property
    def attributes(self) -> Mapping[str, str]:
        kind = "macronodular" if self.nodule_mm >= 12 else "micronodular"
        return {"nodules": kind, "portal vein": "dilated" if self.portal_mm > 13 else "normal"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"portal vein diameter": self.portal_mm}

    @property
    def visibility(self) -> float:
        return 1.5 * self.height_mm + 22 * self.shrinkage

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        healthy = anatomy.solid("liver")
        assert isinstance(healthy, Lumpy)
        assert isinstance(healthy.solid, Union)
        right, left, caudate = healthy.solid.solids
        assert isinstance(right, Ellipsoid)
        assert isinstance(left, Ellipsoid)
        assert isinstance(caudate, Ellipsoid)
        less, more = 1 - self.shrinkage, 1 + self.shrinkage
        lobes = (
            replace(
                right, axes=(right.axes[0] * less, right.axes[1] * (1 - 0.5 * self.shrinkage), right.axes[2] * less)
            ),
            replace(left, axes=(left.axes[0] * more, left.axes[1], left.axes[2] * more)),
            replace(caudate, axes=(caudate.axes[0] * more**2, caudate.axes[1] * more, caudate.axes[2] * more)),
        )
        solid = Lumpy(
            Lumpy(Union(lobes, 8.0), 1.5, 60.0, self.seed), self.height_mm, 1.6 * self.nodule_mm, self.seed + 1, 2
        )
        anatomy = with_liver(anatomy, solid)
        parts = [
            replace(part, tissue=_TISSUE) if part.tissue == "liver" and not part.concept else part
            for part in anatomy.parts
        ]
        return _widened(replace(anatomy, parts=tuple(parts)), self.portal_mm)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        liver = anatomy.solid("liver")
        return (Part(structure="liver", solid=liver, tissue=_TISSUE, within=LIVER_PARTS, opacity=0.0,
                     concept=self.concept, component="organ"),)  # fmt: skip


def _widened(anatomy: Anatomy, diameter_mm: float) -> Anatomy:
    vein = anatomy.solid("portal vein")
    assert isinstance(vein, Tube)
    factor = diameter_mm / 2 / max(vein.radii)
    return anatomy.changed("portal vein", replace(vein, radii=tuple(radius * factor for radius in vein.radii)))


FINDING = Cirrhosis
