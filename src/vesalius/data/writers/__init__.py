"""Standard objects from our records: DICOM SEG, SR, secondary capture and presentation states, NIfTI, COCO.

UIDs are made of the content, so the same call writes the same bytes; patient and study are copied from the source
series and nothing of a person is invented.
"""

from vesalius.data.writers.capture import write_capture
from vesalius.data.writers.coco import CocoCounts, write_coco
from vesalius.data.writers.export import TARGETS, ExportReport, export
from vesalius.data.writers.nifti import write_nifti
from vesalius.data.writers.overlay import Drawn, burned
from vesalius.data.writers.presentation import write_presentation
from vesalius.data.writers.report import write_report
from vesalius.data.writers.segmentation import SegmentMask, write_segmentation
from vesalius.data.writers.series import write_series
from vesalius.data.writers.source import Source, read_source

__all__ = [
    "TARGETS",
    "CocoCounts",
    "Drawn",
    "ExportReport",
    "SegmentMask",
    "Source",
    "burned",
    "export",
    "read_source",
    "write_capture",
    "write_coco",
    "write_nifti",
    "write_presentation",
    "write_report",
    "write_segmentation",
    "write_series",
]
