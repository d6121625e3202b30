"""Adenocarcinoma of colon or rectum in a tissue section: irregular glands with dirty necrosis, solid where poor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.nuclei import tumour_kind
from vesalius.virtual.cells.organs import add_capillaries, scatter
from vesalius.virtual.cells.section import Section
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.cells.tumours import Growth, add_mitoses, grow_glands
from vesalius.virtual.findings.base import Case, choose, severity_of

__all__ = ["FINDING", "ColorectalAdenocarcinoma"]

_GRADES = ("poorly differentiated", "moderately differentiated", "well differentiated")


@dataclass(frozen=True, kw_only=True)
class ColorectalAdenocarcinoma(TissueDisease):
    """Graded by the share of the tumour that forms glands: above 95, 50 to 95, below 50 %."""

    concept: ClassVar[str] = "colorectal_adenocarcinoma"
    code: ClassVar[str] = "408645001"

    gland_share: float
    tumour_share: float
    necrosis: float
    mitoses_per_mm2: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        band = choose(rng, {"well": 0.25, "moderate": 0.5, "poor": 0.25})
        low, high = {"well": (0.96, 1.0), "moderate": (0.55, 0.9), "poor": (0.05, 0.42)}[band]
        share = float(rng.uniform(low, high))
        return (
            cls(anatomy="colon", severity=severity_of(share, (0.5, 0.95), _GRADES), gland_share=share,
                tumour_share=float(rng.uniform(0.42, 0.62)), necrosis=float(rng.uniform(0.2, 0.75)),
                mitoses_per_mm2=float(rng.uniform(40, 240))),
        )  # fmt: skip

    @property
    def grade(self) -> int:
        """1 to 3 by the share of glands."""
        return 1 + (self.gland_share <= 0.95) + (self.gland_share < 0.5)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"grade": f"G{self.grade}", "necrosis": "extensive" if self.necrosis > 0.5 else "focal"}

    @property
    def visibility(self) -> float:
        return 9.0

    def lay(self, section: Section) -> bool:
        angle = section.ground(collagen=1.1, width_um=3.0, eosin=0.18, clefts=0.4)
        kind = tumour_kind(max(2, self.grade), area_um2=(58.0, 66.0, 84.0)[self.grade - 1],
                           ratio=(2.0, 1.8, 1.45)[self.grade - 1])  # fmt: skip
        grow_glands(section, Growth(
            kind=kind, gland_share=self.gland_share, tumour_share=self.tumour_share, radius_um=(13, 34),
            wall_um=(12, 18), rough=0.13, aspect=0.9, levels_um=5.0, necrosis=self.necrosis))  # fmt: skip
        add_mitoses(section, self.mitoses_per_mm2)
        scatter(section, "fibroblast", 1500, angle=angle)
        scatter(section, "lymphocyte", 700, clustered=0.8)
        add_capillaries(section, 2)
        return True


FINDING = ColorectalAdenocarcinoma
