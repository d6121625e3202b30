"""CT of abdomen and pelvis: a volume in HU with masks of organs, segments and lesions, and measurements."""

from __future__ import annotations

import numpy as np

from vesalius.virtual import ct
from vesalius.virtual.anatomy.abdomen import build_abdomen, extent
from vesalius.virtual.anatomy.abdomen_measures import measure_abdomen
from vesalius.virtual.anatomy.diseased import diseased
from vesalius.virtual.anatomy.marks import lesion_marks, structure_marks
from vesalius.virtual.anatomy.parts import Anatomy, Grid
from vesalius.virtual.exams.base import sized
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture
from vesalius.virtual.seeds import stream

__all__ = ["REGION", "SIZE", "STRUCTURES", "protocol_of", "render", "scanned"]

REGION = "abdomen"
SIZE = 128
STRUCTURES = (
    "liver", "segment I", "segment II", "segment III", "segment IV", "segment V", "segment VI", "segment VII",
    "segment VIII", "gallbladder", "common bile duct", "spleen", "pancreas", "pancreas head", "pancreas body",
    "pancreas tail", "pancreatic duct", "left kidney", "right kidney", "left adrenal gland", "right adrenal gland",
    "left ureter", "right ureter", "stomach", "duodenum", "small bowel", "colon", "caecum", "ascending colon",
    "transverse colon", "descending colon", "sigmoid colon", "rectum", "appendix", "urinary bladder", "prostate",
    "left seminal vesicle", "right seminal vesicle", "uterus", "left ovary", "right ovary", "abdominal aorta",
    "inferior vena cava", "portal vein", "splenic vein", "superior mesenteric vein", "superior mesenteric artery",
    "coeliac artery", "left common iliac artery", "right common iliac artery", "hepatic veins", "left psoas muscle",
    "right psoas muscle", "left erector spinae muscle", "right erector spinae muscle", "vertebra L1", "vertebra L2",
    "vertebra L3", "vertebra L4", "vertebra L5", "sacrum", "left hip bone", "right hip bone", "left femur",
    "right femur", "left lung", "right lung", "subcutaneous fat", "visceral fat",
)  # fmt: skip
"""Structures whose masks go with the volume, where they lie in it."""
_NAME = "ct"
_SIZES = (32, 384)
_PHASES = {"portal": 0.70, "native": 0.10, "arterial": 0.12, "late": 0.08}


def protocol_of(patient: Patient, anatomy: Anatomy, size: int) -> ct.Protocol:
    """Return how the patient is scanned: by chance and the site's habits, before any disease.

    Args:
        patient: only its seed, id, site and acquisition count.
        anatomy: the healthy abdomen, for the field of view.
        size: slices, rows and columns.
    """
    rng = stream(patient.seed, patient.occasion, "exam", "abdomen_ct", "protocol")
    low, high = extent(anatomy)
    margin = rng.uniform(10, 45)
    field = float(max(high[0] - low[0], high[1] - low[1]) + margin)
    top, bottom = float(high[2] + rng.uniform(-8, 10)), float(low[2] + rng.uniform(-6, 6))
    centre = (low + high) / 2 + rng.normal(0, 4, 3)
    step, pixel = (top - bottom) / size, field / size
    first = (
        float(centre[0] - pixel * (size - 1) / 2),
        float(centre[1] + 15 - pixel * (size - 1) / 2),
        bottom + step / 2,
    )
    phase = list(_PHASES)[int(rng.choice(len(_PHASES), p=np.array(list(_PHASES.values()))))]
    kernel = "standard" if rng.random() < 0.75 else "smooth"
    return ct.Protocol(
        grid=Grid((size, size, size), (step, pixel, pixel), first), phase=phase, kernel=kernel,
        ctdi_mgy=float(rng.uniform(8, 15)) * patient.acquisition.dose,
        slice_mm=min(step * float(rng.uniform(1.0, 1.5)), ct.THICKEST_MM),
    )  # fmt: skip


def scanned(patient: Patient, size: int) -> tuple[Anatomy, ct.Scan]:
    """Return the patient's abdomen with its diseases, and the scan of it."""
    healthy = build_abdomen(patient)
    anatomy = diseased(healthy, patient)
    noise = stream(patient.seed, patient.occasion, "exam", "abdomen_ct", "noise")
    return anatomy, ct.scan(anatomy, protocol_of(patient, healthy, size), noise)


def render(patient: Patient, size: int = SIZE) -> tuple[Picture, ...]:
    """Render the scan of a patient, `size` slices, rows and columns."""
    anatomy, scan = scanned(patient, sized(size, *_SIZES))
    grid = scan.protocol.grid
    marks = (*lesion_marks(scan.sampled, patient.diseases), *structure_marks(scan.sampled, STRUCTURES))
    return (
        Picture(
            name=_NAME, modality="CT", pixels=scan.volume, axes="ZYX", units="HU", spacing_mm=grid.spacing_mm,
            origin_mm=grid.origin_mm, view="axial", body_part="ABDOMEN", sequence=scan.protocol.phase, marks=marks,
            measurements=measure_abdomen(anatomy, scan, patient.diseases, _NAME),
        ),
    )  # fmt: skip
