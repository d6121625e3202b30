"""The skeleton of abdomen and pelvis: vertebrae with discs and canal, lower ribs, pelvis (reference adult, mm)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vesalius.virtual.anatomy.abdomen_frame import Frame, grown
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Solid, Tube, Union

__all__ = ["SPINE", "skeleton"]

SPINE: dict[str, tuple[float, float]] = {
    "T9": (98, 36), "T10": (71, 33), "T11": (43, 30), "T12": (14, 25), "L1": (-16, 19), "L2": (-51, 13),
    "L3": (-87, 8), "L4": (-123, 7), "L5": (-158, 10),
}  # fmt: skip
"""Height z and depth y of the centres of the vertebral bodies, reference adult."""
_VERTEBRA = {
    "T9": (17.5, 13.0, 10.5), "T10": (18.5, 14.0, 11.0), "T11": (19.5, 15.0, 11.5), "T12": (20.5, 16.0, 12.5),
    "L1": (22.0, 16.5, 13.0), "L2": (23.0, 17.0, 13.5), "L3": (24.0, 17.5, 13.5), "L4": (25.0, 18.0, 13.5),
    "L5": (26.0, 18.0, 13.0),
}  # fmt: skip
"""Half width, half depth, half height."""
_RIBS = {8: 136.0, 9: 140.0, 10: 141.0, 11: 139.0, 12: 128.0}
"""Half width of the cage at each rib, outside."""


def skeleton(frame: Frame) -> tuple[Part, ...]:
    """Vertebrae with discs and canal, ribs, sacrum, hip bones and femora."""
    parts: list[Part] = []
    for side, sign in (("left", 1), ("right", -1)):
        for number, half in _RIBS.items():
            parts += _bone(f"{side} rib {number}", _rib(frame, number, half, sign), 1.4)
    parts += _discs(frame)
    for name in SPINE:
        parts += _vertebra(frame, name)
    parts += _pelvis(frame)
    parts.append(Part(structure="spinal canal", solid=_canal(frame), tissue="csf"))
    cord = [(0, y + 26, z, 4.5) for name, (z, y) in SPINE.items() if name < "L2" or name > "T"]
    parts.append(Part(structure="spinal cord", solid=frame.tube(cord[:5], steps=2), tissue="spinal_cord"))
    return tuple(parts)


def _bone(name: str, solid: Solid, cortex_mm: float) -> list[Part]:
    """Cortex with spongy bone inside; the structure of both is the bone."""
    return [
        Part(structure=name, solid=grown(solid, 0.0), tissue="cortical_bone"),
        Part(structure=name, solid=grown(solid, -cortex_mm), tissue="spongy_bone"),
    ]


def _rib(frame: Frame, number: int, half: float, sign: int) -> Tube:
    z, y = SPINE[f"T{number}"] if number > 8 else (124, 38)
    drop = 85
    start, back = y + 14, y + 44
    knots = [(22, start, z, 4.3), (52, back + 8, z - 2, 4.3), (half * 0.82, y + 34, z - 0.25 * drop, 4.3)]
    if number < 12:
        knots.append((half, y - 12, z - 0.55 * drop, 4.2))
    if number < 11:
        knots += [(half * 0.93, -58, z - 0.9 * drop, 4.2), (half * 0.62, -90, z - drop, 3.8)]
    return frame.tube([(sign * x, depth, height, radius) for x, depth, height, radius in knots])


def _vertebra(frame: Frame, name: str) -> list[Part]:
    z, y = SPINE[name]
    wide, deep, high = _VERTEBRA[name]
    body = frame.egg("", (0, y, z), (wide, deep, high), exponent=4.0)
    back = y + deep + 10
    arch = frame.tube([(-13, back - 9, z + 4, 4.5), (-14, back + 2, z, 4), (0, back + 12, z - 4, 5),
                       (14, back + 2, z, 4), (13, back - 9, z + 4, 4.5)])  # fmt: skip
    spine = frame.tube([(0, back + 12, z - 4, 4.5), (0, back + 30, z - 12, 4.5)], steps=2)
    wings = frame.tube(
        [(-42, back + 2, z, 3.5), (-13, back - 1, z, 5), (13, back - 1, z, 5), (42, back + 2, z, 3.5)], steps=2
    )
    behind = Union((arch, spine, wings))
    return [*_bone(f"vertebra {name}", behind, 2.0), *_bone(f"vertebra {name}", body, 1.3)]


def _discs(frame: Frame) -> list[Part]:
    """Discs fill the column between the bodies, a little narrower than these."""
    knots = [(0.0, y, z, 0.88 * _VERTEBRA[name][1]) for name, (z, y) in SPINE.items()] + [(0.0, 21.0, -190.0, 15.0)]
    left = frame.tube([(x + 6, y, z, r) for x, y, z, r in knots], steps=2)
    right = frame.tube([(x - 6, y, z, r) for x, y, z, r in knots], steps=2)
    return [Part(structure="intervertebral discs", solid=Union((left, right)), tissue="disc")]


def _canal(frame: Frame) -> Tube:
    points = [(0, y + _VERTEBRA[name][1] + 9, z, 8.0) for name, (z, y) in SPINE.items()]
    return frame.tube([*points, (0, 38, -195, 7.0), (0, 55, -225, 4.0)], steps=2)


def _pelvis(frame: Frame) -> list[Part]:
    hips = 1.02 if frame.body.sex == "F" else 1.0

    def wide(points: Sequence[Sequence[float]]) -> list[tuple[float, ...]]:
        return [(point[0] * hips, *point[1:]) for point in points]

    sacrum = Union((
        frame.egg("", (0, 24, -196), (54, 17, 19), exponent=2.5), frame.egg("", (0, 42, -220), (40, 13, 20)),
        frame.tube([(0, 45, -225, 13), (0, 55, -250, 10), (0, 50, -275, 6), (0, 44, -285, 4)]),
    ), 6.0)  # fmt: skip
    parts = _bone("sacrum", sacrum, 1.6)
    for side, sign in (("left", 1), ("right", -1)):
        lines = (*_plate(_WING), *_HIP)
        hip = Union(tuple(frame.tube([(sign * p[0], *p[1:]) for p in wide(line)], steps=2) for line in lines))
        head = frame.egg("", (sign * 90 * hips, -12, -250), (24, 24, 24))
        if frame.body.sex == "F":
            head = Ellipsoid(head.centre, (21.5, 21.5, 21.5))
        neck = frame.tube(wide([(sign * 90, -12, -250, 15), (sign * 125, -5, -285, 16), (sign * 128, -3, -340, 15)]))
        parts += _bone(f"{side} hip bone", hip, 1.8)
        parts.append(Part(structure=f"{side} hip joint", solid=grown(head, 3.0), tissue="cartilage"))
        parts += _bone(f"{side} femur", Union((head, neck), 5.0), 2.0)
    return parts


def _plate(lines: Sequence[Sequence[Sequence[float]]]) -> list[list[tuple[float, ...]]]:
    """Lines between lines of equally many knots, so close that tubes along them make a plate."""
    knots = np.asarray(lines, float)
    place = np.linspace(0, len(knots) - 1, 6 * len(knots) - 5)
    low = np.minimum(place.astype(int), len(knots) - 2)
    share = (place - low)[:, None, None]
    found = knots[low] * (1 - share) + knots[low + 1] * share
    return [[tuple(float(v) for v in knot) for knot in line] for line in found]


_WING = (
    # From the sacro-iliac joint to the front, crest first: x, y, z, radius.
    ((58, 36, -142, 6), (90, 26, -132, 5), (112, 4, -136, 5), (122, -28, -152, 6), (121, -62, -186, 7)),
    ((48, 40, -172, 8), (76, 24, -165, 4.5), (98, 4, -163, 4), (114, -22, -172, 5), (118, -58, -192, 6)),
    ((50, 42, -200, 8), (72, 24, -195, 4.5), (92, 4, -192, 4.5), (108, -22, -196, 5), (110, -46, -204, 6)),
    ((60, 36, -222, 8), (74, 20, -222, 7), (86, 6, -220, 8), (98, -10, -218, 8), (104, -28, -218, 8)),
)
_HIP = (
    ((70, 22, -238, 9), (76, 10, -245, 9), (82, -12, -240, 9), (96, -34, -232, 8)),
    (
        (70, 12, -255, 9),
        (72, -6, -256, 7),
        (84, -40, -250, 9),
        (66, -56, -262, 8),
        (35, -75, -275, 8),
        (5, -80, -283, 8),
    ),
    ((74, 14, -255, 12), (80, 18, -285, 13), (68, 20, -325, 14)),
    ((66, 14, -325, 10), (45, -30, -312, 7), (20, -66, -298, 7), (5, -78, -288, 7)),
)
"""Rim of the socket, pubis and ischium."""
