"""Codes of terminologies in DICOM datasets: value, scheme, meaning (PS3.3 8.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vesalius.data.readers.dicom_tags import items
from vesalius.data.records import Laterality

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["SNOMED", "Code", "code_in", "codes_in", "concept_name", "laterality_of", "words"]

SNOMED = ("SCT", "2.16.840.1.113883.6.96")
"""Designators under which SNOMED CT codes travel."""
_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")
# SNOMED CT and the older SNOMED-RT codes of sides (PS3.16 CID 244); the words are for schemes that are not known.
_SIDES: dict[str, Laterality] = {
    "7771000": "left", "G-A101": "left", "left": "left", "24028007": "right", "G-A100": "right", "right": "right",
    "51440002": "bilateral", "G-A102": "bilateral", "bilateral": "bilateral", "right and left": "bilateral",
    "left and right": "bilateral", "261129000": "midline", "260528009": "midline", "median": "midline",
    "midline": "midline", "unilateral left": "left", "unilateral right": "right",
}  # fmt: skip


class Code(NamedTuple):
    """One coded concept; an empty scheme means that the file states none."""

    value: str
    scheme: str
    meaning: str

    def same(self, *others: tuple[str, str]) -> bool:
        """Say whether value and scheme are one of the given pairs."""
        return (self.value, self.scheme) in others


def codes_in(item: Dataset, keyword: str) -> tuple[Code, ...]:
    """Return the codes of a code sequence, none where it is missing."""
    return tuple(_code(entry) for entry in items(item, keyword))


def code_in(item: Dataset, keyword: str) -> Code | None:
    """Return the first code of a code sequence, or None."""
    found = codes_in(item, keyword)
    return found[0] if found else None


def words(item: Dataset, keyword: str) -> str:
    """Return a text in the character set of the file, empty where the element is missing."""
    value = item.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def concept_name(meaning: str) -> str:
    """Return a meaning as records name concepts: ``Pleural effusion`` becomes ``pleural_effusion``."""
    return re.sub(r"\W+", "_", meaning.casefold()).strip("_")


def laterality_of(code: Code | None) -> Laterality:
    """Return the side that a code states, empty where it is none."""
    if code is None:
        return ""
    return _SIDES.get(code.value, _SIDES.get(code.meaning.casefold(), ""))


def _code(entry: Dataset) -> Code:
    value = next((found for keyword in _VALUES if (found := words(entry, keyword))), "")
    return Code(value, words(entry, "CodingSchemeDesignator"), words(entry, "CodeMeaning"))
