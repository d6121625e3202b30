"""Thrombosis of the portal vein: clot in the main trunk, in part or all of its width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Tube
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, severity_of

__all__ = ["FINDING", "PortalVeinThrombosis"]


@dataclass(frozen=True, kw_only=True)
class PortalVeinThrombosis(AbdomenDisease):
    """Clot in the portal vein."""

    concept: ClassVar[str] = "portal_vein_thrombosis"
    code: ClassVar[str] = "396339007"
    course: ClassVar[Course] = Course(clearing_days=(40, 200))

    share: float
    """Of the vein's width that is closed."""
    start: float
    end: float
    """Shares of the way along the trunk."""
    angle: float
    """Side of the wall that it sits on, radians."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        share, start = float(rng.uniform(0.4, 1.0)), float(rng.uniform(0.0, 0.3))
        return (
            cls(share=share, start=start, end=float(rng.uniform(0.65, 1.0)), angle=float(rng.uniform(0, 6.28)),
                anatomy="portal vein", severity=cls.grade(share)),
        )  # fmt: skip

    @staticmethod
    def grade(share: float) -> str:
        """Return the grade by the share of the width."""
        return severity_of(share, (0.55, 0.9))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"extent": "occlusive" if self.share >= 0.9 else "partial"}

    @property
    def visibility(self) -> float:
        return 9.0 * self.share

    def scaled(self, factor: float) -> Self:
        share = float(np.clip(self.share * factor, 0.1, 1.0))
        return replace(self, share=share, severity=self.grade(share))

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        vein = anatomy.solid("portal vein")
        assert isinstance(vein, Tube)
        radius = max(vein.radii)
        off = (1 - self.share) * radius
        points = []
        for share in np.linspace(self.start, self.end, 9):
            x, y, z = vein.place(float(share))
            points.append((x + off * float(np.cos(self.angle)), y + off * float(np.sin(self.angle)), z))
        clot = Tube(tuple(points), (self.share * radius,) * len(points), 1)
        return (Part(structure="portal vein", solid=clot, tissue="mural_thrombus", within=("portal vein",
                "portal vein branches"),
                     concept=self.concept, component="clot"),)  # fmt: skip


FINDING = PortalVeinThrombosis
