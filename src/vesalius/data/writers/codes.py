"""Codes for the concepts of records: public ones where they are known, else ours, marked as private.

Names are looked up in the dictionary of SNOMED CT and DICOM codes that comes with pydicom; a code is taken only
where its meaning is the name itself, so that nothing changes its sense. All other names travel under the private
scheme 99VESALIUS with their words as meaning.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from vesalius.data.readers.objects.codes import concept_name
from vesalius.data.records import Finding, Laterality, Status

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

__all__ = ["PRIVATE", "coded", "coded_finding", "coded_site", "side_code", "status_code", "unit_code"]

PRIVATE = "99VESALIUS"
_LONGEST_VALUE, _LONGEST_MEANING = 16, 64
_SIDED = re.compile(r"(left|right) (.+)")
_STATUS = {"present": "Present", "absent": "Absent", "uncertain": "Undetermined"}
_SIDES = {"left": "Left", "right": "Right", "bilateral": "Bilateral", "midline": "Midline"}


def coded(name: str) -> Code:
    """Return the code of a concept, part or measurement by its name."""
    from pydicom.sr.coding import Code

    found = _public(name)
    if found is not None:
        return found
    key = concept_name(name).upper()
    if len(key) > _LONGEST_VALUE:
        key = f"{key[:7]}_{hashlib.sha256(key.encode()).hexdigest()[:8].upper()}"
    return Code(key, PRIVATE, name[:_LONGEST_MEANING])


def coded_finding(finding: Finding) -> Code:
    """Return the SNOMED CT code that a finding carries, with the finding's name as meaning, or that of its name."""
    from pydicom.sr.coding import Code

    name = finding.concept.replace("_", " ")
    return Code(finding.code, "SCT", name[:_LONGEST_MEANING]) if finding.code else coded(name)


def coded_site(anatomy: str, laterality: Laterality = "") -> tuple[Code, Code | None]:
    """Return the codes of a part and of its side.

    ``left kidney`` becomes Kidney, Left where the part has a public code and no other side is stated.
    """
    sided = _SIDED.fullmatch(anatomy)
    if sided and laterality in ("", sided[1]) and (part := _public(sided[2])) is not None:
        return part, side_code("left" if sided[1] == "left" else "right")
    return coded(anatomy), side_code(laterality)


def side_code(laterality: Laterality) -> Code | None:
    """Return the code of a side (PS3.16 CID 244), or None."""
    from pydicom.sr.codedict import codes

    return getattr(codes.SCT, _SIDES[laterality]) if laterality else None


def status_code(status: Status) -> Code:
    """Return the code of a status (PS3.16 CID 240)."""
    from pydicom.sr.codedict import codes

    found: Code = getattr(codes.SCT, _STATUS[status])
    return found


def unit_code(unit: str) -> Code:
    """Return the UCUM code of a unit; its meaning is the unit itself, "no units" for 1."""
    from pydicom.sr.coding import Code

    return Code(unit or "1", "UCUM", unit if unit not in ("", "1") else "no units")


def _public(name: str) -> Code | None:
    """Return the SNOMED CT or DICOM code whose meaning is this name, if there is one."""
    from pydicom.sr.codedict import codes

    keyword = "".join(word[:1].upper() + word[1:] for word in re.split(r"\W+|_", name) if word)
    if not keyword.isidentifier():
        return None
    schemes: tuple[Any, ...] = (codes.SCT, codes.DCM)
    for scheme in schemes:
        try:
            found: Code = getattr(scheme, keyword)
        except (AttributeError, RuntimeError):  # RuntimeError: the dictionary has several codes of the keyword
            continue
        # Some DICOM codes are words, such as those of modalities; only numbers are concepts of this kind.
        if found.value.isdigit() and concept_name(found.meaning) == concept_name(name):
            return found
    return None
