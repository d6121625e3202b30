"""From a patient to a `Study` with its files: picture, masks, truth, report."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import vesalius
from vesalius.data.records import Finding, Image, Provenance, Region, Study, Text
from vesalius.virtual.film import Film, render
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.measurements import anatomy_masks, box_of, measure
from vesalius.virtual.narrative import write_report
from vesalius.virtual.patient import Patient
from vesalius.virtual.presets import finding, finding_names
from vesalius.virtual.radiograph import encode_png
from vesalius.virtual.seeds import identifier

__all__ = ["LICENCE", "MadeStudy", "findings_of", "make_study"]

LICENCE = "CC0-1.0"
_IMAGE = "cxr"


class MadeStudy(NamedTuple):
    """A study and the files that its records name, by relative path."""

    study: Study
    media: dict[str, bytes]


def make_study(patient: Patient, size: int = 256) -> MadeStudy:
    """Render a patient and describe all that is known of the study.

    Names of files and studies are hashes; they tell nothing of the case.
    """
    film = render(patient, size)
    name = identifier(patient.seed, patient.id, "study", length=16)
    folder = f"media/{name[:2]}/{name}"
    media = {f"{folder}.png": encode_png(film.pixels)}
    regions = _regions(film, folder, media)
    report = write_report(patient)
    study = Study(
        id=name, patient=patient.id, images=(_image(film, f"{folder}.png"),),
        texts=(Text(text=report.findings_text, role="findings"),
               Text(text=report.impression_text, role="impression")),
        findings=findings_of(patient), regions=regions, measurements=measure(film, patient.diseases, _IMAGE),
        age_years=float(round(patient.body.age_years)), sex=patient.body.sex, site=patient.site.name,
        provenance=Provenance(source="vesalius virtual patients", licence=LICENCE, virtual=True,
                              made_by=f"vesalius {vesalius.__version__} virtual seed {patient.seed}"),
    )  # fmt: skip
    return MadeStudy(study, media)


def _image(film: Film, path: str) -> Image:
    spacing = float(film.camera.spacing_mm)
    return Image(
        id=_IMAGE, path=path, modality="DX", shape=film.pixels.shape, spacing_mm=(spacing, spacing), units="display",
        view="PA", body_part="CHEST",
    )  # fmt: skip


def findings_of(patient: Patient) -> tuple[Finding, ...]:
    """State every finding that can be drawn, present (once a place) or absent: the truth, not the report."""
    stated = [_present(disease) for disease in patient.diseases]
    for concept in finding_names():
        if concept not in patient.concepts:
            stated.append(Finding(concept=concept, status="absent", code=finding(concept).code, source="virtual"))
    normal = "present" if not patient.diseases else "absent"
    stated.append(Finding(concept="no_finding", status=normal, source="virtual"))  # type: ignore[arg-type]
    return tuple(stated)


def _present(disease: Disease) -> Finding:
    seen = "plain" if disease.visibility > 6 else "subtle" if disease.visibility >= 3 else "hardly visible"
    return Finding(
        concept=disease.concept, status="present", anatomy=disease.anatomy, laterality=disease.laterality,
        severity=disease.severity, attributes=tuple(sorted({**disease.attributes, "visibility": seen}.items())),
        code=disease.code, source="virtual",
    )  # fmt: skip


def _regions(film: Film, folder: str, media: dict[str, bytes]) -> tuple[Region, ...]:
    """Boxes and masks of findings, then of organs. Empty regions are left out."""
    parts = [(region.concept, region.anatomy, region.mask) for region in film.regions]
    parts += [("", anatomy.replace("_", " "), mask) for anatomy, mask in anatomy_masks(film)._asdict().items()]
    parts = [part for part in parts if part[2].any()]
    maps, places = _packed([mask for _, _, mask in parts])
    for number, labels in enumerate(maps):
        media[f"{folder}-{number}.png"] = encode_png(labels)
    regions: list[Region] = []
    count: dict[str, int] = defaultdict(int)
    for (concept, anatomy, mask), (number, value) in zip(parts, places, strict=True):
        instance = count[concept] if concept else None
        count[concept] += 1
        regions.append(
            Region(image=_IMAGE, kind="box", concept=concept, anatomy=anatomy, box=box_of(mask), instance=instance)
        )
        regions.append(
            Region(image=_IMAGE, kind="mask", concept=concept, anatomy=anatomy, mask=f"{folder}-{number}.png",
                   mask_value=value, instance=instance)
        )  # fmt: skip
    return tuple(regions)


def _packed(masks: list[NDArray[np.bool_]]) -> tuple[list[NDArray[np.uint8]], list[tuple[int, int]]]:
    """Pack masks into few label maps without overlap; return the maps, and for every mask its map and value."""
    maps: list[NDArray[np.uint8]] = []
    places: list[tuple[int, int]] = []
    for mask in masks:
        number = next((i for i, labels in enumerate(maps) if not labels[mask].any()), len(maps))
        if number == len(maps):
            maps.append(np.zeros(mask.shape, np.uint8))
        value = int(maps[number].max()) + 1
        maps[number][mask] = value
        places.append((number, value))
    return maps, places
