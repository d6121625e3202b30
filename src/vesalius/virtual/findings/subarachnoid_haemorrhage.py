"""Subarachnoid haemorrhage: blood in the basal cisterns and fissures, from an aneurysm in most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.data.records import Laterality
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Point, Solid, Union
from vesalius.virtual.brain import BrainDisease
from vesalius.virtual.findings.base import Case, choose

if TYPE_CHECKING:
    from vesalius.data.records import Laterality
from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "SubarachnoidHaemorrhage"]

_SPACE = ("subarachnoid space",)


@dataclass(frozen=True, kw_only=True)
class SubarachnoidHaemorrhage(BrainDisease):
    """Blood in the subarachnoid space."""

    concept: ClassVar[str] = "subarachnoid_haemorrhage"
    code: ClassVar[str] = "50960005"
    late: ClassVar[bool] = True

    grade: int
    """Fisher: 2 thin, 3 thick, 4 with blood in the ventricles."""
    lean: float
    """-1 to 1: how much more lies on the left."""
    density: float
    """Share of the fluid that is replaced."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        grade = int(choose(rng, {"2": 0.35, "3": 0.4, "4": 0.25}))
        lean = float(rng.uniform(-1, 1))
        density = float(rng.uniform(0.5, 0.7) if grade == 2 else rng.uniform(0.8, 1.0))
        side: Laterality = "left" if lean > 0.4 else "right" if lean < -0.4 else "bilateral"
        return (
            cls(
                laterality=side,
                anatomy="basal cisterns",
                severity={2: "thin", 3: "thick", 4: "extensive"}[grade],
                grade=grade,
                lean=lean,
                density=density,
            ),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "fisher_grade": str(self.grade),
            "extension": "with intraventricular blood" if self.grade == 4 else "without intraventricular blood",
        }

    @property
    def visibility(self) -> float:
        return 1 + 7 * self.density

    def at(self, days: float, pace: float) -> Self | None:
        """Half of the density is left after 7 days."""
        left = self.density * 0.5 ** (days / (5 + 5 * pace))
        return replace(self, density=left) if left > 0.1 else None

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Mix blood into the fluid before the brain is painted, so that it fills the thinnest sulci."""
        blood = Part(structure=_SPACE[0], solid=self._cisterns(), tissue="blood_in_csf", within=_SPACE,
                     softness_mm=2.5, opacity=self.density, fixed=True)  # fmt: skip
        place = 1 + max(i for i, part in enumerate(anatomy.parts) if part.structure == _SPACE[0] and not part.concept)
        return replace(anatomy, parts=(*anatomy.parts[:place], blood, *anatomy.parts[place:]))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        # The fluid is mixed already; this part only marks it.
        found = [
            Part(
                structure=_SPACE[0],
                solid=self._cisterns(),
                tissue="blood_in_csf",
                within=_SPACE,
                softness_mm=2.5,
                opacity=0.0,
                concept=self.concept,
                component="blood",
            )
        ]
        if self.grade == 4:
            names = ("left lateral ventricle", "right lateral ventricle", "third ventricle", "fourth ventricle")
            pools = Union(
                (
                    Ellipsoid((24, 66, 4), (9, 10, 9)),
                    Ellipsoid((-24, 66, 4), (9, 10, 9)),
                    Ellipsoid((0, 44, -31), (9, 9, 12)),
                    Ellipsoid((0, 16, -3), (4, 8, 8)),
                )
            )
            found.append(
                Part(
                    structure=names[0],
                    solid=pools,
                    tissue="blood_acute",
                    within=names,
                    opacity=0.85,
                    concept=self.concept,
                    component="ventricular blood",
                )
            )
        return tuple(found)

    def _cisterns(self) -> Solid:
        left, right = 1 + 0.3 * self.lean, 1 - 0.3 * self.lean
        balls: list[tuple[Point, Point]] = [
            ((0, 2, -24), (22, 22, 13)),
            ((0, 26, -10), (24, 22, 9)),
            ((0, 8, -38), (14, 12, 18)),
            ((38 * left, 0, -8), (20, 24, 11)),
            ((-38 * right, 0, -8), (20, 24, 11)),
            ((0, -38, 2), (6, 14, 22)),
        ]
        if self.grade >= 3:
            balls += [
                ((46 * left, 24, 6), (16, 26, 16)),
                ((-46 * right, 24, 6), (16, 26, 16)),
                ((0, 0, 60), (62, 60, 20)),
            ]
        return Union(tuple(Ellipsoid(centre, axes) for centre, axes in balls))


FINDING = SubarachnoidHaemorrhage
