"""Hydrocephalus: ventricles too wide for the sulci, with oedema round them where the pressure is high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.head_brain import lateral_ventricle
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Inset, Lumpy
from vesalius.virtual.brain import BrainDisease, head, size_in
from vesalius.virtual.findings.base import Case, choose, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "Hydrocephalus"]

_WHITE = ("cerebral white matter", "corpus callosum")


@dataclass(frozen=True, kw_only=True)
class Hydrocephalus(BrainDisease):
    """Wide ventricles."""

    concept: ClassVar[str] = "hydrocephalus"
    code: ClassVar[str] = "25322007"

    volume_ml: float
    """Of both lateral ventricles in the mean head."""
    seep_mm: float
    """Width of the oedema round them; 0 where the pressure is normal."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        kind = choose(rng, {"obstructive": 0.5, "normal pressure": 0.5})
        volume = float(rng.uniform(65, 150))
        seep = float(rng.uniform(2.5, 6)) if kind == "obstructive" else 0.0
        return (
            cls(
                laterality="bilateral",
                anatomy="ventricular system",
                severity=severity_of(volume, (85, 115)),
                volume_ml=volume,
                seep_mm=seep,
            ),
        )

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "type": "obstructive" if self.seep_mm else "normal pressure",
            "seepage": "with transependymal seepage" if self.seep_mm else "without transependymal seepage",
        }

    @property
    def visibility(self) -> float:
        return 3 + self.volume_ml / 18

    @property
    def shown_by(self) -> tuple[str, ...]:
        return ("left lateral ventricle", "right lateral ventricle", "third ventricle")

    def scaled(self, factor: float) -> Self:
        volume = self.volume_ml * factor**3
        return replace(self, volume_ml=volume, severity=severity_of(volume, (85, 115)))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        shape = size_in(anatomy)
        narrow = 0.55 if self.seep_mm else 0.8
        return head(anatomy).reshaped(
            ventricle_ml=max(self.volume_ml, shape.ventricle_ml),
            third_mm=shape.third_mm + self.volume_ml / 22,
            gap_mm=max(1.2, narrow * shape.gap_mm),
            sulcus_mm=max(0.4, narrow * shape.sulcus_mm),
        )

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        if not self.seep_mm:
            return ()
        shape, seed = size_in(anatomy), int(rng.integers(2**31))
        return tuple(
            Part(
                structure=_WHITE[0],
                tissue="brain_oedema",
                within=_WHITE,
                concept=self.concept,
                component="oedema",
                solid=Lumpy(
                    Inset(lateral_ventricle(shape, side), -self.seep_mm), 0.4 * self.seep_mm, 25.0, seed=seed
                ),
                softness_mm=1.5,
                opacity=0.8,
            )
            for side in ("left", "right")
        )


FINDING = Hydrocephalus
