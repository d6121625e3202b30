"""Stones in the gallbladder: they lie on its lowest wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

__all__ = ["FINDING", "Gallstones"]

_KINDS = {"cholesterol": 0.35, "mixed": 0.35, "pigment": 0.3}
_HU = {"cholesterol": (-60.0, 40.0), "mixed": (60.0, 150.0), "pigment": (150.0, 900.0)}
_TISSUE = "gallstone"


@dataclass(frozen=True, kw_only=True)
class Gallstones(AbdomenDisease):
    """All stones of the gallbladder."""

    concept: ClassVar[str] = "gallstones"

    diameters_mm: tuple[float, ...]
    """Largest first."""
    hu: float
    kind: str

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        count = int(choose(rng, {"1": 0.35, "2": 0.2, "3": 0.15, "5": 0.15, "8": 0.1, "12": 0.05}))
        median = lognormal(rng, 9 if count < 4 else 6, 0.45, 3, 26)
        sizes = sorted(
            (float(np.clip(median * np.exp(0.2 * rng.standard_normal()), 3, 28)) for _ in range(count)), reverse=True
        )
        kind = choose(rng, _KINDS)
        return (
            cls(diameters_mm=tuple(sizes), hu=float(rng.uniform(*_HU[kind])), kind=kind, anatomy="gallbladder",
                severity=severity_of(sizes[0], (5, 15), ("small", "medium-sized", "large"))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        count = len(self.diameters_mm)
        density = "hypodense" if self.hu < 0 else "isodense" if self.hu < 40 else "hyperdense"
        return {"count": str(count), "number": "single" if count == 1 else "multiple", "density": density}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"largest stone": self.diameters_mm[0]}

    @property
    def visibility(self) -> float:
        return float(abs(self.hu - 8) / 12 * self.diameters_mm[0] / 4)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        tissue = tissues()[_TISSUE]
        score = (self.hu - tissue.hu[0]) / tissue.hu_sd
        found = [
            Part(structure="gallbladder lumen", solid=stone, tissue=_TISSUE, score=score,
                    within=("gallbladder lumen",),
                 concept=self.concept, component=f"stone {number}")
            for number, stone in enumerate(self._stones(anatomy, rng))
        ]  # fmt: skip
        return tuple(found)

    def _stones(self, anatomy: Anatomy, rng: np.random.Generator) -> list[Ellipsoid]:
        """Let every stone sink to the lowest free place among random ones; the patient lies on the back."""
        lumen = anatomy.solid("gallbladder lumen")
        low, high = lumen.bounds
        stones: list[Ellipsoid] = []
        for size in self.diameters_mm:
            points = rng.uniform(low, high, (3000, 3)).astype(np.float32)
            x, y, z = points[:, 0], points[:, 1], points[:, 2]
            spare = -lumen.distance(x, y, z) - np.float32(size / 2)
            for stone in stones:
                gap = np.linalg.norm(points - np.asarray(stone.centre, np.float32), axis=1)
                spare = np.minimum(spare, gap - np.float32(size / 2 + stone.axes[0]))
            best = int((y + 40 * np.minimum(spare, 0)).argmax())
            place = (float(x[best]), float(y[best]), float(z[best]))
            ratio = rng.uniform(0.8, 1.0, 2)
            stones.append(
                Ellipsoid(place, (size / 2, size / 2 * float(ratio[0]), size / 2 * float(ratio[1])), exponent=2.6)
            )
        return stones

    def scaled(self, factor: float) -> Self:
        sizes = tuple(size * factor for size in self.diameters_mm)
        return replace(self, diameters_mm=sizes,
                       severity=severity_of(sizes[0], (5, 15), ("small", "medium-sized", "large")))  # fmt: skip


FINDING = Gallstones
