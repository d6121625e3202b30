"""Diabetic retinopathy by the international clinical scale: every grade is made of lesions that can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.course import Course
from vesalius.virtual.eye.anatomy import Eye, examined_eye
from vesalius.virtual.eye.disease import EyeDisease, visible
from vesalius.virtual.eye.lesions import QUADRANTS, Group, Strands, branch, group, joined, quadrant_of, scatter
from vesalius.virtual.eye.surface import cotton_wool_spots, flame_haemorrhages
from vesalius.virtual.eye.tufts import arcs, tuft
from vesalius.virtual.eye.vessels import VEIN
from vesalius.virtual.findings.base import Case, choose

__all__ = ["FINDING", "DiabeticRetinopathy", "grade_of"]

_GRADES = ("none", "mild", "moderate", "severe", "proliferative")
_MANY_BLOTS = 20
_Retinopathy = TypeVar("_Retinopathy", bound="DiabeticRetinopathy")


@dataclass(frozen=True, kw_only=True)
class DiabeticRetinopathy(EyeDisease):
    """Counts of the lesions of one eye; the grade follows from them."""

    concept: ClassVar[str] = "diabetic_retinopathy"
    course: ClassVar[Course] = Course(doubling_days=(900, 6000))

    microaneurysms: int
    blots: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Blot haemorrhages by quadrant, in the order of `QUADRANTS`."""
    flames: int = 0
    exudates: int = 0
    cotton_wool: int = 0
    beading: tuple[int, ...] = ()
    """Quadrants with venous beading."""
    microvascular: int = 0
    """Intraretinal microvascular abnormalities."""
    disc_vessels: int = 0
    """New vessels on the disc."""
    other_vessels: int = 0
    """New vessels elsewhere."""
    preretinal_mm: float = 0.0
    """Width of the blood in front of the retina, 0 where there is none."""
    bands: int = 0
    """Bands of fibrous tissue along the arcades."""
    laser: int = 0
    """Scars of panretinal laser treatment."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        grade = _GRADES.index(choose(rng, {"mild": 0.25, "moderate": 0.35, "severe": 0.22, "proliferative": 0.18}))
        blots = [int(value) for value in _blots(rng, grade)]
        many = grade >= 3
        made = cls(
            laterality=examined_eye(case.body), anatomy="retina",
            microaneurysms=int(rng.integers(1, 11) if grade == 1 else rng.integers(5, 41)),
            blots=(blots[0], blots[1], blots[2], blots[3]),
            flames=int(rng.integers(0, 3 if grade == 2 else 9)) if grade > 1 else 0,
            exudates=int(rng.integers(0, 70)) * (rng.random() < 0.65) if grade > 1 else 0,
            cotton_wool=int(rng.integers(0, 4 if grade == 2 else 7)) if grade > 1 else 0,
            beading=_some(rng) if many and rng.random() < 0.6 else (),
            microvascular=int(rng.integers(1, 5)) if many and rng.random() < 0.6 else 0,
        )  # fmt: skip
        if grade == 4:
            made = _proliferating(made, rng)
        if grade == 3 and made.grade < 3:
            made = replace(made, microvascular=1)
        return (made._graded(),)

    @property
    def grade(self) -> int:
        """0 to 4 of the international clinical scale."""
        return grade_of(self)

    def _graded(self) -> Self:
        return replace(self, severity=_GRADES[self.grade])

    @property
    def attributes(self) -> Mapping[str, str]:
        words = {"count": str(self.microaneurysms + sum(self.blots)), "stage": str(self.grade)}
        signs = {
            "exudate": self.exudates, "cotton_wool": self.cotton_wool, "laser": self.laser,
            "new_vessels": self.disc_vessels + self.other_vessels, "preretinal_blood": self.preretinal_mm,
        }  # fmt: skip
        words["sign"] = self._sign()
        return {**words, **{name: "present" if value else "absent" for name, value in signs.items()}}

    def _sign(self) -> str:
        """Name the lesion that weighs most."""
        signs = (
            ("new vessels at the disc", self.disc_vessels), ("new vessels elsewhere", self.other_vessels),
            ("preretinal hemorrhage", self.preretinal_mm), ("venous beading", len(self.beading)),
            ("intraretinal microvascular abnormalities", self.microvascular), ("hard exudates", self.exudates),
            ("cotton-wool spots", self.cotton_wool), ("blot hemorrhages", sum(self.blots)),
            ("flame hemorrhages", self.flames),
        )  # fmt: skip
        return next((name for name, count in signs if count), "microaneurysms only")

    @property
    def visibility(self) -> float:
        small = np.hypot(visible(30, 0.0013 * self.microaneurysms), visible(45, 0.03 * sum(self.blots)))
        large = visible(60, 0.012 * self.exudates + 0.15 * (self.flames + self.cotton_wool) + self.preretinal_mm**2)
        return float(np.hypot(small, large))

    def scaled(self, factor: float) -> Self:
        def more(count: int) -> int:
            return round(count * factor)

        blots = [more(count) for count in self.blots]
        changed = replace(
            self, microaneurysms=max(1, more(self.microaneurysms)), flames=more(self.flames),
            blots=(blots[0], blots[1], blots[2], blots[3]), exudates=more(self.exudates),
            cotton_wool=more(self.cotton_wool), preretinal_mm=self.preretinal_mm * factor,
        )  # fmt: skip
        return changed._graded()

    def alter(self, eye: Eye) -> Eye:
        vessels = eye.vessels
        chosen = (
            (vessels.kind == VEIN) & np.isin(quadrant_of(vessels.middle), self.beading) & (vessels.radius > 0.025)
        )
        waves = 1 + 0.25 * np.sin(2 * np.pi * np.cumsum(vessels.length) / 0.55) * chosen
        return replace(eye, vessels=vessels.widened(waves))

    def lesions(self, eye: Eye, rng: np.random.Generator) -> tuple[Group | Strands, ...]:
        red = self._small(rng)
        return (*self._deep(eye, rng), *red, *self._surface(eye, rng), *self._strands(eye, rng))

    def _small(self, rng: np.random.Generator) -> tuple[Group, ...]:
        near = scatter(rng, self.microaneurysms, (0.6, 0.0), 0.5, 4.6)
        tiny = group(
            self.concept, "microaneurysm", near, branch(rng).uniform(0.010, 0.030, len(near)), rng, level=0.45
        )
        places = joined([_in_quadrant(rng, number, count) for number, count in enumerate(self.blots)])
        size = branch(rng).uniform(0.05, 0.19, len(places))
        blot = group(self.concept, "blot haemorrhage", places, size, rng, flat=0.65, wobble=0.18, soft=0.4, level=0.5)
        return tiny, blot

    def _deep(self, eye: Eye, rng: np.random.Generator) -> tuple[Group, ...]:
        """Laser scars, and exudates in rings about leaks."""
        del eye
        scars = scatter(rng, self.laser, (1.2, 0.0), 3.4, 8.0)
        away = np.hypot(scars[:, 0] - 4.5, scars[:, 1] - 0.5) > 1.4
        laser = group(self.concept, "laser scar", scars[away], branch(rng).uniform(0.14, 0.24, int(away.sum())), rng,
                      flat=0.8, wobble=0.08, soft=0.3, level=0.95)  # fmt: skip
        parts = []
        left, own = self.exudates, branch(rng)
        while left > 0:
            number = min(left, int(own.integers(5, 26)))
            leak = scatter(own, 1, (0.0, 0.0), 0.6, 3.6)[0]
            ring = float(own.uniform(0.15, 0.7))
            parts.append(scatter(own, number, (float(leak[0]), float(leak[1])), 0.7 * ring, 1.25 * ring))
            left -= number
        places = joined(parts)
        size = np.clip(0.045 * np.exp(0.5 * branch(rng).standard_normal(len(places))), 0.025, 0.15)
        hard = group(self.concept, "hard exudate", places, size, rng, flat=0.6, wobble=0.15, level=0.55)
        return laser, hard

    def _surface(self, eye: Eye, rng: np.random.Generator) -> tuple[Group, ...]:
        """Flame haemorrhages along the fibres, cotton-wool spots, blood in front of the retina."""
        flames = scatter(rng, self.flames, (3.0, 0.2), 1.2, 3.2)
        flame = flame_haemorrhages(self.concept, eye, flames, branch(rng).uniform(0.18, 0.4, len(flames)), rng)
        wool = scatter(rng, self.cotton_wool, (3.2, 0.2), 1.3, 3.4)
        soft = cotton_wool_spots(self.concept, wool, rng)
        found = [flame, soft]
        if self.bands:
            places = scatter(rng, self.bands, (2.6, 0.3), 1.6, 3.0)
            half = branch(rng).uniform(0.6, 1.3, self.bands)
            band = group(self.concept, "fibrous band", places, half, rng, wobble=0.25,
                         soft=0.4, height_um=60.0, level=0.0)  # fmt: skip
            found.append(replace(band, spots=replace(band.spots, wide=0.13 * band.spots.long)))
        if self.preretinal_mm > 0:
            place = scatter(rng, 1, (1.8, -0.4), 0.9, 2.6)
            boat = group(self.concept, "preretinal haemorrhage", place, np.array([self.preretinal_mm / 2]), rng,
                         wobble=0.04, height_um=160.0, level=0.0)  # fmt: skip
            wide = 0.8 * boat.spots.long
            found.append(replace(boat, spots=replace(boat.spots, wide=wide, angle=np.zeros(1))))
        return tuple(found)

    def _strands(self, eye: Eye, rng: np.random.Generator) -> tuple[Strands, ...]:
        disc = (eye.disc.x, eye.disc.y)
        fans = [tuft(branch(rng), disc, 1.1) for _ in range(self.disc_vessels)]
        for place in scatter(rng, self.other_vessels, (1.4, 0.2), 2.3, 4.2):
            fans.append(tuft(branch(rng), (float(place[0]), float(place[1])), float(rng.uniform(0.5, 1.0))))
        loops = [
            arcs(branch(rng), (float(x), float(y)), 0.28)
            for x, y in scatter(rng, self.microvascular, (0.5, 0.0), 1.4, 3.8)
        ]
        found = [strands_of(self.concept, "neovessel", fans, 0.016)]
        found.append(strands_of(self.concept, "microvascular abnormality", loops, 0.014))
        vessels = eye.vessels
        bead = (vessels.kind == VEIN) & np.isin(quadrant_of(vessels.middle), self.beading) & (vessels.radius > 0.025)
        numbers = np.searchsorted(np.array(self.beading or (0,)), quadrant_of(vessels.middle[bead]))
        found.append(Strands(concept=self.concept, kind="venous beading", start=vessels.start[bead],
                             end=vessels.end[bead], radius=vessels.radius[bead], number=numbers))  # fmt: skip
        return tuple(part for part in found if len(part.start))


def strands_of(concept: str, kind: str, lines: list[NDArray[np.float64]], radius_mm: float) -> Strands:
    """Join lines of pieces (n, 2, 2) into one group, each line a lesion."""
    pieces = np.concatenate(lines) if lines else np.zeros((0, 2, 2))
    number = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    return Strands(concept=concept, kind=kind, start=pieces[:, 0], end=pieces[:, 1],
                   radius=np.full(len(pieces), radius_mm), number=number.astype(np.int64))  # fmt: skip


def grade_of(disease: DiabeticRetinopathy) -> int:
    """Grade by the international clinical scale: 4-2-1 rule for severe, new vessels or vitreous blood for 4."""
    if disease.disc_vessels or disease.other_vessels or disease.preretinal_mm or disease.laser:
        return 4
    four = all(count > _MANY_BLOTS for count in disease.blots)
    if four or len(disease.beading) >= 2 or disease.microvascular:
        return 3
    more = sum(disease.blots) + disease.flames + disease.exudates + disease.cotton_wool + len(disease.beading)
    return 2 if more else 1 if disease.microaneurysms else 0


def _blots(rng: np.random.Generator, grade: int) -> NDArray[np.int64]:
    """Draw blot haemorrhages by quadrant."""
    if grade < 2:
        return np.zeros(4, np.int64)
    if grade == 2:
        return rng.multinomial(int(rng.integers(1, 21)), [0.25] * 4)
    return rng.integers(21, 34, 4) if rng.random() < 0.5 else rng.integers(5, 21, 4)


def _some(rng: np.random.Generator) -> tuple[int, ...]:
    """Draw two to four quadrants."""
    return tuple(sorted(rng.permutation(4)[: rng.integers(2, 5)].tolist()))


def _proliferating(made: _Retinopathy, rng: np.random.Generator) -> _Retinopathy:
    """Add new vessels, blood and, in some, the scars of treatment."""
    disc, elsewhere = int(rng.random() < 0.55), int(rng.integers(0, 4))
    return replace(
        made, disc_vessels=disc, other_vessels=elsewhere or 1 - disc,
        preretinal_mm=float(rng.uniform(1, 4)) * (rng.random() < 0.4),
        laser=int(rng.integers(300, 900)) * int(rng.random() < 0.4),
        bands=int(rng.integers(1, 4)) * int(rng.random() < 0.3),
    )  # fmt: skip


def _in_quadrant(rng: np.random.Generator, number: int, count: int) -> NDArray[np.float64]:
    """Draw places in a quadrant, (count, 2)."""
    places = np.abs(scatter(rng, count, (0.0, 0.0), 0.9, 4.8))
    nasal, lower = "nasal" in QUADRANTS[number], "infero" in QUADRANTS[number]
    return np.asarray(places * np.array([1 if nasal else -1, -1 if lower else 1]))


FINDING = DiabeticRetinopathy
