"""What every field of an operation can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vesalius.virtual.findings.base import Disease
from vesalius.virtual.findings.operative_bleeding import OperativeBleeding
from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.canvas import Canvas, View, capsule
from vesalius.virtual.scope.texture import soft
from vesalius.virtual.scope.workflow import Operation

__all__ = ["BLOOD", "Field", "Moment", "Place", "bleed", "draped", "lost_blood", "strand"]

BLOOD = "blood"
"""Name of blood as a structure."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Moment:
    """A time of an operation, seen in a view."""

    operation: Operation
    time_s: float
    view: View

    @property
    def phase(self) -> str:
        """Phase or step of the moment."""
        return self.operation.visit_at(self.time_s).phase

    def done(self, *phases: str) -> float:
        """Return how much of some phases is over, 0 to 1, on the mean."""
        return float(np.mean([self.operation.progress(phase, self.time_s) for phase in phases]))

    def instruments(self) -> set[str]:
        """Instruments that are in the field."""
        return {deed.instrument for deed in self.operation.deeds_at(self.time_s)}


class Field(Protocol):
    """The field of one operation on one patient."""

    brightness: tuple[float, float]
    """Range of the mean of the picture, 0 to 1."""
    distance_mm: float
    """From the camera to the plane of the field."""
    wetness: float
    half_mm: tuple[float, float]
    """Range of half the width of the picture."""
    ports: tuple[Place, ...]
    """Where the shafts of each hand point to."""
    scale: float
    """Sizes of instruments against their millimetres on the field."""

    def paint(self, moment: Moment) -> Canvas:
        """Paint all but the instruments."""
        ...

    def places(self, moment: Moment) -> Mapping[str, Place]:
        """Return where each target of a deed is, in mm on the field."""
        ...


def strand(
    canvas: Canvas, line: tuple[Place, Place], radius_mm: float, colour: tuple[int, int, int], *, base_mm: float,
    share: float = 1.0, name: str = "",
) -> None:  # fmt: skip
    """Paint a round cord."""
    wave = 0.18 * radius_mm * canvas.lumps(3 * radius_mm, 0.3)
    off, _ = capsule(canvas.x, canvas.y, *line)
    height = base_mm + np.sqrt(np.maximum(radius_mm**2 - off**2, 0))
    canvas.lay(share * soft(off + wave, radius_mm + canvas.view.pixel_mm, radius_mm - canvas.view.pixel_mm), colour,
               height=height.astype(np.float32), gloss=0.9, name=name)  # fmt: skip


def lost_blood(diseases: Iterable[Disease]) -> float:
    """Return how much a patient bleeds beyond what is usual, 0 to 1."""
    return max((part.amount for part in diseases if isinstance(part, OperativeBleeding)), default=0.0)


def bleed(canvas: Canvas, centre: Place, reach_mm: float, amount: float, turn: float) -> None:
    """Spread fresh blood round a place; `amount` from 0 to 1."""
    if amount <= 0:
        return
    off = np.hypot(canvas.x - centre[0], canvas.y - centre[1]) / reach_mm
    field: Array = canvas.noise(0.5 * reach_mm, turn) - 2.2 * off.astype(np.float32)
    canvas.lay(0.9 * soft(field, 1.0 - 1.8 * amount, 1.5 - 1.8 * amount), (150, 14, 14), gloss=0.6, name=BLOOD)


def draped(canvas: Canvas) -> None:
    """Paint what a camera sees outside the body: a drape, a swab, the rim of a trocar."""
    fold = canvas.noise(1.2 * canvas.view.half_mm, 5.0)
    canvas.albedo[:] = (np.array([0.05, 0.22, 0.24], np.float32) * (1 + 0.35 * fold[..., None])).clip(0.01, 1)
    canvas.height[:] = 0.08 * canvas.view.half_mm * fold
    canvas.gloss[:] = 0
    canvas.label[:] = 0
    canvas.lay(soft(canvas.noise(0.9 * canvas.view.half_mm, 9.0), 0.7, 0.8), (225, 225, 220))
