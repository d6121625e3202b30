"""Ultrasound of the upper abdomen: liver, gallbladder, and both kidneys with liver and spleen beside them.

The probe's place is drawn for each patient; then, as an operator does, it is moved to where the most of the organ
is seen between ribs and bowel gas, on the healthy body, so that it tells nothing of any disease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Measurement
from vesalius.virtual.anatomy.abdomen import build_abdomen
from vesalius.virtual.anatomy.abdomen_lesions import FocalLesion
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import mask_of
from vesalius.virtual.anatomy.parts import Anatomy
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture
from vesalius.virtual.seeds import stream
from vesalius.virtual.ultrasound import Echo, Probe, convert, insonate, sector_size_mm

__all__ = ["REGION", "SIZE", "STRUCTURES", "VIEWS", "probe_of", "render"]

REGION = "abdomen"
SIZE = 256
STRUCTURES = (
    "liver", "gallbladder", "spleen", "pancreas", "left kidney", "right kidney", "left renal sinus",
    "right renal sinus", "abdominal aorta", "inferior vena cava", "portal vein", "hepatic veins",
    "portal vein branches", "common bile duct", "stomach", "diaphragm",
)  # fmt: skip
_SIZES = (64, 768)
_STONES = ("gallstones", "kidney_stone")
_BLOCKING = (
    *(f"{side} rib {number}" for side in ("left", "right") for number in (8, 9, 10, 11, 12)), "ascending colon gas",
    "transverse colon gas", "descending colon gas", "stomach gas", "left lung", "right lung",
)  # fmt: skip


@dataclass(frozen=True)
class _View:
    """A standard view, for the reference adult: what it aims at and from where."""

    target: str
    """Structure whose middle the middle line points at."""
    inwards: tuple[float, float, float]
    across: tuple[float, float, float]
    """Rough directions; the second is made perpendicular to the first."""
    depth_mm: float
    offset_mm: tuple[float, float, float]
    """From the middle of the target's box to where the middle line points."""


VIEWS = {
    "liver": _View("liver", (-0.35, 0.70, 0.60), (1.0, 0.2, 0.1), 160.0, (-30, 0, 5)),
    "gallbladder": _View("gallbladder", (-0.1, 0.95, 0.25), (0.35, 0.1, -1.0), 130.0, (0, 0, 0)),
    "right-kidney": _View("right renal sinus", (0.90, -0.32, 0.0), (0.0, 0.1, -1.0), 135.0, (0, 0, 12)),
    "left-kidney": _View("left renal sinus", (-0.90, -0.36, 0.0), (0.0, 0.2, -1.0), 135.0, (0, 0, 22)),
}
"""Views by name of their picture."""


def _probe(anatomy: Anatomy, view: _View, turn: NDArray[np.float64], aim: NDArray[np.float64], probe: Probe) -> Probe:
    """Put the probe on the skin so that its middle line passes through a point."""
    inwards = np.asarray(view.inwards) + turn[:3]
    inwards /= np.linalg.norm(inwards)
    across = np.asarray(view.across) + turn[3:]
    across -= (across @ inwards) * inwards
    across /= np.linalg.norm(across)
    skin = anatomy.solid("skin")
    way = np.arange(0.0, 320.0, 1.0)
    x, y, z = (aim[:, None] - inwards[:, None] * way).astype(np.float32)
    outside = np.flatnonzero(skin.distance(x, y, z) > -3.0)
    start = aim - inwards * way[outside[0] if len(outside) else -1]
    return replace(probe, centre=_point(start), inwards=_point(inwards), across=_point(across))


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def probe_of(patient: Patient, healthy: Anatomy, name: str) -> Probe:
    """Return the probe of a view: drawn, then moved to the best of some windows."""
    view = VIEWS[name]
    rng = stream(patient.seed, patient.occasion, "exam", "abdomen_ultrasound", "probe", name)
    low, high = healthy.solid(view.target).bounds
    how = Probe(
        centre=(0, 0, 0), inwards=(0, 1, 0), across=(1, 0, 0), frequency_mhz=float(rng.choice([3.0, 3.5, 4.0])),
        sector_deg=float(rng.uniform(60, 70)), depth_mm=view.depth_mm * float(rng.uniform(0.92,
                1.1)) + 0.9 * healthy.body.fat_mm[0],
        gain_db=float(rng.uniform(4, 10)), compensation=float(rng.uniform(0.47, 0.55)),
                focus_mm=float(rng.uniform(60, 100)),
    )  # fmt: skip
    turn = rng.normal(0, 0.06, 6)
    aim = (low + high) / 2 + view.offset_mm + rng.normal(0, 5, 3)
    probes = []
    for slide, roll, tilt in np.vstack([np.zeros((1, 3)), rng.uniform(-1, 1, (11, 3))]):
        moved = turn + np.array([0, 0.22 * roll, 0.25 * tilt, 0, 0, 0])
        probes.append(_probe(healthy, view, moved, aim + np.array([0, 0, 16 * slide]), how))
    return max(probes, key=lambda probe: _shown(healthy, probe, view.target))


def _shown(anatomy: Anatomy, probe: Probe, target: str) -> float:
    """Share of the sector that shows a structure, not behind ribs, lung or gas; the body's warp is left out."""
    angle = np.linspace(-probe.half_angle, probe.half_angle, 24)
    depth = np.arange(4.0, probe.depth_mm, 5.0)
    radius = probe.radius_mm + depth[:, None]
    aside, down = radius * np.sin(angle), radius * np.cos(angle) - probe.radius_mm
    points = [
        np.float32(c) + aside.astype(np.float32) * np.float32(a) + down.astype(np.float32) * np.float32(i)
        for c, a, i in zip(probe.centre, probe.across, probe.inwards, strict=True)
    ]
    hit = np.zeros(aside.shape, np.bool_)
    low, high = (np.array([edge(part) for part in points]) for edge in (np.min, np.max))
    for name in _BLOCKING:
        if name in anatomy.structures:
            solid = anatomy.solid(name)
            if (solid.bounds.low < high).all() and (solid.bounds.high > low).all():
                hit |= solid.distance(*points) < 1.5
    inside = anatomy.solid(target).distance(*points) < 0
    return float((inside & ~np.maximum.accumulate(hit, axis=0)).mean())


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render all views of a patient, `size` × `size` pixels."""
    sized(size, *_SIZES)
    healthy = build_abdomen(patient)
    anatomy = diseased(healthy, patient)
    pictures = []
    for name in VIEWS:
        rng = stream(patient.seed, patient.occasion, "exam", "abdomen_ultrasound", "noise", name)
        echo = insonate(anatomy, probe_of(patient, healthy, name), rng)
        pictures.append(_picture(patient, echo, name, size))
    return tuple(pictures)


def _picture(patient: Patient, echo: Echo, name: str, size: int) -> Picture:
    probe = echo.probe
    spacing = max(sector_size_mm(probe)) / size
    pixels = np.rint(255 * convert(echo.grey, probe, size)).astype(np.uint8)
    marks = _marks(patient, echo, size)
    return Picture(
        name=name, modality="US", pixels=pixels, axes="YX", units="display", spacing_mm=(spacing, spacing), view=name,
        body_part="ABDOMEN", laterality="left" if name.startswith("left") else "right", marks=marks,
        measurements=_measurements(patient, marks, spacing, name),
    )  # fmt: skip


def _marks(patient: Patient, echo: Echo, size: int) -> tuple[Mark, ...]:
    def mask(lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return convert(lines, echo.probe, size) > 0

    sampled, found = echo.sampled, []
    for concept, number in sorted({(concept, number) for concept, number, _ in sampled.lesions}):
        shown = mask(sampled.lesion(concept, number)[0])
        if shown.any():
            anatomy = patient.diseases[number].anatomy
            found.append(Mark(concept=concept, anatomy=anatomy, mask=shown, instance=number))
    for structure in STRUCTURES:
        shown = mask(mask_of(sampled, structure)[0])
        if shown.any():
            found.append(Mark(anatomy=structure, mask=shown))
    return tuple(found)


def _measurements(
    patient: Patient, marks: tuple[Mark, ...], spacing_mm: float, image: str
) -> tuple[Measurement, ...]:
    """Longest diameter on the picture of each lump and stone; what is diffuse has none."""
    found = []
    for mark in marks:
        if mark.instance is None or mark.mask is None:
            continue
        if isinstance(patient.diseases[mark.instance], FocalLesion) or mark.concept in _STONES:
            found.append(
                Measurement(name=f"{mark.concept}_diameter", value=round(_longest(mark.mask, spacing_mm), 3),
                        unit="mm",
                            image=image, anatomy=mark.anatomy, source="virtual geometry")
            )  # fmt: skip
    return tuple(found)


def _longest(mask: NDArray[np.bool_], spacing_mm: float) -> float:
    rows, columns = np.nonzero(mask)
    angle = np.pi / 90 * np.arange(90)[:, None]
    along = np.cos(angle) * columns + np.sin(angle) * rows
    return float((along.max(axis=1) - along.min(axis=1)).max() + 1) * spacing_mm
