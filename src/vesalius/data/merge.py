"""Several corpora into one: equal studies are counted once, one id for two different studies is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vesalius.data.fingerprint import digests_of, file_sha256
from vesalius.data.manifest import Manifest
from vesalius.data.media import inside
from vesalius.data.records import Study
from vesalius.data.schema import to_studies
from vesalius.data.shards import ShardReader
from vesalius.data.writer import CorpusWriter, repeated_rows
from vesalius.errors import DataError

__all__ = ["Source", "merge"]


class Source(NamedTuple):
    """A corpus, or the rows of a view of it, to be merged."""

    root: Path
    manifest: Manifest
    reader: ShardReader
    rows: np.ndarray[Any, np.dtype[np.int64]] | None
    """None for all."""


def merge(sources: Sequence[Source], out: Path, *, name: str) -> None:
    """Write the studies of all sources, with their files, to a new corpus at `out`.

    Two files of one path and different content are both kept, the later one under the name of its content.

    Raises:
        DataError: `out` exists already as a corpus, or names the ids that stand for different studies.
    """
    if (out / "corpus.json").exists():
        raise DataError(f"corpus {out} exists already: merge into a new folder")
    skipped = _repeated(sources)
    licences = sorted({source.manifest.licence for source in sources} - {""})
    virtual = all(source.manifest.virtual for source in sources)
    with CorpusWriter(out, name=name, licence="; ".join(licences), virtual=virtual) as writer:
        seen = 0
        for source in sources:
            for _, table in _groups(source):
                kept = table.filter(~skipped[seen : seen + len(table)])
                seen += len(table)
                for study, files in zip(to_studies(kept), kept["media"].to_pylist(), strict=True):
                    _copy(writer, study, files, source=source.root)


def _groups(source: Source) -> Any:
    for start, table in source.reader.groups():
        if source.rows is not None:
            low, high = np.searchsorted(source.rows, [start, start + len(table)])
            table = table.take(pa.array(source.rows[low:high] - start))
        yield start, table


def _repeated(sources: Sequence[Source]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark the rows, over all sources, that repeat an earlier study; memory is 40 bytes a study."""
    keys, digests = [np.empty(0, np.int64)], [np.empty((0, 32), np.uint8)]
    for source in sources:
        for start, table in source.reader.scan(["study_key", "digest"]):
            if source.rows is not None:
                low, high = np.searchsorted(source.rows, [start, start + len(table)])
                table = table.take(pa.array(source.rows[low:high] - start))
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
    return skipped


def _names(sources: Sequence[Source], rows: np.ndarray[Any, np.dtype[np.int64]]) -> list[str]:
    names, start = [], 0
    for source in sources:
        length = len(source.reader) if source.rows is None else len(source.rows)
        for row in rows[(rows >= start) & (rows < start + length)] - start:
            at = int(row if source.rows is None else source.rows[row])
            names.append(source.reader.row(at)["study_id"][0].as_py())
        start += length
    return sorted(names)


def _copy(writer: CorpusWriter, study: Study, files: Sequence[Mapping[str, Any]], *, source: Path) -> None:
    media: dict[str, bytes | Path] = {}
    renamed: dict[str, str] = {}
    for file in files:
        name, path = file["path"], inside(source, file["path"])
        if not path.exists():
            continue
        target = inside(writer.root, name)
        if target.exists() and file_sha256(target) != file["sha256"]:
            renamed[name] = writer.store(path)
        else:
            media[name] = path
    if renamed:
        images = tuple(replace(image, path=renamed.get(image.path, image.path)) for image in study.images)
        regions = tuple(
            replace(region, mask=renamed.get(region.mask, region.mask)) for region in study.regions
        )
        study = replace(study, images=images, regions=regions)
    writer.add(study, media=media)
