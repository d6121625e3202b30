"""Age-related macular degeneration: drusen, then atrophy or new vessels under the retina."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import Group, Strands, branch, group, scatter
from vesalius.virtual.findings.base import Case, choose, lognormal

__all__ = ["FINDING", "AgeRelatedMacularDegeneration"]

_STAGES = {"early": 0.3, "intermediate": 0.3, "late dry": 0.2, "late wet": 0.2}


@dataclass(frozen=True, kw_only=True)
class AgeRelatedMacularDegeneration(EyeDisease):
    """Drusen, atrophy and membrane of one macula; the stage follows from them."""

    concept: ClassVar[str] = "age_related_macular_degeneration"
    course: ClassVar[Course] = Course(doubling_days=(700, 2500))

    small: int
    """Hard drusen of 30 to 60 µm."""
    soft: int
    """Medium or large drusen."""
    largest_um: float
    """Diameter of the largest druse."""
    pigment: int = 0
    """Clumps of pigment."""
    reticular: int = 0
    """Reticular pseudodrusen."""
    atrophy_mm: float = 0.0
    """Diameter of the geographic atrophy, 0 where there is none."""
    membrane_mm: float = 0.0
    """Diameter of the neovascular membrane, 0 where there is none."""
    blood: bool = False
    fluid_um: float = 0.0
    """Height of fluid under the retina."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        stage = choose(rng, _STAGES)
        large = stage != "early"
        wet = stage == "late wet"
        made = cls(
            laterality=examined_eye(case.body), anatomy="macula", small=int(rng.integers(4, 60)),
            soft=int(rng.integers(6, 70) if large else rng.integers(3, 14)),
            largest_um=float(rng.uniform(130, 320) if large else rng.uniform(66, 122)),
            pigment=int(rng.integers(0, 7)) if large else 0,
            reticular=int(rng.integers(60, 160)) if large and rng.random() < 0.25 else 0,
            atrophy_mm=lognormal(rng, 1.6, 0.55, 0.4, 4.5) if stage == "late dry" else 0.0,
            membrane_mm=lognormal(rng, 1.5, 0.4, 0.6, 3.5) if wet else 0.0,
            blood=bool(wet and rng.random() < 0.65),
            fluid_um=float(rng.uniform(50, 260)) if wet and rng.random() < 0.8 else 0.0,
        )  # fmt: skip
        return (made._staged(),)

    @property
    def stage(self) -> str:
        """By the clinical classification: drusen above 63 µm, above 125 µm or pigment change, late forms."""
        if self.membrane_mm:
            return "late wet"
        if self.atrophy_mm >= 0.25:
            return "late dry"
        return "intermediate" if self.largest_um >= 125 or self.pigment else "early"

    def _staged(self) -> Self:
        return replace(self, severity=self.stage)

    @property
    def attributes(self) -> Mapping[str, str]:
        sign = "geographic atrophy" if self.stage == "late dry" else "soft drusen"
        if self.membrane_mm:
            sign = "subretinal hemorrhage" if self.blood else "a neovascular membrane"
        return {
            "stage": self.stage,
            "sign": sign,
            "drusen": "large" if self.largest_um >= 125 else "medium",
            "blood": "present" if self.blood else "absent",
            "fluid": "present" if self.fluid_um else "absent",
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        late = self.membrane_mm or self.atrophy_mm
        return {"lesion": late} if late else {}

    @property
    def visibility(self) -> float:
        drusen = visible(22, self.soft * (self.largest_um / 1000 * 0.6) ** 2)
        return float(np.hypot(drusen, visible(45, self.atrophy_mm**2 + self.membrane_mm**2)))

    def scaled(self, factor: float) -> Self:
        return replace(
            self, soft=max(1, round(self.soft * factor)), largest_um=self.largest_um * factor,
            atrophy_mm=self.atrophy_mm * factor, membrane_mm=self.membrane_mm * factor,
            fluid_um=self.fluid_um * factor,
        )._staged()  # fmt: skip

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        del eye
        places = (
            scatter(rng, self.soft, (0.0, 0.0), 0.0, 1.9) * np.sqrt(branch(rng).uniform(0.1, 1, self.soft))[:, None]
        )
        size = self.largest_um / 2000 * branch(rng).uniform(0.5, 1.0, self.soft)
        size[0] = self.largest_um / 2000
        places[0, 1] = 0.0  # the largest lies on the horizontal line, where a single scan through the fovea meets it
        hard = scatter(rng, self.small, (0.0, 0.0), 0.2, 3.2)
        found = [
            group(self.concept, "soft druse", places, size, rng, flat=0.75, wobble=0.12, soft=0.7,
                  height_um=np.clip(size * 520, 25, 120), level=1.0),
            group(self.concept, "hard druse", hard, branch(rng).uniform(0.015, 0.030, self.small), rng,
                  height_um=30.0, level=1.0),
        ]  # fmt: skip
        if self.reticular:
            net = scatter(rng, self.reticular, (0.0, 0.8), 1.2, 3.4)
            size = branch(rng).uniform(0.05, 0.09, self.reticular)
            found.append(group(self.concept, "reticular pseudodruse", net, size, rng, flat=0.4,
                               soft=0.6, height_um=35.0, level=0.9))  # fmt: skip
        if self.pigment:
            clump = scatter(rng, self.pigment, (0.0, 0.0), 0.1, 1.3)
            size = branch(rng).uniform(0.04, 0.13, self.pigment)
            found.append(group(self.concept, "pigment", clump, size, rng, flat=0.5,
                               wobble=0.3, soft=0.3, level=0.95))  # fmt: skip
        return (*found, *self._atrophy(rng), *self._membrane(rng))

    def _atrophy(self, rng: np.random.Generator) -> tuple[Group, ...]:
        """Sharp pale patches that may run together."""
        if not self.atrophy_mm:
            return ()
        main = scatter(rng, 1, (0.0, 0.0), 0.0, 0.35)
        side = main + scatter(rng, 2, (0.0, 0.0), 0.3 * self.atrophy_mm, 0.55 * self.atrophy_mm)
        size = self.atrophy_mm / 2 * np.array([1.0, 0.35, 0.28])
        places = np.concatenate([main, side])
        return (group(self.concept, "geographic atrophy", places, size, rng, flat=0.7, wobble=0.14,
                      soft=0.05, level=1.0),)  # fmt: skip

    def _membrane(self, rng: np.random.Generator) -> tuple[Group, ...]:
        """A grey membrane with its blood and fluid."""
        if not self.membrane_mm:
            return ()
        place, radius = scatter(rng, 1, (0.0, 0.0), 0.0, 0.7), np.array([self.membrane_mm / 2])
        found = [
            group(self.concept, "neovascular membrane", place, radius, rng, flat=0.7, wobble=0.12, soft=0.4,
                  height_um=float(rng.uniform(60, 140)), level=0.95),
            group(self.concept, "pigment epithelial detachment", place, 0.7 * radius, rng, flat=0.8, soft=0.3,
                  height_um=float(rng.uniform(80, 300)), level=1.0),
        ]  # fmt: skip
        if self.fluid_um:
            found.append(group(self.concept, "subretinal fluid", place, 1.5 * radius, rng, flat=0.8, wobble=0.06,
                               soft=0.4, height_um=self.fluid_um, level=0.85))  # fmt: skip
        if self.blood:
            near = place + scatter(rng, 2, (0.0, 0.0), 0.5 * radius[0], 1.1 * radius[0])
            found.append(group(self.concept, "subretinal haemorrhage", near, np.array([0.75, 0.5]) * radius, rng,
                               flat=0.5, wobble=0.2, soft=0.3, height_um=70.0, level=0.85))  # fmt: skip
        return tuple(found)


FINDING = AgeRelatedMacularDegeneration
