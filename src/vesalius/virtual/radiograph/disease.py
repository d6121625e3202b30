"""What a disease of the chest does to a radiograph."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.anatomy.parts import Anatomy
from vesalius.virtual.anatomy.thorax_body import Thorax
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.canvas import Canvas
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.skeleton import Break

__all__ = ["ChestDisease", "Distance"]


class Distance(NamedTuple):
    """How far a place is from where it should be measured to."""

    value_mm: float
    """Signed as its name says."""
    points: NDArray[np.float64]
    """Both ends, (2, 3), mm."""


@dataclass(frozen=True, kw_only=True)
class ChestDisease(Disease):
    """A disease that shows on a chest radiograph."""

    region: ClassVar[str] = "chest"

    def alter(self, chest: Chest, camera: Camera) -> Chest:
        """Change the chest's shape."""
        del camera
        return chest

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Change the solids of the thorax as the radiograph's chest is changed."""
        return anatomy.bent(self.alter(anatomy.chest, anatomy.camera)) if isinstance(anatomy, Thorax) else anatomy

    def breaks(self) -> tuple[Break, ...]:
        """Return the ribs that it breaks."""
        return ()

    def displace(self, canvas: Canvas) -> None:
        """Take room of the lung for fluid or air, before lungs are painted."""

    @abstractmethod
    def paint(self, canvas: Canvas, rng: np.random.Generator, instance: int) -> None:
        """Add itself to the canvas and mark its region."""

    def landmarks(self, chest: Chest) -> Mapping[str, NDArray[np.float64]]:
        """Return places of it by name, each (3,), mm in the trunk frame."""
        del chest
        return {}

    def distances(self, chest: Chest) -> Mapping[str, Distance]:
        """Return distances of it to landmarks of the body, by name."""
        del chest
        return {}
