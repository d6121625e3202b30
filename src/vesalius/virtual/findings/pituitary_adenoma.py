"""Pituitary adenoma: in the gland, or large, growing up through the diaphragm of the sella like a snowman."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_lesions import CEREBRUM
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Solid, Union
from vesalius.virtual.brain import Lump, size_in
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, lognormal

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.head_shape import HeadShape
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "PituitaryAdenoma"]

_FLOOR_MM = -38.5
"""Of the sella."""
_WITHIN = (
    "pituitary gland",
    "pituitary stalk",
    "subarachnoid space",
    "optic chiasm",
    "left optic tract",
    "right optic tract",
    "sphenoid bone",
    "sphenoid sinus",
    "left cavernous sinus",
    "right cavernous sinus",
    "left internal carotid artery",
    "right internal carotid artery",
    "third ventricle",
    "dura mater",
    "left anterior cerebral artery",
    "right anterior cerebral artery",
    "skull",
    "diploe",
    "inner table",
    *CEREBRUM,
)


@dataclass(frozen=True, kw_only=True)
class PituitaryAdenoma(Lump):
    """One tumour; its longest axis is its height."""

    concept: ClassVar[str] = "pituitary_adenoma"
    code: ClassVar[str] = "1187375007"
    course: ClassVar[Course] = Course(doubling_days=(700, 2500))
    limits_mm: ClassVar[tuple[float, float]] = (10.0, 25.0)
    waves: ClassVar[tuple[float, float]] = (0.0, 0.07)
    contrast: ClassVar[float] = 4.4

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        micro = rng.random() < 0.25
        height = float(rng.uniform(5, 9.5)) if micro else lognormal(rng, 22, 0.3, 11, 42)
        sign = 1 if rng.random() < 0.5 else -1
        x = sign * float(rng.uniform(1.5, 3.5)) if micro else float(rng.normal(0, 1.5))
        centre = (x, -3.0, _FLOOR_MM + height / 2)
        fields = {
            **cls.lump_fields(rng, centre, height),
            "direction": (0.0, 0.0, 1.0),
            "ratio": float(rng.uniform(0.7, 0.9)),
            "laterality": ("left" if x > 0 else "right") if micro else "midline",
        }
        return (cls(**fields, anatomy="pituitary gland" if micro else "sella and suprasellar cistern"),)

    @property
    def attributes(self) -> Mapping[str, str]:
        chiasm = "compressed" if self.diameter_mm > 20 else "not reached"
        return {
            "type": "microadenoma" if self.diameter_mm < 10 else "macroadenoma",
            "chiasm": chiasm,
            "margin": self.margin,
        }

    @property
    def sizes_mm(self) -> dict[str, float]:
        return {"height": self.diameter_mm, "width": self.diameter_mm * self.ratio}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        shape = size_in(anatomy)
        found = [self.part(self._solid(shape), "pituitary_adenoma", "tumour", _WITHIN)]
        if self.diameter_mm > 26 and self.uneven > 0.03:
            core = self.body(shape, share=0.4)
            found.append(self.part(core, "tumour_necrosis", "core", _WITHIN))
        return tuple(found)

    def _solid(self, shape: HeadShape) -> Solid:
        """Return an egg in the sella, or two of them where it reaches beyond its diaphragm."""
        height = self.diameter_mm / shape.size
        x, y, _ = self.centre
        wide = height * self.ratio / 2
        if self.diameter_mm < 16:
            return Ellipsoid((x, y, _FLOOR_MM + height / 2), (wide, wide, height / 2))
        low, high = 0.26 * height, 0.3 * height
        return Union(
            (
                Ellipsoid((x, y, _FLOOR_MM + low), (wide, 0.9 * wide, low)),
                Ellipsoid((x, y - 1, _FLOOR_MM + height - high), (0.92 * wide, wide, high)),
            ),
            radius_mm=2.0,
        )


FINDING = PituitaryAdenoma
