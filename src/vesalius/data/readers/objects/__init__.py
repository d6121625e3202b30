"""DICOM objects that speak of images: segmentations, structure sets and structured reports.

Nothing here holds a patient's name, number or date; the words of a report are returned as they stand.
"""

from vesalius.data.readers.objects.codes import Code, concept_name
from vesalius.data.readers.objects.entries import (
    MaskPlace,
    ObjectRecords,
    PackedMasks,
    pack_segments,
    pack_structures,
    report_records,
    segmentation_records,
    structure_records,
)
from vesalius.data.readers.objects.grid import Grid
from vesalius.data.readers.objects.kinds import kind_of
from vesalius.data.readers.objects.report import (
    Context,
    Evaluation,
    Measured,
    Passage,
    Reference,
    Report,
    read_report,
)
from vesalius.data.readers.objects.segmentation import Segment, Segmentation, read_segmentation
from vesalius.data.readers.objects.structures import Contour, Structure, StructureSet, rasterise, read_structures

__all__ = [
    "Code",
    "Context",
    "Contour",
    "Evaluation",
    "Grid",
    "MaskPlace",
    "Measured",
    "ObjectRecords",
    "PackedMasks",
    "Passage",
    "Reference",
    "Report",
    "Segment",
    "Segmentation",
    "Structure",
    "StructureSet",
    "concept_name",
    "kind_of",
    "pack_segments",
    "pack_structures",
    "rasterise",
    "read_report",
    "read_segmentation",
    "read_structures",
    "report_records",
    "segmentation_records",
    "structure_records",
]
