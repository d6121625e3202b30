"""Adenoma of the colon in a tissue section: crowded crypts, long dark nuclei, few goblet cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.fields import lattice
from vesalius.virtual.cells.glands import Lining, draw_gland, gland_depth, line_gland, paint_gland
from vesalius.virtual.cells.nuclei import NucleusKind
from vesalius.virtual.cells.organs import add_capillaries, add_goblets, scatter
from vesalius.virtual.cells.section import FIELD_UM, Section
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "ColonicAdenoma"]


@dataclass(frozen=True, kw_only=True)
class ColonicAdenoma(TissueDisease):
    """Dysplasia is low grade where the nuclei keep to the basal half of the wall, high grade where they do not."""

    concept: ClassVar[str] = "colonic_adenoma"
    code: ClassVar[str] = "444408007"

    reach: float
    """How far up the wall the nuclei lie, as a share of it."""
    crowding_um: float
    """Distance between the crypts' centres."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        reach = float(rng.uniform(0.28, 0.46) if rng.random() < 0.6 else rng.uniform(0.58, 0.82))
        return (
            cls(anatomy="colon", severity=severity_of(reach, (0.5,), ("low grade", "high grade")), reach=reach,
                crowding_um=float(rng.uniform(62, 74))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"dysplasia": self.severity, "architecture": "tubular"}

    @property
    def visibility(self) -> float:
        return 8.0

    def lay(self, section: Section) -> bool:
        rng = section.rng
        angle = section.ground(collagen=0.5, eosin=0.13, clefts=0.4)
        high = self.reach > 0.5
        wall = 20.0
        kind = NucleusKind(name="dysplastic cell", area_um2=50 if high else 44, cv=0.35 if high else 0.22,
                           ratio=1.9 if high else 2.6, density=0.72, clump=0.22, rough=0.03)  # fmt: skip
        lining = Lining(kind=kind, spacing_um=3.1, base_um=5.5, levels_um=max(0.0, self.reach * wall - 5.5),
                        haematoxylin=0.11, eosin=0.17)  # fmt: skip
        turn, aspect = rng.random() * np.pi, 1 + rng.exponential(0.3)
        depths = []
        for place in lattice(rng, FIELD_UM, self.crowding_um, jitter=0.08):
            gland = draw_gland(rng, place, radius=float(rng.uniform(26, 31)), wall=wall, rough=0.07, aspect=aspect)
            gland = replace(gland, angle=turn + float(rng.normal(0, 0.25)))
            depth = gland_depth(section, gland)
            if float(depth.max()) > -8:
                section.tumour |= paint_gland(section, gland, lining)
                line_gland(section, gland, lining)
                depths.append(depth)
        add_goblets(section, depths, wall, 0.12)
        scatter(section, "lymphocyte", 1500)
        scatter(section, "plasma cell", 900)
        scatter(section, "fibroblast", 600, angle=angle)
        add_capillaries(section, 2)
        return True


FINDING = ColonicAdenoma
