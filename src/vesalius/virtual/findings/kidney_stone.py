"""Stone of the urinary tract: in a calyx, at the outlet of the pelvis, in the ureter or at the bladder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Point, Tube
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.body import SIDES
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

__all__ = ["FINDING", "KidneyStone"]

_SITES = {"calyx": 0.6, "ureterovesical junction": 0.2, "pelviureteric junction": 0.1, "ureter": 0.1}
_KINDS = {"uric acid": (350.0, 550.0), "struvite": (500.0, 900.0), "calcium phosphate": (900.0, 1300.0),
          "calcium oxalate": (1000.0, 1700.0)}  # fmt: skip
_TISSUE = "urinary_stone"


@dataclass(frozen=True, kw_only=True)
class KidneyStone(AbdomenDisease):
    """One stone."""

    concept: ClassVar[str] = "kidney_stone"

    diameter_mm: float
    hu: float
    site: str
    place: float
    """Share of the way down the ureter, or of the kidney's height."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        side, site = SIDES[int(rng.random() < 0.5)], choose(rng, _SITES)
        size = lognormal(rng, 5.5 if site == "calyx" else 5.0, 0.5, 2.5, 22 if site == "calyx" else 11)
        kind = choose(rng, {"uric acid": 0.1, "struvite": 0.15, "calcium phosphate": 0.25, "calcium oxalate": 0.5})
        place = {"calyx": 0.2 + 0.6 * rng.random(), "ureter": 0.25 + 0.5 * rng.random(),
                "pelviureteric junction": 0.06,
                 "ureterovesical junction": 0.985}[site]  # fmt: skip
        return (
            cls(laterality=side, anatomy=f"{side} kidney" if site == "calyx" else f"{side} ureter", diameter_mm=size,
                hu=float(rng.uniform(*_KINDS[kind])), site=site, place=float(place), severity=cls.grade(size)),
        )  # fmt: skip

    @staticmethod
    def grade(diameter_mm: float) -> str:
        """Return the word for a size: below 5 mm most pass."""
        return severity_of(diameter_mm, (5, 10), ("small", "medium-sized", "large"))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"place": self.site, "obstructing": "no" if self.site == "calyx" else "yes"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"long axis": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return float(self.hu / 60 * self.diameter_mm / 10)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 2, 40))
        return replace(self, diameter_mm=size, severity=self.grade(size))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        tissue = tissues()[_TISSUE]
        radius = self.diameter_mm / 2
        ratio = rng.uniform(0.65, 0.95, 2)
        if self.site == "calyx":
            axes = (radius, radius * float(ratio[0]), radius * float(ratio[1]))
            stone = Ellipsoid(self._calyx(anatomy, rng), axes, (1.0, 0.4, 0.3), 2.4)
        else:
            ureter = anatomy.solid(f"{self.laterality} ureter")
            assert isinstance(ureter, Tube)
            stone = Ellipsoid(ureter.place(self.place), (radius, radius * 0.75, radius * 0.75), (0.3, 0.2, 0.9), 2.4)
        return (
            Part(structure=self.anatomy, solid=stone, tissue=_TISSUE, score=(self.hu - tissue.hu[0]) / tissue.hu_sd,
                 concept=self.concept, component="stone"),
        )  # fmt: skip

    def _calyx(self, anatomy: Anatomy, rng: np.random.Generator) -> Point:
        """A place in the sinus at the stone's height, towards the back."""
        sinus = anatomy.solid(f"{self.laterality} renal sinus")
        assert isinstance(sinus, Ellipsoid)
        along = (2 * self.place - 1) * 0.9 * sinus.axes[0]
        centre = np.asarray(sinus.centre) + along * sinus.rotation[0] + rng.uniform(-2, 2, 3)
        x, y, z = (float(value) for value in centre)
        return (x, y, z)


FINDING = KidneyStone
