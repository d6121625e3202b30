"""DICOM segmentations: binary, fractional and label map, on the grid of their source or on their own.

Frames may come in any order and overlap; a plane without a frame is empty. Axes of a mask are (slices, rows,
columns). Frames are unpacked when a mask is asked for, so that many segments do not fill the memory.
Standard: PS3.3 A.51, C.8.20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.dicom import guarded, open_dataset, stored
from vesalius.data.readers.dicom_codecs import DEFLATED_DATASET
from vesalius.data.readers.dicom_geometry import frame_geometry
from vesalius.data.readers.dicom_tags import has, items, number, text, whole
from vesalius.data.readers.dicom_values import functional_group
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.objects.codes import Code, code_in, codes_in, words
from vesalius.data.readers.objects.grid import Grid, place_on, stacked_grid
from vesalius.data.readers.objects.kinds import check_references, require_kind
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Segment", "Segmentation", "SegmentationKind", "read_segmentation"]

SegmentationKind = Literal["BINARY", "FRACTIONAL", "LABELMAP"]
_KINDS: tuple[SegmentationKind, ...] = ("BINARY", "FRACTIONAL", "LABELMAP")
_MODIFIERS = (
    ("SegmentedPropertyTypeCodeSequence", "SegmentedPropertyTypeModifierCodeSequence"),
    ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
)
_PACKED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED_DATASET)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What one segment stands for, as the file describes it."""

    number: int
    label: str
    category: Code | None = None
    """Such as anatomical structure or morphologically abnormal structure."""
    type: Code | None = None
    modifiers: tuple[Code, ...] = ()
    """Of the type and of the anatomic regions, such as a side."""
    anatomy: tuple[Code, ...] = ()
    """Anatomic regions."""
    algorithm: str = ""
    """AUTOMATIC, SEMIAUTOMATIC, MANUAL, or empty."""
    algorithm_name: str = ""
    tracking_id: str = ""
    tracking_uid: str = ""


class _Place(NamedTuple):
    """Where the pixels of a frame lie; the segment is 0 in a label map."""

    frame: int
    segment: int
    slice: int
    row: int
    column: int


class _Frames(Protocol):
    def __getitem__(self, frame: int) -> NDArray[Any]: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation:
    """Segments on a grid; masks are built when asked for."""

    kind: SegmentationKind
    segments: tuple[Segment, ...]
    grid: Grid
    series_uid: str = ""
    """Series that was segmented, where the file refers to it."""
    instance_uids: tuple[str, ...] = ()
    """Instances that were segmented."""
    frame_of_reference_uid: str = ""
    fractional_type: str = ""
    """PROBABILITY or OCCUPANCY."""
    source: str = ""
    """Name of the file, for messages."""
    places: tuple[_Place, ...]
    frames: _Frames
    maximum: int = 1
    """Stored value that stands for 1 in a fractional segmentation."""

    def segment(self, number: int) -> Segment:
        """Return the segment of that number."""
        for segment in self.segments:
            if segment.number == number:
                return segment
        known = {segment.number: segment.label for segment in self.segments}
        raise DataError(f"{self.source}: no segment {number}; it has {known}")

    def mask(self, number: int, *, threshold: float = 0.5) -> NDArray[np.bool_]:
        """Return where a segment is, (slices, rows, columns).

        Args:
            number: of the segment.
            threshold: smallest share that counts in a fractional segmentation.
        """
        if self.kind == "FRACTIONAL":
            return self.share(number) >= np.float32(threshold)
        result = np.zeros(self.grid.shape, np.bool_)
        self._into(result, number)
        return result

    def share(self, number: int) -> NDArray[np.float32]:
        """Return the probability or occupancy of a segment, 0 to 1, (slices, rows, columns)."""
        check_size(self.source, 4 * int(np.prod(self.grid.shape)))
        result = np.zeros(self.grid.shape, np.float32)
        self._into(result, number)
        if self.kind == "FRACTIONAL":
            result /= np.float32(self.maximum)
        return result

    def labels(self, *, threshold: float = 0.5) -> NDArray[np.uint16]:
        """Return the number of the segment of every voxel, 0 where there is none, (slices, rows, columns).

        Raises:
            DataError: two segments share a voxel, so that one map cannot hold them.
        """
        result = np.zeros(self.grid.shape, np.uint16)
        for segment in self.segments:
            mask = self.mask(segment.number, threshold=threshold)
            taken = result[mask]
            if taken.any():
                other = self.segment(int(taken[taken > 0][0]))
                raise DataError(
                    f"{self.source}: segments {other.number} ({other.label!r}) and {segment.number} "
                    f"({segment.label!r}) overlap in {int((taken > 0).sum())} voxels; take mask() of each"
                )
            result[mask] = segment.number
        return result

    def _into(self, result: NDArray[Any], number: int) -> None:
        self.segment(number)
        for place in self.places:
            if place.segment not in (0, number):
                continue
            pixels = self.frames[place.frame]
            rows, columns = pixels.shape
            window = result[
                place.slice, place.row : place.row + rows, place.column : place.column + columns
            ]  # fmt: skip
            shown = pixels == number if place.segment == 0 else pixels
            np.maximum(window, shown.astype(result.dtype), out=window)


def read_segmentation(path: str | Path, *, onto: Grid | None = None, sources: Sequence[str] = ()) -> Segmentation:
    """Read a DICOM segmentation.

    Args:
        path: SEG file, binary, fractional or label map.
        onto: grid of the source series, for example ``Grid.of(readers.read(folder))``; without it the grid is
            the smallest that holds all frames.
        sources: SOP instance UIDs of the source images in the order of the grid's slices, for frames that state
            no position (pictures without a frame of reference).

    Raises:
        DataError: no segmentation, broken, or not on the given grid; names the file and the frame.
    """
    path = Path(path)
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path)
        require_kind(path, dataset, "segmentation")
        kind = text(dataset, "SegmentationType")
        if kind not in _KINDS:
            raise DataError(f"{path}: SegmentationType (0062,0001) is {kind!r}; expected one of {', '.join(_KINDS)}")
        total, rows, columns = _size(path, dataset)
        described = (_segment(entry) for entry in items(dataset, "SegmentSequence"))
        # Number 0 of a label map is its background, which may be described, too (PS3.3 C.8.20.2.4).
        segments = tuple(segment for segment in described if segment.number or kind != "LABELMAP")
        numbers = [0] * total if kind == "LABELMAP" else [_segment_of(path, dataset, frame) for frame in range(total)]
        check_references(path, "segments", set(numbers) - {0}, (segment.number for segment in segments))
        frames = _frames(path, dataset, kind, total, rows, columns)
        _check_labels(path, kind, frames, segments)
        grid, corners = _placed(path, dataset, total, rows, columns, onto, sources)
        places = tuple(_Place(frame, numbers[frame], *corners[frame]) for frame in range(total))
        _check_repeats(path, places)
        return _described(path, dataset, kind, segments, grid, places, frames)


def _described(
    path: Path, dataset: Dataset, kind: Any, segments: tuple[Segment, ...], grid: Grid,
    places: tuple[_Place, ...], frames: _Frames,
) -> Segmentation:  # fmt: skip
    series = items(dataset, "ReferencedSeriesSequence")
    return Segmentation(
        kind=kind,
        segments=segments,
        grid=grid,
        series_uid=text(series[0], "SeriesInstanceUID") if series else "",
        instance_uids=tuple(
            text(entry, "ReferencedSOPInstanceUID")
            for item in series
            for entry in items(item, "ReferencedInstanceSequence")
        ),
        frame_of_reference_uid=text(dataset, "FrameOfReferenceUID"),
        fractional_type=text(dataset, "SegmentationFractionalType"),
        source=str(path),
        places=places,
        frames=frames,
        maximum=whole(dataset, "MaximumFractionalValue") or 255 if kind == "FRACTIONAL" else 1,
    )


def _size(path: Path, dataset: Dataset) -> tuple[int, int, int]:
    """Return frames, rows and columns, checked against the functional groups and the pixel data."""
    total = int(number(dataset, "NumberOfFrames") or 1)
    rows, columns = whole(dataset, "Rows") or 0, whole(dataset, "Columns") or 0
    if total < 1 or not rows or not columns:
        raise DataError(f"{path}: {total} frames of {rows} rows and {columns} columns; expected at least one of each")
    if not has(dataset, "PixelData"):
        raise DataError(f"{path}: no pixel data (7FE0,0010); the file is truncated")
    # Bits stay packed until a mask is asked for; what is compressed is checked once more before it is decoded.
    check_size(str(path), total * rows * columns * (whole(dataset, "BitsAllocated") or 8) // 8)
    groups = len(items(dataset, "PerFrameFunctionalGroupsSequence"))
    if groups != total:
        raise DataError(
            f"{path}: {total} frames (0028,0008) but {groups} items in PerFrameFunctionalGroupsSequence (5200,9230)"
        )
    return total, rows, columns


def _segment(entry: Dataset) -> Segment:
    value = whole(entry, "SegmentNumber")
    if value is None:
        raise DataError("a segment without SegmentNumber (0062,0004); expected a number from 1")
    return Segment(
        number=value,
        label=words(entry, "SegmentLabel"),
        category=code_in(entry, "SegmentedPropertyCategoryCodeSequence"),
        type=code_in(entry, "SegmentedPropertyTypeCodeSequence"),
        modifiers=tuple(
            code
            for sequence, modifiers in _MODIFIERS
            for item in items(entry, sequence)
            for code in codes_in(item, modifiers)
        ),
        anatomy=codes_in(entry, "AnatomicRegionSequence"),
        algorithm=text(entry, "SegmentAlgorithmType"),
        algorithm_name=words(entry, "SegmentAlgorithmName"),
        tracking_id=words(entry, "TrackingID"),
        tracking_uid=text(entry, "TrackingUID"),
    )


def _segment_of(path: Path, dataset: Dataset, frame: int) -> int:
    group = functional_group(dataset, frame, "SegmentIdentificationSequence")
    value = whole(group, "ReferencedSegmentNumber") if group is not None else None
    if not value:
        raise DataError(f"{path}: frame {frame} names no segment, ReferencedSegmentNumber (0062,000B)")
    return value


class _Packed:
    """Frames of one bit a pixel, unpacked one by one; a frame may begin within a byte (PS3.5 8.1.1)."""

    def __init__(self, data: bytes, rows: int, columns: int) -> None:
        self._data = np.frombuffer(data, np.uint8)
        self._shape = rows, columns

    def __getitem__(self, frame: int) -> NDArray[Any]:
        size = self._shape[0] * self._shape[1]
        first, last = frame * size, (frame + 1) * size
        bits = np.unpackbits(self._data[first // 8 : -(-last // 8)], bitorder="little")
        return bits[first % 8 : first % 8 + size].reshape(self._shape)


def _frames(path: Path, dataset: Dataset, kind: str, total: int, rows: int, columns: int) -> _Frames:
    uid = text(dataset.file_meta, "TransferSyntaxUID")
    if whole(dataset, "BitsAllocated") != 1 or uid not in _PACKED:
        array = stored(path)
        return array.reshape(total, rows, columns)
    if kind != "BINARY":
        raise DataError(f"{path}: {kind} segmentation with 1 bit a pixel (0028,0100); expected 8 or 16")
    data = dataset["PixelData"].value
    if dataset["PixelData"].VR == "OW" and uid == "1.2.840.10008.1.2.2":
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    if len(data) * 8 < total * rows * columns:
        raise DataError(
            f"{path}: {len(data)} bytes of pixel data, {-(-total * rows * columns // 8)} expected for {total} "
            f"frames; the file is truncated"
        )
    return _Packed(data, rows, columns)


def _check_labels(path: Path, kind: str, frames: _Frames, segments: Sequence[Segment]) -> None:
    if kind == "LABELMAP":
        found = np.unique(np.asarray(frames))
        check_references(path, "segments", (int(value) for value in found if value), (s.number for s in segments))


def _check_repeats(path: Path, places: Sequence[_Place]) -> None:
    """Two frames of one segment at one place contradict each other or are tiles; both are told."""
    seen: dict[tuple[int, ...], int] = {}
    for place in places:
        first = seen.setdefault(place[1:], place.frame)
        if first != place.frame:
            raise DataError(f"{path}: frames {first} and {place.frame} show segment {place.segment} at one place")


def _placed(
    path: Path, dataset: Dataset, total: int, rows: int, columns: int, onto: Grid | None, sources: Sequence[str]
) -> tuple[Grid, list[tuple[int, int, int]]]:
    """Return the grid, and for every frame its slice and first row and column."""
    planes: list[Geometry] = []
    for frame in range(total):
        found = frame_geometry(dataset, frame).geometry
        if found is not None and found.directions:
            planes.append(found)
    if len(planes) not in (0, total):
        raise DataError(f"{path}: {len(planes)} of {total} frames state a position (0020,0032); expected all or none")
    if not planes or (onto is not None and (onto.geometry is None or not onto.geometry.directions)):
        return _by_source(path, dataset, total, rows, columns, onto, sources)
    measures = functional_group(dataset, 0, "PixelMeasuresSequence")
    step = number(measures, "SpacingBetweenSlices") if measures is not None else None
    grid = onto or stacked_grid(str(path), planes, rows, columns, step_mm=step or 0.0)
    corners = []
    for frame, plane in enumerate(planes):
        try:
            corners.append(place_on(grid, plane, rows, columns))
        except DataError as error:
            raise DataError(f"{path}: frame {frame}: {error}") from None
    return grid, corners


def _by_source(
    path: Path, dataset: Dataset, total: int, rows: int, columns: int, onto: Grid | None, sources: Sequence[str]
) -> tuple[Grid, list[tuple[int, int, int]]]:
    """Place frames by the image that they were derived from."""
    order = {uid: slice_number for slice_number, uid in enumerate(sources)}
    slices = []
    for frame in range(total):
        uid, source_frame = _source_of(dataset, frame)
        if source_frame:
            slices.append(source_frame - 1)
        elif sources and uid not in order:
            raise DataError(
                f"{path}: frame {frame} was derived from an image that is not among the {len(order)} given"
            )
        else:
            slices.append(order.setdefault(uid, len(order)))
    grid = onto or Grid((max(max(slices) + 1, len(sources)), rows, columns), None)
    check_size(str(path), grid.shape[0] * rows * columns)
    if grid.shape[1:] != (rows, columns) or max(slices) >= grid.shape[0]:
        raise DataError(
            f"{path}: {max(slices) + 1} planes of {rows} by {columns} pixels do not fit the grid {grid.shape}"
        )
    return grid, [(number, 0, 0) for number in slices]


def _source_of(dataset: Dataset, frame: int) -> tuple[str, int]:
    """Return the UID and the frame number (from 1, 0 for none) of the image that a frame was derived from."""
    group = functional_group(dataset, frame, "DerivationImageSequence")
    source = items(group, "SourceImageSequence") if group is not None else ()
    if not source:
        return "", 0
    return text(source[0], "ReferencedSOPInstanceUID"), int(number(source[0], "ReferencedFrameNumber") or 0)
