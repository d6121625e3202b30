"""COCO JSON: boxes, masks, outlines and landmarks of a corpus or a view of it, streamed.

Only one study is in memory at a time. A picture, or a frame or slice that something is marked on, is one COCO
image; the pixels stay where they are. Categories are the concepts and parts of the regions, sorted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data import readers
from vesalius.data.disk import replacing
from vesalius.data.records import Image, Region, Study
from vesalius.data.rle import runs
from vesalius.errors import DataError

__all__ = ["CocoCounts", "run_lengths", "write_coco"]

LANDMARKS = "landmarks"
"""Category of the named points of an image, which are its keypoints."""
_VISIBLE = 2


@dataclass(kw_only=True)
class CocoCounts:
    """What was written, and what was not."""

    images: int = 0
    annotations: int = 0
    categories: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Regions without a place in the format, by reason."""


def write_coco(
    studies: Iterable[Study],
    path: str | Path,
    *,
    find: Callable[[str], Path],
    prefix: str = "",
    advance: Callable[[int], object] = lambda count: None,
) -> CocoCounts:
    """Write the regions of studies as one COCO file.

    Boxes are ``[x, y, width, height]``; masks are run lengths down the columns, uncompressed, with `iscrowd` 1 as
    the format demands of them; outlines are polygons; named points are the keypoints of one annotation an image.

    Args:
        studies: a corpus or view, iterated twice.
        path: file to write.
        find: where a path of a record lies, such as ``corpus.path``; masks are read from there.
        prefix: put before the file names of images, such as the way from the JSON file to the corpus.
        advance: told of every study that is done.

    Raises:
        DataError: no region at all, or a mask that is not on its image's grid.
    """
    path = Path(path)
    categories, landmarks = _categories(studies)
    if not categories and not landmarks:
        raise DataError(f"{path.name}: no study has a region, so that there is nothing to write")
    numbers = {name: number for number, name in enumerate(sorted(categories), start=1)}
    counts = CocoCounts(categories=len(numbers) + bool(landmarks))
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".coco-") as folder:
        parts = {name: Path(folder) / name for name in ("images", "annotations")}
        with parts["images"].open("w") as images, parts["annotations"].open("w") as annotations:
            out = _Out(counts, numbers, sorted(landmarks), images, annotations, find, prefix)
            for study in studies:
                out.add(study)
                advance(1)
        with replacing(path, scratch=path.parent, durable=False) as file:
            _joined(file, parts, _category_list(numbers, sorted(landmarks)))
    return counts


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the uncompressed run lengths of a mask (H, W): counts of 0, 1, 0, … down the columns."""
    return {"counts": runs(mask), "size": [int(size) for size in mask.shape]}


@dataclass
class _Out:
    counts: CocoCounts
    numbers: Mapping[str, int]
    landmarks: list[str]
    images: IO[str]
    annotations: IO[str]
    find: Callable[[str], Path]
    prefix: str

    def add(self, study: Study) -> None:
        """Write the images of a study that have regions, and their annotations; pictures without go in, too."""
        known = {image.id: image for image in study.images}
        shown: dict[tuple[str, int | None], list[Region]] = {
            (image.id, image.frame): [] for image in study.images if image.kind == "image" and len(image.shape) == 2
        }
        for region in study.regions:
            image = known[region.image]
            frame = region.frame if image.kind != "image" else image.frame
            reason = _reason(image, region)
            if reason:
                self.counts.left_out[reason] += 1
                continue
            shown.setdefault((image.id, frame), []).append(region)
        masks: dict[str, NDArray[Any]] = {}
        for (name, frame), regions in shown.items():
            self._image(study, known[name], frame, regions, masks)

    def _image(
        self, study: Study, image: Image, frame: int | None, regions: list[Region], masks: dict[str, NDArray[Any]]
    ) -> None:
        self.counts.images += 1
        entry = {
            "id": self.counts.images, "file_name": self.prefix + image.path, "height": image.shape[-2],
            "width": image.shape[-1], "study": study.id, "image": image.id,
        }  # fmt: skip
        if frame is not None:
            entry["frame"] = frame
        _line(self.images, entry, first=self.counts.images == 1)
        for region in regions:
            if region.kind != "points":
                self._annotation(self._of_region(region, image, masks))
        points = {
            _name(region): region.points[0]
            for region in regions
            if region.kind == "points" and len(region.points) == 1
        }
        if points:
            self._annotation(self._of_points(points))

    def _annotation(self, entry: dict[str, Any]) -> None:
        self.counts.annotations += 1
        whole = {"id": self.counts.annotations, "image_id": self.counts.images, **entry}
        _line(self.annotations, whole, first=self.counts.annotations == 1)

    def _of_region(self, region: Region, image: Image, masks: dict[str, NDArray[Any]]) -> dict[str, Any]:
        entry: dict[str, Any] = {"category_id": self.numbers[_name(region)], "iscrowd": 0}
        if region.instance is not None:
            entry["instance"] = region.instance
        if region.kind == "box" and region.box is not None:
            left, top, right, bottom = region.box
            return entry | {"bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}
        if region.kind == "contour":
            outline = np.array([point[:2] for point in region.points], dtype=np.float64)
            return entry | {
                "segmentation": [outline.ravel().tolist()], "bbox": _bounds(outline), "area": _area(outline),
            }  # fmt: skip
        mask = self._mask(region, image, masks) == region.mask_value
        return entry | _of_mask(mask)

    def _mask(self, region: Region, image: Image, masks: dict[str, NDArray[Any]]) -> NDArray[Any]:
        if region.mask not in masks:
            masks[region.mask] = readers.read(self.find(region.mask)).array
        mask = masks[region.mask]
        if mask.shape != tuple(image.shape[-2:]):
            raise DataError(f"{region.mask}: mask of shape {mask.shape}; its image has {image.shape[-2:]}")
        return mask

    def _of_points(self, points: Mapping[str, tuple[float, ...]]) -> dict[str, Any]:
        flat: list[float] = []
        for name in self.landmarks:
            flat += [*points[name][:2], _VISIBLE] if name in points else [0, 0, 0]
        places = np.array([point[:2] for point in points.values()], dtype=np.float64)
        box = _bounds(places)
        return {
            "category_id": len(self.numbers) + 1, "keypoints": flat, "num_keypoints": len(points), "bbox": box,
            "area": box[2] * box[3], "iscrowd": 0,
        }  # fmt: skip


def _reason(image: Image, region: Region) -> str:
    """Say why a region has no place in the format, empty where it has."""
    if len(image.shape) < 2:
        return "the record of the image states no size"
    if image.kind != "image" and region.frame is None:
        return f"{region.kind} in a whole {image.kind}: COCO knows pictures only"
    if region.kind == "points" and len(region.points) != 1:
        return "several points without names of their own"
    return ""


def _categories(studies: Iterable[Study]) -> tuple[set[str], set[str]]:
    names: set[str] = set()
    points: set[str] = set()
    for study in studies:
        known = {image.id: image for image in study.images}
        for region in study.regions:
            if not _reason(known[region.image], region):
                (points if region.kind == "points" else names).add(_name(region))
    return names, points


def _name(region: Region) -> str:
    return region.concept or region.anatomy or "region"


def _category_list(numbers: Mapping[str, int], landmarks: list[str]) -> Iterator[dict[str, Any]]:
    for name, number in numbers.items():
        yield {"id": number, "name": name, "supercategory": ""}
    if landmarks:
        yield {
            "id": len(numbers) + 1, "name": LANDMARKS, "supercategory": "", "keypoints": landmarks, "skeleton": [],
        }  # fmt: skip


def _of_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    box = [0, 0, 0, 0]
    if len(columns):
        left, top = int(columns[0]), int(rows[0])
        box = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
    return {"segmentation": run_lengths(mask), "bbox": box, "area": int(mask.sum()), "iscrowd": 1}


def _bounds(points: NDArray[np.float64]) -> list[float]:
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return [left, top, right - left, bottom - top]


def _area(outline: NDArray[np.float64]) -> float:
    """Area of a polygon by the shoelace formula."""
    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _line(file: IO[str], entry: Mapping[str, Any], *, first: bool) -> None:
    file.write(("" if first else ",\n") + json.dumps(entry, allow_nan=False))


def _joined(file: IO[bytes], parts: Mapping[str, Path], categories: Iterable[Mapping[str, Any]]) -> None:
    """Write the document from its parts, a block at a time."""
    file.write(b"{")
    for name, part in parts.items():
        file.write(f'"{name}": [\n'.encode())
        with part.open("rb") as source:
            while block := source.read(1 << 20):
                file.write(block)
        file.write(b"],\n")
    file.write(b'"categories": ' + json.dumps(list(categories)).encode() + b"}\n")
