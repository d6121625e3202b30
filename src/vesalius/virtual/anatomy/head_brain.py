"""Brain, ventricles, glands and vessels of the mean head, in order of painting."""

from __future__ import annotations

import numpy as np

from vesalius.virtual.anatomy.head_cortex import Cerebellum, Cerebrum
from vesalius.virtual.anatomy.head_shape import HeadShape, Knot, ball, mirrored, tube
from vesalius.virtual.anatomy.head_skull import falx, tentorium
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Block, Cut, Inset, Intersection, Point, Solid, Tube, Union, waves

__all__ = [
    "ARTERIES", "artery", "bent", "brain_parts", "dura_parts", "knots_of", "lateral_ventricle", "vessel_parts",
]  # fmt: skip

_VENTRICLE: tuple[Knot, ...] = (
    (12.0, -25.0, 6.0, 3.3), (9.5, -12.0, 14.0, 3.9), (10.0, 4.0, 20.5, 4.0), (14.0, 24.0, 20.0, 4.4),
    (22.0, 42.0, 13.0, 6.2), (22.0, 56.0, 8.0, 4.0), (22.0, 66.0, 4.0, 2.4),
)  # fmt: skip
_AT_SEPTUM: tuple[tuple[float, float, float], ...] = (
    (-25.0, 5.5, 3.4), (-14.0, 12.0, 3.7), (0.0, 17.5, 3.3), (14.0, 20.0, 2.4),
)  # fmt: skip
"""y, z and radius of the part of the ventricle that touches the septum pellucidum."""
_TEMPORAL_HORN: tuple[Knot, ...] = ((22.0, 42.0, 11.0, 4.5), (30.0, 34.0, -5.0, 2.2), (33.0, 16.0, -14.0, 1.9))


def _paired(name: str, solid: Solid, tissue: str) -> list[Part]:
    return [
        Part(structure=f"left {name}", solid=solid, tissue=tissue),
        Part(structure=f"right {name}", solid=mirrored(solid), tissue=tissue),
    ]


def brain_parts(shape: HeadShape) -> list[Part]:
    """Return the brain from its surface inwards, then what lies in and at it."""
    return [*_surfaces(shape), *_stem(), *_deep(shape), *_ventricles(shape), *_glands(shape)]


def dura_parts(shape: HeadShape) -> list[Part]:
    """Return the folds of dura."""
    return [
        Part(structure="falx cerebri", solid=falx(shape.gap_mm), tissue="dura"),
        Part(structure="tentorium cerebelli", solid=tentorium(), tissue="dura"),
    ]


def _surfaces(shape: HeadShape) -> list[Part]:
    cerebrum = Cerebrum(shape.gap_mm, shape.sulcus_mm, shape.fold_seed)
    cerebellum = Cerebellum(0.35 + 0.35 * shape.sulcus_mm, shape.fold_seed, 0.35 * max(0.0, shape.gap_mm - 1.9))
    return [
        Part(structure="cerebellar cortex", solid=cerebellum, tissue="grey_matter"),
        Part(structure="cerebellar white matter", solid=Inset(cerebellum, 2.1), tissue="white_matter"),
        Part(structure="cerebral cortex", solid=cerebrum, tissue="grey_matter"),
        Part(structure="cerebral white matter", solid=Inset(cerebrum, shape.cortex_mm), tissue="white_matter"),
    ]


def _stem() -> list[Part]:
    midbrain = Union((tube((0, 24, 0, 10), (0, 23, -14, 12.5)), tube((9, 17, -4, 6), (7, 18, -17, 6)),
                      tube((-9, 17, -4, 6), (-7, 18, -17, 6))), radius_mm=3)  # fmt: skip
    medulla = tube((0, 30, -38, 10.5), (0, 36, -52, 7.5), (0, 42, -68, 6.2), (0, 46, -100, 6.0))
    peduncle = tube((11, 28, -28, 6.5), (19, 40, -31, 6.5), (24, 52, -33, 5))
    return [
        Part(structure="medulla oblongata", solid=medulla, tissue="brainstem"),
        Part(structure="midbrain", solid=midbrain, tissue="brainstem"),
        *_paired("middle cerebellar peduncle", peduncle, "white_matter"),
        Part(structure="pons", solid=ball((0, 23.5, -28), (17, 12.5, 13)), tissue="brainstem"),
    ]


def _deep(shape: HeadShape) -> list[Part]:
    arc = tube(
        (0, -18, -2, 2.5), (0, -28, 5, 4.6), (0, -17, 18.5, 3.6), (0, 10, 26, 3), (0, 36, 17, 5.4), (0, 40, 12, 5.0)
    )
    lines = ((0, 0.0), (7, 0.4), (-7, 0.4), (14, 1.6), (-14, 1.6))
    arcs = (Tube(tuple((x, y, z + lift) for _, y, z in arc.points), arc.radii) for x, lift in lines)
    wide = Union(tuple(arcs), radius_mm=2)
    capsule = Union((Block((18.5, -8, 6), (2.2, 13, 13), (0.88, -0.47, 0)),
                     Block((20.5, 14, 6), (2.4, 14, 13), (0.85, 0.53, 0))), radius_mm=3)  # fmt: skip
    caudate = tube((14.5, -16, 4, 6.6), (16, -6, 15, 5.6), (19, 10, 21, 3.8), (22, 24, 20, 2.8))
    parts = [
        Part(structure="corpus callosum", solid=wide, tissue="white_matter"),
        Part(structure="left internal capsule", solid=capsule, tissue="white_matter"),
        Part(structure="right internal capsule", solid=_mirrored_union(capsule), tissue="white_matter"),
        *_paired("putamen", ball((26.8, -1, 3), (5.0, 17, 12.6), (0.97, 0.24, 0)), "striatum"),
        *_paired("globus pallidus", ball((20.6, 2, 1), (4.0, 10.2, 9.0), (0.93, 0.37, 0)), "pallidum"),
        *_paired("caudate nucleus", caudate, "striatum"),
        *_paired("thalamus", ball((11.2, 17, 7.5), (9.1, 15.8, 10.8), (0.95, -0.3, 0)), "thalamus"),
        *_paired("amygdala", ball((23, 1, -18), (8.2, 7.6, 7.4)), "grey_matter"),
    ]  # fmt: skip
    knots: tuple[Knot, ...] = ((23, 11, -20, 6.3), (28, 19, -18, 6.0), (30, 28, -13, 5.2), (28, 37, -4, 4.2))
    for side, sign, factor in (("left", 1, shape.hippocampus[1]), ("right", -1, shape.hippocampus[0])):
        solid = tube(*((sign * x, y, z, r * factor) for x, y, z, r in knots))
        parts.append(Part(structure=f"{side} hippocampus", solid=solid, tissue="grey_matter"))
    return parts


def _mirrored_union(solid: Union) -> Union:
    halves = []
    for block in solid.solids:
        assert isinstance(block, Block)
        x, y, z = block.direction
        halves.append(Block((-block.centre[0], *block.centre[1:]), block.half, (-x, y, z), block.rounding_mm))
    return Union(tuple(halves), solid.radius_mm)


def lateral_ventricle(shape: HeadShape, side: str) -> Solid:
    """Return one lateral ventricle; its radii follow the root of its volume, and a wide one moves outwards."""
    factor = shape.ventricle_radius * shape.horn[side == "left"]
    sign = 1 if side == "left" else -1
    spread = 0.3 * (factor - 1)
    main = [(sign * (x + spread * r), y, z + 0.35 * spread * r, r * factor) for x, y, z, r in _VENTRICLE]
    # Atrophy of the hippocampus leaves room for the temporal horn.
    horn = factor**0.5 * (1 + 2.2 * max(0.0, 1 - shape.hippocampus[side == "left"]))
    temporal = [(sign * x, y, z, r * horn) for x, y, z, r in _TEMPORAL_HORN]
    medial = [(sign * (0.6 + r * factor), y, z, r * factor) for y, z, r in _AT_SEPTUM]
    return Union((tube(*main), tube(*medial), tube(*temporal)), radius_mm=7.0)


def _ventricles(shape: HeadShape) -> list[Part]:
    parts = []
    for side, sign in (("left", 1), ("right", -1)):
        solid = lateral_ventricle(shape, side)
        parts.append(Part(structure=f"{side} lateral ventricle", solid=solid, tissue="csf"))
        plexus = tube((sign * 19, 30, 17, 1.6), (sign * 22, 41, 12, 2.6), (sign * 24, 40, 5, 2.0))
        parts.append(Part(structure=f"{side} choroid plexus", solid=plexus, tissue="choroid_plexus"))
    half = shape.third_mm / 2
    aqueduct = tube((0, 28, -5, 0.9), (0, 33, -12, 0.9), (0, 38, -20, 1.0))
    fourth = Cut(ball((0, 44, -31), (7.5, 7, 11)), (ball((0, 23.5, -28), (17, 12.5, 13)),))
    septum = Block((0, -6, 13), (0.6, 20, 9), rounding_mm=0.5)
    callosum_below = ball((0, 6, 0), (30, 41, 24))
    return [
        *parts,
        Part(structure="septum pellucidum", solid=Intersection((septum, callosum_below)), tissue="white_matter"),
        *([Part(structure="cavum septi pellucidi", solid=ball((0, -10, 13), (1.8, 10, 5)), tissue="csf")]
          if shape.cavum else []),
        Part(structure="third ventricle", solid=ball((0, 14, -1), (half, 14, 10)), tissue="csf"),
        Part(structure="cerebral aqueduct", solid=aqueduct, tissue="csf"),
        Part(structure="fourth ventricle", solid=fourth, tissue="csf"),
    ]  # fmt: skip


def _glands(shape: HeadShape) -> list[Part]:
    height = shape.pituitary_mm / 2
    stalk = tube((0, -2.5, -38 + 2 * height, 1.2), (0, 1, -17, 1.3))
    pineal = ball((0, 32, 2), (3.2, 3.8, 2.8))
    parts = [
        *_paired("cavernous sinus", tube((13, -10, -36, 4.5), (13.5, 4, -36, 4.5)), "vein"),
        Part(structure="pituitary gland", solid=ball((0, -3, -38 + height), (6.3, 5, height)), tissue="pituitary"),
        Part(structure="pituitary stalk", solid=stalk, tissue="pituitary"),
        Part(structure="optic chiasm", solid=tube((9, -10, -20, 1.9), (0, -3, -17.5, 2.2), (-9, -10, -20, 1.9)),
             tissue="white_matter"),
        *_paired("optic tract", tube((2, -2, -17, 1.8), (11, 6, -14, 1.8), (17, 18, -8, 1.6)), "white_matter"),
        Part(structure="pineal gland", solid=pineal, tissue="pineal"),
    ]  # fmt: skip
    if shape.pineal_calcified:
        parts.append(Part(structure="pineal gland", solid=Inset(pineal, 1.4), tissue="calcification"))
    return parts


ARTERIES: dict[str, tuple[Knot, ...]] = {
    "internal carotid artery": ((22, 20, -90, 2.4), (22, 14, -62, 2.3), (15, 2, -42, 2.2), (11, -6, -35, 2.1),
                                (10, -4, -25, 2.0), (11, -3, -18, 1.9)),
    "middle cerebral artery": ((11, -3, -18, 1.5), (22, -5, -17, 1.4), (33, -6, -14, 1.3), (39, 2, -6, 1.1),
                               (40, 16, 2, 0.9), (46, 32, 8, 0.7)),
    "anterior cerebral artery": ((11, -3, -18, 1.2), (4, -12, -13, 1.1), (2, -30, -4, 1.0), (1.8, -37, 12, 0.9),
                                 (1.8, -20, 30, 0.8), (1.8, 6, 36, 0.6)),
    "posterior cerebral artery": ((0, 9, -19, 1.3), (10, 12, -16, 1.1), (18, 22, -13, 1.0), (22, 36, -9, 0.9),
                                  (14, 60, -6, 0.7)),
    "vertebral artery": ((16, 36, -90, 1.7), (12, 34, -70, 1.7), (7, 24, -58, 1.6), (0, 14, -47, 1.6)),
    "basilar artery": ((0, 14, -47, 1.7), (0, 9.5, -34, 1.6), (0, 9, -19, 1.6)),
}  # fmt: skip
"""Centre lines and radii, of the left where there are two."""
_BRANCHES: dict[str, tuple[tuple[Knot, ...], ...]] = {
    "middle cerebral artery": (
        ((39, 2, -6, 1.0), (44, -12, 4, 0.9), (52, -20, 22, 0.8), (54, -22, 38, 0.7)),
        ((40, 16, 2, 0.9), (50, 12, 18, 0.8), (56, 14, 36, 0.7)),
        ((46, 32, 8, 0.7), (52, 48, 16, 0.7), (48, 62, 24, 0.6)),
        ((36, 0, -12, 0.9), (44, 14, -12, 0.8), (54, 30, -12, 0.7)),
    ),
    "anterior cerebral artery": (((2, -30, -4, 0.8), (2, -50, 2, 0.7), (2, -58, 20, 0.6)),
                                 ((1.8, -37, 12, 0.8), (2, -40, 36, 0.7), (2, -24, 52, 0.6))),
    "posterior cerebral artery": (((22, 36, -9, 0.8), (30, 52, -8, 0.7), (34, 70, -2, 0.6)),
                                  ((14, 60, -6, 0.7), (10, 78, 2, 0.6), (10, 88, 10, 0.6))),
}  # fmt: skip
"""Of the left."""
_SINUSES: dict[str, tuple[Knot, ...]] = {
    "superior sagittal sinus": ((0, -66, 24, 2), (0, -46, 60, 2.5), (0, 0, 78, 3), (0, 50, 72, 3.5), (0, 92, 40, 4),
                                (0, 100, 6, 4)),
    "straight sinus": ((0, 44, 12, 2), (0, 70, 8, 2.2), (0, 98, 2, 2.6)),
    "right transverse sinus": ((0, 98, 2, 4), (-34, 84, -12, 4), (-56, 58, -22, 4.2), (-50, 44, -34, 4.2),
                               (-34, 36, -58, 4)),
    "left transverse sinus": ((0, 98, 2, 3.2), (34, 84, -12, 3.2), (56, 58, -22, 3.4), (50, 44, -34, 3.4),
                              (34, 36, -58, 3.2)),
}  # fmt: skip


def bent(point: Point, shape: HeadShape) -> Point:
    """Return where a point of an artery lies in a person: up to about 3 mm away; near points move together."""
    place = tuple(np.array([value], np.float32) for value in point)
    off = [1.8 * waves(*place, wavelength_mm=38.0, seed=shape.artery_seed + axis)[0] for axis in range(3)]
    x, y, z = (float(value + step) for value, step in zip(point, off, strict=True))
    return (x, y, z)


def knots_of(structure: str, shape: HeadShape) -> tuple[Knot, ...]:
    """Centre line of the trunk of an artery of the catalogue, "left middle cerebral artery" or "basilar artery"."""
    side, _, name = structure.partition(" ")
    known = ARTERIES.get(name)
    return _personal(known or ARTERIES[structure], 1 if known is None or side == "left" else -1, shape)


def _personal(knots: tuple[Knot, ...], sign: int, shape: HeadShape) -> tuple[Knot, ...]:
    return tuple((*bent((sign * x, y, z), shape), r * shape.artery) for x, y, z, r in knots)


def artery(structure: str, shape: HeadShape, trunk: tuple[Knot, ...] | None = None) -> Solid:
    """Return an artery of the catalogue with its branches, and another trunk where one is given."""
    side, _, name = structure.partition(" ")
    sign = 1 if side == "left" else -1
    branches = [tube(*_personal(branch, sign, shape)) for branch in _BRANCHES.get(name, ())]
    main = tube(*(trunk or knots_of(structure, shape)))
    return Union((main, *branches)) if branches else main


def vessel_parts(shape: HeadShape) -> list[Part]:
    """Return the circle of Willis with its feeders and branches, and the venous sinuses, which lie in the dura."""
    parts = [
        Part(structure=f"{side} {name}", solid=artery(f"{side} {name}", shape), tissue="artery")
        for name in ARTERIES if name != "basilar artery" for side in ("left", "right")
    ]  # fmt: skip
    parts.append(Part(structure="basilar artery", solid=artery("basilar artery", shape), tissue="artery"))
    for name, knots in _SINUSES.items():
        parts.append(Part(structure=name, solid=tube(*knots), tissue="vein", fixed=True))
    return parts
