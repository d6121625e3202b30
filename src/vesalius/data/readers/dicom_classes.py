"""DICOM objects that are no images, by their SOP class (PS3.4 B.5): what they are, and how to open them."""

from __future__ import annotations

__all__ = ["not_an_image"]

_ROOT = "1.2.840.10008.5.1.4.1.1."
_OBJECTS = "vesalius.data.readers.objects"
_KINDS = {
    f"{_ROOT}88.59": "a selection of key objects",
    f"{_ROOT}88.": f"a structured report; {_OBJECTS}.read_report opens it",
    f"{_ROOT}66.4": f"a segmentation; {_OBJECTS}.read_segmentation opens it",
    f"{_ROOT}66.7": f"a segmentation; {_OBJECTS}.read_segmentation opens it",
    f"{_ROOT}66.5": "a segmentation of surfaces",
    f"{_ROOT}66.6": "a set of tracts",
    f"{_ROOT}66.": "a registration of images",
    f"{_ROOT}66": "raw data of a scanner, before reconstruction",
    f"{_ROOT}67": "a mapping of pixel values",
    f"{_ROOT}68.": "a surface",
    f"{_ROOT}481.3": f"an RT structure set; {_OBJECTS}.read_structures opens it",
    f"{_ROOT}481.5": "an RT plan",
    f"{_ROOT}481.8": "an RT plan",
    f"{_ROOT}481.4": "an RT treatment record",
    f"{_ROOT}481.6": "an RT treatment record",
    f"{_ROOT}481.7": "an RT treatment record",
    f"{_ROOT}481.9": "an RT treatment record",
    f"{_ROOT}11.": "a presentation state, which says how an image is shown",
    f"{_ROOT}104.1": "an encapsulated PDF document; `dcm2pdf` extracts it",
    f"{_ROOT}104.": "an encapsulated document",
    f"{_ROOT}9.": "a waveform",
    f"{_ROOT}78.": "a measurement of the eye",
    f"{_ROOT}79.": "a report of the eye",
    f"{_ROOT}80.": "a measurement of the eye",
    "1.2.840.10008.1.3.10": "a DICOMDIR, the list of a medium's files",
}
"""The longest beginning of a UID counts; one that ends without a point is the whole UID."""


def not_an_image(uid: str) -> str:
    """Say what an object of this SOP class is where it is no image, and "" where it may be one."""
    found = [start for start in _KINDS if uid == start or (start.endswith(".") and uid.startswith(start))]
    return _KINDS[max(found, key=len)] if found else ""
