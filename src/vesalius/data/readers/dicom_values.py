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

from vesalius.data.readers.dicom_pet import suv_factor
from vesalius.data.readers.dicom_tags import functional_group, items, number, numbers, text, whole
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


def rescaled(dataset: Dataset, array: NDArray[Any], frames: range, *, scan_start: datetime | None = None) -> Values:
    """Apply the modality transform to stored grey samples.

    Args:
        dataset: the parsed file.
        array: stored samples, (rows, columns) or (frames, rows, columns).
        frames: indices of the frames in the file.
        scan_start: first acquisition of a PET series, for a file whose series time is none.
    """
    modality = text(dataset, "Modality")
    if tables := items(dataset, "ModalityLUTSequence"):
        table = _lookup(tables[0], signed=bool(whole(dataset, "PixelRepresentation")))
        kind = text(tables[0], "ModalityLUTType")
        values = table(array)
        return Values(values, "HU") if kind == "HU" else Values(values, "stored", f"modality table of type {kind!r}")
    transforms = [_rescale(dataset, frame) for frame in frames]
    found = [transform for transform in transforms if transform is not None]
    if len(found) < len(transforms):
        return _untransformed(dataset, array, modality, frames[0], scan_start)
    array = _linear(array, found, bits=whole(dataset, "BitsStored"))
    if modality == "PT":
        return _uptake(dataset, array, frames[0], scan_start)
    kind = found[0].kind
    if kind == "HU" or (not kind and modality == "CT"):
        return Values(array, "HU")
    reason = f"rescale type {kind!r}" if kind else f"{modality or 'unknown modality'} has no absolute scale"
    return Values(array, "stored", reason + ", slope and intercept applied")


def _untransformed(
    dataset: Dataset, array: NDArray[Any], modality: str, frame: int, scan_start: datetime | None
) -> Values:
    if modality == "CT":
        return Values(array, "stored", "CT without RescaleSlope (0028,1053) and RescaleIntercept (0028,1052)")
    rendered = text(dataset, "SOPClassUID").startswith(_RENDERED_CLASSES)
    if rendered and array.dtype == np.uint8 and text(dataset, "PhotometricInterpretation") == "MONOCHROME2":
        return Values(array, "display")
    if modality == "PT":
        return _uptake(dataset, array, frame, scan_start)
    scaling = number(dataset, "DoseGridScaling")
    if scaling is not None:
        unit = text(dataset, "DoseUnits") or "GY"
        return Values(array, "stored", f"multiply by {scaling:g} for the dose in {unit}")
    return Values(array, "stored", f"{modality or 'unknown modality'} has no absolute scale")


def _rescale(dataset: Dataset, frame: int) -> _Rescale | None:
    item = functional_group(dataset, frame, "PixelValueTransformationSequence") or dataset
    slope, intercept = number(item, "RescaleSlope"), number(item, "RescaleIntercept")
    if slope is None or intercept is None:
        return None
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope):
        raise DataError(f"RescaleSlope (0028,1053) is {slope:g} and RescaleIntercept (0028,1052) {intercept:g}")
    return _Rescale(slope, intercept, text(item, "RescaleType"))


def _linear(array: NDArray[Any], transforms: list[_Rescale], *, bits: int | None) -> NDArray[Any]:
    """Multiply and add; whole numbers stay whole, in the smallest signed type that holds them."""
    slope: Any
    intercept: Any
    if len(set(transforms)) == 1:
        slope, intercept, _ = transforms[0]
    else:
        shape = (-1,) + (1,) * (array.ndim - 1)
        slope = np.array([transform.slope for transform in transforms]).reshape(shape)
        intercept = np.array([transform.intercept for transform in transforms]).reshape(shape)
    if np.all(slope == 1) and not np.any(intercept):
        return array
    if array.dtype.kind not in "iu" or np.any(slope % 1) or np.any(intercept % 1):
        wide = np.float64 if array.dtype.itemsize > 2 else np.float32
        return np.asarray(array * slope + intercept, dtype=wide)
    kind = _whole_kind(array, slope, intercept, bits=bits)
    # All values fit, so that a type of the same size holds the same bits and nothing is copied.
    same_size = array.dtype.itemsize == np.dtype(kind).itemsize
    fitting: NDArray[Any] = array.view(kind) if same_size else array.astype(kind)
    if not np.all(slope == 1):
        fitting = fitting * np.asarray(slope, dtype=kind)
    return np.asarray(fitting + np.asarray(intercept, dtype=kind))


def _whole_kind(array: NDArray[Any], slope: Any, intercept: Any, *, bits: int | None) -> type[Any]:
    """Smallest signed type for the values before and after the transform, by their bits or else by themselves."""
    signed = array.dtype.kind == "i"
    bits = min(bits or 64, 8 * array.dtype.itemsize)
    possible = (-(2.0 ** (bits - 1)) if signed else 0.0, 2.0 ** (bits - signed) - 1.0)
    if _reaches(possible, slope, intercept, np.int16):
        return np.int16
    found = (float(array.min()), float(array.max()))
    return next((kind for kind in (np.int16, np.int32) if _reaches(found, slope, intercept, kind)), np.int64)


def _reaches(ends: tuple[float, float], slope: Any, intercept: Any, kind: type[Any]) -> bool:
    """Say whether `kind` holds both ends, before and after the transform."""
    values = [*ends, *(value for end in ends for value in np.ravel(slope * end + intercept))]
    return bool(np.iinfo(kind).min <= min(values) and max(values) <= np.iinfo(kind).max)


def _uptake(dataset: Dataset, array: NDArray[Any], frame: int, scan_start: datetime | None) -> Values:
    """Turn activity into SUV by body weight where the file states everything that this needs."""
    factor = suv_factor(dataset, frame, scan_start=scan_start)
    if isinstance(factor, str):
        return Values(array, "stored", factor)
    return Values(array if factor == 1.0 else (array * factor).astype(np.float32), "SUV")


def presentation(dataset: Dataset, values: Values, frame: int, info: dict[str, str]) -> Presentation:
    """Read windows, VOI table and inversion of a frame; a wrong window is named in `info`."""
    photometric = text(dataset, "PhotometricInterpretation")
    inverted = photometric == "MONOCHROME1" or text(dataset, "PresentationLUTShape") == "INVERSE"
    if values.units in ("display", "rgb"):
        looked_up = photometric == "PALETTE COLOR"
        stored = None if looked_up else whole(dataset, "BitsStored")
        bits = stored or 8 * values.array.dtype.itemsize
        return Presentation(white=float(2**bits - 1))
    item = functional_group(dataset, frame, "FrameVOILUTSequence") or dataset
    windows = []
    for centre, width, shape in _stated_windows(item):
        try:
            windows.append(Window(centre, width, shape))  # type: ignore[arg-type]
        except DataError as error:
            info["window_ignored"] = str(error)
    tables = items(dataset, "VOILUTSequence")
    signed = bool(whole(dataset, "PixelRepresentation")) or (number(dataset, "RescaleIntercept") or 0.0) < 0
    table = _lookup(tables[0], signed=signed) if tables else None
    return Presentation(windows=tuple(windows), lookup=table, inverted=inverted)


def _stated_windows(item: Dataset) -> Iterator[tuple[float, float, str]]:
    shape = text(item, "VOILUTFunction")
    centres, widths = numbers(item, "WindowCenter"), numbers(item, "WindowWidth")
    for centre, width in zip(centres, widths, strict=False):
        yield centre, width, shape if shape in ("LINEAR", "LINEAR_EXACT", "SIGMOID") else "LINEAR"


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
