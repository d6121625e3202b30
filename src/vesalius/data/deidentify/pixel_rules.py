"""What the tags tell of burned-in text: how likely it is, and where a scanner draws its own frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vesalius.data.readers.dicom_tags import items, text, whole

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Expectation", "expectation"]

_MODALITIES = {
    "US", "IVUS", "ES", "XA", "RF", "XC", "GM", "OT", "OP", "OPT", "DOC", "SC", "DS", "BMD", "PX", "IO", "ECG",
    "MG", "EPS",
}  # fmt: skip
"""Their pictures often hold names and dates as pixels."""
_CONVERSIONS = {"WSD", "SD", "SI", "DV", "DF", "DRW", "SYN"}
"""ConversionType of what was photographed, scanned or drawn by a program (PS3.3 C.8.6.1)."""
_KINDS = ("SCREEN", "DOSE", "REPORT", "SCREENSHOT", "SAVE", "CAPTURE", "SUMMARY", "POST_PROC", "FUSED")
_SLICES = {"CT", "MR", "PT", "NM"}
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_ULTRASOUND = ("1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3")


class Expectation(NamedTuple):
    """How to look at the pixels of a file."""

    likely: bool
    """Text is likely, so that faint and short pieces count too."""
    kept: tuple[tuple[int, int, int, int], ...]
    """Regions with the image proper as top, left, bottom, right; all else is masked. Empty where not told."""
    unlikely: bool = False
    """A slice as the scanner made it: only the border and lines that are text beyond doubt count."""


def expectation(dataset: Dataset, *, border: float = 0.0) -> Expectation:
    """Return what modality, image type, conversion and ultrasound regions tell; a stated NO is not believed.

    Args:
        dataset: as it came.
        border: part of the height and width to blank at every edge where text is likely and no region is told.
    """
    value = dataset.get("ImageType") or ()
    kind = "\\".join([value] if isinstance(value, str) else map(str, value)).upper()
    likely = (
        text(dataset, "BurnedInAnnotation").upper() == "YES"
        or text(dataset, "Modality").upper() in _MODALITIES
        or text(dataset, "ConversionType").upper() in _CONVERSIONS
        or text(dataset, "SOPClassUID").startswith((_SECONDARY, *_ULTRASOUND))
        or any(word in kind for word in _KINDS)
    )
    plain = text(dataset, "Modality").upper() in _SLICES and kind.split("\\")[:2] == ["ORIGINAL", "PRIMARY"]
    regions = _regions(dataset)
    if border and likely and not regions:
        rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
        top, left = round(border * rows), round(border * columns)
        regions = ((top, left, rows - top, columns - left),)
    return Expectation(likely, regions, unlikely=plain and not likely)


def _regions(dataset: Dataset) -> tuple[tuple[int, int, int, int], ...]:
    """Return the calibrated regions of an ultrasound image (PS3.3 C.8.5.5), whose edges belong to them."""
    found = []
    for item in items(dataset, "SequenceOfUltrasoundRegions"):
        edges = [_edge(item, f"RegionLocation{name}") for name in ("MinY0", "MinX0", "MaxY1", "MaxX1")]
        top, left, bottom, right = edges
        if bottom > top and right > left:
            found.append((max(0, top), max(0, left), bottom + 1, right + 1))
    rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
    return tuple(region for region in found if region[2] <= rows + 1 and region[3] <= columns + 1)


def _edge(item: Dataset, keyword: str) -> int:
    value = item.get(keyword)
    return int(value) if isinstance(value, int) else 0
