"""What every disease can do. A finding is one file of this folder whose `FINDING` is a subclass of `Disease`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.data.records import Laterality
from vesalius.virtual.body import Body
from vesalius.virtual.camera import Camera
from vesalius.virtual.canvas import Canvas
from vesalius.virtual.chest import SIDES, Chest, Side
from vesalius.virtual.skeleton import Break

__all__ = ["LOBES", "Case", "Disease", "choose", "lobe_side", "lognormal", "severity_of"]

LOBES = (
    "right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What a disease may depend on when it is drawn: the body and the diseases before it."""

    body: Body
    diseases: tuple[Disease, ...]

    def sides(self, concept: str) -> set[str]:
        """Sides on which `concept` is already there."""
        return {disease.laterality for disease in self.diseases if disease.concept == concept}

    def has(self, concept: str) -> bool:
        """Say whether `concept` is already there."""
        return any(disease.concept == concept for disease in self.diseases)


@dataclass(frozen=True, kw_only=True)
class Disease:
    """One disease at one place, as geometry in mm and shares of the body: everything else is derived from it."""

    concept: ClassVar[str]
    code: ClassVar[str] = ""
    """SNOMED CT, or empty where the DICOM context groups have none."""
    late: ClassVar[bool] = False
    """True where it must see the chest as all others left it."""

    laterality: Laterality = ""
    anatomy: str = ""
    severity: str = ""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        """Draw the disease for a patient who has it; several where it sits in several places."""
        raise NotImplementedError

    @property
    def attributes(self) -> Mapping[str, str]:
        """Words for its look, read from its geometry."""
        return {}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        """Sizes by name, in the patient (not magnified)."""
        return {}

    @property
    def visibility(self) -> float:
        """Contrast to noise times the root of the area: above 6 plain, 3 to 6 doubtful, below 3 easily missed."""
        return 8.0

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        """Change the chest's shape."""
        del camera
        return chest

    def breaks(self) -> tuple[Break, ...]:
        """Return the ribs that it breaks."""
        return ()

    def displace(self, canvas: Canvas) -> None:
        """Take room of the lung for fluid or air, before lungs are painted."""

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        """Add itself to the canvas and mark its region."""
        raise NotImplementedError


def choose(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """Draw a name by its share; shares need not sum to 1."""
    names = list(shares)
    weight = np.cumsum([shares[name] for name in names])
    return names[int(np.searchsorted(weight, rng.random() * weight[-1], side="right"))]


def lognormal(rng: np.random.Generator, median: float, sd: float, low: float, high: float) -> float:
    """Draw from a log-normal distribution cut to a range."""
    return float(np.clip(median * np.exp(sd * rng.standard_normal()), low, high))


def severity_of(value: float, limits: Iterable[float], names: Iterable[str] = ("mild", "moderate", "severe")) -> str:
    """Return the name of the grade that `value` falls into, `limits` ascending."""
    return tuple(names)[sum(value >= limit for limit in limits)]


def lobe_side(lobe: str) -> Side:
    """Side of a lobe by its name."""
    return SIDES[0] if lobe.startswith("right") else SIDES[1]
