"""Scalp, skull, meninges, face, orbits and air spaces of the mean head, in order of painting."""

from __future__ import annotations

from vesalius.virtual.anatomy.head_shape import ball, mirrored, tube
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import (
    Block,
    Cut,
    Ellipsoid,
    HalfSpace,
    Hollow,
    Inset,
    Intersection,
    Lumpy,
    Solid,
    Union,
)

__all__ = ["CAVITY", "face_parts", "falx", "skull_parts", "tentorium"]

_SCALP_MM = 6.0
_SKULL_MM = 7.0
_SURFACE = Union((Ellipsoid((0, 15, 17), (78, 98, 76)), Ellipsoid((0, 58, -30), (68, 46, 42))), radius_mm=8)
"""Skin of the head without face and neck."""
_ANTERIOR_BASE = Block((0, -70, -66), (100, 59, 50.5), rounding_mm=4)
"""What lies below the floor of the anterior fossa, z -15.5, and in front of the middle fossae, y -11."""
_TEMPORAL_POLE = ball((42, 4, -18), (23.5, 43, 22))
_BASE = Cut(_ANTERIOR_BASE, (_TEMPORAL_POLE, mirrored(_TEMPORAL_POLE)))
CAVITY = Inset(_SURFACE, _SCALP_MM + _SKULL_MM)
"""What lies inside the dura, without the skull base."""


def _pair(name: str, solid: Solid, tissue: str) -> list[Part]:
    """Return a structure of the left and its mirror image."""
    return [
        Part(structure=f"left {name}", solid=solid, tissue=tissue),
        Part(structure=f"right {name}", solid=mirrored(solid), tissue=tissue),
    ]


def skull_parts() -> list[Part]:
    """Soft tissue of face and neck, then the layers of the vault down to the CSF."""
    layers = (
        ("scalp", 0.0, "skin"), ("scalp fat", 1.8, "fat"), ("skull", _SCALP_MM, "cortical_bone"),
        ("diploe", _SCALP_MM + 2, "spongy_bone"), ("inner table", _SCALP_MM + 5, "cortical_bone"),
    )  # fmt: skip
    parts = _soft_tissue()
    parts += [Part(structure=name, solid=Inset(_SURFACE, depth), tissue=tissue) for name, depth, tissue in layers]
    parts += [
        Part(structure="dura mater", solid=Cut(Inset(_SURFACE, CAVITY.depth_mm - 1), (_BASE,)), tissue="dura"),
        Part(structure="subarachnoid space", solid=Cut(CAVITY, (_BASE,)), tissue="csf"),
        Part(structure="sphenoid bone", solid=_sphenoid(), tissue="spongy_bone"),
        *_neck(),
    ]
    return [
        *parts,
        *_pair("petrous bone", tube((15, 11, -40, 8), (38, 28, -36, 10.5), (54, 40, -40, 12)), "cortical_bone"),
    ]


def _soft_tissue() -> list[Part]:
    balls = (
        ball((0, -34, -72), (58, 48, 62)), ball((0, -82, -52), (12, 18, 17)), ball((0, -56, -18), (52, 24, 22)),
        ball((0, 2, -48), (70, 58, 48)),
    )  # fmt: skip
    face = Union(balls, radius_mm=14)
    neck = tube((0, 44, -60, 62), (0, 40, -110, 56), (0, 40, -150, 56))
    soft = Union((face, neck), radius_mm=16)
    return [
        Part(structure="face", solid=soft, tissue="skin"),
        Part(structure="facial fat", solid=Inset(soft, 2.0), tissue="fat"),
        *_pair("auricle", ball((75, 30, -34), (4, 13, 27), (0.9, 0.35, 0)), "skin"),
        Part(structure="facial muscle", solid=Lumpy(Inset(soft, 10.0), 4.0, 26.0, seed=71), tissue="muscle"),
    ]


def _sphenoid() -> Solid:
    body = Block((0, -13, -45), (21, 13, 13), rounding_mm=5)
    clivus = tube((0, 3, -40, 7), (0, 12, -52, 6), (0, 20, -66, 6))
    dorsum = Block((0, 5, -33), (8, 2.2, 6), rounding_mm=2)
    sella = ball((0, -3, -34), (8.5, 7.0, 6.5))
    return Cut(Union((body, clivus, dorsum), radius_mm=3), (sella,))


def _neck() -> list[Part]:
    bodies = Union(
        (Block((0, 27, -92), (8, 8, 17), rounding_mm=4), Block((0, 30, -121), (8.5, 8, 10), rounding_mm=3))
    )
    canal = tube((0, 39, -55, 10), (0, 44, -72, 10), (0, 47, -100, 9), (0, 48, -140, 9))
    return [
        Part(structure="cervical spine", solid=bodies, tissue="spongy_bone"),
        Part(structure="spinal canal", solid=canal, tissue="csf"),
    ]


def falx(gap_mm: float) -> Solid:
    """Return the fold of dura between the hemispheres, above the corpus callosum."""
    plate = Block((0, 15, 30), (0.45, 88 - gap_mm, 50), rounding_mm=0.5)
    return Intersection(
        (plate, HalfSpace((0, -20, -16), (0.0, -0.25, -1.0)), Cut(plate, (ball((0, 6, 1), (9, 46, 34)),)))
    )


def tentorium() -> Solid:
    """Return the roof of the posterior fossa: a thin dome, open in front."""
    dome = Hollow(Ellipsoid((0, 62, -36), (62, 44, 33)), 1.0)
    return Intersection((dome, HalfSpace((0, 0, -12), (0, 0.12, -1)), HalfSpace((0, 36, 0), (0, -1, 0))))


def face_parts() -> list[Part]:
    """Return facial bones, orbits with globes, air spaces and jaw."""
    maxilla = Block((0, -50, -58), (36, 25, 28), rounding_mm=10)
    frontal = ball((14, -75, -2), (12, 6, 12))
    parts = [Part(structure="maxilla", solid=maxilla, tissue="spongy_bone")]
    parts += _jaw()
    parts += _pair("zygomatic bone", tube((36, -58, -46, 5), (52, -42, -48, 5), (62, -18, -48, 3), (64, 6, -46, 4)),
                   "cortical_bone")  # fmt: skip
    parts += _pair("temporalis muscle", ball((60, -22, -30), (6, 24, 30)), "muscle")
    parts += _pair("masseter muscle", ball((54, -22, -78), (8, 16, 24)), "muscle")
    parts += _orbits()
    parts += _air()
    parts += _pair("frontal sinus", frontal, "gas")
    return [*parts, *_mastoids()]


def _mastoids() -> list[Part]:
    left = ball((51, 42, -44), (10, 13, 16))
    return [
        Part(structure=f"{side} mastoid air cells", solid=Lumpy(solid, 2.5, 9.0, seed=seed), tissue="mastoid")
        for side, solid, seed in (("left", left, 5), ("right", mirrored(left), 6))
    ]


def _jaw() -> list[Part]:
    arch = tube((48, -5, -60, 5), (46, -16, -90, 8), (26, -60, -103, 8), (0, -76, -106, 9), (-26, -60, -103, 8),
                (-46, -16, -90, 8), (-48, -5, -60, 5))  # fmt: skip
    teeth = tube((28, -46, -88, 4), (22, -66, -88, 4), (0, -78, -88, 4), (-22, -66, -88, 4), (-28, -46, -88, 4))
    return [
        Part(structure="tongue", solid=ball((0, -42, -92), (24, 32, 14)), tissue="muscle"),
        Part(structure="mandible", solid=arch, tissue="cortical_bone"),
        Part(structure="teeth", solid=teeth, tissue="cortical_bone", score=3.0),
    ]


def _orbits() -> list[Part]:
    box = Block((30, -45, -31), (19, 27, 13.5), rounding_mm=9)
    cone = Union((ball((30, -49, -34), (21, 25, 17)), tube((28, -40, -34, 13), (12, -14, -26, 4)), box), radius_mm=6)
    other = Block((-30, -45, -31), (19, 27, 13.5), rounding_mm=9)
    right = Union((mirrored(cone.solids[0]), mirrored(cone.solids[1]), other), radius_mm=6)
    parts = [
        Part(structure="left orbit", solid=cone, tissue="fat"),
        Part(structure="right orbit", solid=right, tissue="fat"),
    ]
    for name, x, z in (("medial rectus", -11, 0), ("lateral rectus", 11, 0), ("superior rectus", 0, 10),
                       ("inferior rectus", 0, -10)):  # fmt: skip
        line = tube((32 + 0.9 * x, -54, -35 + 0.9 * z, 1.6), (30 + x, -44, -34 + z, 2.6), (15, -18, -28, 1.6))
        parts += _pair(name, line, "muscle")
    wall = ball((32, -57, -35), (12, 12, 12))
    parts += _pair("sclera", wall, "muscle")
    parts += _pair("globe", ball((32, -57, -35), (11, 11, 11)), "vitreous")
    parts += _pair("lens", ball((32, -65.5, -35), (4.7, 2.2, 4.7)), "lens")
    nerve = tube((31, -45.5, -34.5, 2.7), (24, -32, -31, 2.6), (11, -12, -21, 2.4))
    parts += _pair("optic nerve sheath", nerve, "csf")
    return [*parts, *_pair("optic nerve", tube((31, -45.5, -34.5, 1.8), (24, -32, -31, 1.8), (9, -10, -20, 1.9)),
                           "white_matter")]  # fmt: skip


def _air() -> list[Part]:
    ethmoid = ball((6.5, -46, -30), (6.5, 24, 14))
    parts = _pair("maxillary sinus", ball((26, -42, -56), (13, 16, 16)), "gas")
    for side, solid in (("left", ethmoid), ("right", mirrored(ethmoid))):
        parts.append(Part(structure=f"{side} ethmoid sinus", solid=Lumpy(solid, 1.2, 8.0, seed=9), tissue="mastoid"))
    parts += _pair("nasal cavity", ball((7, -55, -58), (5, 30, 18)), "gas")
    parts.append(Part(structure="sphenoid sinus", solid=ball((0, -17, -43), (11, 9, 8)), tissue="gas"))
    parts.append(Part(structure="nasopharynx", solid=tube((0, -8, -70, 8), (0, 0, -90, 8), (0, 2, -120, 8)),
                      tissue="gas"))  # fmt: skip
    return parts
