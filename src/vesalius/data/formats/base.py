"""What a format is. Each is one file of this folder.

``read(root)``: its studies with their split, lazily, with absolute paths; ``write(samples, root)``: the same layout
with given studies, as far as the format can hold them. Unlike the releases of data sets, files of one's own must be
whole: a picture that is missing is an error that names the row.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Protocol, cast

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import VIRTUAL_NOTE
from vesalius.data.media import inside
from vesalius.data.records import Image, Provenance
from vesalius.data.releases.pictures import picture
from vesalius.data.releases.twins import part_of
from vesalius.data.samples import Sample
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.registry import load, names

__all__ = [
    "Format", "copy_picture", "data_format", "format_names", "origin_of", "picture_below", "samples_of",
    "split_named",
]  # fmt: skip

_FORMATS = "vesalius.data.formats"
_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "validate": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip


class Format(Protocol):
    """The module of a format."""

    def read(self, root: Path) -> Iterator[Sample]:
        """Yield the studies of a file or folder; image paths are absolute."""
        ...


@cache
def format_names() -> tuple[str, ...]:
    """Names of all formats that can be read by themselves."""
    return tuple(name for name in names(_FORMATS) if hasattr(load(_FORMATS, name), "read"))


@cache
def data_format(name: str) -> Format:
    """Return a format by name.

    Raises:
        ConfigError: unknown name; the nearest are given.
    """
    stem = name.replace("-", "_")
    if stem not in format_names():
        raise ConfigError(f"unknown format {name!r}{did_you_mean(stem, format_names())}")
    return cast(Format, load(_FORMATS, stem))


def split_named(name: str) -> str:
    """Return train, val or test for a name that begins or ends with a word for it; nothing for other names."""
    words = "".join(sign if sign.isalpha() else " " for sign in name.casefold()).split()
    return next((_SPLITS[word] for word in words if word in _SPLITS), "")


def picture_below(folder: Path, name: str, *, where: str, id: str = "", modality: str = "") -> Image:
    """Return the record of a picture that a row names.

    Args:
        folder: that the name is relative to, and that it may not leave.
        name: with forward slashes.
        where: file and line, for the message.
        id: of the image; the name without its suffix where none is given.
        modality: code of DICOM, "OT" where none is given.

    Raises:
        DataError: the name leaves the folder, or there is no such picture.
    """
    path = _inside(folder, name, where)
    found = picture(path, id=id or str(Path(name).with_suffix("")), modality=modality)
    if found is None:
        told = "is no whole PNG, JPEG or TIFF" if path.exists() else "does not exist"
        raise DataError(f"{where}: picture {name!r} {told}; expected it below {folder}")
    return found


def _inside(folder: Path, name: str, where: str) -> Path:
    try:
        return inside(folder, name)
    except DataError:
        raise DataError(f"{where}: path {name!r} leaves the folder {folder}; refused") from None


def origin_of(root: Path, name: str) -> Provenance:
    """Say where the studies of a folder come from; those beside a note of virtual patients are virtual."""
    folder = root if root.is_dir() else root.parent
    return Provenance(source=name, virtual=(folder / VIRTUAL_NOTE).exists())


def copy_picture(image: Image, root: Path, name: str) -> Image:
    """Copy the file of an image below `root` and return its record with the new path.

    Raises:
        DataError: the name leaves `root`, or is taken by another file.
    """
    target = _inside(root, name, str(root))
    if target.exists() and target.read_bytes() != Path(image.path).read_bytes():
        raise DataError(f"{target} exists with other content; write into an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copyfile(image.path, target)
    return replace(image, path=str(target))


def samples_of(corpus: Corpus) -> Iterator[Sample]:
    """Yield the studies of a corpus with absolute paths and their part, for a format to write."""
    parts = part_of(corpus) if corpus.has_split else {}
    for study in corpus:
        images = tuple(replace(image, path=str(corpus.path(image.path))) for image in study.images)
        regions = tuple(
            replace(region, mask=str(corpus.path(region.mask))) if region.mask else region for region in study.regions
        )
        yield Sample(replace(study, images=images, regions=regions), parts.get(study.id, ""))
