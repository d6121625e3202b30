"""A DICOM dataset by the confidentiality profile: each element, at any depth, is removed, replaced or kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vesalius.data.deidentify import values
from vesalius.data.deidentify.identity import known_of, patient_key, texts_of
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.private import keeps_private
from vesalius.data.deidentify.profile import Action, action_of
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text import Known, Scrubber, find
from vesalius.data.deidentify.text.known import find_known
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

__all__ = ["Treatment", "scrubber_of"]

_DEEPEST = 32
_TEXTS = {"LO", "SH", "ST", "LT", "UT", "UC"}
_SHORT_TEXTS = {"LO", "SH"}
_STANDARD = "1.2.840.10008."
_CLASSES = {
    "SOPClassUID", "ReferencedSOPClassUID", "MediaStorageSOPClassUID", "TransferSyntaxUID", "CodingSchemeUID",
    "ContextUID", "RelatedGeneralSOPClassUID", "OriginalSpecializedSOPClassUID", "MappingResourceUID",
    "SOPClassesInStudy", "ReferencedSOPClassUIDInFile", "ReferencedTransferSyntaxUIDInFile",
}  # fmt: skip
"""UIDs that name a kind of thing, not a thing."""
_PSEUDONYMS = {"PatientID": ("patient", "P"), "PatientName": ("patient", "P"), "AccessionNumber": ("accession", "A")}
"""Kind and first letter of what stands in their place; equal values stay equal."""
_CODES = {
    "CodeValue",
    "LongCodeValue",
    "URNCodeValue",
    "CodingSchemeDesignator",
    "CodingSchemeVersion",
    "CodeMeaning",
}
_BULK = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}
_BINARY = {"OB", "OW", "OF", "OD", "OL", "OV", "UN"}
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{0,16}")
_LONG_DIGITS = re.compile(r"\d{8,}")


def scrubber_of(options: Options, secret: Secret, days: int | None) -> Scrubber:
    """Return the scrubber of texts under these options."""
    shift = 0 if options.full_dates else days if options.modified_dates else None
    return Scrubber(
        secret=secret, surrogates=options.texts == "surrogate", days=shift, day_first=options.day_first,
        names=options.names, places=options.places,
    )  # fmt: skip


@dataclass
class Treatment:
    """The work on one dataset: its patient, its replacements and what was done, by action."""

    options: Options
    secret: Secret
    patient: str
    """Key of the patient, see `patient_key`."""
    known: Known
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.days = self.secret.shift_days(self.patient, whole_weeks=self.options.keep_weekdays)
        self.scrubber = scrubber_of(self.options, self.secret, self.days)

    @classmethod
    def of(cls, dataset: Dataset, *, options: Options, secret: Secret, known: Known | None = None) -> Treatment:
        """Return the treatment for a dataset as it came; `known` adds values from elsewhere."""
        return cls(options, secret, patient_key(dataset), (known or Known()).with_more(known_of(dataset)))

    def treat(self, dataset: Dataset, *, depth: int = 0, cleaning: bool = False) -> None:
        """Treat all elements in place.

        Args:
            dataset: or an item of a sequence.
            depth: of the item.
            cleaning: inside what an option has cleaned, where texts are scrubbed instead of removed.

        Raises:
            DataError: sequences nested deeper than 32 levels.
        """
        if depth > _DEEPEST:
            raise DataError(f"sequences are nested deeper than {_DEEPEST} levels; not a sound DICOM file")
        for tag in list(dataset.keys()):
            if tag.element == 0 or tag.group in (0x0000, 0x0002, 0xFFFC, 0xFFFA):
                self._remove(dataset, tag, "structure removed")
                continue
            try:
                element = dataset[tag]
            except DECODER_FAULTS:
                self._remove(dataset, tag, "unreadable removed")
                continue
            if tag.is_private:
                self._private(dataset, element, depth)
            else:
                self._standard(dataset, element, depth, cleaning)

    def _private(self, dataset: Dataset, element: DataElement, depth: int) -> None:
        if not keeps_private(dataset, element.tag, self.options.safe_private):
            self._remove(dataset, element.tag, "private removed")
        elif element.tag.is_private_creator:
            self.counts["private kept"] += 1
        elif element.VR in _BINARY and self._repeats_known(bytes(element.value or b"")):
            self._remove(dataset, element.tag, "private removed")
        elif element.VR in _BINARY:
            self.counts["private kept"] += 1
        elif element.VR in _TEXTS:
            self._clean(dataset, element, depth)
        else:
            self._unlisted(dataset, element, depth, cleaning=True)

    def _standard(self, dataset: Dataset, element: DataElement, depth: int, cleaning: bool) -> None:
        tag = element.tag
        action: Action = action_of(tag.group, tag.element, element.VR, self.options)
        if action == "unlisted":
            self._unlisted(dataset, element, depth, cleaning)
        elif action == "remove":
            self._remove(dataset, tag, "removed")
        elif action == "clean":
            self._clean(dataset, element, depth)
        elif action == "keep":
            self._keep(dataset, element, depth, cleaning)
        elif action == "map":
            self._map(dataset, element, depth, cleaning)
        else:
            self._replace(dataset, element, empty=action == "empty")

    def _remove(self, dataset: Dataset, tag: Any, how: str) -> None:
        del dataset[tag]
        self.counts[how] += 1

    def _replace(self, dataset: Dataset, element: DataElement, *, empty: bool) -> None:
        """Put nothing, a dummy or the pseudonym in the place of a value."""
        if element.keyword in _PSEUDONYMS:
            kind, letter = _PSEUDONYMS[element.keyword]
            value = self.patient if kind == "patient" else " ".join(texts_of(element))
            element.value = self.secret.pseudonym(kind, value, prefix=letter) if value else ""
            self.counts["pseudonyms"] += 1
        elif empty or element.is_empty:
            element.value = [] if element.VR == "SQ" else None
            self.counts["emptied"] += 1
        elif element.VR == "SQ":
            element.value = [_dummy_item(element.keyword)]
            self.counts["dummies"] += 1
        elif element.VR == "UI":
            self._map_value(element)
        else:
            element.value = values.dummy(element.VR)
            self.counts["dummies"] += 1

    def _keep(self, dataset: Dataset, element: DataElement, depth: int, cleaning: bool) -> None:
        if element.VR == "SQ":
            self._items(element, depth, cleaning)
        elif element.VR == "AS":
            self._set(dataset, element, [values.aged(value) for value in texts_of(element)])
        elif element.VR == "UI" and not all(values.is_uid(value) for value in texts_of(element)):
            self._map_value(element)
        else:
            self.counts["kept by option"] += 1

    def _map(self, dataset: Dataset, element: DataElement, depth: int, cleaning: bool) -> None:
        if element.VR == "SQ":
            self._items(element, depth, cleaning)
        else:
            self._map_value(element)

    def _map_value(self, element: DataElement) -> None:
        mapped = [
            value if self._is_class(element.keyword, value) else self.secret.uid(value) for value in texts_of(element)
        ]
        element.value = mapped if len(mapped) > 1 else "".join(mapped)
        self.counts["UIDs mapped"] += len(mapped)

    def _is_class(self, keyword: str, value: str) -> bool:
        from pydicom.uid import UID_dictionary

        return (keyword in _CLASSES and values.is_uid(value)) or (
            value.startswith(_STANDARD) and value in UID_dictionary
        )

    def _items(self, element: DataElement, depth: int, cleaning: bool) -> None:
        for item in element.value or ():
            self.treat(item, depth=depth + 1, cleaning=cleaning)

    def _clean(self, dataset: Dataset, element: DataElement, depth: int) -> None:
        """Clean by kind: dates move, texts are scrubbed, items are treated, what cannot be cleaned goes."""
        kind = element.VR
        if kind == "SQ":
            self._items(element, depth, cleaning=True)
        elif kind in ("DA", "DT"):
            self._move(dataset, element)
        elif kind == "TM":
            coarse = self.options.coarse_times
            self._set(dataset, element, [values.coarse(value) if coarse else value for value in texts_of(element)])
        elif kind in _TEXTS:
            scrubbed = [self.scrubber.scrub(value, self.known) for value in texts_of(element)]
            for found in scrubbed:
                self.counts.update({f"text {name}": count for name, count in found.counts.items()})
            self._set(dataset, element, [_fitting(found.text, kind) for found in scrubbed])
        elif kind == "UI":
            self._map_value(element)
        elif kind == "CS":
            self._unlisted(dataset, element, depth, cleaning=True)
        elif 0x6000 <= element.tag.group <= 0x60FF and element.tag.element == 0x3000:
            self.counts["overlays for cleaning"] += 1
        else:
            self._remove(dataset, element.tag, "removed")

    def _move(self, dataset: Dataset, element: DataElement) -> None:
        if element.VR == "DA":
            moved = [values.shifted_date(value, self.days) for value in texts_of(element)]
        else:
            coarse = self.options.coarse_times
            moved = [values.shifted_datetime(value, self.days, whole_hours=coarse) for value in texts_of(element)]
        self._set(dataset, element, moved)
        self.counts["dates shifted"] += len(moved)

    def _set(self, dataset: Dataset, element: DataElement, new: list[str]) -> None:
        element.value = new if len(new) > 1 else "".join(new)
        self.counts["cleaned"] += 1

    def _unlisted(self, dataset: Dataset, element: DataElement, depth: int, cleaning: bool) -> None:
        """Treat what the table does not name: stricter than the profile, which keeps it all.

        Sequences are treated, instance UIDs mapped, numbers, code strings and image data kept. Short texts stay where
        nothing in them identifies. Free texts, people, dates, addresses and binary data go.
        """
        kind = element.VR
        if kind == "SQ":
            self._items(element, depth, cleaning)
        elif kind == "UI":
            if not (self.options.uids and all(values.is_uid(value) for value in texts_of(element))):
                self._map_value(element)
        elif kind in ("DA", "DT", "TM"):
            self._unlisted_date(dataset, element, depth)
        elif kind in _TEXTS:
            self._unlisted_text(dataset, element, depth, cleaning)
        elif kind == "AS" and self.options.patient_characteristics:
            self._keep(dataset, element, depth, cleaning)
        elif (
            kind in ("PN", "AE", "UR", "AS", "UN")
            or (kind == "CS" and not self._is_code_string(element))
            or (kind in ("IS", "DS") and any(value in self.known.numbers for value in texts_of(element)))
            or (kind in _BINARY and not element.keyword)
            or (kind in _BINARY and element.keyword not in _BULK and self._repeats_known(bytes(element.value or b"")))
        ):
            self._remove(dataset, element.tag, "unlisted removed")

    def _unlisted_date(self, dataset: Dataset, element: DataElement, depth: int) -> None:
        if self.options.modified_dates:
            self._clean(dataset, element, depth)
        elif not self.options.full_dates:
            self._remove(dataset, element.tag, "unlisted removed")

    def _unlisted_text(self, dataset: Dataset, element: DataElement, depth: int, cleaning: bool) -> None:
        if element.keyword in _CODES:
            if any(self._identifies(value, strict=False) for value in texts_of(element)):
                self._set(dataset, element, [values.REMOVED])
        elif cleaning or (self.options.descriptors and element.VR in _SHORT_TEXTS):
            self._clean(dataset, element, depth)
        elif element.VR not in _SHORT_TEXTS or any(self._identifies(value) for value in texts_of(element)):
            self._remove(dataset, element.tag, "unlisted removed")

    def _is_code_string(self, element: DataElement) -> bool:
        from pydicom.datadict import dictionary_has_tag

        if not dictionary_has_tag(element.tag):
            return False
        return all(
            _CODE_STRING.fullmatch(value) and not self._identifies(value, strict=False) for value in texts_of(element)
        )

    def _identifies(self, value: str, *, strict: bool = True) -> bool:
        """Say whether a short text names the patient; with `strict`, or anybody, a date or a long number."""
        if any(find_known(value, self.known)):
            return True
        if not strict:
            return False
        kinds = {span.kind for span in find(value, names=self.options.names, places=self.options.places)}
        telling = {"NAME", "EMAIL", "URL", "PHONE", "PLACE", "DATE"}
        return bool(kinds & telling) or bool(_LONG_DIGITS.search(value))

    def _repeats_known(self, data: bytes) -> bool:
        lower = data.lower()
        asked = (*self.known.persons, *self.known.numbers)
        parts = {part for value in asked for part in re.split(r"[\s^]+", value.lower()) if len(part) > 3}
        return any(
            part.encode(code, "ignore") in lower for part in parts for code in ("latin-1", "utf-8", "utf-16-le")
        )


def _fitting(text: str, kind: str) -> str:
    """Cut a scrubbed text to what its representation allows, without a backslash, which would part values."""
    limits = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240}
    return text[: limits.get(kind, len(text))]


def _dummy_item(keyword: str) -> Dataset:
    """Return an item that says only that something was removed."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "REMOVED", "99VESALIUS", "Removed"
    item = Dataset()
    if keyword == "ContentSequence":
        item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", values.REMOVED
        item.ConceptNameCodeSequence = Sequence([code])
    elif keyword == "GraphicAnnotationSequence":
        item.GraphicLayer = values.REMOVED
    elif keyword == "VerifyingObserverSequence":
        item.VerifyingObserverName, item.VerifyingOrganization = values.REMOVED, values.REMOVED
        item.VerificationDateTime = values.dummy("DT")
        item.VerifyingObserverIdentificationCodeSequence = Sequence([])
    elif keyword.endswith("CodeSequence"):
        return code
    return item
