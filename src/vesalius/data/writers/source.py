"""The images that an object is made of: their headers in the order of the grid's slices, without pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.geometry import Geometry
from vesalius.data.readers.dicom import guarded, open_dataset
from vesalius.data.readers.dicom_geometry import frame_geometry, stack_geometry
from vesalius.data.readers.dicom_tags import has, number, text, whole
from vesalius.data.readers.objects.grid import PLACE_TOLERANCE, Grid
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Source", "read_source"]

_NEEDED = ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
# Patient and study attributes of type 2: empty where the source does not state them, never invented.
_MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """One series (or one multi-frame file) that something is said about."""

    datasets: tuple[Dataset, ...]
    """Headers; one an instance in the order of the grid's slices, or one for a multi-frame file."""
    grid: Grid
    paths: tuple[Path, ...] = ()
    virtual: bool = False
    """Whether the patient is virtual; the objects say so."""

    @property
    def first(self) -> Dataset:
        """Header of the first instance."""
        return self.datasets[0]

    @property
    def placed(self) -> bool:
        """Whether the images state where they lie in the patient."""
        if not text(self.first, "FrameOfReferenceUID"):
            return False
        with quiet(), guarded("source"):
            geometry = frame_geometry(self.first, 0).geometry
        return geometry is not None and bool(geometry.directions)

    def at(self, slice_number: int) -> Source:
        """Return one instance of a series as a source of its own."""
        header, frame = self.instance(slice_number)
        if frame is not None:
            raise DataError(f"frame {frame} of a multi-frame file is no instance of its own")
        geometry = self.grid.geometry
        if geometry is not None and len(geometry.directions) == 3:
            geometry = frame_geometry(header, 0).geometry
        return Source(
            datasets=(header,), grid=Grid((1, *self.grid.shape[1:]), geometry),
            paths=self.paths[slice_number : slice_number + 1], virtual=self.virtual,
        )  # fmt: skip

    @property
    def multi_frame(self) -> bool:
        """Whether one file holds all slices."""
        return len(self.datasets) == 1 and self.grid.shape[0] > 1

    def instance(self, slice_number: int) -> tuple[Dataset, int | None]:
        """Return the header of a slice, and its frame counted from 1 where one file holds several."""
        if not 0 <= slice_number < self.grid.shape[0]:
            raise DataError(f"slice {slice_number} of a source with {self.grid.shape[0]} slices")
        return (self.first, slice_number + 1) if self.multi_frame else (self.datasets[slice_number], None)

    def aligned(self, mask: NDArray[Any], grid: Grid) -> NDArray[Any]:
        """Return a mask of another grid, (slices, rows, columns), with the slices in the order of this one.

        Only the order of slices may differ; nothing is resampled.

        Raises:
            DataError: the grids differ in more than the order of slices.
        """
        if mask.shape != self.grid.shape or grid.shape != self.grid.shape:
            raise DataError(
                f"mask of shape {mask.shape} on a grid {grid.shape}; the source has "
                f"{self.grid.shape} slices, rows, columns"
            )
        if grid.geometry is None or self.grid.geometry is None or not self.grid.geometry.directions:
            return mask
        ends = np.array([[0, 0, 0], [grid.shape[0] - 1, 0, 0], [0, grid.shape[1] - 1, grid.shape[2] - 1]])
        own = ends if len(self.grid.geometry.directions) == 3 else ends[:, 1:]
        place = grid.locate(np.asarray(self.grid.geometry.to_patient(own)))
        turned = ends.copy()
        turned[:, 0] = grid.shape[0] - 1 - ends[:, 0]
        for index, result in ((ends, mask), (turned, mask[::-1])):
            if np.abs(place - index).max() <= PLACE_TOLERANCE:
                return result
        raise DataError("the mask lies on another grid than the source; resample it first")


def read_source(paths: Sequence[Path], *, virtual: bool = False) -> Source:
    """Read the headers of a series: single-frame files of one series in any order, or one multi-frame file.

    Raises:
        DataError: no file, several series, or slices that are no volume; names the file.
    """
    if not paths:
        raise DataError("no source image given; an object needs the series that it speaks of")
    headers = [(_header(path), path) for path in paths]
    series = {text(dataset, "SeriesInstanceUID") for dataset, _ in headers}
    if len(series) > 1:
        raise DataError(f"{paths[0].parent}: files of {len(series)} series; expected those of one")
    if len(headers) == 1:
        return Source(datasets=(headers[0][0],), grid=_own_grid(*headers[0]), paths=tuple(paths), virtual=virtual)
    return _stacked(headers, virtual)


def _header(path: Path) -> Dataset:
    with quiet(), guarded(str(path)):
        dataset = open_dataset(path, pixels=False)
        for keyword in _NEEDED:
            if not text(dataset, keyword):
                raise DataError(f"{path}: {keyword} is missing, so that nothing can refer to this image")
        for keyword in _MAY_BE_EMPTY:
            if not has(dataset, keyword):
                setattr(dataset, keyword, "")
        return dataset


def _size(path: Path, dataset: Dataset) -> tuple[int, int]:
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not rows or not columns:
        raise DataError(f"{path}: Rows or Columns (0028,0010) is missing; expected an image")
    return rows, columns


def _own_grid(dataset: Dataset, path: Path) -> Grid:
    frames = int(number(dataset, "NumberOfFrames") or 1)
    with quiet(), guarded(str(path)):
        found = stack_geometry(dataset, frames) if frames > 1 else frame_geometry(dataset, 0)
    return Grid((frames, *_size(path, dataset)), found.geometry)


def _stacked(headers: list[tuple[Dataset, Path]], virtual: bool) -> Source:
    planes: list[tuple[float, Geometry, Dataset, Path]] = []
    for dataset, path in headers:
        found = frame_geometry(dataset, 0)
        if found.geometry is None or not found.geometry.directions:
            raise DataError(f"{path}: no position in the patient: {found.missing or found.position}")
        row, column = found.geometry.directions
        height = float(np.dot(np.cross(column, row), found.geometry.origin_mm))
        planes.append((height, found.geometry, dataset, path))
    planes.sort(key=lambda plane: plane[0])
    first = planes[0][1]
    sizes = {_size(path, dataset) for _, _, dataset, path in planes}
    if len(sizes) > 1 or any(
        not np.allclose(plane[1].directions, first.directions, atol=1e-4) or plane[1].spacing_mm != first.spacing_mm
        for plane in planes
    ):
        raise DataError(
            f"{planes[0][3].parent}: its images differ in size, spacing or orientation; expected one volume"
        )
    try:
        geometry = first.stacked([plane[1].origin_mm for plane in planes])  # type: ignore[misc]
    except DataError as error:
        raise DataError(f"{planes[0][3].parent}: {error}") from None
    return Source(
        datasets=tuple(plane[2] for plane in planes),
        grid=Grid((len(planes), *sizes.pop()), geometry),
        paths=tuple(plane[3] for plane in planes),
        virtual=virtual,
    )
