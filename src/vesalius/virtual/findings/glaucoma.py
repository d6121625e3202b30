"""Glaucoma: the cup grows, the rim thins and notches, nerve fibres are lost in wedges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease
from vesalius.virtual.eye.lesions import Group, Strands, group
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Glaucoma"]


@dataclass(frozen=True, kw_only=True)
class Glaucoma(EyeDisease):
    """Loss of nerve fibres in one eye."""

    concept: ClassVar[str] = "glaucoma"
    course: ClassVar[Course] = Course(doubling_days=(4000, 12000))

    cup: float
    """Vertical cup/disc ratio without the notch."""
    notch: float
    """See `Disc.notch`."""
    lower: bool
    """True where notch and wedge lie below, as they do most often."""
    wedge: float
    """Half width of the wedge without nerve fibres, radians; 0 where there is none."""
    haemorrhage: bool
    """A splinter haemorrhage at the edge of the disc."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        cup = float(np.clip(rng.normal(0.78, 0.07), 0.68, 0.94))
        return (
            cls(laterality=examined_eye(case.body), anatomy="optic disc", severity=_grade(cup), cup=cup,
                notch=float(rng.uniform(0.5, 0.9)) if rng.random() < 0.55 else 0.0, lower=bool(rng.random() < 0.65),
                wedge=float(np.deg2rad(rng.uniform(5, 30))) if rng.random() < 0.65 else 0.0,
                haemorrhage=bool(rng.random() < 0.2)),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        place = "inferior" if self.lower else "superior"
        return {
            "ratio": f"{self.cup:.1f}", "rim": place if self.notch else "diffuse",
            "wedge": "present" if self.wedge else "absent",
            "haemorrhage": "present" if self.haemorrhage else "absent",
        }  # fmt: skip

    @property
    def visibility(self) -> float:
        """A cup of 0.6 may be normal."""
        return float(2.5 + 28 * (self.cup - 0.6) + 2.0 * self.notch + 2.0 * (self.wedge > 0.2))

    def scaled(self, factor: float) -> Self:
        cup = min(0.95, self.cup * factor)
        return replace(self, cup=cup, wedge=min(0.8, self.wedge * factor), severity=_grade(cup))

    @property
    def _angle(self) -> float:
        """Place of notch and wedge at the disc: 6 to 7 o'clock, or 11 to 12 o'clock, of a right eye."""
        return -1.95 if self.lower else 1.95

    def alter(self, eye: Eye) -> Eye:
        disc = replace(eye.disc, cup=max(eye.disc.cup, self.cup), notch=self.notch, notch_angle=self._angle)
        loss = float(np.clip((self.cup - 0.45) * 1.1, 0.1, 0.55))
        wedge = ((self._angle, self.wedge, 0.9),) if self.wedge else ()
        return replace(
            eye, disc=disc, nerve_fibre=eye.nerve_fibre * (1 - loss), fibre_defects=(*eye.fibre_defects, *wedge)
        )

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        if not self.haemorrhage:
            return ()
        angle, disc = self._angle + rng.normal(0, 0.15), eye.disc
        place = np.array([[disc.x + 0.55 * disc.width * np.cos(angle), disc.y + 0.55 * disc.height * np.sin(angle)]])
        splinter = group(self.concept, "splinter haemorrhage", place, np.array([0.2]), rng, wobble=0.1, soft=0.2,
                         level=0.05)  # fmt: skip
        spots = replace(splinter.spots, wide=np.array([0.03]), angle=np.array([angle]))
        return (replace(splinter, spots=spots),)


def _grade(cup: float) -> str:
    return severity_of(cup, (0.76, 0.85))


FINDING = Glaucoma
