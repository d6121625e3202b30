"""From the values of a PET image to SUV by body weight (g/mL), where the tags allow it.

SUV = activity (Bq/mL) × body weight (g) / dose (Bq), both at one time. Which time that is, DecayCorrection says:
the start of the scan (START), the injection (ADMIN), or that of each acquisition (NONE). Nothing is guessed: what
lacks is named, and the values stay as stored. Method: QIBA, computing SUV from DICOM.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from vesalius.data.readers.dicom_tags import functional_group, items, moment, number, text

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["suv_factor"]

_PHILIPS = (0x7053, "Philips PET Private Group")
_UCUM = {"bq/ml": "BQML", "g/ml{suvbw}": "GML", "g/ml": "GML", "{suvbw}g/ml": "GML"}


def suv_factor(dataset: Dataset, frame: int = 0, *, scan_start: datetime | None = None) -> float | str:
    """Return SUV (g/mL) per value of a frame after its rescale, or why there is none.

    Args:
        dataset: the parsed file.
        frame: in a multi-frame file.
        scan_start: first acquisition of the series, where the caller knows it: a series time after the acquisition
            is that of a later calculation, and the scan's start is then this.
    """
    units = text(dataset, "Units") or _mapped_units(dataset, frame)
    if units == "GML":
        kind = text(dataset, "SUVType") or "BW"
        return 1.0 if kind == "BW" else f"PET in SUV of type {kind!r} (0054,1006), expected BW"
    if units == "CNTS":
        scale = _philips_factor(dataset)
        return scale or "PET in units 'CNTS' (0054,1001) without Philips' SUV factor (7053,xx00)"
    if units != "BQML":
        return f"PET in units {units!r} (0054,1001); SUV needs BQML or GML"
    factor = _from_activity(dataset, scan_start)
    return f"PET in Bq/mL, no SUV: {factor}" if isinstance(factor, str) else factor


def _mapped_units(dataset: Dataset, frame: int) -> str:
    """Units of an enhanced object, from its real world value mapping."""
    mapping = functional_group(dataset, frame, "RealWorldValueMappingSequence")
    codes = items(mapping, "MeasurementUnitsCodeSequence") if mapping is not None else ()
    code = text(codes[0], "CodeValue") if codes else ""
    return _UCUM.get(code.casefold(), code)


def _philips_factor(dataset: Dataset) -> float:
    try:
        block = dataset.private_block(*_PHILIPS)
        return float(block[0x00].value) if 0x00 in block else 0.0
    except KeyError:
        return 0.0


def _from_activity(dataset: Dataset, scan_start: datetime | None) -> float | str:
    corrected = text(dataset, "CorrectedImage")
    if corrected and "ATTN" not in corrected:
        return "CorrectedImage (0028,0051) does not name ATTN: attenuation was not corrected"
    doses = items(dataset, "RadiopharmaceuticalInformationSequence")
    weight = number(dataset, "PatientWeight")
    dose = number(doses[0], "RadionuclideTotalDose") if doses else None
    if not dose or dose < 0:
        return "RadionuclideTotalDose (0018,1074) is missing"
    if not weight or weight < 0:
        return "PatientWeight (0010,1030) is missing"
    if len(doses) > 1:
        return f"{len(doses)} radiopharmaceuticals (0054,0016) are stated, expected one"
    grams_per_dose = weight * 1000.0 / dose
    correction = text(dataset, "DecayCorrection") or ("FRAME" if _corrected_to(dataset) else "")
    if correction == "ADMIN":
        return grams_per_dose
    half_life = number(doses[0], "RadionuclideHalfLife")
    if correction not in ("START", "NONE", "FRAME"):
        return f"DecayCorrection (0054,1102) is {correction!r}, expected START, ADMIN or NONE"
    if correction == "NONE":
        return _undecayed(dataset, doses[0], half_life, grams_per_dose)
    reference = _corrected_to(dataset) or _scan_start(dataset, scan_start)
    if isinstance(reference, str):
        return reference
    elapsed = _seconds_since_injection(dataset, doses[0], reference)
    if not half_life or elapsed is None:
        return "RadionuclideHalfLife (0018,1075), injection time or series time is missing"
    if elapsed < 0:
        return "the series starts before the injection"
    return grams_per_dose * math.exp2(elapsed / half_life)


def _undecayed(dataset: Dataset, dose: Dataset, half_life: float | None, grams_per_dose: float) -> float | str:
    """Factor of values as measured: the mean over the acquisition of an activity that fell meanwhile."""
    acquired, milliseconds = _acquired(dataset), number(dataset, "ActualFrameDuration")
    elapsed = _seconds_since_injection(dataset, dose, acquired)
    if not half_life or elapsed is None or not milliseconds:
        return (
            "DecayCorrection (0054,1102) is NONE, which needs RadionuclideHalfLife (0018,1075), the times of "
            "injection and acquisition (0008,0032) and ActualFrameDuration (0018,1242)"
        )
    if elapsed < 0:
        return "the acquisition starts before the injection"
    rate = math.log(2.0) / half_life
    lasted = rate * milliseconds / 1000.0
    return grams_per_dose * math.exp(rate * elapsed) * lasted / -math.expm1(-lasted)


def _corrected_to(dataset: Dataset) -> datetime | None:
    """Time that an enhanced object says its values were corrected to."""
    return moment(text(dataset, "DecayCorrectionDateTime"))


def _scan_start(dataset: Dataset, scan_start: datetime | None) -> datetime | str | None:
    series, acquired = moment(text(dataset, "SeriesDate") + text(dataset, "SeriesTime")), _acquired(dataset)
    if series is None or acquired is None or series <= acquired:
        return series
    return scan_start or (
        "SeriesTime (0008,0031) lies after AcquisitionTime (0008,0032), so it is not the start of the scan"
    )


def _acquired(dataset: Dataset) -> datetime | None:
    day = text(dataset, "AcquisitionDate") or text(dataset, "SeriesDate")
    time = text(dataset, "AcquisitionTime")
    return moment(text(dataset, "AcquisitionDateTime")) or (moment(day + time) if time else None)


def _seconds_since_injection(dataset: Dataset, dose: Dataset, reference: datetime | None) -> float | None:
    day = text(dataset, "SeriesDate")
    stated = text(dose, "RadiopharmaceuticalStartDateTime")
    injected = moment(stated or day + text(dose, "RadiopharmaceuticalStartTime"))
    return (reference - injected).total_seconds() if reference and injected else None
