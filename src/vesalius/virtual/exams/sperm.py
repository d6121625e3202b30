"""Semen under phase contrast: a clip of 24 frames of one field of 128 µm, with a track for every sperm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Measurement
from vesalius.virtual.cells.sperm import (
    CLASSES,
    FRAMES,
    FRAMES_PER_SECOND,
    SEMEN_UM,
    Semen,
    SemenDisease,
    Swarm,
    draw_semen,
    draw_swarm,
    film_swarm,
    head_outlines,
    track_speeds,
)
from vesalius.virtual.cells.stamp import paint_labels
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "measure_swarm", "render"]

REGION = "sperm"
SIZE = 256
_NAME = "clip"


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the clip of a patient's semen, frames of `size` × `size` pixels; 128 to 512."""
    size = sized(size, 128, 512)
    semen = draw_semen(patient)
    swarm = draw_swarm(semen, stream(patient.seed, patient.occasion, "exam", "sperm"))
    frames = film_swarm(swarm, size, stream(patient.seed, patient.occasion, "exam", "sperm", "film"))
    step = SEMEN_UM / size / 1000
    return (
        Picture(
            name=_NAME, modality="GM", pixels=frames, axes="TYX", units="display",
            spacing_mm=(float("nan"), step, step), body_part="SEMEN", sequence="phase contrast",
            frames_per_second=FRAMES_PER_SECOND,
            marks=_marks(patient, swarm, size), measurements=measure_swarm(swarm, semen),
        ),
    )  # fmt: skip


def _on_field(swarm: Swarm) -> NDArray[np.bool_]:
    """Which heads lie on the field in each frame, (T, N)."""
    return np.asarray(((swarm.track >= 0) & (swarm.track < SEMEN_UM)).all(axis=2), np.bool_)


def _marks(patient: Patient, swarm: Swarm, size: int) -> tuple[Mark, ...]:
    """The findings; every head as a point in each frame and as a mask in the first; class in the anatomy's words."""
    seen, scale = _on_field(swarm), size / SEMEN_UM
    marks = [Mark(concept=disease.concept, anatomy=disease.anatomy, instance=number)
             for number, disease in enumerate(patient.diseases) if isinstance(disease, SemenDisease)]  # fmt: skip
    numbers = {int(n): order for order, n in enumerate(np.flatnonzero(seen.any(axis=0)))}
    for frame in range(FRAMES):
        for n in np.flatnonzero(seen[frame]):
            x, y = (float(value) * scale for value in swarm.track[frame, n])
            marks.append(
                Mark(anatomy=f"{swarm.motion[n]} sperm", points=((x, y),), frame=frame, instance=numbers[int(n)])
            )
    labels = paint_labels(head_outlines(swarm, 0).scaled(scale), size)
    for n in np.flatnonzero(seen[0]):
        form = str(swarm.defect[n]) or "normal head"
        marks.append(Mark(anatomy=form, mask=labels == n + 1, frame=0, instance=numbers[int(n)]))
    return tuple(marks)


def measure_swarm(swarm: Swarm, semen: Semen) -> tuple[Measurement, ...]:
    """Count of the first frame, shares by class of motion in percent, speeds from the tracks without drift.

    Rapid is a measured straight-line speed of 25 µm/s and above, progressive 5 and above.
    Shares are of the sperm on the field in the first frame. The concentration is the sample's, not the field's count.
    """
    first = _on_field(swarm)[0]
    found = [
        _made("sperm count", float(first.sum()), "1"),
        _made("sperm concentration", semen.per_ml / 1e6, "10*6/mL"),
    ]
    if not first.any():
        return tuple(found)
    speeds = track_speeds(swarm.track)
    motile = first & (swarm.motion != CLASSES[3])
    ahead = first & (speeds.straight >= 5) & motile
    rapid = first & (speeds.straight >= 25) & motile
    found += [
        _made("total motility", 100 * float(motile.sum() / first.sum()), "%"),
        _made("progressive motility", 100 * float(ahead.sum() / first.sum()), "%"),
        _made("rapid progressive motility", 100 * float(rapid.sum() / first.sum()), "%"),
        _made("normal forms", 100 * float((swarm.defect[first] == "").mean()), "%"),
        _made("head length", float(swarm.length[first].mean()), "um"),
        _made("head width", float(swarm.width[first].mean()), "um"),
    ]
    if ahead.any():
        fast, straight = float(speeds.curvilinear[ahead].mean()), float(speeds.straight[ahead].mean())
        found += [_made("VCL", fast, "um/s"), _made("VSL", straight, "um/s"), _made("LIN", straight / fast, "1")]
    return tuple(found)


def _made(name: str, value: float, unit: str) -> Measurement:
    return Measurement(name=name, value=value, unit=unit, image=_NAME, anatomy="semen", source="virtual")
