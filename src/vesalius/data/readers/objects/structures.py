"""RT structure sets: contours in mm, and the masks that they enclose on a grid.

A voxel belongs to a structure where its centre lies inside an odd number of its contours (even-odd rule): an
inner contour of the same slice is a hole, and the two coinciding edges of a keyhole cancel. A centre on an edge
counts on the side of smaller rows and columns only, so that two structures with a common edge share no voxel.
Standard: PS3.3 C.8.8.5, C.8.8.6, C.8.8.8.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.dicom import guarded, open_dataset
from vesalius.data.readers.dicom_tags import items, number, numbers, text
from vesalius.data.readers.limits import check_size
from vesalius.data.readers.objects.codes import Code, codes_in, words
from vesalius.data.readers.objects.grid import Grid
from vesalius.data.readers.objects.kinds import check_references, require_kind
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["SLICE_TOLERANCE", "Contour", "Structure", "StructureSet", "rasterise", "read_structures"]

SLICE_TOLERANCE = 0.1
"""Share of the distance of slices by which a contour may miss the slice that it is drawn on."""
_EDGE_PIXELS = 1.0
"""A contour may reach this far beyond the centres of the outermost pixels: body outlines follow the picture's rim."""
_MAX_CROSSINGS = 2**22
"""Crossings of edges and rows that are held at once, so that a contour of a million points stays small."""
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_KNOWN = (*_CLOSED, "POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")


@dataclass(frozen=True, kw_only=True, eq=False)
class Contour:
    """One contour of a structure."""

    kind: str
    """CLOSED_PLANAR, CLOSEDPLANAR_XOR, POINT, OPEN_PLANAR or OPEN_NONPLANAR."""
    points_mm: NDArray[np.float64]
    """LPS positions, (n, 3); a closed contour does not repeat its first point."""
    image_uid: str = ""
    """Instance that it was drawn on, where the file says so."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """One region of interest with its contours."""

    number: int
    name: str
    contours: tuple[Contour, ...] = ()
    interpreted_type: str = ""
    """Such as ORGAN, PTV, EXTERNAL, ISOCENTER."""
    label: str = ""
    """Of the observation."""
    codes: tuple[Code, ...] = ()
    """Identification codes of the observation."""
    algorithm: str = ""
    """AUTOMATIC, SEMIAUTOMATIC, MANUAL, or empty."""
    frame_of_reference_uid: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class StructureSet:
    """Structures of one file."""

    label: str
    structures: tuple[Structure, ...]
    series_uids: tuple[str, ...] = ()
    """Series that were drawn on."""
    source: str = ""
    """Name of the file, for messages."""

    def structure(self, name: str | int) -> Structure:
        """Return the structure of a name or number; a name that occurs twice needs the number."""
        found = [one for one in self.structures if name in (one.name, one.number)]
        if len(found) != 1:
            known = {one.number: one.name for one in self.structures}
            raise DataError(f"{self.source}: {len(found)} structures are called {name!r}; it has {known}")
        return found[0]


def read_structures(path: str | Path) -> StructureSet:
    """Read an RT structure set; a structure without contours is listed with none.

    Raises:
        DataError: no structure set, or broken; names the file and the structure.
    """
    path = Path(path)
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path)
        require_kind(path, dataset, "structures")
        known = items(dataset, "StructureSetROISequence")
        if not known:
            raise DataError(f"{path}: no structure in StructureSetROISequence (3006,0020); the file is truncated")
        numbered = [_number(entry, "ROINumber") for entry in known]
        drawn = {_number(entry, "ReferencedROINumber"): entry for entry in items(dataset, "ROIContourSequence")}
        check_references(path, "structures", drawn, numbered)
        observed: dict[int, list[Dataset]] = defaultdict(list)
        for entry in items(dataset, "RTROIObservationsSequence"):
            observed[_number(entry, "ReferencedROINumber")].append(entry)
        return StructureSet(
            label=words(dataset, "StructureSetLabel"),
            structures=tuple(
                _structure(path, entry, value, drawn.get(value), observed[value])
                for entry, value in zip(known, numbered, strict=True)
            ),
            series_uids=_series(dataset),
            source=str(path),
        )


def rasterise(structure: Structure, grid: Grid, *, slice_tolerance: float = SLICE_TOLERANCE) -> NDArray[np.bool_]:
    """Return the voxels inside the closed contours of a structure, (slices, rows, columns).

    Slices without a contour stay empty; nothing is interpolated.

    Args:
        structure: with at least one closed contour.
        grid: of the image, with position and orientation.
        slice_tolerance: share of the distance of slices by which a contour may miss its slice.

    Raises:
        DataError: no closed contour, one that lies off the grid or across its slices; names structure and place.
    """
    check_size(structure.name, 4 * int(np.prod(grid.shape)))
    closed = [contour for contour in structure.contours if contour.kind in _CLOSED]
    if not closed:
        raise DataError(f"structure {structure.name!r} has no closed contour, so that there is nothing to fill")
    of_slice: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
    for contour in closed:
        index = grid.locate(contour.points_mm)
        of_slice[_slice_of(structure, contour, index, grid, slice_tolerance)].append(index[:, 1:])
    mask = np.zeros(grid.shape, np.bool_)
    for slice_number, outlines in of_slice.items():
        mask[slice_number] = _filled(outlines, grid.shape[1:])
    return mask


def _number(entry: Dataset, keyword: str) -> int:
    value = number(entry, keyword)
    if value is None:
        raise DataError(f"an item without {keyword}; expected a whole number")
    return int(value)


def _series(dataset: Dataset) -> tuple[str, ...]:
    found = (
        text(series, "SeriesInstanceUID")
        for frame in items(dataset, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for series in items(study, "RTReferencedSeriesSequence")
    )
    return tuple(dict.fromkeys(uid for uid in found if uid))


def _structure(path: Path, entry: Dataset, value: int, drawn: Dataset | None, observed: list[Dataset]) -> Structure:
    name = words(entry, "ROIName")
    contours = () if drawn is None else items(drawn, "ContourSequence")
    return Structure(
        number=value,
        name=name,
        contours=tuple(_contour(path, name, item) for item in contours),
        interpreted_type=next((found for item in observed if (found := text(item, "RTROIInterpretedType"))), ""),
        label=next((found for item in observed if (found := words(item, "ROIObservationLabel"))), ""),
        codes=tuple(code for item in observed for code in codes_in(item, "RTROIIdentificationCodeSequence")),
        algorithm=text(entry, "ROIGenerationAlgorithm"),
        frame_of_reference_uid=text(entry, "ReferencedFrameOfReferenceUID"),
    )


def _contour(path: Path, name: str, item: Dataset) -> Contour:
    kind = text(item, "ContourGeometricType")
    if kind not in _KNOWN:
        raise DataError(f"{path}: structure {name!r}: contour of kind {kind!r}; expected one of {', '.join(_KNOWN)}")
    values = np.array(numbers(item, "ContourData"), dtype=np.float64)
    stated = int(number(item, "NumberOfContourPoints") or len(values) / 3)
    if len(values) == 0 or len(values) != 3 * stated or not np.isfinite(values).all():
        raise DataError(
            f"{path}: structure {name!r}: {len(values)} coordinates (3006,0050) for {stated} points (3006,0046); "
            f"expected three finite numbers a point"
        )
    points = values.reshape(-1, 3)
    if kind in _CLOSED and len(points) > 1 and (points[0] == points[-1]).all():
        points = points[:-1]
    if kind in _CLOSED and len(points) < 3:
        raise DataError(f"{path}: structure {name!r}: a closed contour of {len(points)} points; expected at least 3")
    image = items(item, "ContourImageSequence")
    return Contour(kind=kind, points_mm=points, image_uid=text(image[0], "ReferencedSOPInstanceUID") if image else "")


def _slice_of(
    structure: Structure, contour: Contour, index: NDArray[np.float64], grid: Grid, tolerance: float
) -> int:
    """Return the slice that a contour is drawn on, after checking that it lies on the grid."""
    low, high = index.min(axis=0), index.max(axis=0)
    slice_number = int(np.rint(index[:, 0].mean()))
    place = f"structure {structure.name!r}: contour at z {contour.points_mm[:, 2].mean():.4g} mm"
    if not 0 <= slice_number < grid.shape[0] or np.abs(index[:, 0] - slice_number).max() > tolerance:
        raise DataError(
            f"{place} lies at slices {low[0]:.3f} to {high[0]:.3f} of {grid.shape[0]}; expected one slice, "
            f"met to within {tolerance:g}: this is not the grid that it was drawn on"
        )
    reach = np.array(grid.shape[1:]) - 1 + _EDGE_PIXELS
    if (low[1:] < -_EDGE_PIXELS).any() or (high[1:] > reach).any():
        raise DataError(
            f"{place} covers rows {low[1]:.1f} to {high[1]:.1f} and columns {low[2]:.1f} to {high[2]:.1f}, beyond "
            f"the grid's {grid.shape[1]} rows and {grid.shape[2]} columns"
        )
    return slice_number


def _filled(outlines: list[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Fill outlines, each (n, 2) rows and columns, by the even-odd rule at pixel centres.

    Every edge toggles all pixels to its right in the rows that it crosses.
    """
    rows, columns = shape
    begin = np.concatenate(outlines)
    end = np.concatenate([np.roll(outline, -1, axis=0) for outline in outlines])
    # Ordered by row, so that an edge and its return, as in a keyhole, are crossed at equal columns.
    swap = begin[:, 0] > end[:, 0]
    top, bottom = np.where(swap[:, None], end, begin), np.where(swap[:, None], begin, end)
    toggles = np.zeros((rows, columns + 1), np.int32)
    block = max(1, _MAX_CROSSINGS // rows)
    for start in range(0, len(top), block):
        _toggle(toggles, top[start : start + block], bottom[start : start + block])
    return (np.cumsum(toggles, axis=1)[:, :columns] % 2).astype(np.bool_)


def _toggle(toggles: NDArray[np.int32], top: NDArray[np.float64], bottom: NDArray[np.float64]) -> None:
    """Count for edges, (n, 2) each end, the crossings of every row before every column, in place."""
    rows, columns = toggles.shape
    first = np.clip(np.ceil(top[:, 0]), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(bottom[:, 0]), 0, rows).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(first)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    height = bottom[edge, 0] - top[edge, 0]
    cross = top[edge, 1] + (row - top[edge, 0]) * (bottom[edge, 1] - top[edge, 1]) / height
    np.add.at(toggles, (row, np.clip(np.ceil(cross), 0, columns - 1).astype(np.int64)), 1)
