"""DICOM series as volumes: a folder, or a list of files, of which each volume is decoded slice by slice.

Slices are sorted along the normal of their planes. A gantry tilt gives a sheared grid, which the geometry states
exactly; `upright` resamples it. What is not one even volume is an error that names the positions, never a guess.
"""

# T times or echoes, Z slices, Y rows, X columns

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers import sniff
from vesalius.data.readers.block import boxed, cropped
from vesalius.data.readers.dicom import Sample, guarded, open_dataset, sample
from vesalius.data.readers.dicom_classes import not_an_image
from vesalius.data.readers.dicom_slices import Slice, slices_of
from vesalius.data.readers.dicom_stacks import Contents, Duplicates, Missing, Rest, RestKind, Stack, arrange
from vesalius.data.readers.dicom_tags import text
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.pixels import Axes, Pixels
from vesalius.data.readers.quiet import quiet
from vesalius.data.readers.upright import upright as made_upright
from vesalius.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Series", "Source", "choose", "find_volumes", "load", "of_file", "read"]

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_SHOWN = 8
_HARMLESS = ("a localiser", "a second copy")
_UNSURE = ("slices are missing", "uneven spacing", "incomplete frames", "several images at one position")


class Series(NamedTuple):
    """What a folder or a list of files holds."""

    name: str
    """Of the folder, for messages."""
    stacks: tuple[Stack, ...]
    """Volumes, in the order of their names."""
    rest: tuple[Rest, ...]
    """Images that are in no volume."""
    broken: tuple[tuple[Path, str], ...]
    """DICOM files that cannot be read, and objects that are no images, with the reason."""
    num_others: int
    """Files that are no DICOM."""


def find_volumes(source: Source, *, missing: Missing = "error", duplicates: Duplicates = "error") -> Series:
    """Read the headers of all DICOM files and say which volumes they form.

    Args:
        source: a folder with all below it, or files.
        missing: "split" makes a volume of every even run where slices are missing or the spacing varies.
        duplicates: "first" keeps the first of several images at one position.
    """
    name, paths = _paths(source)
    slices: list[Slice] = []
    broken: list[tuple[Path, str]] = []
    others: list[tuple[Path, str]] = []
    for path in paths:
        strange = _no_dicom(path)
        if strange:
            others.append((path, strange))
            continue
        try:
            slices += _described(path)
        except DataError as error:
            broken.append((path, str(error).removeprefix(f"{path}: ")))
    # A file that is called like the slices and is no DICOM is a slice that was damaged.
    suffixes = {one.path.suffix for one in slices} - {""}
    broken += [(path, strange) for path, strange in others if path.suffix in suffixes]
    found: Contents = arrange(slices, missing=missing, duplicates=duplicates)
    num_others = sum(path.suffix not in suffixes for path, _ in others)
    return Series(name, found.stacks, found.rest, tuple(broken), num_others)


def read(
    source: Source,
    *,
    volume: str = "",
    frame: int | None = None,
    missing: Missing = "error",
    duplicates: Duplicates = "error",
    upright: bool = False,
) -> Pixels:
    """Read the one volume of a folder or list of DICOM files, or the one that is named.

    Args:
        source: a folder with all below it, or files.
        volume: name of one of several volumes, as the error lists them and `find_volumes` gives them.
        frame: one time of a series of volumes, or else one slice, counted from 0.
        missing: what to do where slices are missing or the spacing varies, see `find_volumes`.
        duplicates: what to do with several images at one position that no tag tells apart.
        upright: resample a tilted volume to a grid at right angles.

    Returns:
        axes ZYX, ZYXC or TZYX; CT in HU, PET in SUV where the tags allow it, else as stored with the reason.

    Raises:
        DataError: no volume, several ones, or one that is not whole; names the positions and what to do.
    """
    found = find_volumes(source, missing=missing, duplicates=duplicates)
    accepted: tuple[RestKind, ...] = ("several images at one position",) if duplicates == "first" else ()
    if missing == "split":
        accepted += ("slices are missing", "uneven spacing", "incomplete frames")
    stack = choose(found, volume, accepted=accepted)
    if frame is not None:
        return _frame(stack, found.name, frame)
    pixels, _ = load(stack, name=found.name)
    left = Counter[str](rest.kind for rest in found.rest for _ in rest.slices)
    left.update({"a file that is no DICOM": found.num_others} if found.num_others else {})
    if left:
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(left.items()))
        pixels = replace(pixels, info={**pixels.info, "left_out": listed})
    return made_upright(pixels) if upright else pixels


def choose(found: Series, volume: str = "", *, accepted: Sequence[RestKind] = ()) -> Stack:
    """Return the volume of that name, or the only one.

    Args:
        found: what `find_volumes` gave.
        volume: name; empty for the only one.
        accepted: reasons for which images may be in no volume although they might belong to this one.

    Raises:
        DataError: there is none, or there are several: lists them.
    """
    names = {stack.name: stack for stack in found.stacks}
    if volume:
        if volume not in names:
            raise DataError(f"{found.name}: no volume {volume!r}{did_you_mean(volume, names)}")
        return names[volume]
    reasons = _reasons(found)
    if not names:
        raise DataError(f"{found.name}: no DICOM volume: {reasons or _nothing(found)}")
    if len(names) > 1:
        listed = "\n".join(f"  {stack.text()}" for stack in found.stacks[:_SHOWN])
        more = f"\n  and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise DataError(
            f"{found.name}: {len(names)} volumes, expected one; choose one by name, such as "
            f"series.read(folder, volume={next(iter(names))!r}), or load each of find_volumes(folder).stacks:\n"
            f"{listed}{more}"
        )
    if _doubtful(found, accepted):
        raise DataError(
            f"{found.name}: one volume, {found.stacks[0].text()}, and files that may belong to it: {reasons}; choose "
            f"it with series.read(folder, volume={found.stacks[0].name!r}) to leave them out"
        )
    return found.stacks[0]


def of_file(path: Path) -> Stack:
    """Return the volume of a multi-frame file, with frames in the file's order where that is even, as `read` has it.

    Raises:
        DataError: its frames are no volume, or there are several.
    """
    slices = tuple(_described(path))
    places = [one.geometry for one in slices if one.geometry is not None]
    if len(slices) > 1 and len(places) == len(slices):
        found = arrange(slices)
        try:
            geometry = places[0].stacked([place.origin_mm for place in places if place.origin_mm])
        except DataError:
            geometry = None
        if geometry is not None and len(found.stacks) == 1 and found.stacks[0].num_frames == 1:
            return replace(found.stacks[0], slices=slices, geometry=geometry)
    return choose(find_volumes([path]))


def load(stack: Stack, box: Sequence[slice] | None = None, *, name: str = "") -> tuple[Pixels, int]:
    """Decode a volume, or the slices that a box needs, into one array.

    Args:
        stack: from `find_volumes`.
        box: one slice an axis in array order, without colours; None for all.
        name: of the source, for messages.

    Returns:
        The volume with its geometry, and the number of slices that were decoded.

    Raises:
        DataError: a slice cannot be decoded, slices have different units, or the volume is too large.
    """
    name = name or str(stack.slices[0].path.parent)
    sides = boxed(name, stack.shape, box or [slice(None)] * len(stack.shape))
    depth = len(stack.slices) // stack.num_frames
    times = sides[0] if stack.num_frames > 1 else slice(0, 1)
    chosen = [
        stack.slices[time * depth + place]
        for time in range(times.start, times.stop)
        for place in range(sides[-3].start, sides[-3].stop)
    ]
    shape = tuple(side.stop - side.start for side in sides)
    array, first = _stacked(chosen, name, shape, (sides[-2], sides[-1]), _scan_start(stack))
    return Pixels(
        array=array,
        axes=stack.axes,
        units=first.values.units,
        geometry=cropped(stack.geometry, sides),
        modality=stack.slices[0].modality,
        info=_info(stack, first),
        source=name,
        presentation=first.presentation,
    ), len(chosen)


def _stacked(
    slices: Sequence[Slice], name: str, shape: tuple[int, ...], plane: tuple[slice, slice], start: datetime | None
) -> tuple[NDArray[Any], Sample]:
    """Decode slices one after the other into one array of the shape, (…, Z, Y, X) or with colours last."""
    opened = _Opened()
    first = opened.sample(slices[0], start)
    colours = first.values.array.shape[2:]
    check_size(name, math.prod((*shape, *colours)) * first.values.array.dtype.itemsize)
    flat = np.empty((len(slices), *shape[-2:], *colours), dtype=first.values.array.dtype)
    for number, one in enumerate(slices):
        found = first if number == 0 else opened.sample(one, start)
        values = found.values
        if values.units != first.values.units:
            raise DataError(
                f"{one.path}: values are {values.units!r}, those of other slices {first.values.units!r}: "
                f"{values.reason or first.values.reason}"
            )
        if values.array.dtype != flat.dtype:
            flat = flat.astype(np.result_type(flat.dtype, values.array.dtype), copy=False)
        flat[number] = values.array[plane]
    return flat.reshape(*shape, *colours), first


class _Opened:
    """The file that is open now: frames of one file are decoded after its header is parsed once."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset: Dataset | None = None

    def sample(self, one: Slice, scan_start: datetime | None) -> Sample:
        if self._dataset is None or one.path != self._path:
            self._dataset, self._path = open_dataset(one.path, defer=one.frame is not None), one.path
        return sample(one.path, self._dataset, one.frame, scan_start=scan_start)


def _paths(source: Source) -> tuple[str, list[Path]]:
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; expected a folder of DICOM files, or a list of them")
        found = (path for path in folder.rglob("*") if path.is_file())
        return str(folder), sorted(path for path in found if not _hidden(path, folder))
    files = [Path(path) for path in source]
    if not files:
        raise DataError("an empty list of files; expected the DICOM files of a series")
    return str(files[0].parent if len(files) > 1 else files[0]), sorted(dict.fromkeys(files))


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _no_dicom(path: Path) -> str:
    """Say what a file is that is no DICOM, and "" of DICOM."""
    try:
        kind = sniff(path)
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")
    return "" if kind == "dicom" else f"a {kind.upper()} file"


def _described(path: Path) -> Iterable[Slice]:
    """Describe the slices of a file.

    Raises:
        DataError: it is broken or no image.
    """
    dataset = open_dataset(path, pixels=False)
    with quiet(), guarded(str(path)):
        uid = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
        if other := not_an_image(uid):
            raise DataError(f"{path}: {_NOT_AN_IMAGE}{other}")
        return slices_of(path, dataset)


_NOT_AN_IMAGE = "not an image: "


def _doubtful(found: Series, accepted: Sequence[RestKind]) -> bool:
    """Say whether something that could be a slice of the only volume is not in it."""
    if any(not reason.startswith(_NOT_AN_IMAGE) for _, reason in found.broken):
        return True
    own = found.stacks[0].slices[0].series
    return any(
        (rest.kind in _UNSURE and rest.kind not in accepted)
        or (rest.kind == "no position in the patient" and rest.slices[0].series == own)
        for rest in found.rest
    )


def _reasons(found: Series) -> str:
    """Say in words why files are in no volume."""
    parts = [f"{len(rest.slices)} images: {rest.reason}" for rest in found.rest if rest.kind not in _HARMLESS]
    parts += [f"{path.name}: {reason}" for path, reason in found.broken]
    more = f"; and {len(parts) - _SHOWN} more reasons" if len(parts) > _SHOWN else ""
    advice = ""
    kinds = {rest.kind for rest in found.rest}
    if kinds & {"slices are missing", "uneven spacing", "incomplete frames"}:
        advice += "; copy what lacks, or take the even runs with missing='split'"
    if "several images at one position" in kinds:
        advice += "; duplicates='first' keeps one of several images"
    return "; ".join(parts[:_SHOWN]) + more + advice


def _nothing(found: Series) -> str:
    local = sum(len(rest.slices) for rest in found.rest)
    return f"{local} localisers or copies and {found.num_others} files that are no DICOM"


def _frame(stack: Stack, name: str, frame: int) -> Pixels:
    """Read one time of a series of volumes, or one slice of a volume."""
    total = stack.shape[0]
    if frame >= total:
        what = "times" if stack.num_frames > 1 else "slices"
        raise DataError(f"{name}: frame {frame} asked for, the volume has {total} {what}")
    box = [slice(frame, frame + 1), *[slice(None)] * (len(stack.shape) - 1)]
    pixels, _ = load(stack, box, name=name)
    geometry = pixels.geometry
    if stack.num_frames == 1 and geometry is not None:
        geometry = replace(geometry, spacing_mm=geometry.spacing_mm[1:], directions=geometry.directions[1:])
    axes: Axes = pixels.axes[1:]  # type: ignore[assignment]
    return replace(pixels, array=pixels.array[0], axes=axes, geometry=geometry)


def _scan_start(stack: Stack) -> datetime | None:
    times = [one.acquired for one in stack.slices] if stack.slices[0].modality == "PT" else []
    return min((time for time in times if time is not None), default=None)


def _info(stack: Stack, first: Sample) -> dict[str, str]:
    info = {key: value for key, value in first.info.items() if key not in ("frames", "frames_per_second")}
    return info | stack.info()
