"""Stomach, duodenum, small bowel and colon with what is in them (trunk frame of the reference adult, mm)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vesalius.virtual.anatomy.abdomen_frame import Frame, grown
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Array, Bounds, HalfSpace, Intersection, Solid, Tube, waves

__all__ = [
    "COLON",
    "Level",
    "Pockets",
    "colon",
    "colon_line",
    "loop_parts",
    "small_bowel",
    "small_bowel_line",
    "stomach",
]

Knots = Sequence[Sequence[float]]

STOMACH = ((58, 14, 46, 26), (62, -30, 26, 25), (52, -56, -8, 22), (18, -68, -36, 17), (-18, -58, -36, 8))
DUODENUM = ((-20, -56, -35, 10), (-42, -34, -32, 11), (-50, -20, -58, 11), (-46, -18, -85, 11), (-20, -26, -97, 11),
            (6, -34, -94, 10), (26, -32, -62, 10))  # fmt: skip
COLON: dict[str, Knots] = {
    "caecum": ((-84, -44, -176, 24), (-88, -42, -160, 27)),
    "ascending colon": ((-88, -42, -160, 25), (-95, -15, -115, 21), (-90, -20, -72, 19)),
    "transverse colon": ((-90, -20, -72, 18), (-70, -60, -76, 17), (-30, -84, -86, 18), (26, -86, -84, 18),
            (66, -62, -48, 18),
                         (90, 4, -4, 18)),
    "descending colon": ((90, 4, -4, 16), (102, 14, -60, 14), (98, 0, -135, 14)),
    "sigmoid colon": ((98, 0, -135, 14), (84, -28, -175, 14), (52, -42, -198, 15), (14, -30, -178, 15),
            (-6, -4, -186, 15),
                      (0, 25, -208, 15)),
    "rectum": ((0, 25, -208, 15), (0, 34, -245, 17), (0, 14, -280, 14), (0, 14, -320, 9)),
}  # fmt: skip
_WALL_MM = 2.2


@dataclass(frozen=True)
class Pockets(Solid):
    """Bubbles in a solid: where smooth noise is above a threshold."""

    solid: Solid
    wavelength_mm: float
    threshold: float
    seed: int

    @property
    def bounds(self) -> Bounds:
        return self.solid.bounds

    def pieces(self) -> tuple[Solid, ...]:
        parts = self.solid.pieces()
        return (
            (self,)
            if len(parts) == 1
            else tuple(Pockets(p, self.wavelength_mm, self.threshold, self.seed) for p in parts)
        )

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        noise = waves(x, y, z, wavelength_mm=self.wavelength_mm, seed=self.seed, count=11)
        found: Array = np.maximum(
            self.solid.distance(x, y, z), (np.float32(self.threshold) - noise) * np.float32(self.wavelength_mm / 6)
        )
        return found


@dataclass(frozen=True)
class Level(Solid):
    """What of a tube lies in front of a level: gas of a patient on the back, piece by piece of the tube."""

    tube: Tube
    inset_mm: float
    height: float
    """Level against the line of the tube in shares of its radius: 0 the line, positive further forward."""

    @property
    def bounds(self) -> Bounds:
        return self.tube.bounds

    def pieces(self) -> tuple[Solid, ...]:
        line, found = self.tube.samples, []
        for piece, (start, end) in zip(self.tube.pieces(), pairwise(line), strict=True):
            middle = (start + end) / 2
            level = HalfSpace((0.0, float(middle[1] - self.height * middle[3]), 0.0), (0.0, 1.0, 0.0))
            found.append(Intersection((grown(piece, -self.inset_mm), level)))
        return tuple(found)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        parts = self.pieces()
        found = parts[0].distance(x, y, z)
        for part in parts[1:]:
            found = np.minimum(found, part.distance(x, y, z))
        return found


def stomach(frame: Frame) -> tuple[Part, ...]:
    """Stomach with fluid and, in front, gas; duodenum."""
    sac = frame.tube(STOMACH, organ="stomach", breath=0.6, steps=5)
    lumen = grown(sac, -4.0)
    parts = [
        Part(structure="stomach", solid=sac, tissue="stomach_wall"),
        Part(structure="stomach lumen", solid=lumen, tissue="bowel_content"),
    ]
    if frame.body.stomach[1] > 0:
        front = min(row[1] for row in sac.samples)
        level = front + 18.0 - 30.0 * frame.body.stomach[2]
        gas = Intersection((lumen, HalfSpace((0.0, level, 0.0), (0.0, 1.0, 0.0))))
        parts.append(Part(structure="stomach gas", solid=gas, tissue="gas"))
    loop = frame.tube(DUODENUM, breath=0.4)
    parts += [
        Part(structure="duodenum", solid=loop, tissue="bowel_wall"),
        Part(structure="duodenum lumen", solid=grown(loop, -2.5), tissue="bowel_content"),
    ]
    return tuple(parts)


def small_bowel_line(frame: Frame, rng: np.random.Generator) -> Knots:
    """A meandering line through the middle of the belly, from the duodenum's end to the caecum; radii 10 to 14 mm.

    Three layers from front to back, each a serpentine with waves and jitter, in reference coordinates.
    """
    points: list[tuple[float, float, float, float]] = []
    for layer, depth in enumerate((-18.0, -43.0, -67.0)):
        rows = np.linspace(-52, -196, 6)[:: 1 if layer % 2 == 0 else -1]
        for number, height in enumerate(rows):
            edge = 92 * (1 - 0.25 * ((height + 120) / 80) ** 2)
            way = np.linspace(-edge, edge, 9)[:: 1 if (number + layer) % 2 == 0 else -1]
            phase = rng.uniform(0, 2 * np.pi)
            lift = 11 * np.sin(way / 16 + phase) + rng.normal(0, 2, len(way))
            deep = 7 * np.cos(way / 18 + 1.7 * phase) + rng.normal(0, 2, len(way))
            thick = 12.0 + 1.3 * np.sin(way / 13 + phase) + rng.normal(0, 0.5, len(way))
            points += [
                (float(x), float(depth + d), float(height + dz), float(r))
                for x, d, dz, r in zip(way, deep, lift, thick, strict=True)
            ]
    return points


def small_bowel(frame: Frame, rng: np.random.Generator) -> tuple[Part, ...]:
    """Small bowel with contents and a little gas."""
    tube = frame.tube(small_bowel_line(frame, rng), organ="small bowel", breath=0.1, steps=1)
    return loop_parts("small bowel", tube, seed=int(rng.integers(1 << 30)))


def loop_parts(name: str, tube: Tube, *, seed: int, gas: float = 0.95) -> tuple[Part, ...]:
    """Wall, contents and gas of small bowel; `gas` is the threshold of noise above which bubbles lie in front."""
    bubbles = Pockets(Level(tube, _WALL_MM, 0.25), 70.0, gas, seed)
    return (
        Part(structure=name, solid=tube, tissue="bowel_wall", within=_ROOM),
        Part(
            structure=f"{name} lumen",
            solid=grown(tube, -_WALL_MM),
            tissue="bowel_content",
            within=(name, f"{name} lumen"),
        ),
        Part(structure=f"{name} gas", solid=bubbles, tissue="gas", within=(f"{name} lumen",)),
    )


_ROOM = ("visceral fat", "peritoneal fat", "left perirenal fat", "right perirenal fat")


def colon_line(frame: Frame, name: str, rng: np.random.Generator) -> Tube:
    """Tube of a part of the colon with haustra every 30 to 40 mm."""
    plain = frame.tube(COLON[name], organ="colon", breath=_BREATH[name], steps=4)
    length = float(np.linalg.norm(np.diff(plain.samples[:, :3], axis=0), axis=1).sum())
    count = max(4, int(length / 9))
    way = np.linspace(0, 1, count)
    samples = plain.samples
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(samples[:, :3], axis=0), axis=1))]) / length
    radius = np.interp(way, along, samples[:, 3])
    waving = 0.03 if name == "rectum" else 0.12
    radius = radius * (
        1 + waving * np.sin(2 * np.pi * way * length / 34 + rng.uniform(0, 6)) + rng.normal(0, 0.03, count)
    )
    return Tube(tuple(plain.place(float(share)) for share in way), tuple(float(r) for r in radius), 1)


_BREATH = {
    "caecum": 0.0,
    "ascending colon": 0.1,
    "transverse colon": 0.3,
    "descending colon": 0.1,
    "sigmoid colon": 0.0,
    "rectum": 0.0,
}


def colon(frame: Frame, rng: np.random.Generator) -> tuple[Part, ...]:
    """Colon part by part with stool and gas, and the appendix."""
    parts: list[Part] = []
    share = float(rng.uniform(0.2, 1.0))
    for name in COLON:
        tube = colon_line(frame, name, rng)
        seed = int(rng.integers(1 << 30))
        height = float(rng.uniform(-0.2, 0.9)) if name != "rectum" else 1.2
        if name == "transverse colon":
            height = float(rng.uniform(-0.6, 0.3))
        parts += [
            Part(structure=name, solid=tube, tissue="bowel_wall", within=(*_ROOM, *COLON, *LIVER_ROOM)),
            Part(structure=f"{name} lumen", solid=grown(tube, -_WALL_MM), tissue="stool", within=(name,)),
            Part(structure=f"{name} bubbles", solid=Pockets(grown(tube, -_WALL_MM), 9.0, 0.95 - 0.75 * share, seed),
                    tissue="gas",
                 within=(f"{name} lumen",), opacity=0.22),
            Part(structure=f"{name} gas", solid=Level(tube, _WALL_MM, height), tissue="gas",
                 within=(f"{name} lumen", f"{name} bubbles")),
        ]  # fmt: skip
    retrocaecal = rng.random() < 0.65
    line = [(-80, -34, -180, 2.8), (-90, -16, -172, 2.8), (-94, 0, -150, 2.6)] if retrocaecal else [
        (-80, -38, -180, 2.8), (-68, -28, -196, 2.8), (-54, -20, -214, 2.6)]  # fmt: skip
    parts.append(Part(structure="appendix", solid=frame.tube(line), tissue="bowel_wall"))
    return tuple(parts)


LIVER_ROOM = ("liver", "segment V", "segment VI", "segment IV", "segment III", "small bowel", "small bowel lumen")
