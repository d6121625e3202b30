"""Findings of tissue, and the field of a section that shows them with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.organs import ORGANS
from vesalius.virtual.cells.section import Compartment, Placed, Section
from vesalius.virtual.cells.stain import draw_stain
from vesalius.virtual.findings.base import Disease, choose
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["Field", "TissueDisease", "look", "organ_of"]

_NORMAL_ORGANS = {
    "colon": 0.27, "prostate": 0.15, "breast": 0.15, "liver": 0.14, "lymph node": 0.14, "oesophagus": 0.15,
}  # fmt: skip
"""Of patients without a finding that says where the tissue is from; breast of women, prostate of men."""


@dataclass(frozen=True, kw_only=True)
class TissueDisease(Disease):
    """A disease of one organ's tissue: it lays the whole field, or adds to the healthy one."""

    region: ClassVar[str] = "tissue"

    def lay(self, section: Section) -> bool:
        """Lay the field in place of the healthy organ; False where it only adds to it."""
        del section
        return False

    def overlay(self, section: Section) -> None:
        """Add to the field before its nuclei are painted."""

    def extent(self, field: Field) -> NDArray[np.bool_]:
        """Where the disease is on the field, (H, W); the tumour where there is one."""
        return field.tumour


@dataclass(frozen=True, eq=False, kw_only=True)
class Field:
    """A photographed field with its truth, all masks (H, W)."""

    organ: str
    pixels: NDArray[np.uint8]
    """(H, W, 3)."""
    um_per_pixel: float
    nuclei: Placed
    compartment: NDArray[np.uint8]
    glands: tuple[NDArray[np.bool_], ...]
    """Wall and lumen of each, in order of painting; those that lie outside are left out."""
    tumour: NDArray[np.bool_]

    def share(self, kind: Compartment) -> float:
        """Share of the field that a compartment takes."""
        return float((self.compartment == kind).mean())

    @property
    def gland_share(self) -> float:
        """Area of glands over that of glands and solid tumour; NaN where there is neither."""
        gland = np.zeros_like(self.tumour)
        for mask in self.glands:
            gland |= mask
        whole = gland | self.tumour
        return float(gland.sum() / whole.sum()) if whole.any() else float("nan")


def organ_of(patient: Patient) -> str:
    """Organ that the tissue is from: of the first finding that says so, else drawn without regard to disease."""
    for disease in patient.diseases:
        if isinstance(disease, TissueDisease) and disease.anatomy in ORGANS:
            return disease.anatomy
    absent = "prostate" if patient.body.sex == "F" else "breast"
    shares = {organ: share for organ, share in _NORMAL_ORGANS.items() if organ != absent}
    return choose(stream(patient.seed, patient.id, "tissue"), shares)


def look(patient: Patient, size: int) -> Field:
    """Lay, stain and photograph the field of a patient, `size` × `size` pixels."""
    rng = stream(patient.seed, patient.occasion, "exam", "histology")
    stain = draw_stain(patient.site, stream(patient.seed, patient.occasion, "exam", "histology", "stain"))
    found = [disease for disease in patient.diseases if isinstance(disease, TissueDisease)]
    section = Section(size, rng)
    organ = organ_of(patient)
    if not any(disease.lay(section) for disease in found):
        ORGANS[organ](section)
    for disease in found:
        disease.overlay(section)
    placed = section.place_nuclei()
    return Field(
        organ=organ, pixels=section.picture(stain), um_per_pixel=section.um, nuclei=placed,
        compartment=section.compartment, glands=tuple(mask for mask in section.glands if mask.any()),
        tumour=section.tumour,
    )  # fmt: skip
