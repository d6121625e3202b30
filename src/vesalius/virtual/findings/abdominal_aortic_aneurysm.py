"""Aneurysm of the abdominal aorta: a spindle below the renal arteries with clot on its wall."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Solid, Tube, Union
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal, severity_of

__all__ = ["FINDING", "AbdominalAorticAneurysm"]

_ROOM = ("abdominal aorta", "aortic calcification")
_STEPS = 40


@dataclass(frozen=True, kw_only=True)
class AbdominalAorticAneurysm(AbdomenDisease):
    """One aneurysm."""

    concept: ClassVar[str] = "abdominal_aortic_aneurysm"
    code: ClassVar[str] = "67362008"
    course: ClassVar[Course] = Course(doubling_days=(1000, 3000))

    diameter_mm: float
    """Outer."""
    length_mm: float
    place: float
    """Share of the way down the aorta at its widest point."""
    clot: float
    """Thickness of the clot in shares of the radius."""
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = lognormal(rng, 43, 0.22, 31, 85)
        infrarenal = rng.random() < 0.9
        return (
            cls(diameter_mm=size, length_mm=size * float(rng.uniform(1.5, 2.2)), clot=float(rng.uniform(0.05, 0.45)),
                place=float(rng.uniform(0.80, 0.88) if infrarenal else rng.uniform(0.6, 0.68)),
                        seed=int(rng.integers(1 << 30)),
                anatomy="abdominal aorta", severity=cls.grade(size)),
        )  # fmt: skip

    @staticmethod
    def grade(diameter_mm: float) -> str:
        """Return the grade by outer diameter."""
        return severity_of(diameter_mm, (40, 55), ("small", "medium-sized", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "location": "infrarenal" if self.place > 0.75 else "juxtarenal", "shape": "fusiform",
            "thrombus": "present" if self.clot * self.diameter_mm / 2 >= 3 else "absent",
        }  # fmt: skip

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"outer diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 0.5 * (self.diameter_mm - 20)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 24, 120))
        return replace(self, diameter_mm=size, severity=self.grade(size))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        aorta = anatomy.solid("abdominal aorta")
        assert isinstance(aorta, Tube)
        kept = tuple(part for part in anatomy.parts if part.structure != "abdominal aorta")
        # The wide vessel pushes bowel and vena cava aside: it is painted after them.
        own = next(part for part in anatomy.parts if part.structure == "abdominal aorta")
        last = len(kept) - (1 if kept[-1].structure == "aortic calcification" else 0)
        return replace(anatomy, parts=(*kept[:last], replace(own, solid=self._vessel(aorta, 0.0)), *kept[last:]))

    def _vessel(self, aorta: Tube, clot: float) -> Tube:
        """The aorta with the spindle, and inside the clot where there is one; it bulges to the front."""
        way = np.linspace(0, 1, _STEPS)
        points = np.array([aorta.place(float(share)) for share in way])
        samples = aorta.samples
        steps = np.linalg.norm(np.diff(samples[:, :3], axis=0), axis=1)
        length = float(steps.sum())
        radius = np.interp(way * length, np.concatenate([[0], np.cumsum(steps)]), samples[:, 3])
        offset = (way - self.place) * length
        bell = np.exp(-((offset / (0.5 * self.length_mm)) ** 4))
        widest = np.interp(self.place, way, radius)
        outer = radius + bell * (self.diameter_mm / 2 - widest)
        points[:, 1] -= 0.85 * (outer - radius)
        points[:, 0] += 0.15 * (outer - radius)
        lumen = outer - bell * clot * self.diameter_mm / 2
        points[:, 1] += 0.4 * (outer - lumen)
        return Tube(tuple((float(x), float(y), float(z)) for x, y, z in points), tuple(float(r) for r in lumen), 1)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        vessel = anatomy.solid("abdominal aorta")
        assert isinstance(vessel, Tube)
        wide = [row for row in vessel.samples if 2 * row[3] >= min(30.0, 0.8 * self.diameter_mm)]
        sac = Tube(tuple((float(r[0]), float(r[1]), float(r[2])) for r in wide), tuple(float(r[3]) for r in wide), 1)
        lumen = self._inner(sac)
        return (
            self._part(Inset(sac, 0.0), "mural_thrombus", "wall"), self._part(lumen, "artery", "lumen"),
            self._part(Union(self._plaques(sac, rng)), "calcification", "plaques"),
        )  # fmt: skip

    def _part(self, solid: Solid, tissue: str, component: str) -> Part:
        return Part(
            structure="abdominal aorta",
            solid=solid,
            tissue=tissue,
            within=_ROOM,
            concept=self.concept,
            component=component,
        )

    def _inner(self, sac: Tube) -> Tube:
        """The open part: eccentric, behind the clot."""
        line = sac.samples
        clot = np.maximum(1.2, self.clot * line[:, 3] * (2 * line[:, 3] / self.diameter_mm) ** 2)
        points = tuple((float(r[0]), float(r[1] + 0.45 * c), float(r[2])) for r, c in zip(line, clot, strict=True))
        return Tube(points, tuple(float(r[3] - c) for r, c in zip(line, clot, strict=True)), 1)

    def _plaques(self, sac: Tube, rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
        spots, line = [], sac.samples
        for _ in range(10):
            x, y, z, radius = line[int(rng.integers(len(line)))]
            angle = rng.uniform(0, 2 * np.pi)
            place = (float(x + 0.97 * radius * np.cos(angle)), float(y + 0.97 * radius * np.sin(angle)), float(z))
            spots.append(
                Ellipsoid(
                    place, (float(rng.uniform(2, 5)), 1.2, 2.5), (float(-np.sin(angle)), float(np.cos(angle)), 0.0)
                )
            )
        return tuple(spots)


FINDING = AbdominalAorticAneurysm
