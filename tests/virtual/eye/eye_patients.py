"""Eyes with known diseases for the tests of this folder."""

from __future__ import annotations

from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream

CONCEPTS = (
    "age_related_macular_degeneration", "cataract", "diabetic_retinopathy", "epiretinal_membrane", "glaucoma",
    "hypertensive_retinopathy", "macular_hole", "macular_oedema", "myopic_fundus", "retinal_vein_occlusion",
)  # fmt: skip


def healthy(number: int) -> Patient:
    """Patient `number` without disease."""
    return draw_patient(31, number, preset="fundus").having(())


def drawn(concept: str, number: int) -> tuple[Disease, ...]:
    """Diseases of one concept as patient `number` would have them."""
    return finding(concept).draw(stream(7, concept, number), Case(healthy(number).body, ()))


def eye_with(concept: str, number: int) -> Patient:
    """Patient `number` with one finding only."""
    return healthy(number).having(drawn(concept, number))
