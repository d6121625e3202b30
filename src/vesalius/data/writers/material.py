"""What an export needs of a study: its images with pixels, sources, masks and marks, opened one at a time.

A slice number is that of the record (the order of the stored array); `source_slice` says which slice of the DICOM
source it is, because a series is ordered by position.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data import readers
from vesalius.data.readers.objects.grid import Grid
from vesalius.data.readers.pixels import Pixels
from vesalius.data.records import Image, Region, Study
from vesalius.data.writers.overlay import Drawn
from vesalius.data.writers.segmentation import SegmentMask
from vesalius.data.writers.series import write_series
from vesalius.data.writers.source import Source, read_source
from vesalius.errors import DataError

__all__ = ["Material", "Opened"]


@dataclass(frozen=True)
class Material:
    """A study and where its files are."""

    study: Study
    find: Callable[[str], Path]
    folder: Path
    """Where images that are no DICOM are written as DICOM, each in a folder of its own."""

    def images(self, *, with_masks: bool = False) -> Iterator[Opened]:
        """Yield the images of the study, or those with a mask only."""
        for image in self.study.images:
            regions = tuple(region for region in self.study.regions if region.image == image.id)
            if not with_masks or any(region.kind == "mask" for region in regions):
                yield Opened(self, image, regions)


@dataclass(frozen=True)
class Opened:
    """One image; its parts are read when they are asked for."""

    material: Material
    image: Image
    regions: tuple[Region, ...]

    @cached_property
    def pixels(self) -> Pixels:
        """The image as its reader gives it."""
        pixels = readers.read(self.material.find(self.image.path), frame=self.image.frame)
        # Formats such as NIfTI do not state what a value means; the record may know.
        known = self.image.units == "HU" and pixels.units == "stored"
        return replace(pixels, units="HU") if known else pixels

    @cached_property
    def source(self) -> Source:
        """The DICOM series of the image, written where there is none."""
        path = self.material.find(self.image.path)
        virtual = self.material.study.provenance.virtual
        if path.is_dir():
            return read_source(sorted(item for item in path.iterdir() if item.is_file()), virtual=virtual)
        if readers.sniff(path) == "dicom":
            return read_source([path], virtual=virtual)
        folder = self.material.folder / f"images-{self.image.id.replace('/', '_')}"
        return write_series(self.pixels, self.image, self.material.study, folder)

    def source_slice(self, slice_number: int) -> int:
        """Return the slice of the source that a slice of the record is."""
        return self._order.index(slice_number)

    def segment_masks(self) -> list[SegmentMask]:
        """Return one mask for every thing that is marked by masks; those of several frames are put together.

        The records do not say who drew them; they are called automatic and named after the record's origin.
        """
        parts: dict[tuple[Any, ...], list[Region]] = defaultdict(list)
        for region in self.regions:
            if region.kind == "mask":
                parts[region.concept, region.anatomy, region.instance].append(region)
        codes = {finding.concept: finding.code for finding in self.material.study.findings if finding.code}
        origin = self.material.study.provenance
        return [
            SegmentMask(
                mask=self._joined(regions), concept=concept, anatomy=anatomy, code=codes.get(concept, ""),
                algorithm_name=(origin.made_by or origin.source or "unknown")[:64],
                tracking_id=f"{concept or anatomy} {instance}" if instance is not None else "",
            )
            for (concept, anatomy, instance), regions in parts.items()
        ]  # fmt: skip

    def picture(self, slice_number: int) -> NDArray[np.float32]:
        """Return one slice as it is shown, 0 black to 1 white."""
        pixels = self.pixels
        if pixels.axes[0] not in "ZT":
            return pixels.display()
        plane: Any = pixels.axes[1:]
        return replace(pixels, array=pixels.array[slice_number], axes=plane, geometry=None).display()

    def marked_slices(self) -> list[int]:
        """Return the slices that a box, a point or an outline stands on."""
        return sorted(
            {self._slice(region) for region in self.regions if region.kind != "mask" and self._flat(region)}
        )

    def slices_to_show(self) -> list[int]:
        """Return the slices with a box of a finding; without one, the slice with most marks, else the middle."""
        found = {self._slice(region) for region in self.regions if region.concept and region.kind == "box"}
        if found:
            return sorted(found)
        marked = [self._slice(region) for region in self.regions if region.kind != "mask" and self._flat(region)]
        return [max(sorted(set(marked)), key=marked.count)] if marked else [self._count // 2]

    def drawn(self, slice_number: int, *, masks: bool) -> list[Drawn]:
        """Return what is marked on a slice; a thing's box, mask and points have one colour.

        Args:
            slice_number: in the record.
            masks: for a capture: masks and boxes of findings, or of parts where nothing is found; else all boxes,
                points and outlines.
        """
        findings = any(region.concept for region in self.regions)
        colours: dict[tuple[Any, ...], int] = {}
        result = []
        for region in self.regions:
            colour = colours.setdefault((region.concept, region.anatomy, region.instance), len(colours))
            label = region.concept.replace("_", " ") or region.anatomy
            if masks and (bool(region.concept) != findings or (region.kind == "points" and not findings)):
                continue
            if region.kind == "mask":
                mask = self._plane(region, slice_number) if masks else None
                if mask is not None and mask.any():
                    result.append(Drawn(label="", mask=mask, colour=colour))
            elif self._flat(region) and self._slice(region) == slice_number:
                points, closed = tuple(self._points(region)), region.kind == "contour"
                result.append(Drawn(label=label, box=region.box, points=points, closed=closed, colour=colour))
        return result

    def label_names(self) -> dict[str, dict[int, str]]:
        """Return for every mask file what its values stand for."""
        names: dict[str, dict[int, str]] = defaultdict(dict)
        for region in self.regions:
            if region.kind == "mask":
                names[region.mask][region.mask_value] = region.concept or region.anatomy
        return dict(names)

    def mask_pixels(self, file: str) -> Pixels:
        """Return a mask file as its reader gives it."""
        return readers.read(self.material.find(file))

    @cached_property
    def _count(self) -> int:
        return self.pixels.array.shape[0] if self.pixels.axes[0] in "ZT" else 1

    @cached_property
    def _grid(self) -> Grid:
        if self.pixels.axes[0] == "T":
            rows, columns = self.pixels.shape[-2:]
            return Grid((self._count, rows, columns))
        return Grid.of(self.pixels)

    @cached_property
    def _order(self) -> list[int]:
        """For every slice of the source the slice of the record."""
        numbers = np.broadcast_to(np.arange(self._count)[:, None, None], self._grid.shape)
        ordered: list[int] = self.source.aligned(numbers, self._grid)[:, 0, 0].tolist()
        return ordered

    def _joined(self, regions: list[Region]) -> NDArray[np.bool_]:
        """Return the mask of some regions on the source's grid."""
        whole = np.zeros(self._grid.shape, np.bool_)
        for region in regions:
            array = self.mask_pixels(region.mask).array
            part = array == region.mask_value
            if part.ndim == 2:
                number = self._slice(region)
                if part.shape != whole.shape[1:] or not 0 <= number < self._count:
                    raise DataError(
                        f"{region.mask}: mask of shape {part.shape} on slice {number}; the image has {whole.shape}"
                    )
                whole[number] |= part
            elif part.shape == whole.shape:
                whole |= part
            else:
                raise DataError(f"{region.mask}: mask of shape {part.shape}; its image has {whole.shape}")
        return self.source.aligned(whole, self._grid)

    def _plane(self, region: Region, slice_number: int) -> NDArray[np.bool_] | None:
        if region.frame is not None and region.frame != slice_number:
            return None
        array = self.mask_pixels(region.mask).array
        plane = array if array.ndim == 2 else array[slice_number]
        return np.asarray(plane == region.mask_value)

    def _flat(self, region: Region) -> bool:
        """Say whether a region lies on one slice."""
        return self._count == 1 or region.frame is not None or any(len(point) == 3 for point in region.points)

    def _slice(self, region: Region) -> int:
        if self._count == 1:
            return 0
        if region.frame is not None:
            return region.frame
        depth = [point[2] for point in region.points if len(point) == 3]
        return int(np.clip(round(float(np.mean(depth))), 0, self._count - 1)) if depth else 0

    def _points(self, region: Region) -> list[tuple[float, float]]:
        """Return points from the corner of the first pixel; voxels (x, y, z) count from the first one's centre."""
        return [
            (point[0] + 0.5, point[1] + 0.5) if len(point) == 3 else (point[0], point[1]) for point in region.points
        ]
