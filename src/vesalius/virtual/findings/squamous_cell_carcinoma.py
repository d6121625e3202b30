"""Squamous cell carcinoma in a tissue section: nests of large pink cells, whorls of keratin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.fields import quantile_mask
from vesalius.virtual.cells.nuclei import tumour_kind
from vesalius.virtual.cells.organs import add_capillaries, scatter
from vesalius.virtual.cells.section import Section
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.cells.tumours import add_mitoses, add_pearls, grow_nests
from vesalius.virtual.findings.base import Case, severity_of
from vesalius.virtual.noise import smooth_noise

__all__ = ["FINDING", "SquamousCellCarcinoma"]

_GRADES = ("poorly differentiated", "moderately differentiated", "well differentiated")


@dataclass(frozen=True, kw_only=True)
class SquamousCellCarcinoma(TissueDisease):
    """Graded by its keratin: many pearls are well differentiated, none is poor."""

    concept: ClassVar[str] = "squamous_cell_carcinoma"

    keratin: float
    """0 none to 1 in every nest."""
    tumour_share: float
    mitoses_per_mm2: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        keratin = float(rng.random())
        return (
            cls(anatomy="oesophagus", severity=severity_of(keratin, (0.3, 0.65), _GRADES), keratin=keratin,
                tumour_share=float(rng.uniform(0.45, 0.68)), mitoses_per_mm2=float(rng.uniform(30, 260))),
        )  # fmt: skip

    @property
    def pearls(self) -> int:
        """Whorls of keratin that are put into the field."""
        return round(3.4 * max(self.keratin - 0.15, 0.0))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"keratin": "pearls" if self.pearls else "single cells", "growth": "nests"}

    @property
    def visibility(self) -> float:
        return 8.5

    def lay(self, section: Section) -> bool:
        rng = section.rng
        angle = section.ground(collagen=1.0, width_um=3.0, eosin=0.2, clefts=0.4)
        noise = smooth_noise(rng, section.size, 4) + 0.3 * smooth_noise(rng, section.size, 11)
        grade = 3 if self.keratin < 0.3 else 2
        kind = tumour_kind(grade, area_um2=50 + 15 * grade)
        grow_nests(section, quantile_mask(noise, self.tumour_share), kind, eosin=0.2 + 0.07 * self.keratin, crowd=0.7)
        add_pearls(section, self.pearls, 13 + 6 * self.keratin)
        add_mitoses(section, self.mitoses_per_mm2)
        scatter(section, "fibroblast", 1200, angle=angle)
        scatter(section, "lymphocyte", 1100, clustered=0.8)
        add_capillaries(section, 2)
        return True


FINDING = SquamousCellCarcinoma
