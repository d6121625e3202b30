"""What every disease can do. A finding is one file of this folder whose `FINDING` is a subclass of `Disease`.

A disease says what it is, how it looks in words and numbers, how it changes with time, and what it does to the
solids of `vesalius.virtual.anatomy`. How it shows on a picture that is not made from solids (a radiograph, a fundus
photograph) is a method of a subclass that lives beside the machinery of that picture.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.data.records import Laterality
from vesalius.virtual.body import SIDES, Body, Side
from vesalius.virtual.course import STABLE, Course

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy, Part

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
class Disease(ABC):
    """One disease at one place, as geometry in mm and shares of the body: everything else is derived from it."""

    concept: ClassVar[str]
    region: ClassVar[str]
    """chest, abdomen, brain, eye, skin, bowel, stomach, surgery, tissue, blood or sperm; names its file of words."""
    code: ClassVar[str] = ""
    """SNOMED CT, or empty where the DICOM context groups have none."""
    late: ClassVar[bool] = False
    """True where it must see the body as all others left it."""
    course: ClassVar[Course] = STABLE
    sex: ClassVar[str] = ""
    """F or M where only one sex has the organ: in the other it is neither drawn nor stated as absent."""

    laterality: Laterality = ""
    anatomy: str = ""
    severity: str = ""

    @classmethod
    @abstractmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        """Draw the disease for a patient who has it; several where it sits in several places."""

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

    def scaled(self, factor: float) -> Self:
        """Return the disease with its linear sizes times `factor`; severity and words follow."""
        del factor
        return self

    def at(self, days: float, pace: float) -> Self | None:
        """Return the disease `days` after the first examination, None where it is gone. `pace`: see `Course`."""
        factor = self.course.factor(days, pace)
        return None if factor == 0 else self if factor == 1 else self.scaled(factor)

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Change the shape of organs, before any lesion is put in."""
        return anatomy

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        """Return the solids that it adds, in order of painting; nothing where it shows on other pictures only."""
        del anatomy, rng
        return ()


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
