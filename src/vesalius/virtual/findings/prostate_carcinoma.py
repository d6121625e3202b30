"""Carcinoma of the prostate in a tissue section: Gleason patterns 3 to 5 in two shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import lattice, quantile_mask
from vesalius.virtual.cells.glands import Lining, draw_gland, line_gland, paint_gland, settle
from vesalius.virtual.cells.nuclei import NucleusKind
from vesalius.virtual.cells.organs import add_capillaries, scatter
from vesalius.virtual.cells.section import FIELD_UM, Compartment, Section
from vesalius.virtual.cells.stamp import make_outlines
from vesalius.virtual.cells.tissue import TissueDisease
from vesalius.virtual.cells.tumours import single_cells
from vesalius.virtual.findings.base import Case, choose
from vesalius.virtual.noise import smooth_noise

__all__ = ["FINDING", "ProstateCarcinoma"]

_GROUPS = {(3, 3): 1, (3, 4): 2, (4, 3): 3, (4, 4): 4, (3, 5): 4, (5, 3): 4, (4, 5): 5, (5, 4): 5, (5, 5): 5}
_KIND = NucleusKind(name="tumour cell", area_um2=46, cv=0.25, ratio=1.15, density=0.55, clump=0.2, rough=0.03,
                    rim=0.2, nucleolus_um=1.7)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ProstateCarcinoma(TissueDisease):
    """The commoner pattern takes `share` of the tumour, the other the rest."""

    concept: ClassVar[str] = "prostate_carcinoma"
    code: ClassVar[str] = "1187332001"
    sex: ClassVar[str] = "M"

    patterns: tuple[int, int]
    share: float

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        name = choose(rng, {"33": 0.28, "34": 0.22, "43": 0.16, "44": 0.12, "45": 0.12, "55": 0.1})
        patterns = int(name[0]), int(name[1])
        return (
            cls(anatomy="prostate", severity=f"grade group {_GROUPS[patterns]}", patterns=patterns,
                share=1.0 if patterns[0] == patterns[1] else float(rng.uniform(0.58, 0.8))),
        )  # fmt: skip

    @property
    def group(self) -> int:
        """Grade group, 1 to 5."""
        return _GROUPS[self.patterns]

    @property
    def attributes(self) -> Mapping[str, str]:
        first, second = self.patterns
        return {"gleason": f"{first}+{second}={first + second}", "grade_group": str(self.group)}

    @property
    def visibility(self) -> float:
        return 8.0

    def lay(self, section: Section) -> bool:
        angle = section.ground(collagen=1.0, width_um=3.2, eosin=0.24)
        first = quantile_mask(smooth_noise(section.rng, section.size, 3), self.share)
        for pattern, where in zip(self.patterns, (first, ~first), strict=True):
            if where.any():
                _LAYS[pattern](section, where, angle)
        scatter(section, "smooth muscle", 1300, angle=angle)
        scatter(section, "lymphocyte", 200)
        add_capillaries(section, 2)
        return True


def _separate(section: Section, where: NDArray[np.bool_], angle: float) -> None:
    """Pattern 3: small round glands of one row of cells, each by itself."""
    del angle
    rng = section.rng
    lining = Lining(kind=_KIND, spacing_um=7.5, base_um=5.5, haematoxylin=0.09, eosin=0.15)
    shapes = [draw_gland(rng, np.zeros(2, np.float32), radius=float(rng.uniform(11, 20)),
                         wall=float(rng.uniform(9, 11)), rough=0.06, aspect=1 + 0.5 * float(rng.random()))
              for _ in range(40)]  # fmt: skip
    for gland in settle(rng, shapes, gap_um=4.5, allowed=where, section=section):
        section.tumour |= paint_gland(section, gland, lining)
        line_gland(section, gland, lining)


def _fused(section: Section, where: NDArray[np.bool_], angle: float) -> None:
    """Pattern 4: large nests with punched-out round lumina, and glands that have run together."""
    del angle
    rng = section.rng
    nests = [draw_gland(rng, np.zeros(2, np.float32), radius=float(rng.uniform(24, 44)), wall=99.0, rough=0.1,
                        aspect=1 + 0.5 * float(rng.random())) for _ in range(14)]  # fmt: skip
    lining = Lining(kind=_KIND, haematoxylin=0.1, eosin=0.16)
    for nest in settle(rng, nests, gap_um=3.0, allowed=where, section=section):
        mask = paint_gland(section, nest, lining)
        section.tumour |= mask
        count = max(2, int(nest.radius**2 / 190))
        spread = rng.uniform(-0.72, 0.72, (3 * count, 2)) * nest.radius
        holes: list[np.ndarray] = []
        for place in spread + np.array([nest.x, nest.y]):
            if len(holes) < count and all(np.hypot(*(place - other)) > 17 for other in holes):
                holes.append(place)
        lumina = make_outlines(rng, np.asarray(holes, np.float32), area=85, cv=0.5, ratio=1.2, rough=0.05)
        section.spots(lumina, 0.004, 0.02, Compartment.LUMEN)
        _crowd(section, mask)


def _crowd(section: Section, mask: NDArray[np.bool_]) -> None:
    """Fill a nest with nuclei, its lumina left out."""
    places = lattice(section.rng, FIELD_UM, 9.2, jitter=0.18)
    section.add(_KIND, places[section.is_at(places, mask & (section.compartment == Compartment.EPITHELIUM))])


def _poor(section: Section, where: NDArray[np.bool_], angle: float) -> None:
    """Pattern 5: cords and single cells without lumina."""
    before = section.compartment.copy()
    section.compartment[~where] = Compartment.VESSEL
    single_cells(section, _KIND, 0.95, angle=angle)
    section.compartment[~where] = before[~where]


_LAYS = {3: _separate, 4: _fused, 5: _poor}
FINDING = ProstateCarcinoma
