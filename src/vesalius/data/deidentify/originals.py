"""What the source tells of people, gathered for the second scan by its own rules, not by those of the treatment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text.vocabulary import folded, is_ordinary, words
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import DataElement

__all__ = ["originals_of_dicom", "originals_of_table", "telling_number", "without_makers"]

_NUMBERED = re.compile(
    r"PatientID|OtherPatientID|Accession|AdmissionID|OrderNumber|SerialNumber|Telephone|MedicalRecord|"
    r"Insurance|TrialSubject|"
    r"ServiceEpisodeID|SpecimenIdentifier"
)
_PLACED = re.compile(r"Institution(?!al.*Type)|Address$|PatientLocation|Residence|StationName|TrialSite")
_STANDARD = "1.2.840.10008."
_KINDS_OF_THINGS = re.compile(r"ClassUID|TransferSyntax|CodingSchemeUID|ContextUID|MappingResource")
_WORDS = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_PLACEHOLDERS = {
    "text", "test", "code", "name", "date", "none", "null", "unknown", "anonymous", "anonymized", "anonymised",
    "removed", "patient", "phantom", "first", "last", "here", "enter", "verifying", "observer", "operator",
    "number", "container",
}  # fmt: skip
"""Words that stand where a name was not given; they name nobody and are words of the standard too."""
_DUMMIES = {"19000101", "00000000"}


def originals_of_dicom(path: Path, options: Options) -> set[tuple[str, str]]:
    """Return pairs of kind and value of one file; empty where it cannot be read, as then it is not copied either.

    Names of makers come as the kind "maker": a station or a place that is called by one names nobody.
    """
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    found: set[tuple[str, str]] = set()
    with quiet():
        try:
            dataset = dcmread(path, force=True, stop_before_pixels=True)
            for element in dataset.iterall():
                found.update(_of_element(element, options))
        except (*DECODER_FAULTS, InvalidDicomError):
            return found
    return found


def _of_element(element: DataElement, options: Options) -> Iterator[tuple[str, str]]:
    for value in _values(element):
        if element.keyword in ("Manufacturer", "ManufacturerModelName"):
            yield "maker", value
        elif element.VR == "PN":
            yield from (("name", word) for word in _WORDS.findall(value) if _tells(word))
        elif element.VR == "UI" and not options.uids and not value.startswith(_STANDARD):
            if len(value) > 8 and not _KINDS_OF_THINGS.search(element.keyword):
                yield "UID", value
        elif element.VR in ("DA", "DT") and _dates_go(element.keyword, options):
            compact = value.replace(".", "")[:8]
            if len(compact) == 8 and compact.isdigit() and compact not in _DUMMIES:
                yield "date", compact
        elif _NUMBERED.search(element.keyword) and not (options.device and "Serial" in element.keyword):
            yield from (("number", value) for _ in range(telling_number(value)))
        elif _PLACED.search(element.keyword) and element.VR != "SQ" and not _place_stays(element.keyword, options):
            yield from (("place", value) for _ in range(_is_telling_place(value)))


def without_makers(words: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return what is to be searched: no makers, and no place that is part of a maker's name."""
    makers = " ".join(value.lower() for kind, value in words if kind == "maker")
    return {
        (kind, value)
        for kind, value in words
        if kind != "maker" and not (kind == "place" and value.lower() in makers)
    }


def _dates_go(keyword: str, options: Options) -> bool:
    """Say whether a date must not stand in the output; moved dates may equal another date of the source."""
    return not options.full_dates and (keyword == "PatientBirthDate" or not options.modified_dates)


def _place_stays(keyword: str, options: Options) -> bool:
    return (options.institution and "Institution" in keyword) or (options.device and keyword == "StationName")


def _tells(word: str) -> bool:
    return len(word) >= 4 and not word.isdigit() and word.lower() not in _PLACEHOLDERS and not is_ordinary(word)


def telling_number(value: str) -> bool:
    """Say whether a value is long and odd enough to be searched for: "1" and "left" stand everywhere."""
    return (
        len(value) >= (5 if value.isdigit() else 4) and value.lower() not in _PLACEHOLDERS and not is_ordinary(value)
    )


def _is_telling_place(value: str) -> bool:
    """Say whether a place is to be searched for; a country alone may stay (45 CFR 164.514(b)(2) lets states stay)."""
    letters = sum(character.isalpha() for character in value)
    country = folded(value).strip().replace(" ", "_") in words("countries")
    return letters >= 4 and value.lower() not in _PLACEHOLDERS and not country and not is_ordinary(value)


def _values(element: DataElement) -> list[str]:
    value: Any = element.value
    if element.VR in ("SQ", "OB", "OW", "UN") or value is None:
        return []
    several = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return [text for text in (str(item).strip() for item in several) if text]


def originals_of_table(path: Path, columns: TableColumns, options: Options) -> set[tuple[str, str]]:
    """Return pairs of kind and value of the columns that were named as identifying."""
    from vesalius.data.ingest.table import read_table

    kinds = {columns.patient: "number", **dict.fromkeys((*columns.accession, *columns.numbers), "number")}
    kinds |= dict.fromkeys(columns.names, "name") | dict.fromkeys(columns.places, "place")
    if not options.uids:
        kinds |= dict.fromkeys(columns.uids, "UID")
    if not (options.full_dates or options.modified_dates):
        kinds |= dict.fromkeys(columns.dates, "date")
    found: set[tuple[str, str]] = set()
    try:
        table = read_table(path)
    except DataError:
        return found
    for row in table.rows:
        for name, kind in kinds.items():
            value = str(row.cells.get(name) or "").strip()
            if kind == "name":
                found.update((kind, word) for word in _WORDS.findall(value) if _tells(word))
            elif _is_telling_place(value) if kind == "place" else telling_number(value):
                found.add((kind, value))
    return found
