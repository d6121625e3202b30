"""Brain atrophy: wide sulci and ventricles; of Alzheimer's pattern with small hippocampi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from vesalius.virtual.brain import BrainDisease, head, size_in
from vesalius.virtual.findings.base import Case, choose, severity_of

if TYPE_CHECKING:
    from vesalius.virtual.anatomy.parts import Anatomy

__all__ = ["FINDING", "BrainAtrophy"]


@dataclass(frozen=True, kw_only=True)
class BrainAtrophy(BrainDisease):
    """Loss of brain beyond that of age."""

    concept: ClassVar[str] = "brain_atrophy"
    code: ClassVar[str] = "13331008"

    loss: float
    """0 to 1: of sulci, gap and ventricles."""
    hippocampal: tuple[float, float]
    """Loss of volume of the right and left hippocampus."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        pattern = choose(rng, {"global": 0.5, "alzheimer": 0.5})
        loss = float(rng.uniform(0.25, 1.0))
        shares = rng.uniform(0.0, 0.12, 2) if pattern == "global" else rng.uniform(0.18, 0.42, 2)
        return (
            cls(laterality="bilateral", anatomy="cerebrum" if pattern == "global" else "medial temporal lobes",
                severity=severity_of(loss, (0.5, 0.75)), loss=loss, hippocampal=(float(shares[0]), float(shares[1]))),
        )  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        # Scheltens: by the mean loss of hippocampal volume.
        medial = sum(float(np.mean(self.hippocampal)) >= limit for limit in (0.08, 0.18, 0.28, 0.38))
        return {"pattern": "medial temporal" if "temporal" in self.anatomy else "global", "mta": str(medial),
                "gca": str(1 + sum(self.loss >= limit for limit in (0.5, 0.75)))}  # fmt: skip

    @property
    def visibility(self) -> float:
        return 2.5 + 7 * self.loss

    @property
    def shown_by(self) -> tuple[str, ...]:
        if "temporal" in self.anatomy:
            return ("left hippocampus", "right hippocampus")
        return ("subarachnoid space", "left lateral ventricle", "right lateral ventricle")

    def at(self, days: float, pace: float) -> Self | None:
        """Atrophy goes on: 0.02 to 0.08 of its range a year."""
        loss = min(1.3, self.loss + (0.02 + 0.06 * pace) * days / 365)
        return replace(self, loss=loss, severity=severity_of(loss, (0.5, 0.75)))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        shape = size_in(anatomy)
        right, left = (
            factor * (1 - share) ** (1 / 3) for factor, share in zip(shape.hippocampus, self.hippocampal, strict=True)
        )
        return head(anatomy).reshaped(
            gap_mm=shape.gap_mm + 2.2 * self.loss, sulcus_mm=shape.sulcus_mm + 1.5 * self.loss,
            cortex_mm=shape.cortex_mm - 0.35 * self.loss, ventricle_ml=shape.ventricle_ml * (1 + 1.0 * self.loss),
            third_mm=shape.third_mm + 2.5 * self.loss, hippocampus=(right, left),
        )  # fmt: skip


FINDING = BrainAtrophy
