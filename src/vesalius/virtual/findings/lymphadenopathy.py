"""Lymphadenopathy of the chest: large nodes of hila and mediastinum, lobulated and dense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Laterality
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.thorax_lesions import as_thorax
from vesalius.virtual.anatomy.thorax_marked import node_parts
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.disease import ChestDisease
from vesalius.virtual.radiograph.mediastinum import meet
from vesalius.virtual.radiograph.shapes import Ellipsoid, length

__all__ = ["FINDING", "Lymphadenopathy", "Node"]

Node = tuple[float, float, float, float]
"""x, y and z of the reference adult and the short axis in mm."""
_PLACES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "right paratracheal station": ((-47.0, -12.0, 212.0),),
    "aortopulmonary window": ((40.0, -8.0, 198.0),),
    "right hilum": ((-52.0, 2.0, 172.0),),
    "left hilum": ((56.0, 4.0, 180.0),),
    "hila": ((-52.0, 2.0, 172.0), (56.0, 4.0, 180.0)),
}
_LENGTH = 1.35
"""Long over short axis."""


@dataclass(frozen=True, kw_only=True)
class Lymphadenopathy(ChestDisease):
    """Nodes of one station, or of both hila."""

    concept: ClassVar[str] = "lymphadenopathy"
    code: ClassVar[str] = "30746006"
    course: ClassVar[Course] = Course(doubling_days=(60, 200), clearing_days=(20, 80), response=0.5)

    nodes: tuple[Node, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        place = choose(rng, {"right paratracheal station": 0.3, "aortopulmonary window": 0.12, "right hilum": 0.16,
                             "left hilum": 0.14, "hila": 0.28})  # fmt: skip
        size = lognormal(rng, 21, 0.26, 13, 42)
        nodes: list[Node] = []
        for x, y, z in _PLACES[place]:
            for number in range(int(rng.integers(2, 5))):
                away = rng.normal(0, 0.55, 3) * size * (number > 0)
                own = size * (1.0 if number == 0 else float(rng.uniform(0.55, 0.95)))
                nodes.append((x + away[0] * 0.6, y + away[1] * 0.6, z + away[2], own))
        side: Laterality = "bilateral" if place == "hila" else "left" if nodes[0][0] > 0 else "right"
        return (cls(laterality=side, anatomy=place, severity=_grade(size), nodes=tuple(nodes)),)

    @property
    def short_axis_mm(self) -> float:
        """Of the largest node."""
        return max(node[3] for node in self.nodes)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"contour": "lobulated", "station": "hilar" if "hil" in self.anatomy else "mediastinal"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"short_axis": self.short_axis_mm}

    @property
    def visibility(self) -> float:
        return 0.8 + 0.24 * self.short_axis_mm

    def scaled(self, factor: float) -> Self:
        nodes = tuple((*node[:3], node[3] * factor) for node in self.nodes)
        return replace(self, nodes=nodes, severity=_grade(max(node[3] for node in nodes)))

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        return replace(chest, nodes=(*chest.nodes, *self._bodies(chest)))

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        return {f"centre_{i}": body.centre for i, body in enumerate(self._bodies(chest))}

    def _bodies(self, chest: Chest) -> tuple[Ellipsoid, ...]:
        made = []
        for x, y, z, size in self.nodes:
            axes = (size / 2, size / 2, _LENGTH * size / 2)
            centre = chest.place(x, y, z) + np.array([chest.shift_mm * 0.7, 0, 0])
            made.append(Ellipsoid(centre, np.array(axes), np.eye(3)))
        return tuple(made)

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        return node_parts(anatomy, self.concept, self._bodies(as_thorax(anatomy).chest), rng)

    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        mask = np.zeros(canvas.soft.shape, bool)
        for body in self._bodies(canvas.chest):
            mask |= length(meet(canvas.camera, body)) > 0
        canvas.mark(self.concept, self.anatomy, mask, instance)


def _grade(size_mm: float) -> str:
    return severity_of(size_mm, (15, 20))


FINDING = Lymphadenopathy
