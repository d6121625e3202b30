"""Who a DICOM file is about: the values that texts and the remaining tags must not repeat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vesalius.data.deidentify.text import Known

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

__all__ = ["devices_of", "known_of", "patient_key", "texts_of", "walk"]

_NUMBERS = {
    "PatientID", "OtherPatientIDs", "AccessionNumber", "AdmissionID", "IssuerOfPatientID", "StudyID",
    "MedicalRecordLocator", "RequestedProcedureID", "FillerOrderNumberImagingServiceRequest",
    "PlacerOrderNumberImagingServiceRequest", "MilitaryRank", "PatientTelephoneNumbers",
    "InsurancePlanIdentification", "ServiceEpisodeID", "SpecimenIdentifier", "ContainerIdentifier",
    "RouteOfAdmissions", "ClinicalTrialSubjectID", "RegionOfResidence", "DeviceSerialNumber",
}  # fmt: skip
_PLACES = {
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "PatientAddress",
    "CurrentPatientLocation", "StationName", "CountryOfResidence", "ClinicalTrialSiteName",
    "PatientInstitutionResidence", "ReferringPhysicianAddress", "VerifyingOrganization",
    "CustodialOrganizationName",
}  # fmt: skip
_PERSONS = {"PatientMotherBirthName", "ResponsibleOrganization", "PatientBirthName", "OperatorsName"}
_SHORT_NUMBER = 4
"""A number of fewer characters is looked for under its own tag only: "1" stands everywhere."""
_DEEPEST = 32


def walk(dataset: Dataset, depth: int = 0) -> Iterator[tuple[Dataset, DataElement]]:
    """Yield every element that can be read, items of sequences after their sequence; no deeper than 32 levels."""
    from vesalius.data.readers.limits import DECODER_FAULTS

    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except DECODER_FAULTS:
            continue
        yield dataset, element
        if element.VR == "SQ" and depth < _DEEPEST:
            for item in element.value or ():
                yield from walk(item, depth + 1)


def texts_of(element: DataElement) -> list[str]:
    """Return the values of an element as texts."""
    value: Any = element.value
    values = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return [str(item).strip() for item in values if item is not None and str(item).strip()]


def known_of(dataset: Dataset) -> Known:
    """Return all names, numbers and places of the tags, at any depth."""
    persons: dict[str, None] = {}
    numbers: dict[str, None] = {}
    places: dict[str, None] = {}
    for _, element in walk(dataset):
        if element.VR == "PN" or element.keyword in _PERSONS:
            persons.update(dict.fromkeys(part for name in texts_of(element) for part in name.split("=")))
        elif element.keyword in _NUMBERS:
            numbers.update(dict.fromkeys(value for value in texts_of(element) if len(value) >= _SHORT_NUMBER))
        elif element.keyword in _PLACES:
            places.update(dict.fromkeys(texts_of(element)))
    return Known(persons=tuple(filter(None, persons)), numbers=tuple(numbers), places=tuple(places))


def devices_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the serial numbers of devices, which the files of other patients may repeat."""
    found = (
        value
        for _, element in walk(dataset)
        if element.keyword == "DeviceSerialNumber"
        for value in texts_of(element)
    )
    return tuple(dict.fromkeys(value for value in found if len(value) >= _SHORT_NUMBER))


def patient_key(dataset: Dataset) -> str:
    """Return what tells one patient from another: the patient ID, else name and birth date, else the study.

    Case and surrounding spaces do not count. A file without any of them is a patient of its own.
    """
    number = str(dataset.get("PatientID", "") or "").strip().casefold()
    if number:
        return f"id {number}"
    name = str(dataset.get("PatientName", "") or "").strip(" ^").casefold()
    if name:
        return f"name {name} {dataset.get('PatientBirthDate', '')}"
    return f"study {dataset.get('StudyInstanceUID', '') or dataset.get('SOPInstanceUID', '')}"
