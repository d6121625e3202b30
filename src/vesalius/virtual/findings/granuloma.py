"""Granuloma: a small, wholly calcified nodule of lung or hilum, the trace of an old infection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import Round, round_parts
from vesalius.virtual.findings.base import LOBES, Case, lobe_side, lognormal, severity_of
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.lesions import RoundLesion, paint_round
from vesalius.virtual.radiograph.lobes import random_point

__all__ = ["FINDING", "Granuloma"]


@dataclass(frozen=True, kw_only=True)
class Granuloma(ChestDisease):
    """One calcified nodule."""

    concept: ClassVar[str] = "granuloma"
    code: ClassVar[str] = "18115005"

    diameter_mm: float
    place: tuple[float, float, float]
    """Shares of the lung, see `Chest.lung_point`."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        made = []
        for _ in range(1 + int(rng.random() < 0.25)):
            lobe = LOBES[int(rng.integers(len(LOBES)))]
            size = lognormal(rng, 6, 0.3, 3, 10)
            x, y, z = random_point(lobe, rng)
            hilar = rng.random() < 0.3
            made.append(cls(laterality=lobe_side(lobe), anatomy=lobe, severity=_grade(size), diameter_mm=size,
                            place=(0.4, y, min(max(z, 0.4), 0.6)) if hilar else (x, y, z)))  # fmt: skip
        return tuple(made)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"density": "calcified"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 1.5 + 0.9 * self.diameter_mm

    def scaled(self, factor: float) -> Self:
        size = self.diameter_mm * factor
        return replace(self, diameter_mm=size, severity=_grade(size))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {"centre": chest.lung_point(lobe_side(self.anatomy), *self.place)}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        lesion = Round(
            concept=self.concept, side=lobe_side(self.anatomy), place=self.place, diameter_mm=self.diameter_mm,
            margin="smooth", tissue="granuloma",
        )  # fmt: skip
        return round_parts(anatomy, lesion, rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        centre = self.landmarks(canvas.chest)["centre"]
        lesion = RoundLesion(
            centre=centre, diameter_mm=self.diameter_mm, margin="smooth", density=1.3, calcium_mm=4.5
        )  # fmt: skip
        mask = paint_round(canvas, lobe_side(self.anatomy), lesion, rng)
        canvas.mark(self.concept, self.anatomy, mask, instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (5,), ("small", "medium-sized"))


FINDING = Granuloma
