"""What a treated dataset says of itself: that it was de-identified, how, and what it may still hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vesalius.data.deidentify.dicom_pixels import CleanedPixels
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.profile import EDITION

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["declare", "methods"]

_CODES = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "graphics": ("113103", "Clean Graphics Option"),
    "structured_content": ("113104", "Clean Structured Content Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
    "full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient_characteristics": ("113108", "Retain Patient Characteristics Option"),
    "device": ("113109", "Retain Device Identity Option"),
    "uids": ("113110", "Retain UIDs Option"),
    "safe_private": ("113111", "Retain Safe Private Option"),
    "institution": ("113112", "Retain Institution Identity Option"),
}
"""Codes of PS3.16 CID 7050, scheme DCM, by field of the options."""


def methods(options: Options, *, pixels: bool = False) -> list[tuple[str, str]]:
    """Return the codes of the profile and of the options in force.

    Args:
        options: of the run.
        pixels: everything outside the image proper was blanked by rule; a finder that found nothing is no proof.
    """
    names = ["basic"]
    if pixels:
        names.append("pixels")
    names += [name for name in _CODES if name not in ("basic", "pixels") and getattr(options, name)]
    return [_CODES[name] for name in names]


def declare(dataset: Dataset, options: Options, pixels: CleanedPixels) -> None:
    """Write method, codes, and what became of identity, dates and burned-in text.

    Burned-in text is denied only where a rule has blanked all places of it. A YES stays; a NO of the source goes
    where its tags speak against it or something was found.
    """
    from pydicom import Dataset as Item
    from pydicom.sequence import Sequence

    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = ["Vesalius", EDITION[:64]]
    items = []
    for value, meaning in methods(options, pixels=pixels.blanked):
        item = Item()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
        items.append(item)
    dataset.DeidentificationMethodCodeSequence = Sequence(items)
    kept = "UNMODIFIED" if options.full_dates else "MODIFIED" if options.modified_dates else "REMOVED"
    dataset.LongitudinalTemporalInformationModified = kept
    if pixels.blanked:
        dataset.BurnedInAnnotation = "NO"
    elif dataset.get("BurnedInAnnotation") == "NO" and (pixels.likely or pixels.masked):
        del dataset.BurnedInAnnotation
