"""Diffuse lymphoma of a node in a tissue section: one kind of cell in an even sheet, no follicles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.fields import lattice
from vesalius.virtual.cells.nuclei import NucleusKind
from vesalius.virtual.cells.organs import add_capillaries
from vesalius.virtual.cells.section import FIELD_UM, Compartment, Section
from vesalius.virtual.cells.stamp import make_outlines
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.cells.tumours import add_mitoses
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "Lymphoma"]


@dataclass(frozen=True, kw_only=True)
class Lymphoma(TissueDisease):
    """Diffuse; small, intermediate or large cells."""

    concept: ClassVar[str] = "lymphoma"

    diameter_um: float
    """Of the nuclei."""
    macrophages: float
    """Pale cells with debris per mm²: the starry sky."""
    mitoses_per_mm2: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        size = float(rng.uniform(7.4, 12.2))
        fast = size > 9.3
        return (
            cls(anatomy="lymph node", diameter_um=size,
                severity=severity_of(size, (8.3, 9.6), ("low grade", "intermediate grade", "high grade")),
                macrophages=float(rng.uniform(0, 320)) if fast else 0.0,
                mitoses_per_mm2=float(rng.uniform(120, 420) if fast else rng.uniform(5, 60))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "cell_size": severity_of(self.diameter_um, (8.3, 9.6), ("small", "intermediate", "large")),
            "architecture": "diffuse", "starry_sky": "present" if self.macrophages > 100 else "absent",
        }  # fmt: skip

    @property
    def visibility(self) -> float:
        return 5.0 + 0.6 * (self.diameter_um - 7)

    def lay(self, section: Section) -> bool:
        rng = section.rng
        section.ground(collagen=0.3, eosin=0.1, clefts=0.1)
        section.compartment[:] = Compartment.LYMPHOID
        large = self.diameter_um > 9.6
        kind = NucleusKind(name="tumour cell", area_um2=np.pi / 4 * self.diameter_um**2 * 0.86, cv=0.2, ratio=1.14,
                           density=0.56 if large else 0.74, clump=0.32, rough=0.045,
                           nucleolus_um=1.5 if large else 0.0)  # fmt: skip
        places = lattice(rng, FIELD_UM, 1.04 * self.diameter_um, jitter=0.22)
        section.tumour[:] = True
        pale = rng.uniform(0, FIELD_UM, (int(rng.poisson(self.macrophages * (FIELD_UM / 1000) ** 2)), 2))
        if len(pale):
            bodies = make_outlines(rng, pale.astype(np.float32), area=270, cv=0.25, ratio=1.25, rough=0.06)
            body = section.spots(bodies, 0.01, 0.06)
            places = places[~section.is_at(places, body > 0.5)]
            debris = pale[:, None] + rng.normal(0, 3.4, (len(pale), 3, 2))
            section.add("apoptotic body", debris.reshape(-1, 2).astype(np.float32))
        section.add(kind, places)
        section.compartment[:] = Compartment.EPITHELIUM
        add_mitoses(section, self.mitoses_per_mm2)
        section.compartment[:] = Compartment.LYMPHOID
        add_capillaries(section, 1)
        return True


FINDING = Lymphoma
