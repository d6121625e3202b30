"""Invasive breast carcinoma of no special type, or lobular, in a tissue section, with its Nottingham grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.cells.nuclei import tumour_kind
from vesalius.virtual.cells.organs import add_capillaries, scatter
from vesalius.virtual.cells.section import Section
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.cells.tumours import Growth, add_mitoses, grow_glands, single_cells
from vesalius.virtual.findings.base import Case, choose, severity_of

__all__ = ["FINDING", "BreastCarcinoma"]

_HPF_MM2 = 0.2376
"""Area of a high-power field of 0.55 mm diameter."""


@dataclass(frozen=True, kw_only=True)
class BreastCarcinoma(TissueDisease):
    """Nottingham: tubules, nuclei and mitoses score 1 to 3 each; up to 5 is grade 1, 6 and 7 grade 2."""

    concept: ClassVar[str] = "breast_carcinoma"
    code: ClassVar[str] = "82711006"
    sex: ClassVar[str] = "F"

    histology: str
    """ductal or lobular."""
    tubules: float
    """Share of the tumour that forms tubules."""
    nuclear_grade: int
    mitoses: float
    """Expected in ten high-power fields of 0.55 mm diameter."""
    tumour_share: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        lobular = bool(rng.random() < 0.15)
        level = int(choose(rng, {"1": 0.3, "2": 0.4, "3": 0.3}))
        nuclear = int(np.clip(level + rng.integers(-1, 2) * (rng.random() < 0.35), 1, 2 if lobular else 3))
        bands = ((0.78, 0.95), (0.15, 0.7), (0.0, 0.08))
        tubules = 0.0 if lobular else float(rng.uniform(*bands[level - 1]))
        mitoses = float(rng.uniform(*((1, 7), (8, 14), (16, 40))[level - 1]))
        made = cls(anatomy="breast", histology="lobular" if lobular else "ductal", tubules=tubules,
                   nuclear_grade=nuclear, mitoses=mitoses, tumour_share=float(rng.uniform(0.38, 0.6)))  # fmt: skip
        return (made.graded(),)

    def graded(self) -> Self:
        """Return it with the severity of its scores."""
        return type(self)(
            **{**vars(self), "severity": severity_of(self.score, (6, 8), ("grade 1", "grade 2", "grade 3"))}
        )

    @property
    def scores(self) -> tuple[int, int, int]:
        """Of tubules, nuclei and mitoses."""
        tubules = 1 + (self.tubules <= 0.75) + (self.tubules < 0.1)
        return tubules, self.nuclear_grade, 1 + (self.mitoses >= 8) + (self.mitoses >= 15)

    @property
    def score(self) -> int:
        """Nottingham score, 3 to 9."""
        return sum(self.scores)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"type": self.histology, "nottingham_score": str(self.score), "nuclear_grade": str(self.nuclear_grade)}

    @property
    def visibility(self) -> float:
        return 9.0

    def lay(self, section: Section) -> bool:
        angle = section.ground(collagen=1.2, width_um=3.4, eosin=0.23, clefts=0.35)
        kind = tumour_kind(self.nuclear_grade)
        if self.histology == "lobular":
            single_cells(section, kind, 0.75, angle=angle)
        else:
            grow_glands(section, Growth(
                kind=kind, gland_share=self.tubules, tumour_share=self.tumour_share, radius_um=(10, 24),
                wall_um=(8.5, 12), rough=0.09, aspect=0.9, levels_um=1.5))  # fmt: skip
        # The field is taken where mitoses are densest: six times the mean of the ten high-power fields.
        add_mitoses(section, 6 * self.mitoses / (10 * _HPF_MM2))
        scatter(section, "fibroblast", 1300, angle=angle)
        scatter(section, "lymphocyte", 450, clustered=0.7)
        add_capillaries(section, 2)
        return True


FINDING = BreastCarcinoma
