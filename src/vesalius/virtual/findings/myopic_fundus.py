"""Myopic fundus: a long eye with a stretched disc, a crescent beside it and a choroid that shines through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import Group, Strands, branch, group, scatter
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "MyopicFundus"]


@dataclass(frozen=True, kw_only=True)
class MyopicFundus(EyeDisease):
    """High myopia of one eye."""

    concept: ClassVar[str] = "myopic_fundus"
    code: ClassVar[str] = "57190000"

    crescent_mm: float
    tigroid: float
    """See `Eye.tigroid`."""
    patches: int
    """Patches of chorioretinal atrophy."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        crescent = float(rng.uniform(0.2, 0.9))
        return (
            cls(laterality=examined_eye(case.body), anatomy="posterior pole", severity=_grade(crescent),
                crescent_mm=crescent, tigroid=float(rng.uniform(0.75, 1.0)),
                patches=int(rng.integers(1, 4)) if crescent > 0.55 and rng.random() < 0.6 else 0),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"crescent": "temporal", "atrophy": "present" if self.patches else "absent"}

    @property
    def visibility(self) -> float:
        return visible(40, 1.5 * self.crescent_mm)

    def scaled(self, factor: float) -> Self:
        crescent = self.crescent_mm * factor
        return replace(self, crescent_mm=crescent, severity=_grade(crescent))

    def alter(self, eye: Eye) -> Eye:
        disc = eye.disc
        stretched = replace(disc, crescent_mm=self.crescent_mm, width=disc.width * 0.9, height=disc.height * 1.12)
        return replace(
            eye, disc=stretched, tigroid=max(eye.tigroid, self.tigroid), pigment=0.8 * eye.pigment,
            choroid_um=max(60.0, eye.choroid_um * (1 - 0.6 * self.crescent_mm)), sheen=0.5 * eye.sheen,
        )  # fmt: skip

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        del eye
        places = scatter(rng, self.patches, (0.4, 0.0), 1.0, 2.6)
        radius = branch(rng).uniform(0.25, 0.7, self.patches)
        return (group(self.concept, "geographic atrophy", places, radius, rng, flat=0.6,
                      wobble=0.15, soft=0.08, level=1.0),)  # fmt: skip


def _grade(crescent_mm: float) -> str:
    return severity_of(crescent_mm, (0.4, 0.65))


FINDING = MyopicFundus
