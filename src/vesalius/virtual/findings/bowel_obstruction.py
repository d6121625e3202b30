"""Bowel obstruction: loops full of fluid and gas before a narrow place, empty ones after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.anatomy.abdomen_bowel import COLON, Level, loop_parts
from vesalius.virtual.anatomy.abdomen_lesions import AbdomenDisease
from vesalius.virtual.anatomy.parts import Anatomy, Part
from vesalius.virtual.anatomy.solids import Inset, Point, Solid, Tube, Union
from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of

__all__ = ["FINDING", "BowelObstruction"]

_EMPTY_MM = 5.5
_WIDE_COLON = ("caecum", "ascending colon", "transverse colon", "descending colon")


@dataclass(frozen=True, kw_only=True)
class BowelObstruction(AbdomenDisease):
    """Obstruction of the small bowel or of the colon."""

    concept: ClassVar[str] = "bowel_obstruction"
    code: ClassVar[str] = "26036001"
    course: ClassVar[Course] = Course(clearing_days=(2, 8))

    diameter_mm: float
    """Inner, of the widest loops."""
    share: float
    """Of the length that is dilated."""
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = choose(rng, {"small bowel": 0.8, "colon": 0.2})
        size = lognormal(rng, 38, 0.13, 32, 55) if site == "small bowel" else lognormal(rng, 68, 0.1, 61, 85)
        return (
            cls(anatomy=site, diameter_mm=size, share=float(rng.uniform(0.5, 0.85)), seed=int(rng.integers(1 << 30)),
                severity=cls.grade(site, size)),
        )  # fmt: skip

    @staticmethod
    def grade(site: str, diameter_mm: float) -> str:
        """Return the grade by the widest loop."""
        return severity_of(diameter_mm, (36, 44) if site == "small bowel" else (66, 75))

    @property
    def attributes(self) -> Mapping[str, str]:
        return {"levels": "air-fluid levels", "transition": "distal" if self.share > 0.68 else "proximal"}

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"loop diameter": self.diameter_mm}

    @property
    def visibility(self) -> float:
        return 0.35 * (self.diameter_mm - 18 if self.anatomy == "small bowel" else self.diameter_mm - 42)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 20, 95))
        return replace(self, diameter_mm=size, severity=self.grade(self.anatomy, size))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        return self._small(anatomy) if self.anatomy == "small bowel" else self._large(anatomy)

    def _small(self, anatomy: Anatomy) -> Anatomy:
        healthy = anatomy.solid("small bowel")
        assert isinstance(healthy, Tube)
        tube = self._loops(healthy)
        fresh = {part.structure: part for part in loop_parts("small bowel", tube, seed=self.seed)}
        levels = Level(tube, 2.2, 0.35)
        fresh["small bowel gas"] = replace(fresh["small bowel gas"], solid=levels)
        parts = [fresh.get(part.structure, part) for part in anatomy.parts]
        return replace(anatomy, parts=tuple(parts))

    def _loops(self, healthy: Tube) -> Tube:
        """Wide loops in as many rows as fit in the room of the healthy ones, then narrow ones."""
        low, high = healthy.bounds
        step = self.diameter_mm + 7.0
        rng = np.random.default_rng(self.seed)
        count = max(2, int((high[2] - low[2]) / step))
        points: list[Point] = []
        for layer, depth in enumerate((high[1] - step / 2, low[1] + step / 2)):
            heights = np.linspace(high[2] - step / 2, low[2] + step / 2, count)[:: 1 if layer == 0 else -1]
            for number, height in enumerate(heights - 0.3 * step * layer):
                way = np.linspace(low[0] + step / 2, high[0] - step / 2, 7)[:: 1 if (number + layer) % 2 == 0 else -1]
                sway = 0.2 * step * np.sin(way / 25 + rng.uniform(0, 6))
                points += [
                    (float(x), float(depth + 0.6 * s), float(height + s)) for x, s in zip(way, sway, strict=True)
                ]
        wide = np.arange(len(points)) / len(points) < self.share
        radius = np.where(wide, self.diameter_mm / 2 + 2.2, _EMPTY_MM) * (
            1 + 0.04 * rng.standard_normal(len(points)).clip(-1, 0)
        )
        return Tube(tuple(points), tuple(float(r) for r in radius), 3)

    def _large(self, anatomy: Anatomy) -> Anatomy:
        parts = []
        for part in anatomy.parts:
            name = next((name for name in COLON if part.structure.startswith(name)), "")
            if name and not part.concept:
                tube = anatomy.solid(name)
                assert isinstance(tube, Tube)
                part = replace(part, solid=self._wider(part.solid, tube, name))
                if part.structure.endswith("lumen"):
                    part = replace(part, tissue="bowel_content")
                if part.structure.endswith("bubbles"):
                    continue
            parts.append(part)
        return replace(anatomy, parts=tuple(parts))

    def _wider(self, solid: Solid, tube: Tube, name: str) -> Solid:
        """The same piece of bowel with another radius."""
        radius = self.diameter_mm / 2 + 2.2
        factor = radius / max(tube.radii) if name in _WIDE_COLON else 0.5
        other = replace(tube, radii=tuple(r * factor for r in tube.radii))
        if isinstance(solid, Level):
            return replace(solid, tube=other, height=0.1)
        return replace(solid, solid=other) if isinstance(solid, Inset) else other

    def parts(self, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Part, ...]:
        if self.anatomy == "colon":
            solid: Tube | Union = Union(tuple(anatomy.solid(name) for name in _WIDE_COLON))
            names: tuple[str, ...] = _WIDE_COLON
        else:
            tube = anatomy.solid("small bowel")
            assert isinstance(tube, Tube)
            count = int(self.share * len(tube.points))
            solid, names = Tube(tube.points[:count], tube.radii[:count], tube.steps), ("small bowel",)
        room = tuple(f"{name}{piece}" for name in names for piece in ("", " lumen", " gas"))
        return (Part(structure=names[0], solid=solid, tissue="bowel_wall", within=room, opacity=0.0,
                concept=self.concept,
                     component="loops"),)  # fmt: skip


FINDING = BowelObstruction
