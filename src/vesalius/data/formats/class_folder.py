"""Pictures in one folder a class, with or without a folder for each part above it (ImageFolder).

A folder's name is the class; "normal" and words like it mean that nothing was found. Classes exclude each other: a
picture has its own and lacks all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vesalius.data.formats.base import copy_picture, origin_of, picture_below, split_named
from vesalius.data.ingest.columns import NO_FINDING, Columns, concept_name
from vesalius.data.records import Finding, Study
from vesalius.data.samples import Sample
from vesalius.errors import DataError

__all__ = ["read", "write"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
_NORMAL = {*Columns.negative, "no_tumor", "notumor", "no tumor", "no_finding"}
_SOURCE = "folder"


def read(root: Path) -> Iterator[Sample]:
    """Yield one study a picture, by the order of part, class and name.

    Args:
        root: folder of ``<class>/<picture>``, or of ``<part>/<class>/<picture>`` where every folder's name is a word
            for train, val or test.

    Raises:
        DataError: no picture in a folder of a class, or one that does not open.
    """
    root = root.absolute()
    if not root.is_dir():
        raise DataError(f"{root} is no folder; expected one with a folder for each class")
    parts = _parts(root)
    classes = sorted({folder.name for folder in parts.values() for folder in _folders(folder)})
    if not classes:
        raise DataError(f"{root}: no folders of classes with pictures ({', '.join(sorted(_SUFFIXES))}) in it")
    origin = origin_of(root, root.name)
    for part, folder in parts.items():
        for own in _folders(folder):
            for path in sorted(path for path in own.rglob("*") if path.suffix.lower() in _SUFFIXES):
                name = path.relative_to(root).as_posix()
                image = picture_below(root, name, where=str(root))
                yield Sample(
                    Study(id=image.id, patient=image.id, images=(image,), findings=_findings(own.name, classes),
                          provenance=origin),
                    part,
                )  # fmt: skip


def _parts(root: Path) -> dict[str, Path]:
    """Return the folder of each part; the root alone where its folders are classes."""
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    named = {split_named(folder.name): folder for folder in folders}
    if folders and "" not in named and len(named) == len(folders):
        return {part: named[part] for part in ("train", "val", "test") if part in named}
    return {"": root}


def _folders(folder: Path) -> list[Path]:
    """Return the folders that hold pictures at any depth."""
    found = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return [path for path in found if any(file.suffix.lower() in _SUFFIXES for file in path.rglob("*"))]


def _findings(own: str, classes: Iterable[str]) -> tuple[Finding, ...]:
    names = {_concept(name) for name in classes}
    mine = _concept(own)
    return tuple(
        Finding(concept=name, status="present" if name == mine else "absent", source=_SOURCE)
        for name in sorted(names)
    )


def _concept(name: str) -> str:
    return NO_FINDING if name.strip().casefold() in _NORMAL else concept_name(name)


def write(samples: Iterable[Sample], root: Path) -> int:
    """Write the first picture of every study into the folder of its one finding and return how many there are.

    Raises:
        DataError: a study has not exactly one finding that is present, or no flat picture.
    """
    count = 0
    for study, part in samples:
        present = sorted({finding.concept for finding in study.findings if finding.status == "present"})
        image = next((image for image in study.images if image.kind == "image"), None)
        if len(present) != 1 or image is None:
            raise DataError(f"study {study.id!r}: {present} present; a folder of classes holds one class a picture")
        name = Path(study.id).name
        copy_picture(image, root, "/".join(filter(None, (part, present[0], f"{name}{Path(image.path).suffix}"))))
        count += 1
    return count
