"""What a data set is. Each is one file of this folder, which reads the layout of its release and writes it.

`ABOUT`: an `About`; `TWIN`: a `Twin`; ``read(root)``: its studies with their split, lazily and in the order of its
files; ``write(corpus, root)``: the same layout with the studies of a corpus, giving back what `read` must find. A
layout holds less than a `Study`: what it cannot hold is left out there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from vesalius.data.disk import replacing
from vesalius.data.records import Provenance
from vesalius.data.samples import Sample
from vesalius.errors import DataError
from vesalius.registry import load, names

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = [
    "VIRTUAL_NOTE", "About", "Dataset", "Sample", "Twin", "copy_png", "dataset", "dataset_names", "provenance",
    "require_files", "unpacked", "virtual_origin",
]  # fmt: skip

_DATASETS = "vesalius.data.datasets"
VIRTUAL_NOTE = "VIRTUAL.json"
"""File that stands in the folder of every twin."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a user must know before using a data set."""

    title: str
    slug: str
    licence: str
    access: str
    """How to get it, in a sentence."""
    home: str
    """Address of its page."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Which virtual patients stand in for the data set's."""

    preset: str
    settings: tuple[str, ...] = field(default=())
    image_size: int | None = None
    questions: float = 0.0
    """Mean number of questions of a study; 0 asks none."""
    families: tuple[str, ...] = ()
    """Families of questions; all where none is named."""
    language: str = "en"
    """Language of the questions."""


class Dataset(Protocol):
    """The module of a data set."""

    ABOUT: About
    TWIN: Twin

    def read(self, root: Path) -> Iterator[Sample]:
        """Yield the studies of a release at `root`; image paths are absolute."""
        ...

    def write(self, corpus: Corpus, root: Path) -> list[Sample]:
        """Write the layout and return what `read` must find in it."""
        ...


@cache
def dataset_names() -> tuple[str, ...]:
    """Names of all data sets."""
    return names(_DATASETS)


@cache
def dataset(name: str) -> Dataset:
    """Return a data set by name."""
    return cast(Dataset, load(_DATASETS, name))


def provenance(root: Path, about: About) -> Provenance:
    """Say where the studies of a release at `root` come from; a twin's are virtual."""
    return Provenance(source=about.title, licence=about.licence, virtual=(root / VIRTUAL_NOTE).exists())


def virtual_origin(about: About) -> Provenance:
    """Return the provenance that every study of a twin has."""
    return Provenance(source=about.title, licence=about.licence, virtual=True)


def copy_png(source: Path, target: Path, *, mode: str) -> None:
    """Write a picture as PNG in a mode of Pillow's, with the notes that the source carries."""
    with Picture.open(source) as picture:
        notes = PngInfo()
        for key, value in getattr(picture, "text", {}).items():
            notes.add_text(key, value)
        picture.convert(mode).save(target, "PNG", pnginfo=notes)


def require_files(root: Path, wanted: list[str], about: About) -> None:
    """Say at once all files that a release lacks, how to get it, and how to make its twin.

    Raises:
        DataError: one of `wanted` (paths relative to `root`) is not there.
    """
    missing = [name for name in wanted if not (root / name).exists()]
    if missing:
        raise DataError(
            f"{root} is no {about.title} release: no {', '.join(missing)}. {about.access} ({about.home}). "
            f"Without it: vesalius virtual twin {about.slug} --out {root.name}"
        )


def unpacked(root: Path, name: str, content: bytes) -> Path:
    """Write a picture that lies inside a table or archive below ``root/unpacked``, once, and return its path.

    Raises:
        DataError: the name leaves that folder, or the folder cannot be written.
    """
    folder = root / "unpacked"
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise DataError(f"{root}: a picture is called {name!r}, which leaves the folder of the release")
    if not target.exists():
        try:
            with replacing(target, scratch=folder, durable=False) as file:
                file.write(content)
        except OSError as error:
            raise DataError(f"{target} cannot be written: {error.strerror}; the release must be writable") from None
    return target
