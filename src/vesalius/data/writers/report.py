"""DICOM SR: measurements and findings of a study as a measurement report (PS3.16 TID 1500).

Measurements of one image, part and side are one measurement group (TID 1501); a finding is a group of its own,
with its presence, severity and attributes as qualitative evaluations. The report is complete and unverified:
nobody has signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vesalius
from vesalius.data.records import Finding, Measurement, Study
from vesalius.data.writers.codes import PRIVATE, coded, coded_finding, coded_site, status_code, unit_code
from vesalius.data.writers.finish import MAKER, VIRTUAL, building, identity, moment_of, saved, settled
from vesalius.data.writers.source import Source
from vesalius.data.writers.uids import uid_of
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["write_report"]

_PRESENCE = "Presence"
_PROCEDURES = {
    "CT": "CTUnspecifiedBodyRegion", "MR": "MRIUnspecifiedBodyRegion", "PT": "PETUnspecifiedBodyRegion",
    "NM": "NMUnspecifiedBodyRegion", "CR": "XRUnspecifiedBodyRegion", "DX": "XRUnspecifiedBodyRegion",
}  # fmt: skip
"""Keywords of PS3.16 CID 100 by modality."""


def write_report(
    study: Study, sources: Mapping[str, Source], path: str | Path, *, when: datetime | None = None
) -> Path:
    """Write the measurements and findings of a study as one structured report.

    Args:
        study: its texts and regions are not written.
        sources: series of each image of the study, by image id; at least one.
        path: file to write; the same study and sources give the same bytes.
        when: moment of making; that of the source's study where it is not stated.

    Raises:
        DataError: nothing to report, or an image that a measurement names has no source.
    """
    highdicom = require("highdicom", purpose="writing a DICOM structured report")
    if not sources:
        raise DataError(f"study {study.id!r}: no source image; a report needs the images that it rests on")
    with building(Path(path)):
        groups = [*_measured_groups(highdicom, study, sources), *_finding_groups(highdicom, study)]
    if not groups:
        raise DataError(f"study {study.id!r} has neither measurements nor findings; there is nothing to report")
    evidence = [dataset for source in sources.values() for dataset in source.datasets]
    first = next(iter(sources.values()))
    content = highdicom.sr.MeasurementReport(
        observation_context=_observer(highdicom),
        procedure_reported=_procedures([str(source.first.get("Modality", "")) for source in sources.values()]),
        imaging_measurements=groups,
    )
    known = identity(first.first, "SR", repr((study.measurements, study.findings)))
    with building(Path(path)):
        dataset = highdicom.sr.ComprehensiveSR(
            evidence=evidence,
            content=content,
            is_complete=True,
            **known,
            coding_schemes=[_private_scheme()],
            series_description=VIRTUAL if first.virtual else "Measurement report",
        )
    return saved(settled(dataset, moment=moment_of(first.first, when)), Path(path))


def _measured_groups(highdicom: Any, study: Study, sources: Mapping[str, Source]) -> Iterator[Any]:
    """Yield a measurement group for every image, part and side."""
    grouped: dict[tuple[str, str, Any], list[Measurement]] = {}
    for measurement in study.measurements:
        key = (measurement.image, measurement.anatomy, measurement.laterality)
        grouped.setdefault(key, []).append(measurement)
    for (image, anatomy, laterality), measurements in grouped.items():
        if image and image not in sources:
            raise DataError(f"study {study.id!r}: image {image!r}, which was measured, has no source series")
        sites = [_site(highdicom, anatomy, laterality)] if anatomy else None
        label = (anatomy if anatomy.startswith(laterality) else f"{laterality} {anatomy}").strip() or "study"
        reference = [_measured_image(highdicom, study, image, anatomy, sources[image])] if image else None
        yield highdicom.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(highdicom, study, "measured", image, label),
            finding_sites=sites,
            source_images=reference,
            measurements=[
                highdicom.sr.Measurement(name=coded(one.name), value=one.value, unit=unit_code(one.unit))
                for one in measurements
            ],
        )


def _finding_groups(highdicom: Any, study: Study) -> Iterator[Any]:
    for number, finding in enumerate(study.findings):
        evaluations = [(_PRESENCE, status_code(finding.status))]
        if finding.severity:
            evaluations.append(("severity", coded(finding.severity)))
        evaluations += [(name, coded(value)) for name, value in finding.attributes]
        label = finding.concept.replace("_", " ")
        sites = [_site(highdicom, finding.anatomy, finding.laterality)] if finding.anatomy else None
        yield highdicom.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=_tracking(highdicom, study, "finding", str(number), label),
            finding_type=coded_finding(finding),
            finding_sites=sites,
            qualitative_evaluations=[
                highdicom.sr.QualitativeEvaluation(name=coded(name), value=value)
                for name, value in (*evaluations, *_side_alone(finding))
            ],
        )


def _side_alone(finding: Finding) -> list[tuple[str, Any]]:
    """A side without a part has no finding site to modify and is stated as an evaluation."""
    from vesalius.data.writers.codes import side_code

    side = side_code(finding.laterality)
    return [("laterality", side)] if side is not None and not finding.anatomy else []


def _site(highdicom: Any, anatomy: str, laterality: Any) -> Any:
    part, side = coded_site(anatomy, laterality)
    return highdicom.sr.FindingSite(anatomic_location=part, laterality=side)


def _tracking(highdicom: Any, study: Study, *parts: str) -> Any:
    return highdicom.sr.TrackingIdentifier(uid=uid_of(study.id, *parts), identifier=parts[-1])


def _measured_image(highdicom: Any, study: Study, image: str, anatomy: str, source: Source) -> Any:
    """Refer to the slice where the part is largest, as its box says, else to the middle of the series."""
    boxes = (
        region.frame
        for region in study.regions
        if region.image == image and region.box is not None and region.frame is not None and region.anatomy == anatomy
    )
    slices = source.grid.shape[0]
    place = next((frame for frame in boxes if 0 <= frame < slices), slices // 2)
    dataset, frame = source.instance(place)
    return highdicom.sr.SourceImageForMeasurementGroup(
        referenced_sop_class_uid=dataset.SOPClassUID,
        referenced_sop_instance_uid=dataset.SOPInstanceUID,
        referenced_frame_numbers=[frame] if frame is not None else None,
    )


def _observer(highdicom: Any) -> Any:
    from pydicom.sr.codedict import codes

    device = highdicom.sr.DeviceObserverIdentifyingAttributes(
        uid=uid_of(MAKER, vesalius.__version__), name=MAKER, manufacturer_name=MAKER, model_name=MAKER
    )
    return highdicom.sr.ObservationContext(
        observer_device_context=highdicom.sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _procedures(modalities: Sequence[str]) -> list[Any]:
    """Return the procedure of every modality: that of CID 100 where it has one, else an imaging procedure."""
    from pydicom.sr.codedict import codes

    found = []
    for modality in dict.fromkeys(modalities):
        keyword = _PROCEDURES.get(modality)
        found.append(getattr(codes.cid100, keyword) if keyword else codes.SCT.ImagingProcedure)
    return list(dict.fromkeys(found))


def _private_scheme() -> Dataset:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    scheme: Dataset = CodingSchemeIdentificationItem(
        designator=PRIVATE, name="Names of concepts of Vesalius records", responsible_organization=MAKER
    )
    return scheme
