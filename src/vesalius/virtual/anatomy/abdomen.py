"""Abdomen and pelvis of a person: everything from the domes of the diaphragm to the floor of the pelvis.

Paint order: skin, fat, muscle and the cavity's fat; muscles of the back; bone; lungs, heart and diaphragm; liver and
spleen; kidneys; bowel; pancreas and adrenals; pelvis; ducts and vessels. What is painted later takes room of what
was painted before.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vesalius.virtual.anatomy import (
    abdomen_bones,
    abdomen_bowel,
    abdomen_organs,
    abdomen_pelvis,
    abdomen_vessels,
    abdomen_wall,
)
from vesalius.virtual.anatomy.abdomen_frame import Frame, draw_frame
from vesalius.virtual.anatomy.parts import Anatomy, Part, Warp
from vesalius.virtual.anatomy.scores import tissue_scores
from vesalius.virtual.anatomy.solids import Bounds
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["assemble", "build_abdomen", "extent"]

_WARP_MM = 3.0


def build_abdomen(patient: Patient) -> Anatomy:
    """Return the healthy abdomen of a patient; it never depends on the diseases."""
    frame = draw_frame(patient)
    warp = Warp(patient.seed, patient.id, _WARP_MM)
    rng = stream(patient.seed, patient.id, "abdomen", "contents")
    return assemble(frame, rng, warp=warp, scores=tissue_scores(patient))


def assemble(
    frame: Frame, rng: np.random.Generator, *, warp: Warp | None = None, scores: Mapping[str, float] | None = None
) -> Anatomy:
    """Put the parts together in order of painting.

    Args:
        frame: of the body; see `draw_frame` and `mean_frame`.
        rng: for what has no fixed place: loops and contents of bowel, nodes, plaques.
        warp: smooth deformation of the whole.
        scores: deviations of tissues.
    """
    parts: tuple[Part, ...] = (
        *abdomen_wall.body_wall(frame), *abdomen_wall.muscles(frame), *abdomen_bones.skeleton(frame),
        *abdomen_wall.lung_bases(frame), *abdomen_organs.liver(frame), *abdomen_vessels.hepatic_vessels(frame),
        *abdomen_organs.spleen(frame), *abdomen_organs.kidneys(frame), *abdomen_bowel.colon(frame, rng),
        *abdomen_bowel.stomach(frame), *abdomen_bowel.small_bowel(frame, rng), *abdomen_organs.pancreas(frame),
        *abdomen_organs.adrenals(frame), *abdomen_pelvis.pelvic_organs(frame), *abdomen_organs.biliary(frame),
        *abdomen_vessels.ureters(frame), *abdomen_vessels.mesenteric_branches(frame, rng),
                *abdomen_vessels.nodes(frame, rng), *abdomen_vessels.vessels(frame),
        *abdomen_vessels.calcifications(frame, rng),
    )  # fmt: skip
    return Anatomy("abdomen", frame.body, parts, warp, scores or {})


def extent(anatomy: Anatomy) -> Bounds:
    """Box of an examination of abdomen and pelvis: from above the right dome to below the symphysis, skin
    included."""
    skin = anatomy.solid("skin").bounds
    dome = anatomy.solid("diaphragm").bounds
    stature = anatomy.body.stature
    low = np.array([skin.low[0], skin.low[1], -322 * stature])
    high = np.array([skin.high[0], skin.high[1], float(dome.high[2]) + 14])
    return Bounds(low, high)
