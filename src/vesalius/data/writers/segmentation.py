"""DICOM SEG: masks on the grid of their source series, as bits a segment or as one label map.

Standard: PS3.3 A.51 (Segmentation), A.51.1 and Supplement 243 (Label Map Segmentation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

import vesalius
from vesalius.data.readers.limits import check_size
from vesalius.data.records import Laterality
from vesalius.data.writers.codes import coded, coded_site
from vesalius.data.writers.finish import VIRTUAL, building, identity, moment_of, saved, settled
from vesalius.data.writers.source import Source
from vesalius.data.writers.uids import digest_of, uid_of
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

__all__ = ["SegmentMask", "write_segmentation"]

Algorithm = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
_MAX_LABEL = 64
_CATEGORIES = {True: "MorphologicallyAbnormalStructure", False: "AnatomicalStructure"}


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentMask:
    """One mask with what it stands for: a concept where it is a finding, else an anatomy."""

    mask: NDArray[np.bool_]
    """On the source's grid, (slices, rows, columns)."""
    concept: str = ""
    anatomy: str = ""
    laterality: Laterality = ""
    code: str = ""
    """SNOMED CT code of the concept, or empty."""
    algorithm: Algorithm = "AUTOMATIC"
    algorithm_name: str = ""
    """Required by the standard unless it was drawn by hand; "unknown" is written where it is empty."""
    tracking_id: str = ""

    def __post_init__(self) -> None:
        if not self.concept and not self.anatomy:
            raise DataError("a segment needs a concept or an anatomy, so that readers know what it shows")

    @property
    def label(self) -> str:
        """What viewers show."""
        name = self.concept.replace("_", " ") or self.anatomy
        where = f" in {self.anatomy}" if self.concept and self.anatomy else ""
        return f"{name}{where}"[:_MAX_LABEL]

    @property
    def words(self) -> str:
        """All that is said of the mask, from which the object's UID is made."""
        return repr([value for name, value in sorted(self.__dict__.items()) if name != "mask"])


def write_segmentation(
    masks: Sequence[SegmentMask],
    source: Source,
    path: str | Path,
    *,
    kind: Literal["binary", "labelmap"] = "binary",
    when: datetime | None = None,
) -> Path:
    """Write masks as one DICOM segmentation; segments are numbered from 1 in the given order.

    Args:
        masks: at least one that is not empty. Overlap is kept in a binary file and refused in a label map.
        source: series that was segmented.
        path: file to write; the same masks and source give the same bytes.
        kind: "binary", which every viewer reads, or "labelmap", smaller where there are many segments.
        when: moment of making; that of the source's study where it is not stated.

    Raises:
        DataError: no mask, one of another shape, nothing marked, or overlap in a label map.
    """
    highdicom = require("highdicom", purpose="writing a DICOM segmentation")
    array, overlap = _array(masks, source)
    if overlap and kind == "labelmap":
        raise DataError(f"segments overlap in {overlap} voxels; a label map holds one each: use kind='binary'")
    name = digest_of(array) + kind + "".join(mask.words for mask in masks)
    known = identity(source.first, "SEG", name)
    with building(Path(path)):
        dataset = highdicom.seg.Segmentation(
            source_images=list(source.datasets),
            pixel_array=array,
            segmentation_type=kind.upper(),
            segment_descriptions=[
                _described(highdicom, mask, number, source) for number, mask in enumerate(masks, start=1)
            ],
            content_label="SEGMENTATION",
            **known,
            content_description=VIRTUAL if source.virtual else "Segmentation",
            series_description=VIRTUAL if source.virtual else "Segmentation",
        )
        _complete(dataset, source)
    return saved(settled(dataset, moment=moment_of(source.first, when)), Path(path))


def _complete(dataset: Any, source: Source) -> None:
    """State what the class must and the source does not: that a voxel is as thick as slices are apart."""
    geometry = source.grid.geometry
    if "ContentCreatorName" not in dataset:
        dataset.ContentCreatorName = ""
    if geometry is None or not geometry.directions:
        dataset.PatientOrientation = source.first.get("PatientOrientation", "")
    if geometry is not None and len(geometry.spacing_mm) == 3:
        for group in dataset.SharedFunctionalGroupsSequence:
            for measures in group.get("PixelMeasuresSequence", ()):
                if not measures.get("SliceThickness"):
                    measures.SliceThickness = f"{geometry.spacing_mm[0]:.9g}"


def _array(masks: Sequence[SegmentMask], source: Source) -> tuple[NDArray[Any], int]:
    """Return a label map where no masks overlap, else a stack with the segments last, and the overlap in voxels."""
    if not source.placed and source.grid.shape[0] > 1:
        raise DataError(
            "images without a frame of reference (0020,0052) are segmented one by one, files of a series with "
            "Source.at; frames of one file without it cannot be segmented"
        )
    if not masks:
        raise DataError("no mask given; a segmentation needs at least one segment")
    for number, mask in enumerate(masks, start=1):
        if mask.mask.shape != source.grid.shape:
            raise DataError(
                f"segment {number} ({mask.label}): mask of shape {mask.mask.shape}; the source has "
                f"{source.grid.shape} slices, rows and columns"
            )
    labels = np.zeros(source.grid.shape, np.uint16 if len(masks) > np.iinfo(np.uint8).max else np.uint8)
    overlap = 0
    for number, mask in enumerate(masks, start=1):
        overlap += int((labels[mask.mask] > 0).sum())
        labels[mask.mask] = number
    if not labels.any():
        raise DataError("all masks are empty; a segmentation needs at least one marked voxel")
    if not overlap:
        return labels, 0
    check_size("segmentation", labels.size * len(masks))
    return np.stack([mask.mask for mask in masks], axis=-1).astype(np.uint8), overlap


def _described(highdicom: Any, mask: SegmentMask, number: int, source: Source) -> Any:
    from pydicom.sr.codedict import codes

    anatomy, side = coded_site(mask.anatomy, mask.laterality) if mask.anatomy else (None, None)
    automatic = mask.algorithm != "MANUAL"
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=mask.algorithm_name or "unknown",
        family=codes.cid7162.ArtificialIntelligence,
        version=vesalius.__version__ if mask.algorithm_name else "unknown",
    )
    category = getattr(codes.cid7150, _CATEGORIES[bool(mask.concept)])
    kind = _type_code(mask) if mask.concept else anatomy
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=mask.label,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=mask.algorithm,
        algorithm_identification=algorithm if automatic else None,
        tracking_uid=uid_of(str(source.first.SeriesInstanceUID), mask.tracking_id) if mask.tracking_id else None,
        tracking_id=mask.tracking_id or None,
        anatomic_regions=[anatomy] if mask.concept and anatomy is not None else None,
    )
    if side is not None:
        holder = described.AnatomicRegionSequence if mask.concept else described.SegmentedPropertyTypeCodeSequence
        keyword = "AnatomicRegionModifierSequence" if mask.concept else "SegmentedPropertyTypeModifierCodeSequence"
        setattr(holder[0], keyword, [highdicom.sr.CodedConcept.from_code(side)])
    return described


def _type_code(mask: SegmentMask) -> Code:
    from pydicom.sr.coding import Code

    name = mask.concept.replace("_", " ")
    return Code(mask.code, "SCT", name[:_MAX_LABEL]) if mask.code else coded(name)
