"""A region of the body with the patient's diseases in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vesalius.virtual.anatomy.parts import Anatomy
from vesalius.virtual.seeds import stream

if TYPE_CHECKING:
    from vesalius.virtual.patient import Patient

__all__ = ["diseased"]

_REGIONS = {"chest": "thorax", "abdomen": "abdomen", "brain": "head"}
"""Anatomy that the diseases of a region show in."""


def diseased(anatomy: Anatomy, patient: Patient) -> Anatomy:
    """Return a healthy region changed by the diseases of its own region.

    First all organs are reshaped, those diseases last that must see what the others did; then lesions are painted in
    the patient's order. `Part.instance` is the disease's index in `patient.diseases`. Each disease has a stream of
    its own, named by its concept and its number among those of its concept.
    """
    shown = [
        (index, disease)
        for index, disease in enumerate(patient.diseases)
        if anatomy.region in (disease.region, _REGIONS.get(disease.region))
    ]
    for _, disease in sorted(shown, key=lambda pair: pair[1].late):
        anatomy = disease.reshape(anatomy)
    seen: dict[str, int] = {}
    for index, disease in shown:
        number = seen.setdefault(disease.concept, 0)
        seen[disease.concept] += 1
        rng = stream(patient.seed, patient.id, "parts", disease.concept, number)
        parts = disease.parts(anatomy, rng)
        anatomy = anatomy.painted(replace(part, instance=index) if part.concept else part for part in parts)
    return anatomy
