"""What diseases of the eye do to the retina, and the retina that they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vesalius.virtual.eye.anatomy import Eye, draw_eye
from vesalius.virtual.eye.lesions import Group, Strands
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["EyeDisease", "Retina", "build_retina", "visible"]

_CLUTTER = 12.0
"""Grey values by which the healthy background varies over the size of a lesion."""
_PIXEL_MM = 0.05
"""Of a picture of 256 pixels."""


@dataclass(frozen=True, kw_only=True)
class EyeDisease(Disease):
    """A disease of the examined eye."""

    region: ClassVar[str] = "eye"

    def alter(self, eye: Eye) -> Eye:
        """Change the shape of what is normally there."""
        return eye

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        """Return what is not normally there; the same places for every examination of the eye."""
        del eye, rng
        return ()


def visible(contrast: float, area_mm2: float) -> float:
    """Return contrast (grey values) to clutter times the root of the area in pixels."""
    return contrast / _CLUTTER * float(np.sqrt(area_mm2)) / _PIXEL_MM


@dataclass(frozen=True, kw_only=True, eq=False)
class Retina:
    """The eye with all lesions, in the order of the diseases."""

    eye: Eye
    lesions: tuple[Group | Strands, ...]

    def groups(self, *kinds: str) -> tuple[Group, ...]:
        """Return the groups of lesions of some kinds."""
        return tuple(part for part in self.lesions if isinstance(part, Group) and part.kind in kinds)

    def has(self, *kinds: str) -> bool:
        """Say whether there is a lesion of one of the kinds."""
        return any(part.kind in kinds for part in self.lesions)


def build_retina(patient: Patient) -> Retina:
    """Build the examined eye of a patient: healthy anatomy, changed by all diseases, with their lesions."""
    eye = draw_eye(patient)
    diseases = [disease for disease in patient.diseases if isinstance(disease, EyeDisease)]
    for disease in diseases:
        eye = disease.alter(eye)
    lesions: tuple[Group | Strands, ...] = ()
    for index, disease in enumerate(diseases):
        # Numbered among those of its kind, so that a disease keeps its places when another has healed.
        number = sum(other.concept == disease.concept for other in diseases[:index])
        lesions += disease.lesions(eye, stream(patient.seed, patient.id, "retina", disease.concept, number))
    return Retina(eye=eye, lesions=lesions)
