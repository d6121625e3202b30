"""Vessels, ureters and lymph nodes of abdomen and pelvis (trunk frame of the reference adult, mm)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vesalius.virtual.anatomy.abdomen_frame import Frame
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Solid, Tube, Union

__all__ = ["aorta_tube", "calcifications", "hepatic_vessels", "mesenteric_branches", "nodes", "ureters", "vessels"]

AORTA = ((26, 18, 124, 11.5), (16, 10, 60, 10.5), (9, -2, 8, 10), (8, -10, -16, 9.6), (7, -16, -51, 9),
        (6, -19, -87, 8.7),
         (4, -19, -120, 8.5))  # fmt: skip
_PORTAL = ((-8, -34, -24, 6), (-20, -38, 2, 6), (-45, -20, 12, 5.5))
_SPLENIC = ((-8, -34, -24, 4), (30, -22, -6, 4), (82, 22, 22, 3.5))
_MESENTERIC = ((-14, -47, -110, 4), (-12, -45, -80, 5), (-8, -34, -24, 5))


def aorta_tube(frame: Frame) -> Tube:
    """Abdominal aorta from the diaphragm to its fork."""
    body = frame.body
    factor = body.aorta * (0.87 if body.sex == "F" else 1.0)
    bow = 0.5 * body.unfolding_mm
    line = [(x + bow * float(np.exp(-(((z + 50) / 60) ** 2))), y, z, r) for x, y, z, r in AORTA]
    return frame.tube(line, factor=factor, steps=5)


def hepatic_vessels(frame: Frame) -> tuple[Part, ...]:
    """Portal vein with its branches in the liver, and the three hepatic veins."""
    thick = frame.vein
    right = [(-45, -20, 12, 5), (-75, -12, 14, 3.6), (-95, 8, 18, 2.4)]
    front = [(-62, -16, 13, 3.6), (-80, -38, 20, 2.6), (-90, -58, 22, 1.8)]
    low = [(-66, -14, 12, 3), (-84, 6, -8, 2.2), (-90, 24, -22, 1.6)]
    left = [(-45, -20, 12, 5), (-28, -34, 22, 4), (-8, -48, 30, 3.4), (6, -62, 30, 2.4)]
    veins = (
        [(-25, -4, 58, 5), (-60, 2, 48, 3.4), (-98, 12, 28, 2.2)], [(-25, -4, 58, 5), (-42, -28, 46, 3.6),
        (-58, -54, 30, 2.2)],
        [(-25, -6, 60, 4.4), (-8, -28, 52, 3.2), (14, -48, 38, 2)],
    )  # fmt: skip

    def tree(lines: Sequence[Sequence[Sequence[float]]]) -> Union:
        return Union(tuple(frame.tube(line, breath=0.9, factor=thick, steps=3) for line in lines))

    return (
        Part(structure="portal vein", solid=frame.tube(_PORTAL, breath=0.8, factor=thick), tissue="portal_vein"),
        Part(structure="portal vein branches", solid=tree((right, front, low, left)), tissue="portal_vein"),
        Part(structure="hepatic veins", solid=tree(veins), tissue="vein"),
    )


def vessels(frame: Frame) -> tuple[Part, ...]:
    """Aorta with branches, iliac vessels, inferior vena cava, renal and mesenteric vessels."""
    return (*_veins(frame), *_arteries(frame))


def _veins(frame: Frame) -> list[Part]:
    cava = [
        (-20, -8, -140, 9.5),
        (-22, -8, -87, 10),
        (-22, -3, -16, 10.5),
        (-25, -2, 40, 11),
        (-24, -8, 72, 11),
        (-22, -18, 92, 11),
    ]
    thick = frame.vein
    parts = [
        Part(structure="inferior vena cava", solid=frame.tube(cava, breath=0.3, factor=thick), tissue="vein"),
        Part(structure="splenic vein", solid=frame.tube(_SPLENIC, breath=0.7, factor=thick), tissue="portal_vein"),
        Part(
            structure="superior mesenteric vein",
            solid=frame.tube(_MESENTERIC, breath=0.4, factor=thick),
            tissue="portal_vein",
        ),
    ]
    for side, sign in (("left", 1), ("right", -1)):
        common = [(-20, -8, -140, 8), (sign * 22 - 8, -4, -175, 7), (sign * 46, 6, -205, 6.5),
                (sign * 55, -40, -245, 6.5),
                  (sign * 66, -72, -288, 6.5), (sign * 68, -72, -330, 6)]  # fmt: skip
        kidney = (
            [(-22, -4, -30, 4.5), (12, -28, -26, 4), (36, 12, -22, 4.5)]
            if sign > 0
            else [(-24, -2, -38, 4.5), (-36, 20, -38, 4.5)]
        )
        parts.append(Part(structure=f"{side} iliac vein", solid=frame.tube(common), tissue="vein"))
        parts.append(Part(structure=f"{side} renal vein", solid=frame.tube(kidney, breath=0.5), tissue="vein"))
    return parts


def _arteries(frame: Frame) -> list[Part]:
    coeliac = Union((
        frame.tube([(8, -10, -2, 4), (6, -26, 0, 3.4)], breath=0.3),
        frame.tube([(6, -26, 0, 2.8), (-18, -34, -4, 2.3), (-26, -34, 4, 2)], breath=0.5),
        frame.tube([(6, -26, 0, 2.8), (36, -16, 6, 2.5), (78, 18, 22, 2.2)], breath=0.6),
    ))  # fmt: skip
    mesenteric = frame.tube(
        [(8, -18, -14, 3.5), (6, -34, -30, 3.5), (3, -46, -60, 3.3), (0, -50, -100, 2.6), (-14, -50, -130, 2)],
        breath=0.2,
    )
    inferior = frame.tube([(5, -24, -92, 2), (14, -30, -120, 1.8), (22, -24, -150, 1.6)])
    parts = [
        Part(structure="coeliac artery", solid=coeliac, tissue="artery"),
        Part(structure="superior mesenteric artery", solid=mesenteric, tissue="artery"),
        Part(structure="inferior mesenteric artery", solid=inferior, tissue="artery"),
    ]
    factor = frame.body.aorta * (0.9 if frame.body.sex == "F" else 1.0)
    for side, sign in (("left", 1), ("right", -1)):
        z = -26 if sign > 0 else -40
        renal = [(sign * 8 + 7, -12, z - 4, 2.7), (sign * 24, 4, z, 2.6), (sign * 38, 20, z, 2.5)]
        common = [(4 + sign * 3, -19, -118, 6.5), (sign * 18, -17, -150, 5.4), (sign * 32, -12, -178, 5)]
        outer = [
            (sign * 32, -12, -178, 5),
            (sign * 60, -50, -235, 4.4),
            (sign * 70, -77, -285, 4.2),
            (sign * 73, -76, -330, 4),
        ]
        inner = [(sign * 32, -12, -178, 3.6), (sign * 44, 8, -205, 3), (sign * 46, 18, -228, 2.4)]
        parts += [
            Part(structure=f"{side} renal artery", solid=frame.tube(renal, breath=0.5), tissue="artery"),
            Part(structure=f"{side} common iliac artery", solid=frame.tube(common, factor=factor), tissue="artery"),
            Part(structure=f"{side} external iliac artery", solid=frame.tube(outer, factor=factor), tissue="artery"),
            Part(structure=f"{side} internal iliac artery", solid=frame.tube(inner, factor=factor), tissue="artery"),
        ]
    parts.append(Part(structure="abdominal aorta", solid=aorta_tube(frame), tissue="artery"))
    return parts


def calcifications(frame: Frame, rng: np.random.Generator) -> tuple[Part, ...]:
    """Plaques of calcium on the aorta's wall and its fork, more often and more of them with age, earlier in men."""
    age = frame.body.age_years + (8 if frame.body.sex == "M" else 0)
    present = rng.random() < 1 / (1 + np.exp(-(age - 62) / 8))
    count = int(rng.poisson(0.35 * max(4.0, age - 45))) if present else 0
    line, spots = aorta_tube(frame), []
    for _ in range(count):
        x, y, z = line.place(float(rng.uniform(0.35, 1.0)))
        angle, radius = (
            rng.uniform(0, 2 * np.pi),
            float(np.interp(-z, -line.samples[::-1, 2][::-1], line.samples[:, 3])),
        )
        place = (x + radius * float(np.cos(angle)), y + radius * float(np.sin(angle)), z)
        size = float(rng.uniform(0.9, 2.4))
        turn = (float(-np.sin(angle)), float(np.cos(angle)), 0.0)
        spots.append(Ellipsoid(place, (1.6 * size, size, 0.8 * size + 1.5), turn))
    solid: tuple[Solid, ...] = tuple(spots)
    return (Part(structure="aortic calcification", solid=Union(solid), tissue="calcification"),) if solid else ()


def mesenteric_branches(frame: Frame, rng: np.random.Generator) -> tuple[Part, ...]:
    """Small vessels in the fat of the mesentery, from the root to the loops."""
    tubes = []
    for height in np.linspace(-45, -150, 11):
        side = 1 if rng.random() < 0.6 else -1
        root = (-4.0, -46.0, float(max(height, -120.0)), 1.5)
        middle = (
            side * float(rng.uniform(18, 34)),
            -44 + float(rng.normal(0, 7)),
            float(height - rng.uniform(4, 14)),
            1.3,
        )
        end = (
            side * float(rng.uniform(45, 78)),
            -42 + float(rng.normal(0, 14)),
            float(height - rng.uniform(8, 34)),
            1.0,
        )
        tubes.append(frame.tube([root, middle, end], breath=0.1, steps=3))
    return (Part(structure="mesenteric branches", solid=Union(tuple(tubes)), tissue="vein", within=_MESENTERY),)


_MESENTERY = ("visceral fat", "peritoneal fat")


def ureters(frame: Frame) -> tuple[Part, ...]:
    """Ureters from the renal pelvis to the bladder."""
    parts = []
    for side, sign in (("left", 1), ("right", -1)):
        top = (sign * 40, 28, -24 if sign > 0 else -39)
        points = [(*top, 3.5), (sign * 33, 24, top[2] - 22, 1.8), (sign * 32, 16, -85, 1.5),
                (sign * 40, -4, -140, 1.5),
                  (sign * 42, -3, -190, 1.5), (sign * 34, 2, -232, 1.5), (sign * 15, -25, -262, 1.5)]  # fmt: skip
        parts.append(
            Part(structure=f"{side} ureter", solid=frame.tube(points, breath=0.2, steps=3), tissue="renal_pelvis")
        )
    return tuple(parts)


_NODES = ((18, -12, -60), (-34, -10, -72), (-18, -34, -5), (0, -52, -90), (45, -20, -200), (-45, -20, -200))


def nodes(frame: Frame, rng: np.random.Generator) -> tuple[Part, ...]:
    """Small lymph nodes; short axis 4 ± 2 mm."""
    eggs = []
    for place in _NODES:
        short = float(np.clip(rng.normal(4, 1.5), 2, 7)) / 2
        moved = np.add(frame.at(place), rng.normal(0, 3, 3))
        way = rng.standard_normal(3)
        x, y, z = (float(value) for value in moved)
        eggs.append(Ellipsoid((x, y, z), (1.5 * short, short, short), (float(way[0]), float(way[1]), float(way[2]))))
    return (Part(structure="abdominal lymph nodes", solid=Union(tuple(eggs)), tissue="lymph_node"),)
