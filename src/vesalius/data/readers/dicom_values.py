"""Meaning of DICOM samples: modality transform, units, and how they want to be shown.

Order of the standard (PS3.3 C.11): stored value, modality transform (rescale or table), VOI window or table,
inversion for MONOCHROME1. Only the modality transform changes the array; the rest is a `Presentation`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.pixels import LookupTable, Presentation, Units, Window
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Values", "functional_group", "presentation", "rescaled"]

# Pictures that were made to be looked at: secondary captures, ultrasound, visible light.
_RENDERED_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.77.1",
)


class Values(NamedTuple):
    """Samples after the modality transform, their units, and why they are "stored" where they are."""

    array: NDArray[Any]
    units: Units
    reason: str = ""


class _Rescale(NamedTuple):
    slope: float
    intercept: float
    kind: str


def functional_group(dataset: Dataset, frame: int, sequence: str) -> Dataset | None:
    """Return the first item of a functional group sequence: the frame's own, else the shared one."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    shared = dataset.get("SharedFunctionalGroupsSequence") or ()
    for groups in (*frames[frame : frame + 1], *shared[:1]):
        items = groups.get(sequence)
        if items:
            return items[0]
    return None


def rescaled(dataset: Dataset, array: NDArray[Any], frames: range) -> Values:
    """Apply the modality transform to stored grey samples.

    Args:
        array: stored samples, (rows, columns) or (frames, rows, columns).
        frames: indices of the frames in the file.
    """
    modality = str(dataset.get("Modality", ""))
    if dataset.get("ModalityLUTSequence"):
        item = dataset.ModalityLUTSequence[0]
        table = _lookup(item, signed=bool(dataset.get("PixelRepresentation", 0)))
        kind = str(item.get("ModalityLUTType", ""))
        values = table(array)
        return Values(values, "HU") if kind == "HU" else Values(values, "stored", f"modality table of type {kind!r}")
    transforms = [_rescale(dataset, frame) for frame in frames]
    found = [transform for transform in transforms if transform is not None]
    if len(found) < len(transforms):
        return _untransformed(dataset, array, modality)
    array = _linear(array, found)
    if modality == "PT":
        return _uptake(dataset, array)
    kind = found[0].kind
    if kind == "HU" or (not kind and modality == "CT"):
        return Values(array, "HU")
    reason = f"rescale type {kind!r}" if kind else f"{modality or 'unknown modality'} has no absolute scale"
    return Values(array, "stored", reason + ", slope and intercept applied")


def _untransformed(dataset: Dataset, array: NDArray[Any], modality: str) -> Values:
    if modality == "CT":
        return Values(array, "stored", "CT without RescaleSlope (0028,1053) and RescaleIntercept (0028,1052)")
    rendered = str(dataset.get("SOPClassUID", "")).startswith(_RENDERED_CLASSES)
    if rendered and array.dtype == np.uint8 and dataset.get("PhotometricInterpretation") == "MONOCHROME2":
        return Values(array, "display")
    if modality == "PT":
        return _uptake(dataset, array)
    if "DoseGridScaling" in dataset:
        scaling = float(dataset.DoseGridScaling)
        return Values(array, "stored", f"multiply by {scaling:g} for the dose in {dataset.get('DoseUnits', 'GY')}")
    return Values(array, "stored", f"{modality or 'unknown modality'} has no absolute scale")


def _rescale(dataset: Dataset, frame: int) -> _Rescale | None:
    item = functional_group(dataset, frame, "PixelValueTransformationSequence") or dataset
    slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
    if slope is None or intercept is None:
        return None
    if not np.isfinite([float(slope), float(intercept)]).all() or float(slope) == 0.0:
        raise DataError(f"RescaleSlope (0028,1053) is {slope} and RescaleIntercept (0028,1052) {intercept}")
    return _Rescale(float(slope), float(intercept), str(item.get("RescaleType", "") or "").strip())


def _linear(array: NDArray[Any], transforms: list[_Rescale]) -> NDArray[Any]:
    """Multiply and add; whole numbers stay whole, in the smallest signed type that holds them."""
    slopes = np.array([transform.slope for transform in transforms])
    intercepts = np.array([transform.intercept for transform in transforms])
    if len(set(transforms)) == 1 or array.ndim == 2:
        slopes, intercepts = slopes[:1], intercepts[:1]
    if not (slopes != 1).any() and not intercepts.any():
        return array
    shape = (-1,) + (1,) * (array.ndim - 1) if len(slopes) > 1 else ()
    slopes, intercepts = slopes.reshape(shape), intercepts.reshape(shape)
    exact = array.dtype.kind in "iu" and not (slopes % 1).any() and not (intercepts % 1).any()
    if not exact:
        wide = np.float64 if array.dtype.itemsize > 2 else np.float32
        return np.asarray(array * slopes + intercepts, dtype=wide)
    kind = _whole_kind(array, slopes, intercepts)
    result: NDArray[Any] = array.astype(kind, copy=False)
    if (slopes != 1).any():
        result = result * slopes.astype(kind)
    result = result + intercepts.astype(kind)
    return result


def _whole_kind(array: NDArray[Any], slopes: NDArray[np.float64], intercepts: NDArray[np.float64]) -> type[Any]:
    """Smallest signed type that holds the values before and after the transform."""
    ends = np.array([float(array.min()), float(array.max())])
    reached = np.append(np.multiply.outer(ends, slopes.ravel()) + intercepts.ravel(), ends)
    low, high = reached.min(), reached.max()
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return kind
    return np.int64


def _uptake(dataset: Dataset, array: NDArray[Any]) -> Values:
    """Turn activity into SUV by body weight where the file states everything that this needs."""
    units = str(dataset.get("Units", ""))
    if units == "GML":
        return Values(array, "SUV")
    if units != "BQML":
        return Values(array, "stored", f"PET in units {units!r} (0054,1001); SUV needs BQML or GML")
    factor = _suv_factor(dataset)
    if isinstance(factor, str):
        return Values(array, "stored", f"PET in Bq/mL, no SUV: {factor}")
    return Values((array * factor).astype(np.float32), "SUV")


def _suv_factor(dataset: Dataset) -> float | str:
    """Return SUV (g/mL) per Bq/mL, or what is missing.

    Body weight in grams divided by the dose left at the time that the activities were corrected to:
    the scan's start (DecayCorrection START) or the injection (ADMIN).
    """
    doses = dataset.get("RadiopharmaceuticalInformationSequence") or ()
    weight, correction = dataset.get("PatientWeight"), str(dataset.get("DecayCorrection", ""))
    if not doses or not doses[0].get("RadionuclideTotalDose"):
        return "RadionuclideTotalDose (0018,1074) is missing"
    if not weight:
        return "PatientWeight (0010,1030) is missing"
    dose = float(doses[0].RadionuclideTotalDose)
    if correction == "ADMIN":
        return float(weight) * 1000.0 / dose
    if correction != "START":
        return f"DecayCorrection (0054,1102) is {correction!r}, expected START or ADMIN"
    half_life = doses[0].get("RadionuclideHalfLife")
    elapsed = _seconds_since_injection(dataset, doses[0])
    if not half_life or elapsed is None:
        return "RadionuclideHalfLife (0018,1075), injection time or series time is missing"
    if elapsed < 0:
        return "the series starts before the injection"
    left = dose * math.exp2(-elapsed / float(half_life))
    return float(weight) * 1000.0 / left


def _seconds_since_injection(dataset: Dataset, dose: Dataset) -> float | None:
    day = str(dataset.get("SeriesDate", ""))
    series = _moment(day + str(dataset.get("SeriesTime", "")))
    stated = str(dose.get("RadiopharmaceuticalStartDateTime", ""))
    injected = _moment(stated or day + str(dose.get("RadiopharmaceuticalStartTime", "")))
    return (series - injected).total_seconds() if series and injected else None


def _moment(text: str) -> datetime | None:
    """Read a DICOM date and time such as 20240131093015.5, without a zone."""
    text = text.partition("+")[0].partition("-")[0]
    for pattern in ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S", "%Y%m%d%H%M"):
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    return None


def presentation(dataset: Dataset, values: Values, frame: int, info: dict[str, str]) -> Presentation:
    """Read windows, VOI table and inversion of a frame; a wrong window is named in `info`."""
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    inverted = photometric == "MONOCHROME1" or str(dataset.get("PresentationLUTShape", "")) == "INVERSE"
    if values.units in ("display", "rgb"):
        looked_up = photometric == "PALETTE COLOR"
        bits = 8 * values.array.dtype.itemsize if looked_up else int(dataset.BitsStored)
        return Presentation(white=float(2**bits - 1))
    item = functional_group(dataset, frame, "FrameVOILUTSequence") or dataset
    windows = []
    for centre, width, shape in _stated_windows(item):
        try:
            windows.append(Window(centre, width, shape))  # type: ignore[arg-type]
        except DataError as error:
            info["window_ignored"] = str(error)
    tables = dataset.get("VOILUTSequence")
    signed = bool(dataset.get("PixelRepresentation", 0)) or float(dataset.get("RescaleIntercept") or 0) < 0
    table = _lookup(tables[0], signed=signed) if tables else None
    return Presentation(windows=tuple(windows), lookup=table, inverted=inverted)


def _stated_windows(item: Dataset) -> Iterator[tuple[float, float, str]]:
    shape = str(item.get("VOILUTFunction") or "LINEAR")
    centres, widths = (_numbers(item.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    for centre, width in zip(centres, widths, strict=False):
        yield centre, width, shape if shape in ("LINEAR", "LINEAR_EXACT", "SIGMOID") else "LINEAR"


def _numbers(value: Any) -> list[float]:
    if value is None or value == "":
        return []
    return [float(number) for number in value] if hasattr(value, "__iter__") else [float(value)]


def _lookup(item: Dataset, *, signed: bool) -> LookupTable:
    """Read a table of PS3.3 C.11: its descriptor is (entries, first input value, output bits)."""
    count, first, bits = (int(value) for value in item.LUTDescriptor)
    count = count or 2**16
    if signed and first >= 2**15:
        first -= 2**16
    data = item.LUTData
    if isinstance(data, bytes):
        entries = np.frombuffer(data, dtype=np.uint8 if len(data) < 2 * count else "<u2").astype(np.uint16)
    else:
        entries = np.atleast_1d(np.asarray(data)).astype(np.uint16)
    if len(entries) < count or not 1 <= bits <= 16:
        raise DataError(
            f"LUTData (0028,3006) has {len(entries)} entries of {bits} bits, LUTDescriptor states {count}"
        )
    return LookupTable(entries[:count], first, bits)
