"""DICOM images: samples after the modality transform, with units, geometry and presentation.

Axes of several frames are ZYX where their positions form one volume, TZYX where they form one at several times,
echoes and the like, else TYX. Frames that do not lie in the file by position are sorted, which `info["frame_order"]`
then says. No error or entry of `info` holds a name, a number or a date of the patient.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from numpy.typing import NDArray

from vesalius.data.readers.dicom_classes import not_an_image
from vesalius.data.readers.dicom_codecs import DEFLATED_DATASET, codec_of, decode
from vesalius.data.readers.dicom_geometry import Found, frame_geometry, stack_geometry
from vesalius.data.readers.dicom_slices import slices_of
from vesalius.data.readers.dicom_stacks import Stack, arrange
from vesalius.data.readers.dicom_tags import number, text, whole
from vesalius.data.readers.dicom_values import Values, presentation, rescaled
from vesalius.data.readers.limits import DECODER_FAULTS, MAX_DECODED_BYTES, check_size
from vesalius.data.readers.pixels import Axes, Pixels, Presentation
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Sample", "guarded", "open_dataset", "read", "sample", "sorted_frames", "stored"]

_RATES = ("RecommendedDisplayFrameRate", "CineRate")
_PIXEL_TAGS = (0x7FE00010, 0x7FE00008, 0x7FE00009)
_DEFER_BYTES = 2**16
_REQUIRED = {
    "Rows": "(0028,0010)",
    "Columns": "(0028,0011)",
    "SamplesPerPixel": "(0028,0002)",
    "BitsAllocated": "(0028,0100)",
}
_INFO = {
    "body_part": "BodyPartExamined",
    "view": "ViewPosition",
    "laterality": "ImageLaterality",
    "photometric": "PhotometricInterpretation",
}


def read(path: Path, *, frame: int | None = None) -> Pixels:
    """Read a DICOM image: all frames, or the one asked for without decoding the others.

    Args:
        path: the file.
        frame: counted as the file stores them, whatever order a volume of them has.

    Raises:
        DataError: no pixels, an unknown transfer syntax, truncated or broken data; names the file and the
            tag.
    """
    name = str(path)
    with quiet(), guarded(name):
        dataset = open_dataset(path, defer=frame is not None)
        array, uid = _decoded(path, dataset, frame)
        total = _frames(dataset)
        frames = range(total) if frame is None else range(frame, frame + 1)
        info = _info(dataset, uid, total)
        values = _values(dataset, array, frames, info)
        axes, found, stack = _located(path, dataset, frames)
        if stack is not None:
            values = values._replace(array=_reordered(values.array, stack))
            info.update(stack.info(), frame_order="sorted by position")
        modality = text(dataset, "Modality")
        shown = presentation(dataset, values, frames[0], info)
    info.update({"geometry_missing": found.missing} if found.missing else {})
    info.update({"position_missing": found.position} if found.position else {})
    return Pixels(
        array=values.array,
        axes=axes + "C" if values.units == "rgb" else axes,  # type: ignore[arg-type]
        units=values.units,
        geometry=found.geometry,
        modality=modality,
        info=info,
        source=name,
        presentation=shown,
    )


class Sample(NamedTuple):
    """One frame after the modality transform, and what the file says of it."""

    values: Values
    presentation: Presentation
    info: dict[str, str]


def sample(path: Path, dataset: Dataset, frame: int | None, *, scan_start: datetime | None = None) -> Sample:
    """Decode one frame of a parsed file, or the only one.

    Args:
        path: the file.
        dataset: from `open_dataset`; one that was opened with `defer` serves many frames.
        frame: index, or None in a file of a single one.
        scan_start: first acquisition of a PET series, see `suv_factor`.
    """
    name = str(path)
    with quiet(), guarded(name):
        array, uid = _decoded(path, dataset, frame)
        info = _info(dataset, uid, _frames(dataset))
        number = frame or 0
        values = _values(dataset, array, range(number, number + 1), info, scan_start=scan_start)
        return Sample(values, presentation(dataset, values, number, info), info)


def sorted_frames(path: Path, dataset: Dataset) -> Stack | None:
    """Return the volume that all frames of a file form, whatever their order, or None."""
    slices = slices_of(path, dataset)
    stacks = arrange(slices).stacks
    return stacks[0] if len(stacks) == 1 and len(stacks[0].slices) == len(slices) else None


def stored(path: Path, *, frame: int | None = None) -> NDArray[Any]:
    """Return the samples before modality transform and palette; colour is turned to RGB."""
    return _decoded(path, open_dataset(path), frame)[0]


def open_dataset(path: Path, *, defer: bool = False, pixels: bool = True) -> Dataset:
    """Parse a DICOM file without decoding its pixels.

    Args:
        path: the file; a missing preamble or missing file meta group is accepted.
        defer: leave large elements on disk.
        pixels: False stops before the pixel data.

    Raises:
        DataError: not DICOM, or broken before the pixel data.
    """
    require("pydicom", purpose=f"{path}: reading DICOM")
    from pydicom import dcmread
    from pydicom.uid import UID

    with guarded(str(path)), quiet():
        with path.open("rb") as file:
            _check_deflated(path, file)
            # What is left on the disk is found again by name, so that then the path is needed.
            dataset = dcmread(
                path if defer else file,
                force=True,
                defer_size=_DEFER_BYTES if defer else None,
                stop_before_pixels=not pixels,
            )
        if not text(dataset.file_meta, "TransferSyntaxUID"):
            implicit, little = dataset.original_encoding
            plain = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
            dataset.file_meta.TransferSyntaxUID = UID(plain)
    if len(dataset) == 0:
        raise DataError(f"{path}: no DICOM element could be read; the file is truncated or not DICOM")
    return dataset


def _decoded(path: Path, dataset: Dataset, frame: int | None) -> tuple[NDArray[Any], str]:
    """Return stored samples (colour as RGB) and the transfer syntax."""
    name = str(path)
    with guarded(name), quiet():
        uid = text(dataset.file_meta, "TransferSyntaxUID")
        rows, columns, samples, bits = _module(name, dataset)
        total = _frames(dataset)
        if frame is not None and frame >= total:
            raise DataError(f"{name}: frame {frame} asked for, the file has {total} (0028,0008)")
        codec_of(name, uid)
        count = rows * columns * samples * (total if frame is None else 1)
        check_size(name, count * max(bits, 8) // 8)
        array = _decode(path, dataset, uid, frame)
    if (rows, columns) not in (array.shape[:2], array.shape[-2:], array.shape[-3:-1]):
        raise DataError(f"{name}: decoded to {array.shape}, its header states {rows} rows and {columns} columns")
    return array, uid


def _decode(path: Path, dataset: Dataset, uid: str, frame: int | None) -> NDArray[Any]:
    tag = next(tag for tag in _PIXEL_TAGS if tag in dataset.keys())  # noqa: SIM118 - `in dataset` parses its key
    element = dataset.get_item(tag)
    if frame is not None and element.value is None and uid != DEFLATED_DATASET:
        with path.open("rb") as file:
            file.seek(element.value_tell)
            return decode(dataset, file, uid, frame)
    value = element.value
    return decode(dataset, value if isinstance(value, bytes) else dataset[tag].value, uid, frame)


def _module(name: str, dataset: Dataset) -> tuple[int, int, int, int]:
    """Return rows, columns, samples a pixel and bits allocated.

    Raises:
        DataError: there are no pixels, or the image pixel module is not whole.
    """
    if not any(tag in dataset.keys() for tag in _PIXEL_TAGS):  # noqa: SIM118 - `in dataset` parses its key
        stated = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
        kind = getattr(stated, "name", "") or "unknown class"
        if other := not_an_image(str(stated or "")):
            raise DataError(f"{name}: DICOM of class {kind!r} without pixel data: {other}; expected an image")
        raise DataError(
            f"{name}: DICOM of class {kind!r} without pixel data (7FE0,0010); expected an image; "
            f"if it should be one, the file is truncated"
        )
    found = {keyword: whole(dataset, keyword) for keyword in _REQUIRED}
    found["PhotometricInterpretation"] = len(text(dataset, "PhotometricInterpretation"))
    for keyword, value in found.items():
        if not value:
            tag = _REQUIRED.get(keyword, "(0028,0004)")
            raise DataError(f"{name}: {keyword} {tag} is missing or 0, so the pixels cannot be laid out")
    rows, columns, samples, bits = (int(found[keyword] or 0) for keyword in _REQUIRED)
    return rows, columns, samples, bits


def _frames(dataset: Dataset) -> int:
    return int(number(dataset, "NumberOfFrames") or 1)


def _values(
    dataset: Dataset,
    array: NDArray[Any],
    frames: range,
    info: dict[str, str],
    *,
    scan_start: datetime | None = None,
) -> Values:
    native = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        return Values(apply_color_lut(native, dataset), "rgb")
    if whole(dataset, "SamplesPerPixel") != 1:
        return Values(native, "rgb")
    values = rescaled(dataset, native, frames, scan_start=scan_start)
    if not values.array.flags.writeable:
        values = values._replace(array=values.array.copy())
    if values.reason:
        info["units_reason"] = values.reason
    return values


def _located(path: Path, dataset: Dataset, frames: range) -> tuple[Axes, Found, Stack | None]:
    """Return the axes, the geometry, and the volume that the frames form in another order than the file's.

    What is no volume has a spacing and no common place.
    """
    if len(frames) == 1:
        return "YX", frame_geometry(dataset, frames[0]), None
    stack = stack_geometry(dataset, len(frames))
    if stack.geometry is not None:
        return "ZYX", stack, None
    first = frame_geometry(dataset, 0)
    if first.geometry is None:
        return "TYX", first, None
    arranged = sorted_frames(path, dataset) if first.geometry.directions else None
    if arranged is not None and len(arranged.slices) == len(frames) and arranged.axes != "ZYXC":
        return arranged.axes, Found(arranged.geometry), arranged
    spacing = replace(first.geometry, directions=(), origin_mm=())
    return "TYX", Found(spacing, position=stack.missing), None


def _reordered(array: NDArray[Any], stack: Stack) -> NDArray[Any]:
    """Pick frames in the order of the volume: (slices, rows, columns), with times before them where there are any."""
    picked: NDArray[Any] = array[[one.frame or 0 for one in stack.slices]]
    return picked.reshape(*stack.shape, *array.shape[3:])


def _info(dataset: Dataset, uid: str, total: int) -> dict[str, str]:
    info = {"format": "dicom", "transfer_syntax": uid, "frames": str(total)}
    for key, keyword in _INFO.items():
        value = text(dataset, keyword)
        if value:
            info[key] = value
    if total > 1:
        rate = next((rate for keyword in _RATES if (rate := number(dataset, keyword) or 0.0)), 0.0)
        milliseconds = number(dataset, "FrameTime") or 0.0
        rate = rate or (1000.0 / milliseconds if milliseconds else 0.0)
        info.update({"frames_per_second": f"{rate:g}"} if rate > 0 else {})
    return info


def _check_deflated(path: Path, file: BinaryIO) -> None:
    """Refuse a deflated dataset beyond the limit, before pydicom inflates it in one piece."""
    if DEFLATED_DATASET.encode() in file.read(2048):
        from pydicom.filereader import read_file_meta_info

        length = int(read_file_meta_info(path).FileMetaInformationGroupLength)
        file.seek(132 + 12 + length)
        inflater, size = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0
        while block := file.read(2**16):
            while block:
                size += len(inflater.decompress(block, 2**24))
                check_size(str(path), min(size, MAX_DECODED_BYTES + 1))
                block = inflater.unconsumed_tail
    file.seek(0)


@cache
def _faults() -> tuple[type[BaseException], ...]:
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*DECODER_FAULTS, BytesLengthException, InvalidDicomError)


@contextmanager
def guarded(name: str) -> Iterator[None]:
    """Turn what a decoder raises on broken bytes into an error that names the file."""
    try:
        yield
    except DataError as error:
        if str(error).startswith(name):
            raise
        raise DataError(f"{name}: {error}") from None
    except _faults() as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()
        detail = " ".join(line.strip() for line in reason[:2])[:240]
        raise DataError(f"{name}: broken or truncated DICOM: {detail}; copy it again from its source") from None
