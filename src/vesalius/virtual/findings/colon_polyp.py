"""Colon polyp: a growth of the lining, by Paris type, size and surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from vesalius.virtual.course import Course
from vesalius.virtual.findings.base import Case, choose, lognormal, severity_of
from vesalius.virtual.scope.camera import Array
from vesalius.virtual.scope.colon import SEGMENTS, segment_of
from vesalius.virtual.scope.lesion import BowelDisease, drawn_site, outline, stain
from vesalius.virtual.scope.texture import linear, soft
from vesalius.virtual.scope.wall import Knob, Wall

__all__ = ["FINDING", "ColonPolyp"]

_SITES = {"caecum": 0.12, "ascending colon": 0.33, "transverse colon": 0.15, "descending colon": 0.12,
          "sigmoid colon": 0.2, "rectum": 0.08}  # fmt: skip
_PARIS = {"0-Ip": 0.15, "0-Isp": 0.07, "0-Is": 0.48, "0-IIa": 0.22, "0-IIb": 0.03, "0-IIc": 0.03, "0-IIa+IIc": 0.015,
          "0-III": 0.003}  # fmt: skip
_SHAPES = {"0-Ip": "pedunculated", "0-Isp": "subpedunculated", "0-Is": "sessile", "0-IIa": "flat elevated",
           "0-IIb": "flat", "0-IIc": "slightly depressed", "0-IIa+IIc": "flat with a central depression",
           "0-III": "excavated"}  # fmt: skip
_HEIGHT = {"0-Ip": 1.0, "0-Isp": 0.75, "0-Is": 0.55, "0-IIa": 0.16, "0-IIb": 0.0, "0-IIc": -0.08, "0-IIa+IIc": 0.14,
           "0-III": -0.25}  # fmt: skip
"""Height against the diameter."""
_COLOURS = {
    "hyperplastic": ((215, 150, 130), (232, 190, 168), (222, 165, 142)),
    "serrated": ((212, 152, 122), (196, 130, 96), (222, 190, 130)),
    "tubular": ((200, 100, 84), (222, 140, 118), (182, 78, 66)),
    "villous": ((198, 98, 82), (232, 160, 138), (176, 70, 62)),
    "malignant": ((170, 75, 65), (130, 42, 40), (226, 205, 172)),
}
"""Ground, pits and blotches, sRGB."""
_NICE = {"hyperplastic": "NICE 1", "serrated": "NICE 1", "tubular": "NICE 2", "villous": "NICE 2",
         "malignant": "NICE 3"}  # fmt: skip
_PIT_MM = {"hyperplastic": 0.9, "serrated": 1.3, "tubular": 1.2, "villous": 2.2, "malignant": 2.8}


@dataclass(frozen=True, kw_only=True)
class ColonPolyp(BowelDisease):
    """One polyp."""

    concept: ClassVar[str] = "colon_polyp"
    code: ClassVar[str] = "68496003"
    course: ClassVar[Course] = Course(doubling_days=(1825.0, 3650.0))
    depth: ClassVar[int] = 2

    diameter_mm: float
    """Largest diameter of the head or plate."""
    paris: str
    surface: str
    """hyperplastic, serrated, tubular, villous or malignant."""
    stalk_mm: tuple[float, float] = (0.0, 0.0)
    """Length and radius; zeros where there is none."""

    @classmethod
    def draw(cls, rng: np.random.Generator, case: Case) -> tuple[Self, ...]:
        site = drawn_site(rng, case, _SITES, SEGMENTS)
        count = int(choose(rng, {"1": 0.78, "2": 0.16, "3": 0.06}))
        middle = float(rng.uniform(0, 2 * np.pi))
        made = []
        for number in range(count):
            size = lognormal(rng, 5.5, 0.6, 2.0, 30.0)
            paris = choose(rng, {name: share for name, share in _PARIS.items() if _possible(name, size)})
            stalk = (lognormal(rng, 8, 0.3, 5, 12), float(np.clip(0.2 * size, 1.5, 4)))
            where = site if number == 0 else site + float(rng.uniform(-8, 8))
            made.append(
                cls(anatomy=segment_of(where), severity=_grade(size), distance_mm=where,
                    angle=(middle + number * float(rng.uniform(1.6, 2.6))) % (2 * np.pi), diameter_mm=size,
                    paris=paris, surface=choose(rng, _surfaces(size)), stalk_mm=stalk if paris == "0-Ip" else (0, 0))
            )  # fmt: skip
        return tuple(made)

    @property
    def attributes(self) -> Mapping[str, str]:
        return {
            "paris": self.paris,
            "shape": _SHAPES[self.paris],
            "surface": self.surface,
            "nice": _NICE[self.surface],
        }

    @property
    def sizes_mm(self) -> Mapping[str, float]:
        return {"diameter": self.diameter_mm, "height": abs(self.height_mm)}

    @property
    def height_mm(self) -> float:
        """Above the wall; negative where it is sunk."""
        return _HEIGHT[self.paris] * self.diameter_mm + self.stalk_mm[0]

    @property
    def visibility(self) -> float:
        relief = {"0-IIb": 0.45, "0-IIc": 0.6, "0-IIa": 0.8}.get(self.paris, 1.2)
        return float(1.0 + relief * 2.2 * self.diameter_mm**0.75)

    def scaled(self, factor: float) -> Self:
        size = float(np.clip(self.diameter_mm * factor, 1.0, 34.0))
        return replace(self, diameter_mm=size, severity=_grade(size))

    def put(self, wall: Wall, rng: np.random.Generator, *, station_mm: float, label: int) -> None:
        if self.paris in ("0-Ip", "0-Isp", "0-Is"):
            wall.knobs.append(self._knob(wall, rng, station_mm, label))
        else:
            self._plate(wall, rng, station_mm, label)
        if self.surface == "serrated":
            self._mucus(wall, rng, station_mm)

    def _knob(self, wall: Wall, rng: np.random.Generator, station_mm: float, label: int) -> Knob:
        """The head over its foot; a broad one is lifted by what the wall's curve would bury of its rim."""
        normal, along = wall.frame(station_mm, self.angle)
        foot = wall.place(station_mm, self.angle)
        half = self.diameter_mm / 2
        tall = half * {"0-Ip": 0.95, "0-Isp": 0.85, "0-Is": 0.62}[self.paris]
        lean = along * float(rng.normal(0, 0.25)) + np.cross(normal, along) * float(rng.normal(0, 0.25))
        rise = half * half / (2 * wall.calibre(station_mm, self.angle))
        lift = {"0-Ip": self.stalk_mm[0] + 0.6 * tall, "0-Isp": 0.6 * tall, "0-Is": 0.25 * tall + rise}[self.paris]
        centre = foot + normal * lift + lean * self.stalk_mm[0]
        return Knob(
            centre_mm=_triple(centre), radii_mm=(tall, half, half * float(rng.uniform(0.85, 1.0))),
            normal=_triple(normal), along=_triple(along), neck_mm=self.stalk_mm[1], foot_mm=_triple(foot),
            lobes=0.10 if self.surface in ("villous", "malignant") else 0.045, label=label, colours=self._colours(),
            pit_mm=_PIT_MM[self.surface],
        )  # fmt: skip

    def _colours(self) -> Array:
        return np.stack([linear(colour) for colour in _COLOURS[self.surface]])

    def _plate(self, wall: Wall, rng: np.random.Generator, station_mm: float, label: int) -> None:
        """Lay a plate, a spot, a pit or both into the wall."""
        half = self.diameter_mm / 2
        patch = wall.patch(station_mm, self.angle, 1.5 * half + 2)
        part = outline(patch, half, rng, 0.08)
        inside = soft(part, 1.08, 0.86)
        nodules = 1 + 0.25 * np.sin(patch.along * 1.4 + 1) * np.sin(patch.across * 1.3) * (self.diameter_mm >= 10)
        height = float(np.clip(self.height_mm, -4, 2.5)) * nodules
        if self.paris == "0-IIa+IIc":
            height = height - 2.0 * soft(part, 0.55, 0.25)
        wall.radius[patch.where] -= (height * inside).astype(np.float32)
        ground, pit, top = _COLOURS[self.surface]
        stain(wall, patch, 0.85 * inside, ground)
        pitch = 2 * np.pi / _PIT_MM[self.surface]
        texture = np.sin(pitch * patch.along + 1.3 * np.sin(0.4 * pitch * patch.across)) * np.sin(
            pitch * patch.across
        )
        stain(wall, patch, np.clip(0.5 * texture, 0, 0.6) * inside, pit)
        stain(wall, patch, 0.4 * soft(part, 0.9, 0.2) * (self.height_mm < 0), top)
        wall.label[patch.where] = np.where(part < 1, label, wall.label[patch.where])

    def _mucus(self, wall: Wall, rng: np.random.Generator, station_mm: float) -> None:
        """Ring a serrated lesion with mucus and debris."""
        half = self.diameter_mm / 2
        patch = wall.patch(station_mm, self.angle, 1.6 * half + 3)
        part = outline(patch, half + 0.6, rng, 0.25)
        stain(wall, patch, 0.75 * np.exp(-(((part - 1.08) / 0.13) ** 2)), (196, 166, 80))


def _possible(paris: str, size: float) -> bool:
    low = {"0-Ip": 5.0, "0-Isp": 4.0, "0-IIa+IIc": 8.0, "0-III": 10.0}.get(paris, 0.0)
    return size >= low and not (paris == "0-Is" and size > 22)


def _surfaces(size: float) -> dict[str, float]:
    large = float(np.clip((size - 5) / 20, 0, 1))
    return {"hyperplastic": 0.32 * (1 - large), "serrated": 0.1, "tubular": 0.5, "villous": 0.05 + 0.3 * large,
            "malignant": 0.01 + 0.12 * large}  # fmt: skip


def _grade(size: float) -> str:
    return severity_of(size, (6, 10, 20), ("diminutive", "small", "large", "very large"))


def _triple(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


FINDING = ColonPolyp
