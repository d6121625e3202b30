"""From the files of a release to a corpus: records and files as a data set's reader yields them.

Files are linked into the corpus under ``files/`` and their path in the release (copied where the file system cannot
link), so that opening a release of half a terabyte takes no further space.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vesalius.data.readers import metaimage
from vesalius.data.records import Study
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

__all__ = ["Sample", "write_samples"]


class Sample(NamedTuple):
    """A study and the split that its release puts it in; empty where it has none."""

    study: Study
    split: str


def write_samples(
    samples: Iterable[Sample], writer: CorpusWriter, *, source: Path, advance: Callable[[int], None] | None = None
) -> dict[str, str]:
    """Add all studies that `writer` does not have yet, and return the part of every study that has one.

    Args:
        samples: with absolute paths below `source`.
        writer: of the corpus.
        source: folder of the release.
        advance: is told of every study.

    Raises:
        DataError: a file is missing or lies outside the release.
    """
    parts: dict[str, str] = {}
    for study, part in samples:
        if part:
            parts[study.id] = part
        if study.id not in writer:
            writer.add(_placed(study, writer, source.resolve()))
        if advance:
            advance(1)
    return parts


def _placed(study: Study, writer: CorpusWriter, source: Path) -> Study:
    names: dict[str, str] = {}
    for path in [image.path for image in study.images] + [region.mask for region in study.regions if region.mask]:
        if path not in names:
            names[path] = _named(study, writer, source, path)
    images = tuple(replace(image, path=names[image.path]) for image in study.images)
    regions = tuple(replace(region, mask=names.get(region.mask, "")) for region in study.regions)
    return replace(study, images=images, regions=regions)


def _named(study: Study, writer: CorpusWriter, source: Path, path: str) -> str:
    """Give a file, or the files of a folder, a place in the corpus, and return its name."""
    found = Path(path).resolve()
    if not found.is_relative_to(source):
        raise DataError(f"study {study.id}: {path} lies outside the release {source}; give the folder that holds it")
    if not found.exists():
        raise DataError(f"study {study.id}: no file {path}; the release is not whole")
    for file in sorted(found.rglob("*")) if found.is_dir() else _with_data(found):
        if file.is_file():
            _link(file, f"files/{file.relative_to(source).as_posix()}", writer)
    return f"files/{found.relative_to(source).as_posix()}"


def _with_data(file: Path) -> list[Path]:
    """Return a file, and the data file of a detached header of MetaImage."""
    return [file, metaimage.describe(file).block.path] if file.suffix.lower() == ".mhd" else [file]


def _link(file: Path, name: str, writer: CorpusWriter) -> None:
    target = writer.root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except FileExistsError:
        return
    except OSError:
        writer.place(file, name=name)
