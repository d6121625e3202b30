"""From a patient to a `Study` with its files: pictures, masks, truth, report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import vesalius
from vesalius.data.records import Finding, Image, Prior, Provenance, Region, Study, Text, TextRole
from vesalius.virtual.exams.base import exam
from vesalius.virtual.files import encode_nifti, encode_picture, encode_png, suffix_of
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Mark, Picture, box_of
from vesalius.virtual.preset import finding
from vesalius.virtual.text.languages import say
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.visits import study_name

__all__ = ["LICENCE", "MadeStudy", "findings_of", "make_study", "pictures_of"]

LICENCE = "CC0-1.0"
_ROLES: dict[str, TextRole] = {"report": "report", "caption": "caption", "summary": "summary", "query": "query"}
"""Roles of the forms of text; the others are notes."""


class MadeStudy(NamedTuple):
    """A study and the files that its records name, by relative path."""

    study: Study
    media: dict[str, bytes]


def pictures_of(patient: Patient, size: int | None = None) -> tuple[Picture, ...]:
    """Render all examinations of a patient, each at `size`, or at its own where none is given."""
    return tuple(picture for name in patient.exams for picture in exam(name).render(patient, size or exam(name).SIZE))


def make_study(patient: Patient, size: int | None = None, *, priors: Sequence[Patient] = ()) -> MadeStudy:
    """Render a patient and describe all that is known of the study.

    Names of files and studies are hashes; they tell nothing of the case.

    Args:
        patient: at one visit.
        size: rows of the pictures; each examination's own where none is given.
        priors: the patient at earlier visits, in order of time.
    """
    name = study_name(patient)
    folder = f"media/{name[:2]}/{name}"
    media: dict[str, bytes] = {}
    pictures = pictures_of(patient, size)
    images = tuple(_image(picture, f"{folder}-{picture.name}", media) for picture in pictures)
    regions = tuple(part for picture in pictures for part in _regions(picture, f"{folder}-{picture.name}", media))
    study = Study(
        id=name, patient=patient.id, images=images,
        texts=(*_texts(patient, priors[-1] if priors else None),
               *(text for picture in pictures for text in picture.texts)),
        findings=findings_of(patient), regions=regions,
        measurements=tuple(value for picture in pictures for value in picture.measurements),
        events=tuple(event for picture in pictures for event in picture.events),
        priors=tuple(Prior(study=study_name(prior), days_before=patient.day - prior.day) for prior in priors),
        age_years=float(round(patient.body.age_years)), sex=patient.body.sex, site=patient.site.name,
        provenance=Provenance(source="vesalius virtual patients", licence=LICENCE, virtual=True,
                              made_by=f"vesalius {vesalius.__version__} virtual seed {patient.seed}"),
    )  # fmt: skip
    return MadeStudy(study, media)


def _texts(patient: Patient, previous: Patient | None) -> list[Text]:
    """Write the forms that the population asks for; an empty section is left out."""
    found = []
    for asked in patient.texts:
        form, _, language = asked.partition(":")
        if form == "report" and language in ("", "en"):
            report = write_report(patient, previous=previous)
            found.append(Text(text=report.findings_text, role="findings"))
            found.append(Text(text=report.impression_text, role="impression"))
            continue
        sentences = say(form, patient, language or "en", previous=previous)
        joint = "" if language == "zh" else " "
        text = joint.join(sentence.text for sentence in sentences)
        found.append(Text(text=text, role=_ROLES.get(form, "note"), language=language or "en"))
    return [text for text in found if text.text]


def _image(picture: Picture, stem: str, media: dict[str, bytes]) -> Image:
    path = stem + suffix_of(picture)
    media[path] = encode_picture(picture)
    return Image(
        id=picture.name, path=path, modality=picture.modality, kind=picture.kind, shape=picture.shape,
        channels=picture.pixels.shape[-1] if picture.axes.endswith("C") else 1, spacing_mm=picture.spacing_mm,
        orientation=picture.orientation, origin_mm=picture.origin_mm, units=picture.units, view=picture.view,
        body_part=picture.body_part, laterality=picture.laterality, sequence=picture.sequence,
        frames_per_second=picture.frames_per_second,
    )  # fmt: skip


def findings_of(patient: Patient) -> tuple[Finding, ...]:
    """State every finding of the population, present (once a place) or absent: the truth, not the report."""
    stated = [_present(disease) for disease in patient.diseases]
    for concept in patient.asked:
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


def _regions(picture: Picture, stem: str, media: dict[str, bytes]) -> list[Region]:
    """Boxes, masks and points of what is marked; empty masks are left out."""
    marks = [mark for mark in picture.marks if mark.points or (mark.mask is not None and mark.mask.any())]
    frames: dict[int | None, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.mask is not None:
            frames[mark.frame].append(mark)
    places: dict[int, tuple[str, int]] = {}
    for frame, masked in frames.items():
        maps, values = _packed([mark.mask for mark in masked if mark.mask is not None])
        names = [f"{stem}{'' if frame is None else f'-f{frame}'}-{number}" for number in range(len(maps))]
        for path, labels in zip(names, maps, strict=True):
            media[path + _mask_suffix(labels)] = _encode_mask(labels, picture)
        for mark, (number, value) in zip(masked, values, strict=True):
            places[id(mark)] = names[number] + _mask_suffix(maps[number]), value
    return [region for mark in marks for region in _of_mark(mark, picture.name, places, _count(marks))]


def _count(marks: list[Mark]) -> dict[int, int]:
    """Number each marked finding among those of its concept, in order, unless the picture numbers them itself."""
    seen: dict[tuple[str, int | None], int] = defaultdict(int)
    numbers = {}
    for mark in marks:
        if mark.concept:
            numbers[id(mark)] = seen[mark.concept, mark.frame]
            seen[mark.concept, mark.frame] += 1
    return numbers


def _of_mark(mark: Mark, image: str, places: dict[int, tuple[str, int]], numbers: dict[int, int]) -> list[Region]:
    instance = mark.instance if mark.instance is not None else numbers.get(id(mark))
    about: dict[str, Any] = {"image": image, "concept": mark.concept, "anatomy": mark.anatomy, "instance": instance}
    if mark.mask is None:
        return [Region(kind="contour" if mark.contour else "points", points=mark.points, frame=mark.frame, **about)]
    path, value = places[id(mark)]
    flat, frame = _largest_slice(mark)
    return [
        Region(kind="box", box=box_of(flat), frame=frame, **about),
        Region(kind="mask", mask=path, mask_value=value, frame=mark.frame, **about),
    ]


def _largest_slice(mark: Mark) -> tuple[NDArray[np.bool_], int | None]:
    """Return the mask (H, W) and its frame; of a volume or clip the slice where it is largest."""
    mask = mark.mask
    assert mask is not None
    if mask.ndim == 2:
        return mask, mark.frame
    index = int(mask.sum(axis=(1, 2)).argmax())
    return mask[index], index


def _mask_suffix(labels: NDArray[np.uint8]) -> str:
    return ".png" if labels.ndim == 2 else ".nii.gz"


def _encode_mask(labels: NDArray[np.uint8], picture: Picture) -> bytes:
    if labels.ndim == 2:
        return encode_png(labels)
    return encode_nifti(labels, picture.spacing_mm, picture.origin_mm or (0.0, 0.0, 0.0))


def _packed(masks: list[NDArray[np.bool_]]) -> tuple[list[NDArray[np.uint8]], list[tuple[int, int]]]:
    """Pack masks into few label maps without overlap; return the maps, and for every mask its map and value."""
    maps: list[NDArray[np.uint8]] = []
    places: list[tuple[int, int]] = []
    used: list[int] = []
    for mask in masks:
        number = next((i for i, labels in enumerate(maps) if used[i] < 255 and not labels[mask].any()), len(maps))
        if number == len(maps):
            maps.append(np.zeros(mask.shape, np.uint8))
            used.append(0)
        used[number] += 1
        maps[number][mask] = used[number]
        places.append((number, used[number]))
    return maps, places
