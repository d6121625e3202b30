"""Object-CXR: 10 000 chest radiographs, half of them with foreign objects that are outlined.

A rectangle is a box; an ellipse is a contour of points on it, since its box would be larger than it is; a polygon is
a contour and may cross itself. `objects` yields the shapes as they stand. No patient is known: pictures count as
patients of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._pictures import Case, Gaps, box_in, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Box, Finding, Image, Provenance, Region, Study
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "Shape", "objects", "read", "write"]

ABOUT = About(
    title="Object-CXR", slug="object_cxr", licence="CC BY-NC 4.0",
    access="It is open: download train, dev and test with their tables",
    home="https://github.com/hlk-1135/object-CXR",
)  # fmt: skip
TWIN = Twin(
    preset="bedside", settings=("prevalence.endotracheal_tube=0.6", "prevalence.central_venous_catheter=0.6",
                                "prevalence.feeding_tube=0.5", "prevalence.pacemaker=0.3"), image_size=96,
)  # fmt: skip

Kind = Literal["rectangle", "ellipse", "polygon"]
_KINDS: dict[str, Kind] = {"0": "rectangle", "1": "ellipse", "2": "polygon"}
_TABLES = {"train": ("train.csv", "image_name"), "val": ("dev.csv", "image_name"), "test": ("test.csv", "image_path")}
_FOLDERS = {"train": "train", "val": "dev", "test": "test"}
_CONCEPT, _SOURCE = "foreign_object", "radiologists"
_DEVICES = ("endotracheal_tube", "central_venous_catheter", "pacemaker", "chest_drain", "feeding_tube")
_POINTS = 48
"""Points of an ellipse's contour: between two of them the chord leaves it by 0.2 % of the half axis."""


class Shape(NamedTuple):
    """One outlined object, in pixels of the picture."""

    kind: Kind
    numbers: tuple[float, ...]
    """Corners x1 y1 x2 y2 of a rectangle or of the box around an ellipse; x and y in turn of a polygon."""


def objects(annotation: str, *, where: str = "annotation") -> tuple[Shape, ...]:
    """Read the shapes of a cell: "type x y x y …", parted by semicolons; an empty cell has none.

    Raises:
        DataError: another type, or a number of coordinates that no such shape has.
    """
    shapes = []
    for text in filter(None, (part.strip() for part in annotation.split(";"))):
        kind, *rest = text.split()
        try:
            numbers = tuple(float(word) for word in rest)
        except ValueError:
            numbers = ()
        enough = len(numbers) == 4 if kind in ("0", "1") else len(numbers) >= 6 and len(numbers) % 2 == 0
        if kind not in _KINDS or not enough or not all(map(math.isfinite, numbers)):
            raise DataError(
                f"{where}: {text[:60]!r}: expected '0 x1 y1 x2 y2', '1 x1 y1 x2 y2' or '2 x1 y1 x2 y2 x3 y3 …'"
            )
        shapes.append(Shape(_KINDS[kind], numbers))
    return tuple(shapes)


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture; splits "train", "val" (their dev) and "test"."""
    require_files(root, [_TABLES["train"][0], _TABLES["val"][0]], ABOUT)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for part, (table, column) in _TABLES.items():
        if not (root / table).exists():
            continue
        for line in read_rows(root / table, (column, "annotation")):
            name = PurePosixPath(line.cells[column]).name
            shapes = objects(line.cells["annotation"], where=f"{root / table}, line {line.number}")
            path = root / _FOLDERS[part] / name
            found = gaps.head(path)
            yield Sample(_study(part, path, found.shape if found else None, shapes, origin), part)
    gaps.tell()


def _study(
    part: str, path: Path, shape: tuple[int, int] | None, shapes: tuple[Shape, ...], origin: Provenance
) -> Study:
    name = f"{part}/{path.stem}"
    images: tuple[Image, ...] = ()
    if shape:
        images = (Image(id="cxr", path=str(path), modality="DX", shape=shape, units="display", body_part="CHEST"),)
    status: Literal["present", "absent"] = "present" if shapes else "absent"
    return Study(
        id=name, patient=name, images=images,
        findings=(Finding(concept=_CONCEPT, status=status, source=_SOURCE),),
        regions=tuple(_region(place, shape) for place, shape in enumerate(shapes)) if images else (),
        provenance=origin,
    )  # fmt: skip


def _region(place: int, shape: Shape) -> Region:
    if shape.kind == "rectangle":
        return Region(image="cxr", kind="box", concept=_CONCEPT, box=_box(shape.numbers), instance=place)
    points = _ellipse(_box(shape.numbers)) if shape.kind == "ellipse" else tuple(
        (shape.numbers[i], shape.numbers[i + 1]) for i in range(0, len(shape.numbers), 2)
    )  # fmt: skip
    return Region(image="cxr", kind="contour", concept=_CONCEPT, points=points, instance=place)


def _box(numbers: tuple[float, ...]) -> Box:
    """Return the box around opposite corners, whichever they are."""
    x, y = numbers[0::2], numbers[1::2]
    return Box(min(x), min(y), max(x), max(y))


def _ellipse(box: Box) -> tuple[tuple[float, float], ...]:
    centre = (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2
    half = (box.x_max - box.x_min) / 2, (box.y_max - box.y_min) / 2
    turns = [2 * math.pi * step / _POINTS for step in range(_POINTS)]
    return tuple((centre[0] + half[0] * math.cos(turn), centre[1] + half[1] * math.sin(turn)) for turn in turns)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures and tables: the devices of the patients, each shape in turn."""
    rows: dict[str, list[tuple[str, str]]] = {part: [] for part in _TABLES}
    made: dict[str, list[Sample]] = {part: [] for part in _TABLES}
    shapes = 0
    for case in cases(corpus):
        annotation = _annotation(case, shapes)
        shapes += len(objects(annotation))
        path = root / _FOLDERS[case.split] / f"9{case.number:04d}.jpg"
        pixels = pixels_of(corpus, case.study.images[0].path)
        write_picture(path, pixels)
        name = f"test/{path.name}" if case.split == "test" else path.name
        rows[case.split].append((name, annotation))
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        study = _study(case.split, path, (pixels.shape[0], pixels.shape[1]), objects(annotation), origin)
        made[case.split].append(Sample(study, case.split))
    for part, (table, column) in _TABLES.items():
        write_rows(root / table, (column, "annotation"), rows[part])
    return [sample for samples in made.values() for sample in samples]


def _annotation(case: Case, turn: int) -> str:
    """Return the boxes of the devices on a picture, as rectangle, ellipse and polygon in turn."""
    shapes = []
    for place, (_, box) in enumerate(box_in(case.study, case.study.images[0].id, _DEVICES), start=turn):
        left, top, right, bottom = (f"{value:g}" for value in box)
        if place % 3 == 2:
            shapes.append(f"2 {left} {top} {right} {top} {right} {bottom}")
        else:
            shapes.append(f"{place % 3} {left} {top} {right} {bottom}")
    return ";".join(shapes)
