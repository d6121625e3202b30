"""COCO: pictures with boxes, polygons, run-length masks, keypoints and captions in one JSON document a part.

Boxes are ``[x, y, width, height]`` in pixels from the corner of the first pixel. Polygons are flat lists of x and y.
Run lengths go down the columns and begin with the pixels outside, as a list or packed into text. `Document` and its
parts say what is read; the writer of corpora keeps to the same.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from PIL import Image as Picture

from vesalius.data.datasets.base import unpacked
from vesalius.data.formats.base import origin_of, picture_below, split_named
from vesalius.data.ingest.columns import concept_name
from vesalius.data.records import Box, Image, Provenance, Region, Study, Text
from vesalius.data.releases.pictures import modality_of
from vesalius.data.releases.rows import Row, json_value
from vesalius.data.rle import decode_coco
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["Annotation", "Category", "Document", "Listed", "RunLengths", "documents", "read"]

_FOLDERS = ("", "images", "../images", "..", "../{stem}", "../{part}", "../{part}2017", "{part}", "{part}2017")
"""Where pictures lie as seen from the document, the first place that has the first picture."""
_VISIBLE = 0
"""A keypoint whose third number is above this has a place."""


class RunLengths(TypedDict):
    """A mask; `size` is [rows, columns]."""

    counts: list[int] | str
    size: list[int]


class Listed(TypedDict):
    """A picture; what need not be there is ours: `image` is its id in the study."""

    id: int
    file_name: str
    width: int
    height: int
    patient: NotRequired[str]
    study: NotRequired[str]
    image: NotRequired[str]
    modality: NotRequired[str]
    split: NotRequired[str]


class Category(TypedDict):
    """A class; `keypoints` names the points of its annotations in their order."""

    id: int
    name: str
    supercategory: NotRequired[str]
    keypoints: NotRequired[list[str]]


class Annotation(TypedDict):
    """Something on a picture; `segmentation` is a list of polygons, or run lengths; or a caption alone."""

    id: int
    image_id: int
    category_id: NotRequired[int]
    bbox: NotRequired[list[float]]
    area: NotRequired[float]
    iscrowd: NotRequired[int]
    segmentation: NotRequired[list[list[float]] | RunLengths]
    keypoints: NotRequired[list[float]]
    num_keypoints: NotRequired[int]
    caption: NotRequired[str]


class Document(TypedDict):
    """A whole file."""

    info: NotRequired[Mapping[str, str]]
    images: list[Listed]
    annotations: list[Annotation]
    categories: list[Category]


@dataclass
class _Found:
    """What the documents of a part say of one picture."""

    row: Row
    document: Path
    regions: list[Region] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each picture, in the order of the documents.

    An annotation becomes a box; with polygons a contour each, with run lengths a mask (written below ``unpacked``),
    all with its box; every keypoint that is marked becomes a point with its name as the anatomy. `Region.instance` is
    the annotation's id. Documents of one part (instances, keypoints, captions) are joined by file name.

    Args:
        root: a document, or a folder with documents in it or in ``annotations``. The part is the word train, val or
            test in their names. Pictures lie beside them, in ``images``, or in a folder named after the part.

    Raises:
        DataError: names the file, and the picture or annotation.
    """
    root = root.absolute()
    base = root if root.is_dir() else root.parent
    groups: dict[str, list[Path]] = {}
    for path in documents(root):
        groups.setdefault(split_named(path.stem), []).append(path)
    origin = origin_of(root, base.name)
    names: dict[str, str] = {}
    for part, paths in groups.items():
        found: dict[str, _Found] = {}
        for path in paths:
            _gather(path, base, found)
        folders = {
            path: _folder(path, part, [one.row for one in found.values() if one.document == path]) for path in paths
        }
        for name, group in _by_study(found.values()).items():
            if names.setdefault(name, part) != part:
                raise group[0].row.fault(f"study {name!r} is in two parts; give each part folders of its own")
            yield _sample(name, group, folders, part, origin)


def _by_study(found: Iterable[_Found]) -> dict[str, list[_Found]]:
    groups: dict[str, list[_Found]] = {}
    for one in found:
        groups.setdefault(one.row.optional("study") or _image_id(one.row), []).append(one)
    return groups


def documents(root: Path) -> list[Path]:
    """Return the COCO documents of a file or folder.

    Raises:
        DataError: there is none.
    """
    if root.is_file():
        return [root]
    paths = [*sorted(root.glob("annotations/*.json")), *sorted(root.glob("*.json"))]
    found = [path for path in paths if _looks_right(path)]
    if not found:
        raise DataError(
            f"{root}: no COCO document in it or in annotations/; expected JSON with images and annotations"
        )
    return found


def _looks_right(path: Path) -> bool:
    document = json_value(path)
    return isinstance(document, dict) and "images" in document and "annotations" in document


def _gather(path: Path, base: Path, found: dict[str, _Found]) -> None:
    """Add what a document says to what those before it said."""
    document = Row({}, str(path)).inside("document", json_value(path))
    categories = {row.whole("id"): row for row in document.parts("categories")}
    pictures: dict[int, _Found] = {}
    for row in document.parts("images"):
        pictures[row.whole("id")] = found.setdefault(row.text("file_name"), _Found(row, path))
    for row in document.parts("annotations"):
        one = pictures.get(row.whole("image_id"))
        if one is None:
            raise row.fault(f"image_id {row.whole('image_id')} is none of its {len(pictures)} images")
        if row.has("caption"):
            one.captions.append(row.text("caption"))
        else:
            one.regions += _regions(row, one.row, categories, base)


def _regions(row: Row, listed: Row, categories: Mapping[int, Row], base: Path) -> Iterator[Region]:
    number = row.whole("category_id")
    if number not in categories:
        raise row.fault(f"category_id {number}, expected one of {sorted(categories)}")
    image, concept = _image_id(listed), concept_name(categories[number].text("name"))
    box = _box(row) if row.has("bbox") else None
    shapes = row.cells.get("segmentation") or []
    if box is None and not shapes and not row.has("keypoints"):
        raise row.fault("neither segmentation, keypoints, caption, nor a bbox with an area")
    instance = row.whole("instance" if row.has("instance") else "id")
    if isinstance(shapes, Mapping):
        mask = _mask_file(row, shapes, listed, base)
        yield Region(image=image, kind="mask", concept=concept, box=box, mask=mask, mask_value=255, instance=instance)
    for shape in shapes if isinstance(shapes, list) else []:
        yield Region(
            image=image, kind="contour", concept=concept, box=box, points=_points(row, shape), instance=instance
        )
    if not shapes and not row.has("keypoints") and box is not None:
        yield Region(image=image, kind="box", concept=concept, box=box, instance=instance)
    yield from _keypoints(row, categories[number], image, concept)


def _box(row: Row) -> Box | None:
    """Return the box; None for one without an area, as empty masks and single keypoints have."""
    values = row.items("bbox")
    if len(values) != 4 or not all(isinstance(value, int | float) for value in values) or min(values[2:]) < 0:
        raise row.fault(f"bbox {values}, expected [x, y, width, height]")
    x, y, width, height = values
    return Box(x, y, x + width, y + height) if width and height else None


def _points(row: Row, shape: object) -> tuple[tuple[float, ...], ...]:
    if not isinstance(shape, list) or len(shape) < 6 or len(shape) % 2:
        raise row.fault("a polygon of segmentation is no flat list of at least three x and y")
    return tuple((float(x), float(y)) for x, y in zip(shape[::2], shape[1::2], strict=True))


def _keypoints(row: Row, category: Row, image: str, concept: str) -> Iterator[Region]:
    values = row.items("keypoints")
    names = [str(name) for name in category.items("keypoints")]
    if len(values) % 3 or (names and len(names) != len(values) // 3 and values):
        raise row.fault(f"{len(values)} numbers of keypoints, expected three for each of {len(names)} names")
    for place in range(len(values) // 3):
        x, y, mark = values[3 * place : 3 * place + 3]
        if mark > _VISIBLE:
            yield Region(
                image=image, kind="points", concept=concept, anatomy=names[place] if names else "",
                points=((float(x), float(y)),), instance=row.whole("instance" if row.has("instance") else "id"),
            )  # fmt: skip


def _mask_file(row: Row, runs: Mapping[str, object], listed: Row, base: Path) -> str:
    """Write the mask of run lengths as a PNG of 0 and 255 and return its path."""
    size, counts = runs.get("size"), runs.get("counts")
    if size != [listed.whole("height"), listed.whole("width")] or not isinstance(counts, str | Sequence):
        raise row.fault(f"run lengths of size {size}, expected counts and the picture's [rows, columns]")
    try:
        mask = decode_coco(counts, (int(size[0]), int(size[1])))
    except DataError as error:
        raise row.fault(str(error)) from None
    buffer = io.BytesIO()
    Picture.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(buffer, "PNG")
    name = f"masks/{Path(listed.text('file_name')).with_suffix('')}-{row.whole('id')}.png"
    return str(unpacked(base, name, buffer.getvalue()))


def _folder(document: Path, part: str, rows: Sequence[Row]) -> Path:
    """Return the folder that picture names are relative to: the first that has the first picture."""
    stem = re.sub(
        r"^(?:instances|captions|person_keypoints|keypoints|annotations|_annotations)[_.-]?", "", document.stem
    )
    places = [document.parent / place.format(stem=stem or ".", part=part or ".") for place in _FOLDERS]
    name = rows[0].text("file_name") if rows else ""
    return next((place for place in places if (place / name).is_file()), places[0])


def _sample(
    name: str, group: Sequence[_Found], folders: Mapping[Path, Path], part: str, origin: Provenance
) -> Sample:
    images = [_image(one, folders[one.document]) for one in group]
    first = group[0].row
    study = Study(
        id=name, patient=first.optional("patient", "patient_id", "patientid") or name, images=tuple(images),
        regions=tuple(region for one in group for region in one.regions), provenance=origin,
        texts=tuple(
            Text(text=text, role="caption", images=(image.id,))
            for one, image in zip(group, images, strict=True)
            for text in one.captions
        ),
    )  # fmt: skip
    return Sample(study, part or first.optional("split"))


def _image(found: _Found, folder: Path) -> Image:
    row = found.row
    image = picture_below(folder, row.text("file_name"), where=row.where, id=_image_id(row), modality=_modality(row))
    if image.shape != (row.whole("height"), row.whole("width")):
        raise row.fault(f"{row.whole('width')} × {row.whole('height')} pixels stated, its file has {_size(image)}")
    return image


def _modality(row: Row) -> str:
    words = row.optional("modality")
    return modality_of(words) if words else ""


def _size(image: Image) -> str:
    return f"{image.shape[1]} × {image.shape[0]}"


def _image_id(row: Row) -> str:
    return row.optional("image") or str(Path(row.text("file_name")).with_suffix(""))
