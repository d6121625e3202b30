"""From DICOM objects to records of a study: regions, measurements, findings and texts.

Masks are packed into few label maps; whoever calls writes them (NIfTI for volumes, PNG for pictures) and hands
their paths to the records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.objects.codes import SNOMED, Code, concept_name, laterality_of
from vesalius.data.readers.objects.grid import Grid
from vesalius.data.readers.objects.report import FINDING, Context, Evaluation, Measured, Report
from vesalius.data.readers.objects.segmentation import Segment, Segmentation
from vesalius.data.readers.objects.structures import StructureSet, rasterise
from vesalius.data.records import Finding, Measurement, Region, Status, Text, TextRole

__all__ = [
    "MaskPlace",
    "ObjectRecords",
    "PackedMasks",
    "pack_segments",
    "pack_structures",
    "report_records",
    "segmentation_records",
    "structure_records",
]

SOURCE = "dicom"
_MAX_VALUE = 255
# Categories whose segments are normal parts (PS3.16 CID 7150); all others speak of a finding.
_PARTS = {
    ("123037004", "SCT"), ("91723000", "SCT"), ("T-D0050", "SRT"), ("85756007", "SCT"), ("T-D000A", "SRT"),
    ("91720002", "SCT"), ("A-00004", "SRT"),
}  # fmt: skip
_ROLES: tuple[tuple[str, TextRole], ...] = (
    ("impression", "impression"), ("conclusion", "impression"), ("finding", "findings"),
    ("comparison", "comparison"), ("indication", "indication"), ("history", "indication"),
    ("summary", "summary"),
)  # fmt: skip
_STATUS: dict[str, Status] = {
    "52101004": "present", "272519000": "absent", "2667000": "absent", "373068000": "uncertain",
    "82334004": "uncertain", "G-A203": "present", "G-A206": "absent",
}  # fmt: skip
"""SNOMED CT (and the older SNOMED-RT) codes of present, absent and undetermined (PS3.16 CID 240)."""


class MaskPlace(NamedTuple):
    """Label map and value that hold one mask."""

    map: int
    value: int


class PackedMasks(NamedTuple):
    """Label maps, (slices, rows, columns) each, and where each numbered mask is; masks that overlap are in
    different maps."""

    maps: tuple[NDArray[np.uint8], ...]
    places: dict[int, MaskPlace]


class ObjectRecords(NamedTuple):
    """Records for a `Study`."""

    regions: tuple[Region, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
    texts: tuple[Text, ...] = ()
    left_out: tuple[str, ...] = ()
    """What no record holds, with the reason."""


def pack_segments(segmentation: Segmentation) -> PackedMasks:
    """Pack the segments that are not empty into label maps; fractional ones are cut at a half."""
    return _packed({segment.number: segmentation.mask(segment.number) for segment in segmentation.segments})


def pack_structures(structures: StructureSet, grid: Grid) -> PackedMasks:
    """Rasterise the structures with closed contours and pack them into label maps."""
    closed = [one for one in structures.structures if any(part.kind.startswith("CLOSED") for part in one.contours)]
    return _packed({one.number: rasterise(one, grid) for one in closed})


def segmentation_records(
    segmentation: Segmentation, *, image: str, paths: Sequence[str], places: Mapping[int, MaskPlace]
) -> ObjectRecords:
    """Return a region for every segment that has a mask.

    Args:
        segmentation: as read.
        image: id of the study's image that was segmented.
        paths: where the label maps of `pack_segments` were written.
        places: of the same.
    """
    regions, left_out = [], []
    for segment in segmentation.segments:
        if segment.number not in places:
            left_out.append(f"segment {segment.number} ({segment.label!r}) is empty")
            continue
        place = places[segment.number]
        concept, anatomy = _meaning(segment)
        regions.append(
            Region(
                image=image, kind="mask", concept=concept, anatomy=anatomy, mask=paths[place.map],
                mask_value=place.value,
            )
        )  # fmt: skip
    return ObjectRecords(regions=tuple(regions), left_out=tuple(left_out))


def structure_records(
    structures: StructureSet, *, image: str, grid: Grid, paths: Sequence[str], places: Mapping[int, MaskPlace]
) -> ObjectRecords:
    """Return a region for every structure with a mask, and points in voxels for those of points.

    Args:
        structures: as read.
        image: id of the study's image that was drawn on.
        grid: of that image.
        paths: where the label maps of `pack_structures` were written.
        places: of the same.
    """
    regions, left_out = [], []
    for one in structures.structures:
        points = [contour.points_mm for contour in one.contours if contour.kind == "POINT"]
        about: dict[str, Any] = {"image": image, "anatomy": one.name}
        if one.number in places:
            place = places[one.number]
            regions.append(Region(kind="mask", mask=paths[place.map], mask_value=place.value, **about))
        elif points:
            index = grid.locate(np.concatenate(points))[:, ::-1]
            regions.append(Region(kind="points", points=tuple(map(tuple, index.tolist())), **about))
        else:
            left_out.append(f"structure {one.number} ({one.name!r}) has no closed contour and no point")
    return ObjectRecords(regions=tuple(regions), left_out=tuple(left_out))


def report_records(report: Report, *, images: Mapping[str, str]) -> ObjectRecords:
    """Return measurements, findings and texts of a report.

    Args:
        report: as read.
        images: id of the study's image for each SOP instance UID that the report may refer to.
    """
    findings, left_out = _findings(report)
    texts = [
        Text(text=passage.text, role=_role(passage.heading), language=report.language or "en")
        for passage in report.passages
    ]
    return ObjectRecords(
        measurements=tuple(_measurement(one, images) for one in report.measurements),
        findings=findings,
        texts=tuple(texts),
        left_out=left_out,
    )


def _findings(report: Report) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return a finding for every finding code, with the evaluations of its group, and what is no finding."""
    groups: dict[Context, list[Evaluation]] = {}
    findings, left_out = [], []
    for evaluation in report.evaluations:
        if evaluation.context.finding is not None:
            groups.setdefault(evaluation.context, []).append(evaluation)
        elif evaluation.concept.same((FINDING.value, FINDING.scheme)):
            findings.append(_finding(evaluation.value, evaluation.context, ()))
        else:
            left_out.append(f"{evaluation.concept.meaning}: {evaluation.value.meaning}")
    for context, evaluations in groups.items():
        if context.finding is not None:
            findings.append(_finding(context.finding, context, evaluations))
    return tuple(findings), tuple(left_out)


def _finding(code: Code, context: Context, evaluations: Sequence[Evaluation]) -> Finding:
    status: Status = "present"
    severity = ""
    attributes = []
    for evaluation in evaluations:
        if evaluation.concept.same((FINDING.value, FINDING.scheme)):
            continue
        name, value = concept_name(evaluation.concept.meaning), evaluation.value.meaning.casefold()
        if evaluation.value.value in _STATUS:
            status = _STATUS[evaluation.value.value]
        elif name == "severity":
            severity = value
        else:
            attributes.append((name, value))
    return Finding(
        concept=concept_name(code.meaning),
        status=status,
        anatomy=_site(context),
        laterality=context.laterality,
        severity=severity,
        attributes=tuple(sorted(attributes)),
        code=code.value if code.scheme in SNOMED else "",
        source=SOURCE,
    )


def _measurement(measured: Measured, images: Mapping[str, str]) -> Measurement:
    context = measured.context
    known = (images[found.instance_uid] for found in context.references if found.instance_uid in images)
    return Measurement(
        name=concept_name(measured.concept.meaning),
        value=measured.value,
        unit=measured.unit.value,
        image=next(known, ""),
        anatomy=_site(context),
        laterality=context.laterality,
        source=SOURCE,
    )


def _site(context: Context) -> str:
    return context.site.meaning.casefold() if context.site is not None else ""


def _role(heading: Code | None) -> TextRole:
    meaning = heading.meaning.casefold() if heading is not None else ""
    return next((role for word, role in _ROLES if word in meaning), "report")


def _meaning(segment: Segment) -> tuple[str, str]:
    """Return concept and anatomy of a segment: a normal part has an anatomy only."""
    name = segment.type.meaning if segment.type is not None and segment.type.meaning else segment.label
    side = next((side for code in segment.modifiers if (side := laterality_of(code))), "")
    if segment.category is not None and (segment.category.value, segment.category.scheme) in _PARTS:
        return "", f"{side} {name.casefold()}".strip()
    return concept_name(name), f"{side} {segment.anatomy[0].meaning.casefold() if segment.anatomy else ''}".strip()


def _packed(masks: Mapping[int, NDArray[np.bool_]]) -> PackedMasks:
    maps: list[NDArray[np.uint8]] = []
    used: list[int] = []
    places = {}
    for number, mask in masks.items():
        if not mask.any():
            continue
        free = (index for index, labels in enumerate(maps) if used[index] < _MAX_VALUE and not labels[mask].any())
        index = next(free, len(maps))
        if index == len(maps):
            maps.append(np.zeros(mask.shape, np.uint8))
            used.append(0)
        used[index] += 1
        maps[index][mask] = used[index]
        places[number] = MaskPlace(index, used[index])
    return PackedMasks(tuple(maps), places)
