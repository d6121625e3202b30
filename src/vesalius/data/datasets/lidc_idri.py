"""LIDC-IDRI: chest CT as DICOM series with the nodules that four radiologists outlined, in one XML file a series.

A study is a CT series, its image the folder of the series; radiographs of the release (their XML has another root)
are passed over. Every outline is a contour on its slice, with the reader's nodule as instance; its pixels are the
first ones OUTSIDE the nodule. An outline with ``inclusion`` FALSE is a hole. A nodule below 3 mm is one point
without characteristics, and what a reader marked and takes for no nodule is a point, too. The ratings of each
nodule and reader are a finding, by the numbers of the release. Nodules of different readers are not joined: the
release does not join them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._virtual import masks, pixels, union
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.series import find_volumes
from vesalius.data.records import Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["ABOUT", "RATINGS", "TWIN", "read", "write"]

ABOUT = About(
    title="LIDC-IDRI", slug="lidc_idri", licence="CC BY 3.0",
    access="It is open: download the CT series and the XML annotations from The Cancer Imaging Archive",
    home="https://www.cancerimagingarchive.net/collection/lidc-idri/",
)  # fmt: skip
TWIN = Twin(preset="chest-ct", settings=("prevalence.lung_nodule=0.7",), image_size=24)

RATINGS = (
    "subtlety", "internalStructure", "calcification", "sphericity", "margin", "lobulation", "spiculation", "texture",
    "malignancy",
)  # fmt: skip
"""What a reader rates, 1 to 5; internal structure 1 to 4, calcification 1 to 6."""
_ROOT = "LidcReadMessage"
_NODULE, _HOLE, _NONE = "lung_nodule", "hole_of_lung_nodule", "mark_that_is_no_nodule"
_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def read(root: Path) -> Iterator[Sample]:
    """Yield the CT series with an XML file, by path; no split is given."""
    files = sorted(root.rglob("*.xml"))
    if not files:
        require_files(root, ["LIDC-IDRI/LIDC-IDRI-0001"], ABOUT)
    origin = provenance(root, ABOUT)
    for path in files:
        message = _message(path)
        if message is not None:
            yield Sample(_study(path, message, origin), "")


def _message(path: Path) -> ElementTree.Element | None:
    """Return the root of the annotations of a CT series, its names without their namespace; None for other files."""
    check_size(str(path), path.stat().st_size)
    try:
        found = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: no XML that can be read: {error}; download it again") from None
    for element in found.iter():
        element.tag = element.tag.rpartition("}")[2]
    return found if found.tag == _ROOT else None


def _study(path: Path, message: ElementTree.Element, origin: Provenance) -> Study:
    folder = path.parent
    stacks = [stack for stack in find_volumes(folder).stacks if stack.slices[0].modality == "CT"]
    if len(stacks) != 1:
        raise DataError(
            f"{folder}: {len(stacks)} CT volumes beside {path.name}; expected one; download the series again"
        )
    stack = stacks[0]
    image = Image(
        id="ct", path=str(folder), modality="CT", kind="volume", shape=stack.shape, units="HU", body_part="CHEST",
        spacing_mm=stack.geometry.spacing_mm, orientation=stack.geometry.cosines, origin_mm=stack.geometry.origin_mm,
    )  # fmt: skip
    places = {one.instance: number for number, one in enumerate(stack.slices)}
    regions: list[Region] = []
    findings: list[Finding] = []
    for reader, session in enumerate(message.iter("readingSession"), start=1):
        for nodule in session.iter("unblindedReadNodule"):
            regions += _outlines(path, nodule, places, len(findings))
            findings.append(_rated(nodule, reader))
        regions += _others(path, session, places)
    parts = folder.parts[-3:]
    patient = next((part for part in parts if part.startswith("LIDC-IDRI-")), parts[0])
    return Study(
        id=f"{patient}_{folder.name}", patient=patient, images=(image,), findings=tuple(findings),
        regions=tuple(regions), provenance=origin,
    )  # fmt: skip


def _rated(nodule: ElementTree.Element, reader: int) -> Finding:
    """Return a reader's nodule with its ratings; one below 3 mm has none."""
    rated = {name: nodule.findtext(f"characteristics/{name}", "") for name in RATINGS}
    named = {"reader": str(reader), "nodule": (nodule.findtext("noduleID") or "").strip()}
    pairs = named | {name: value.strip() for name, value in rated.items() if value.strip()}
    return Finding(concept=_NODULE, attributes=tuple(sorted(pairs.items())), source="radiologist")


def _outlines(path: Path, nodule: ElementTree.Element, places: Mapping[str, int], number: int) -> Iterator[Region]:
    for roi in nodule.iter("roi"):
        frame = _slice(path, roi.findtext("imageSOP_UID", ""), places)
        points = tuple(_point(path, edge) for edge in roi.iter("edgeMap"))
        concept = _HOLE if roi.findtext("inclusion", "TRUE").strip().upper() == "FALSE" else _NODULE
        if points:
            yield Region(image="ct", kind="contour" if len(points) > 1 else "points", concept=concept, points=points,
                         frame=frame, instance=number)  # fmt: skip


def _others(path: Path, session: ElementTree.Element, places: Mapping[str, int]) -> Iterator[Region]:
    for mark in session.iter("nonNodule"):
        frame = _slice(path, mark.findtext("imageSOP_UID", ""), places)
        for locus in mark.iter("locus"):
            yield Region(image="ct", kind="points", concept=_NONE, points=(_point(path, locus),), frame=frame)


def _slice(path: Path, instance: str, places: Mapping[str, int]) -> int:
    if instance.strip() not in places:
        raise DataError(f"{path}: an outline is on a slice that is not in the series; download the series again")
    return places[instance.strip()]


def _point(path: Path, element: ElementTree.Element) -> tuple[float, float]:
    try:
        return float(element.findtext("xCoord", "")), float(element.findtext("yCoord", ""))
    except ValueError:
        raise DataError(f"{path}: {element.tag} without xCoord and yCoord; download the file again") from None


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write DICOM series with XML: the first nodule by four readers, a mark that is no nodule, a radiograph's XML."""
    made = []
    for number, study in enumerate(sorted(corpus, key=lambda study: study.id), start=1):
        uid = f"2.25.9{number:06d}"
        folder = root / "LIDC-IDRI" / f"LIDC-IDRI-9{number:03d}" / f"{uid}.1" / f"{uid}.2"
        instances = _write_series(folder, pixels(corpus, study.images[0]), study.images[0], uid)
        path = folder / f"{number:03d}.xml"
        path.write_bytes(ElementTree.tostring(_annotations(corpus, study, instances), encoding="utf-8"))
        message = _message(path)
        assert message is not None, "the file that was just written holds annotations"
        made.append(Sample(_study(path, message, virtual_origin(ABOUT)), ""))
    other = root / "LIDC-IDRI" / "LIDC-IDRI-9001" / "radiograph"
    other.mkdir()
    (other / "001.xml").write_text('<IdriReadMessage xmlns="http://www.nih.gov"/>', encoding="utf-8")
    return made


def _annotations(corpus: Corpus, study: Study, instances: list[str]) -> ElementTree.Element:
    found = ElementTree.Element(_ROOT, {"xmlns": "http://www.nih.gov"})
    regions = list(masks(study, concepts=[_NODULE]))[:1]
    mask = union(corpus, regions, study.images[0].shape) if regions else np.zeros(study.images[0].shape, bool)
    for reader in range(4):
        session = ElementTree.SubElement(found, "readingSession")
        if mask.any():
            nodule = ElementTree.SubElement(session, "unblindedReadNodule")
            ElementTree.SubElement(nodule, "noduleID").text = f"Nodule {reader + 1:03d}"
            rated = ElementTree.SubElement(nodule, "characteristics")
            for name in RATINGS:
                ElementTree.SubElement(rated, name).text = str(1 + (reader + len(name)) % 4)
            for index in np.flatnonzero(mask.any(axis=(1, 2))):
                _roi(nodule, instances[int(index)], mask[index])
        if reader == 0:
            other = ElementTree.SubElement(session, "nonNodule")
            ElementTree.SubElement(other, "imageSOP_UID").text = instances[2]
            _coordinates(ElementTree.SubElement(other, "locus"), 3, 4)
    return found


def _roi(nodule: ElementTree.Element, instance: str, mask: NDArray[np.bool_]) -> None:
    """Outline a mask by the corners of the box round it, one pixel outside, and close it."""
    roi = ElementTree.SubElement(nodule, "roi")
    ElementTree.SubElement(roi, "imageSOP_UID").text = instance
    ElementTree.SubElement(roi, "inclusion").text = "TRUE"
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0] - 1, rows[-1] + 1, columns[0] - 1, columns[-1] + 1
    for x, y in ((left, top), (right, top), (right, bottom), (left, bottom), (left, top)):
        _coordinates(ElementTree.SubElement(roi, "edgeMap"), int(x), int(y))


def _coordinates(element: ElementTree.Element, x: int, y: int) -> None:
    ElementTree.SubElement(element, "xCoord").text = str(x)
    ElementTree.SubElement(element, "yCoord").text = str(y)


def _write_series(folder: Path, values: NDArray[np.generic], image: Image, uid: str) -> list[str]:
    """Write a CT series, a file a slice, and return the instances' UIDs in the order of the slices."""
    require("pydicom", purpose="writing the series of a twin")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    folder.mkdir(parents=True)
    z, y, x = image.spacing_mm
    left, back, low = image.origin_mm
    instances = [f"{uid}.2.{number}" for number in range(1, len(values) + 1)]
    for number, (name, plane) in enumerate(zip(instances, values, strict=True)):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(_CLASS), UID(name)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"1-{number + 1:03d}.dcm"
        found = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        found.SOPClassUID, found.SOPInstanceUID, found.Modality = UID(_CLASS), UID(name), "CT"
        found.StudyInstanceUID, found.SeriesInstanceUID = UID(f"{uid}.1"), UID(f"{uid}.2")
        found.PatientID, found.InstanceNumber = folder.parts[-3], number + 1
        found.SeriesDescription = "VIRTUAL: rendered virtual patient, not a person"
        found.Rows, found.Columns = plane.shape
        found.PixelSpacing, found.ImageOrientationPatient = [f"{y:.8g}", f"{x:.8g}"], [1, 0, 0, 0, 1, 0]
        found.ImagePositionPatient = [f"{left:.6g}", f"{back:.6g}", f"{low + z * number:.6f}"]
        found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
        found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 1
        found.RescaleSlope, found.RescaleIntercept = 1, 0
        found.PixelData = np.ascontiguousarray(plane, "<i2").tobytes()
        found.save_as(path, enforce_file_format=True)
    return instances
