"""What a DICOM header says of each of its slices: its form, its place, and the tags that tell frames apart.

A classic file is one slice, an enhanced multi-frame object is as many as it has frames; both are described alike,
so that one way of putting volumes together serves both. No name, number or date of the patient is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vesalius.data.geometry import Geometry
from vesalius.data.readers.dicom_geometry import frame_geometry
from vesalius.data.readers.dicom_tags import functional_group, has, items, moment, number, numbers, text, whole

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["DIMENSIONS", "Dimension", "Slice", "Value", "slices_of"]

Value = float | str | tuple[float, ...] | None


class Dimension(NamedTuple):
    """A tag that may differ between images at one position."""

    name: str
    keyword: str
    """At the top of a classic file."""
    groups: tuple[str, ...] = ()
    """Functional groups of an enhanced object that may hold it."""
    frame_keyword: str = ""
    """Its name there."""
    separates: bool = False
    """Different values are different volumes, never frames of one."""
    is_moment: bool = False
    """A date and time, kept as seconds and never shown."""
    is_text: bool = False
    """In a classic file a decimal, integer or code string, which is quick to read."""


_FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")
_CONTENT = ("FrameContentSequence",)

DIMENSIONS = (
    Dimension("stack (0020,9056)", "StackID", _CONTENT, "StackID", separates=True, is_text=True),
    Dimension("image type (0008,0008)", "ImageType", _FRAME_TYPES, "FrameType", separates=True, is_text=True),
    Dimension(
        "time point (0020,0100)", "TemporalPositionIdentifier", _CONTENT, "TemporalPositionIndex", is_text=True
    ),
    Dimension("b-value (0018,9087)", "DiffusionBValue", ("MRDiffusionSequence",), "DiffusionBValue"),
    Dimension(
        "gradient direction (0018,9089)", "DiffusionGradientOrientation",
        ("MRDiffusionSequence", "DiffusionGradientDirectionSequence"), "DiffusionGradientOrientation",
    ),
    Dimension("echo time (0018,0081)", "EchoTime", ("MREchoSequence",), "EffectiveEchoTime", is_text=True),
    Dimension("echo number (0018,0086)", "EchoNumbers", is_text=True),
    Dimension("inversion time (0018,0082)", "InversionTime", ("MRModifierSequence",), "InversionTimes", is_text=True),
    Dimension(
        "flip angle (0018,1314)", "FlipAngle", ("MRTimingAndRelatedParametersSequence",), "FlipAngle", is_text=True
    ),
    Dimension(
        "cardiac phase (0020,9241)", "NominalPercentageOfCardiacPhase", ("CardiacSynchronizationSequence",),
        "NominalPercentageOfCardiacPhase",
    ),
    Dimension(
        "trigger time (0018,1060)", "TriggerTime", ("CardiacSynchronizationSequence",),
        "NominalCardiacTriggerDelayTime", is_text=True,
    ),
    Dimension(
        "breathing phase (0020,9245)", "NominalPercentageOfRespiratoryPhase", ("RespiratorySynchronizationSequence",),
        "NominalPercentageOfRespiratoryPhase",
    ),
    Dimension("frame time (0054,1300)", "FrameReferenceTime", is_text=True),
    Dimension("acquisition (0020,0012)", "AcquisitionNumber", _CONTENT, "FrameAcquisitionNumber", is_text=True),
    Dimension(
        "acquisition time (0008,0032)", "AcquisitionTime", _CONTENT, "FrameAcquisitionDateTime", is_moment=True
    ),
    Dimension("content time (0008,0033)", "ContentTime", is_moment=True),
)  # fmt: skip
"""Tags that tell frames apart, the most telling first."""

_EPOCH = datetime(1970, 1, 1)
_ACQUIRED = next(place for place, dimension in enumerate(DIMENSIONS) if dimension.keyword == "AcquisitionTime")
_DATE_OF = {"AcquisitionTime": "AcquisitionDate", "ContentTime": "ContentDate"}
_OWN_MOMENT = {"AcquisitionTime": "AcquisitionDateTime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One image at one place: a file, or a frame of it."""

    path: Path
    frame: int | None = None
    """Index in a file of several frames."""
    series: str
    """Name made from the series' UID by a one-way hash."""
    instance: str
    """SOP instance UID, in memory only."""
    modality: str
    form: tuple[str | int, ...]
    """What has to be equal within a volume besides the geometry: class, size, samples and photometric meaning."""
    geometry: Geometry | None
    """With a place in the patient, or None."""
    missing: str = ""
    """Why there is no geometry."""
    localiser: bool = False
    values: tuple[Value, ...]
    """One an entry of `DIMENSIONS`."""

    @property
    def acquired(self) -> datetime | None:
        """When it was acquired, where the file states a day and a time."""
        value = self.values[_ACQUIRED]
        found = _EPOCH + timedelta(seconds=value) if isinstance(value, float) else None
        return found if found is not None and found.year > _EPOCH.year else None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.form[1]), int(self.form[2])

    @property
    def channels(self) -> int:
        """Samples a pixel."""
        return int(self.form[3])


def slices_of(path: Path, dataset: Dataset) -> list[Slice]:
    """Describe every slice of a parsed header; call it inside `guarded`.

    A file of several frames that states no position for each of them is one entry without a geometry.
    """
    count = int(number(dataset, "NumberOfFrames") or 1)
    places = len(items(dataset, "PerFrameFunctionalGroupsSequence")) or len(numbers(dataset, "GridFrameOffsetVector"))
    single = count == 1 and not places
    # The number of frames is believed only where as many positions are there: a header may claim any number.
    unplaced = "" if single or count == places else f"{count} frames (0028,0008) and {places} positions"
    size: list[str | int] = [whole(dataset, keyword) or 0 for keyword in ("Rows", "Columns", "SamplesPerPixel")]
    form = (text(dataset, "SOPClassUID"), *size, text(dataset, "PhotometricInterpretation"))
    series = hashlib.sha256(text(dataset, "SeriesInstanceUID").encode("utf-8")).hexdigest()[:6]
    found = []
    for frame in range(1 if unplaced else count):
        geometry, missing = (None, unplaced) if unplaced else _placed(dataset, frame)
        values = tuple(_value(dataset, frame, dimension) for dimension in DIMENSIONS)
        found.append(
            Slice(
                path=path,
                frame=None if single or unplaced else frame,
                series=series,
                instance=text(dataset, "SOPInstanceUID"),
                modality=text(dataset, "Modality"),
                form=form,
                geometry=geometry,
                missing=missing,
                localiser="LOCALIZER" in str(values[1]).upper().split("\\"),
                values=values,
            )
        )
    return found


def _placed(dataset: Dataset, frame: int) -> tuple[Geometry | None, str]:
    found = frame_geometry(dataset, frame)
    if found.geometry is None or not found.geometry.directions:
        return None, found.missing or found.position
    return found.geometry, ""


def _value(dataset: Dataset, frame: int, dimension: Dimension) -> Value:
    """Return the value of a frame: from its functional groups, else from the top of the file."""
    item = dataset
    keyword = dimension.keyword
    if dimension.groups and has(dataset, "SharedFunctionalGroupsSequence"):
        group = _group(dataset, frame, dimension.groups)
        if group is None or not has(group, dimension.frame_keyword):
            return None
        item, keyword = group, dimension.frame_keyword
    if dimension.is_moment:
        return _seconds(item, keyword)
    if not has(item, keyword):
        return None
    if dimension.is_text and item is dataset:
        return _read(text(item, keyword))
    return _plain(item.get(keyword))


def _read(stated: str) -> Value:
    """Read a string as one number where it is one, else as it stands."""
    try:
        return float(stated) if stated else None
    except ValueError:
        return stated


def _group(dataset: Dataset, frame: int, names: tuple[str, ...]) -> Dataset | None:
    """Return the functional group of the first name that is there, and what is nested in it where names go on."""
    for name in names:
        group = functional_group(dataset, frame, name)
        if group is None:
            continue
        nested = names[names.index(name) + 1 :]
        for inner in nested:
            if has(group, inner) and group[inner].value:
                return group[inner].value[0]
        return group
    return None


def _plain(value: object) -> Value:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, float)):
        return float(value)
    if hasattr(value, "__iter__"):
        parts = list(value)
        if all(isinstance(part, (int, float)) for part in parts):
            return float(parts[0]) if len(parts) == 1 else tuple(float(part) for part in parts)
        return "\\".join(str(part) for part in parts)
    return str(value)


def _seconds(item: Dataset, keyword: str) -> float | None:
    """Return a moment in seconds from a fixed day."""
    stated = text(item, _OWN_MOMENT.get(keyword, "")) if keyword in _OWN_MOMENT else ""
    if not stated and keyword in _DATE_OF:
        time = text(item, keyword)
        day = text(item, _DATE_OF[keyword]) or text(item, "SeriesDate") or "19700101"
        stated = day + time if time else ""
    elif not stated:
        stated = text(item, keyword)
    found = moment(stated)
    return (found - _EPOCH).total_seconds() if found else None
