"""Organs of the pelvis by sex: bladder, prostate and seminal vesicles, or uterus and ovaries (reference adult,
mm)."""

from __future__ import annotations

from vesalius.virtual.anatomy.abdomen_frame import Frame, grown
from vesalius.virtual.anatomy.parts import Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Point, Tube, Union

__all__ = ["bladder", "pelvic_organs", "prostate_egg"]


def pelvic_organs(frame: Frame) -> tuple[Part, ...]:
    """Organs of the pelvis besides the bowel."""
    return (*bladder(frame), *(_male(frame) if frame.body.sex == "M" else _female(frame)))


def bladder(frame: Frame) -> tuple[Part, ...]:
    """Bladder wall and urine; a full one is rounder and rises, its floor stays."""
    low = -282 if frame.body.sex == "M" else -290
    factor = frame.size("bladder")
    centre: Point = (0, -48 if frame.body.sex == "M" else -56, low + 32 * factor)
    sac = frame.egg("bladder", centre, (42, 34, 32), exponent=2.0)
    thickness = 3.0 if factor > 0.9 else 4.0
    return (
        Part(structure="urinary bladder", solid=sac, tissue="bladder_wall"),
        Part(structure="urinary bladder lumen", solid=grown(sac, -thickness), tissue="urine"),
    )


def prostate_egg(frame: Frame) -> Ellipsoid:
    """The prostate below the bladder: its top stays there as it grows."""
    return frame.egg("prostate", (0, -30, -280 - 16 * frame.size("prostate")), (22, 14, 16))


def _male(frame: Frame) -> tuple[Part, ...]:
    parts = [Part(structure="prostate", solid=prostate_egg(frame), tissue="prostate")]
    for side, sign in (("left", 1), ("right", -1)):
        solid = frame.egg("", (sign * 18, -10, -270), (16, 6, 7), (0.9 * sign, 0.25, 0.3))
        parts.append(Part(structure=f"{side} seminal vesicle", solid=solid, tissue="seminal_vesicle"))
    return tuple(parts)


def _female(frame: Frame) -> tuple[Part, ...]:
    body = frame.egg("uterus", (0, -16, -232), (36, 25, 20), (0, -0.75, 0.66))
    cervix: Tube = frame.tube([(0, 0, -246, 12), (0, 8, -266, 10)], organ="uterus")
    lining = Ellipsoid(body.centre, (0.62 * body.axes[0], 0.5 * body.axes[1], 0.14 * body.axes[2]), body.direction)
    vagina = frame.tube([(0, 6, -270, 7), (0, -6, -305, 8)])
    parts = [
        Part(structure="vagina", solid=vagina, tissue="muscle"),
        Part(structure="uterus", solid=Union((body, cervix), 8.0), tissue="uterus"),
        Part(structure="endometrium", solid=lining, tissue="endometrium", within=("uterus",)),
    ]
    for side, sign in (("left", 1), ("right", -1)):
        solid = frame.egg(f"{side} ovary", (sign * 44, 0, -226), (16, 10, 9), (0.6 * sign, 0.3, 0.7))
        parts.append(Part(structure=f"{side} ovary", solid=solid, tissue="ovary"))
    return tuple(parts)
