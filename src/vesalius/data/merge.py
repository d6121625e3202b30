"""Several corpora into one: equal studies are counted once, one id for two different studies is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vesalius.data.fingerprint import ContentHash, digests_of, file_sha256
from vesalius.data.manifest import Manifest
from vesalius.data.media import inside
from vesalius.data.schema import to_studies
from vesalius.data.shards import Rows, ShardReader
from vesalius.data.writer import CorpusWriter, repeated_rows
from vesalius.errors import DataError

__all__ = ["Source", "merge"]


class Source(NamedTuple):
    """A corpus, or the rows of a view of it, to be merged."""

    root: Path
    manifest: Manifest
    reader: ShardReader
    rows: Rows | None
    """Ascending; None for all."""


def merge(sources: Sequence[Source], out: Path, *, name: str) -> None:
    """Write the studies of all sources, with their files, to a new corpus at `out`.

    Of two files with one path and different content the later one gets the name of its content. After a kill
    the same call goes on.

    Raises:
        DataError: there is a corpus, or part of another one, at `out`, an id stands for different studies, or
            a file is not what its record says.
    """
    if (out / "corpus.json").exists():
        raise DataError(f"corpus {out} exists already: merge into a new folder")
    skipped, content_hash = _repeated(sources)
    licences = sorted({source.manifest.licence for source in sources} - {""})
    virtual = all(source.manifest.virtual for source in sources)
    with CorpusWriter(out, name=name, licence="; ".join(licences), virtual=virtual) as writer:
        seen = 0
        for source in sources:
            for table in source.reader.groups(rows=source.rows):
                kept = table.filter(~skipped[seen : seen + len(table)])
                seen += len(table)
                _copy(writer, kept, source=source.root)
    if Manifest.read(out).content_hash != content_hash:
        (out / "corpus.json").unlink()
        raise DataError(f"corpus {out} holds other studies too, of an earlier run: merge into a new folder")


def _repeated(sources: Sequence[Source]) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], str]:
    """Mark the rows, over all sources, that repeat an earlier study, and hash the rest; 40 bytes a study."""
    keys, digests = [np.empty(0, np.int64)], [np.empty((0, 32), np.uint8)]
    for source in sources:
        for _, table in source.reader.scan(["study_key", "digest"], rows=source.rows):
            keys.append(table["study_key"].to_numpy())
            digests.append(digests_of(table["digest"]))
    later, differing = repeated_rows(np.concatenate(keys), np.concatenate(digests))
    if len(differing):
        names = _names(sources, differing[:10])
        raise DataError(
            f"{len(differing)} study ids stand for different studies in the merged corpora: "
            f"{', '.join(map(repr, names))}; rename them or leave one out with Corpus.filter"
        )
    skipped = np.zeros(sum(map(len, keys)), bool)
    skipped[later] = True
    content = ContentHash()
    content.add(np.concatenate(digests)[~skipped])
    return skipped, content.hexdigest()


def _names(sources: Sequence[Source], rows: Rows) -> list[str]:
    names, start = [], 0
    for source in sources:
        length = len(source.reader) if source.rows is None else len(source.rows)
        for row in rows[(rows >= start) & (rows < start + length)] - start:
            at = int(row if source.rows is None else source.rows[row])
            names.append(source.reader.row(at)["study_id"][0].as_py())
        start += length
    return sorted(names)


def _copy(writer: CorpusWriter, table: pa.Table, *, source: Path) -> None:
    """Copy the files of each new study, and its row as it is unless a file has to be renamed."""
    table = table.filter(np.array([name not in writer for name in table["study_id"].to_pylist()], bool))
    moved = np.zeros(len(table), bool)
    for place, row in enumerate(table.select(["media", "images"]).to_pylist()):
        files, renamed = row["media"], {}
        for image in row["images"]:
            within = [file for file in files if file["path"].startswith(f"{image['path']}/")]
            if any(_taken(writer, file) for file in within):
                renamed[image["path"]] = _moved(writer, image, within, source)
                files = [file for file in files if file not in within]
        renamed |= {file["path"]: new for file in files if (new := _placed(writer, file, source)) != file["path"]}
        if renamed:
            moved[place] = True
            _add_renamed(writer, table.slice(place, 1), renamed)
    writer.add_table(table.filter(~moved))


def _placed(writer: CorpusWriter, file: Mapping[str, Any], source: Path) -> str:
    """Copy a file and return the path it got; a file that only its hash is known of stays away."""
    name, path = str(file["path"]), inside(source, file["path"])
    if not path.exists():
        return name
    found = writer.place(path, name=writer.store(path) if _taken(writer, file) else name)
    if found.sha256 != file["sha256"]:
        raise DataError(f"media file {path} has SHA-256 {found.sha256}, its record says {file['sha256']}")
    return found.path


def _taken(writer: CorpusWriter, file: Mapping[str, Any]) -> bool:
    """Say whether another content has the name already."""
    target = inside(writer.root, file["path"])
    return target.exists() and file_sha256(target) != file["sha256"]


def _moved(writer: CorpusWriter, image: Mapping[str, Any], files: Sequence[Mapping[str, Any]], source: Path) -> str:
    """Copy the folder of an image to one that is named by its content, and return its path."""
    name = f"media/{image['sha256'][:2]}/{image['sha256']}"
    for file in files:
        writer.place(inside(source, file["path"]), name=name + file["path"].removeprefix(image["path"]))
    return name


def _add_renamed(writer: CorpusWriter, row: pa.Table, renamed: Mapping[str, str]) -> None:
    study = next(to_studies(row))
    images = tuple(replace(image, path=renamed.get(image.path, image.path)) for image in study.images)
    regions = tuple(replace(region, mask=renamed.get(region.mask, region.mask)) for region in study.regions)
    writer.add(replace(study, images=images, regions=regions))
