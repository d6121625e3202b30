"""YOLO: a picture with a text file of the same name, one object a line in shares of width and height.

A line is a class number and either a box (centre x, centre y, width, height), a box with keypoints (x, y and, where
the description says so, visibility), or a polygon. The description is a YAML file with `names` and the folders of the
parts. A picture without a text file has no objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vesalius.config import read_yaml
from vesalius.data.formats.base import copy_picture, origin_of, picture_below
from vesalius.data.ingest.columns import concept_name
from vesalius.data.media import inside
from vesalius.data.records import Box, Image, Region, Study
from vesalius.data.releases.rows import text_lines
from vesalius.data.releases.twins import write_text
from vesalius.data.samples import Sample
from vesalius.errors import ConfigError, DataError

__all__ = ["read", "write"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
_PARTS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_SLACK = 1e-3
"""A share may lie this far outside 0..1: boxes at the border are rounded so."""


@dataclass(frozen=True)
class _Description:
    names: Mapping[int, str]
    folders: Mapping[str, Sequence[str]]
    keypoints: int = 0
    numbers: int = 2
    """Numbers of a keypoint: x and y, and visibility."""


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture, part by part, in the order of their names.

    Args:
        root: the description, or the folder that holds it.

    Raises:
        DataError: no description, a picture that does not open, or a line that is wrong: names file and line.
    """
    root = root.absolute()
    base, found = _described(root)
    origin = origin_of(root, base.name)
    for part, places in found.folders.items():
        for path in (path for place in places for path in _pictures(base, place)):
            name = path.relative_to(base.resolve()).as_posix()
            image = picture_below(base, name, where=str(base))
            label = _label_file(path)
            lines = list(text_lines(label)) if label.exists() else []
            regions = [
                region
                for number, line in enumerate(lines, start=1)
                if line.strip()
                for region in _regions(line, f"{label}, line {number}", image, found, number)
            ]
            study = Study(id=image.id, patient=image.id, images=(image,), regions=tuple(regions), provenance=origin)
            yield Sample(study, part)


def _described(root: Path) -> tuple[Path, _Description]:
    paths = [root] if root.is_file() else sorted([*root.glob("*.yaml"), *root.glob("*.yml")])
    for path in paths:
        try:
            values = read_yaml(path)
        except ConfigError as error:
            raise DataError(str(error).replace("recipe ", "")) from None
        if "names" in values:
            return path.parent, _description(path, values)
    raise DataError(f"{root}: no YAML file with `names`; expected a description such as data.yaml")


def _description(path: Path, values: Mapping[str, Any]) -> _Description:
    names = values["names"]
    numbered = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(numbered, dict) or not all(isinstance(number, int) for number in numbered):
        raise DataError(f"{path}: names is no list and no mapping from numbers to names")
    folders: dict[str, list[str]] = {}
    for key, part in _PARTS.items():
        places = values.get(key) or []
        folders.setdefault(part, []).extend([places] if isinstance(places, str) else [str(place) for place in places])
    shape = values.get("kpt_shape") or [0, 2]
    kept = {part: places for part, places in folders.items() if places}
    if not kept:
        raise DataError(f"{path}: none of train, val and test names a folder of pictures")
    return _Description({number: str(name) for number, name in numbered.items()}, kept, int(shape[0]), int(shape[1]))


def _pictures(base: Path, place: str) -> list[Path]:
    """Return the pictures of a folder, or those that a list of paths names; "../" at the front is passed over."""
    folder = inside(base, str(PurePosixPath(*(part for part in PurePosixPath(place).parts if part != ".."))))
    if folder.is_dir():
        return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if folder.suffix == ".txt" and folder.exists():
        return [inside(base, line.strip()) for line in text_lines(folder) if line.strip()]
    raise DataError(f"{base}: the description names {place!r}, which is neither a folder nor a list there")


def _label_file(picture: Path) -> Path:
    """Return the text file of a picture: ``labels`` for the last ``images`` in its path, else beside it."""
    parts = list(picture.with_suffix(".txt").parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _regions(line: str, where: str, image: Image, found: _Description, number: int) -> Iterator[Region]:
    first, *rest = line.split()
    try:
        kind, values = int(first), [float(word) for word in rest]
    except ValueError:
        raise DataError(f"{where}: {line[:60]!r}, expected a class number and shares") from None
    if kind not in found.names:
        raise DataError(f"{where}: class {kind}, the description has {sorted(found.names)}")
    concept = concept_name(found.names[kind])
    if len(values) == 4 or (found.keypoints and len(values) == 4 + found.keypoints * found.numbers):
        yield _box_region(values[:4], where, image, concept, number)
        yield from _keypoints(values[4:], image, concept, found.numbers, number)
    elif len(values) >= 6 and len(values) % 2 == 0 and not found.keypoints:
        points = _scaled(values, where, image)
        yield Region(image=image.id, kind="contour", concept=concept, points=points, instance=number)
    else:
        raise DataError(f"{where}: {len(values)} numbers after the class, expected 4, a polygon, or keypoints")


def _scaled(values: Sequence[float], where: str, image: Image) -> tuple[tuple[float, float], ...]:
    if not all(-_SLACK <= value <= 1 + _SLACK for value in values):
        raise DataError(f"{where}: {max(values, key=abs)} is no share from 0 to 1; the numbers must not be pixels")
    height, width = image.shape
    return tuple((x * width, y * height) for x, y in zip(values[::2], values[1::2], strict=True))


def _box_region(values: Sequence[float], where: str, image: Image, concept: str, number: int) -> Region:
    (x, y), (width, height) = _scaled(values, where, image)
    if not (math.isfinite(width) and width > 0 and height > 0):
        raise DataError(f"{where}: a box of {values[2]} × {values[3]}, expected an area")
    box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return Region(image=image.id, kind="box", concept=concept, box=box, instance=number)


def _keypoints(values: Sequence[float], image: Image, concept: str, size: int, number: int) -> Iterator[Region]:
    height, width = image.shape
    for place in range(0, len(values), size):
        x, y, *mark = values[place : place + size]
        if not mark or mark[0] > 0:
            yield Region(
                image=image.id, kind="points", concept=concept, anatomy=f"point_{place // size}",
                points=((x * width, y * height),), instance=number,
            )  # fmt: skip


def write(samples: Iterable[Sample], root: Path) -> Path:
    """Write flat pictures with their boxes and contours, and the description, whose path is returned.

    Classes are the concepts of the regions (their anatomy where they have none), numbered by name.
    """
    labelled: dict[Path, list[tuple[str, list[float]]]] = {}
    parts: set[str] = set()
    for study, part in samples:
        folder = part or "train"
        parts.add(folder)
        for image in study.images:
            if image.kind == "image":
                name = f"{folder}/{image.id}"
                copy_picture(image, root, f"images/{name}{Path(image.path).suffix.lower()}")
                lines = labelled.setdefault(root / "labels" / f"{name}.txt", [])
                lines += [_line(region, image) for region in study.regions if _fits(region, image)]
    names = sorted({name for lines in labelled.values() for name, _ in lines})
    for path, lines in labelled.items():
        write_text(path, (" ".join([str(names.index(name)), *map(repr, values)]) for name, values in lines))
    description = [f"{part}: images/{part}" for part in ("train", "val", "test") if part in parts]
    write_text(root / "data.yaml", [*description, "names:", *(f"  {n}: {name}" for n, name in enumerate(names))])
    return root / "data.yaml"


def _fits(region: Region, image: Image) -> bool:
    return region.image == image.id and region.kind in ("box", "contour")


def _line(region: Region, image: Image) -> tuple[str, list[float]]:
    height, width = image.shape
    name = region.concept or region.anatomy or "object"
    if region.kind == "contour" or region.box is None:
        return name, [share for x, y in (point[:2] for point in region.points) for share in (x / width, y / height)]
    x_min, y_min, x_max, y_max = region.box
    centre = [(x_min + x_max) / 2 / width, (y_min + y_max) / 2 / height]
    return name, [*centre, (x_max - x_min) / width, (y_max - y_min) / height]
