"""Pacemaker: a can under the skin and leads through the left subclavian vein into the right heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import as_thorax
from vesalius.virtual.anatomy.thorax_marked import can_parts
from vesalius.virtual.findings.base import Case
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest, side_sign
from vesalius.virtual.radiograph.devices import Device, Strand, paint_strands
from vesalius.virtual.radiograph.disease import Distance
from vesalius.virtual.radiograph.mediastinum import meet
from vesalius.virtual.radiograph.shapes import Ellipsoid, length

__all__ = ["FINDING", "Pacemaker"]

_CAN_MM = (24.0, 4.0, 21.0)
_CAN_GAIN = 0.9
"""g/cm² of compact bone that attenuates as one millimetre of the can does."""
_APEX_MM = 25.0
"""Lead tips further from the apex of the right ventricle have slipped."""


@dataclass(frozen=True, kw_only=True)
class Pacemaker(Device):
    """One can with one or two leads."""

    concept: ClassVar[str] = "pacemaker"
    code: ClassVar[str] = "14106009"

    leads: int
    """1 (ventricle) or 2 (atrium and ventricle)."""
    slip_mm: float
    """How far the ventricular lead's tip lies from the apex, back along its way."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        left, bad = rng.random() < 0.88, rng.random() < 0.1
        slip, moved = float(rng.uniform(0, 12)), float(rng.uniform(30, 65))
        return (cls(laterality="left" if left else "right", anatomy="pectoral pocket",
                    leads=2 if rng.random() < 0.7 else 1, slip_mm=moved if bad else slip),)  # fmt: skip

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"position": self.position, "leads": "single" if self.leads == 1 else "dual"}

    @property
    def position(self) -> str:
        return "correct" if self.slip_mm <= _APEX_MM else "malposed"

    def _can(self, chest: Chest) -> NDArray[np.float64]:
        """Centre of the can, (3,): in front of the muscle."""
        z = 212.0 * chest.scale[2]
        _, _, half, middle = chest.muscle.at(z)
        sign = 1 if self.laterality == "left" else -1
        return np.array([sign * 96.0 * chest.scale[0], float(middle - 0.86 * half), z])

    def _apex(self, chest: Chest) -> NDArray[np.float64]:
        """Apex of the right ventricle, (3,): left, in front and low in the heart."""
        heart = chest.heart[0]
        return heart.centre + heart.rotation.T @ (np.array([0.62, 0.05, -0.38]) * heart.axes)

    def strands(self, chest: Chest) -> Sequence[Strand]:
        sign = side_sign("left" if self.laterality == "left" else "right")
        vein = [chest.place(sign * 66, -52, 252), chest.place(sign * 38, -40, 250)]
        if sign > 0:
            vein.append(chest.place(-10, -36, 238))
        vein += [chest.place(-22, -28, 216), chest.place(-23, -25, 170)]
        can, apex = self._can(chest), self._apex(chest)
        start = [can + np.array([-10.0 * sign, 0.0, 18.0])]
        down = [chest.place(-27, -32, 140), chest.place(-14, -42, 108)]
        tip = apex + min(self.slip_mm / max(float(np.linalg.norm(down[1] - apex)), 1.0), 0.95) * (down[1] - apex)
        made = [Strand(np.stack([*start, *vein, *down, tip]), radius_mm=0.9, density=9.0)]
        if self.leads == 2:
            loop = [chest.place(-24, -30, 150), chest.place(-22, -40, 136), chest.place(-32, -48, 146)]
            made.append(Strand(np.stack([*start, *vein, *loop]), radius_mm=0.9, density=9.0))
        return made

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        ends = np.stack([self.strands(chest)[0].knots[-1], self._apex(chest)])
        return {"pacemaker_lead_tip_to_apex": Distance(float(np.linalg.norm(ends[0] - ends[1])), ends)}

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        can = can_parts(self.concept, self._can(as_thorax(anatomy).chest), _CAN_MM)
        return (*can, *super().parts(anatomy, rng))

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        chest = canvas.chest
        can = length(meet(canvas.camera, Ellipsoid(self._can(chest), np.array(_CAN_MM), np.eye(3))))
        # A flat can with an even rim rather than a lens: thickness saturates.
        canvas.opaque += np.minimum(can, np.float32(3.0)) * np.float32(0.1 * _CAN_GAIN * 10)
        mask = paint_strands(canvas, self.strands(chest))
        canvas.mark(self.concept, self.anatomy, mask | (can > 0), instance)


FINDING = Pacemaker
