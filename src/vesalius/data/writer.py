"""Writing a corpus: several workers with shards of their own, that may be killed at any time and resumed."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.disk import Lock, not_full
from vesalius.data.fingerprint import digests_of, folder_sha256, study_key
from vesalius.data.keys import Keys, KeySet
from vesalius.data.manifest import Manifest, summarise
from vesalius.data.media import SCRATCH, Media, MediaStore, files_below, inside, relative_name
from vesalius.data.records import Image, Study
from vesalius.data.schema import SCHEMA_VERSION, MediaFile, study_row, to_table
from vesalius.data.shards import ROWS_PER_GROUP, ROWS_PER_SHARD, Shard, ShardReader, ShardSink, write_shard
from vesalius.errors import DataError

__all__ = ["CorpusWriter", "finish", "repeated_rows"]

_FLUSH_SECONDS = 10.0
"""A kill loses at most the studies of this long, or of one row group."""
_METADATA_KEY = b"vesalius"
_PENDING = re.compile(r"part-w(\d+)-(\d+)\.parquet")
_LOCKS = ".locks"
_KEPT = "all studies in whole shards are kept"


class CorpusWriter:
    """Adds studies and their files to the corpus at `root`; use it in a ``with`` statement.

    Each worker (a number of its own) writes its own shards; a shard appears on the disk whole or not at all,
    at least every ten seconds. The end of the last worker's ``with`` block finishes the corpus; after an
    error nothing is finished, and the same call goes on from what is kept.
    """

    def __init__(
        self, root: str | Path, *, name: str, worker: int = 0, licence: str = "", virtual: bool = False
    ) -> None:
        self.root = Path(root)
        self.name = name
        self.worker = worker
        self.media = MediaStore(self.root)
        self._facts = {"name": name, "licence": licence, "virtual": virtual, "schema_version": SCHEMA_VERSION}
        self._lock = Lock(self.root / _LOCKS / f"worker-{worker:04d}")
        self._rows: list[dict[str, Any]] = []
        self._tables: list[pa.Table] = []
        self._since = time.monotonic()
        self._known = KeySet()
        self._sequence = count()

    def __enter__(self) -> Self:
        (self.root / "studies").mkdir(parents=True, exist_ok=True)
        if not self._lock.acquire():
            raise DataError(f"worker {self.worker} already writes {self.root}: give each worker a number of its own")
        try:
            self._refuse_older()
            reader = ShardReader(self.root / "studies", _shards(self.root))
            for _, table in reader.scan(["study_key"]):
                self._known.add(*table["study_key"].to_pylist())
        except DataError:
            self._lock.release()
            raise
        own = [found for shard in reader.shards if (found := _PENDING.fullmatch(shard.file))]
        self._sequence = count(1 + max((int(name[2]) for name in own if int(name[1]) == self.worker), default=-1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
        finally:
            self._lock.release()
        if kind is None and not _others_write(self.root):
            finish(self.root)

    def __contains__(self, study_id: object) -> bool:
        return isinstance(study_id, str) and study_key(study_id) in self._known

    def written(self) -> set[str]:
        """Return the ids of all studies that are safe on the disk, of every worker; see also `in`."""
        reader = ShardReader(self.root / "studies", _shards(self.root))
        return {name for _, table in reader.scan(["study_id"]) for name in table["study_id"].to_pylist()}

    def store(self, data: bytes | Path, *, suffix: str = "") -> str:
        """Place a file under the name of its content and return its path, such as ``media/ab/ab….png``."""
        with not_full(self.root, kept=_KEPT):
            return self.media.store(data, suffix=suffix)

    def place(self, data: bytes | Path, *, name: str) -> MediaFile:
        """Place a file under a path relative to the root; the same content again is fine."""
        with not_full(self.root, kept=_KEPT):
            return self.media.place(data, name=name)

    def add(self, study: Study, *, media: Media | None = None) -> None:
        """Add a study and place its files, given by the relative paths under which its records name them.

        An image may be a folder, such as the slices of a volume: all its files are kept, and its hash is theirs.

        Raises:
            DataError: the id is taken, a file that a record names is missing, outside the root, or of another
                hash than the record says, or the disk is full. The study is then not in the corpus.
        """
        if study.id in self:
            raise DataError(f"study {study.id!r} is already in {self.root}: ids must be unique")
        with not_full(self.root, kept=_KEPT):
            placed = self.media.place_all(media or {})
        row = study_row(*self._resolved(study, placed))
        self._rows.append(row)
        self._known.add(row["study_key"])
        self._flush_when_due()

    def add_table(self, table: pa.Table) -> None:
        """Add those rows of the current schema that are not there yet, as they are, their files being in place."""
        keys = table["study_key"].to_pylist()
        new = np.array([key not in self._known for key in keys], bool)
        self._known.add(*keys)
        self._tables.append(table.filter(new).replace_schema_metadata(None))
        self._flush_when_due()

    def flush(self) -> None:
        """Force what was added onto the disk as one shard."""
        if not self._num_pending:
            return
        name = f"part-w{self.worker:04d}-{next(self._sequence):06d}.parquet"
        with not_full(self.root, kept=_KEPT):
            self.media.sync()
            table = pa.concat_tables([*self._tables, to_table(self._rows)])
            write_shard(self.root / "studies" / name, table, metadata=_metadata(self._facts))
        self._rows, self._tables, self._since = [], [], time.monotonic()

    def _refuse_older(self) -> None:
        if (self.root / "corpus.json").exists() and (
            version := Manifest.read(self.root).schema_version
        ) != SCHEMA_VERSION:
            raise DataError(
                f"corpus {self.root} has schema version {version}, new studies have {SCHEMA_VERSION}: "
                "write it anew with Corpus.merge([Corpus.open(old)], new) first"
            )

    @property
    def _num_pending(self) -> int:
        return len(self._rows) + sum(map(len, self._tables))

    def _flush_when_due(self) -> None:
        if self._num_pending >= ROWS_PER_GROUP or time.monotonic() - self._since > _FLUSH_SECONDS:
            self.flush()

    def _resolved(self, study: Study, placed: Mapping[str, MediaFile]) -> tuple[Study, list[MediaFile]]:
        """Make the paths relative, find the hash of every file, and fill it into the images."""
        files: dict[str, MediaFile] = {}
        images = tuple(self._image(study, image, placed, files) for image in study.images)
        regions = []
        for region in study.regions:
            if region.mask:
                name = region.mask if region.mask in placed else self._name(study, region.mask)
                files[name] = placed.get(name) or files.get(name) or self._described(study, name)
                region = replace(region, mask=name)
            regions.append(region)
        return replace(study, images=images, regions=tuple(regions)), sorted(files.values())

    def _image(
        self, study: Study, image: Image, placed: Mapping[str, MediaFile], files: dict[str, MediaFile]
    ) -> Image:
        if (file := placed.get(image.path)) is not None:
            files[image.path] = file
            return _hashed(study, image, file.sha256)
        name = self._name(study, image.path)
        if inside(self.root, name).is_dir():
            return self._folder(study, replace(image, path=name), placed, files)
        file = placed.get(name) or files.get(name)
        if file is None and image.sha256 and not inside(self.root, name).exists():
            return replace(image, path=name)
        file = file or self._described(study, name)
        files[name] = file
        return _hashed(study, replace(image, path=name), file.sha256)

    def _folder(
        self, study: Study, image: Image, placed: Mapping[str, MediaFile], files: dict[str, MediaFile]
    ) -> Image:
        names = files_below(self.root, image.path)
        if not names:
            raise DataError(f"study {study.id!r}: folder {image.path!r} of image {image.id!r} holds no files")
        for name in names:
            files[name] = placed.get(name) or files.get(name) or self._described(study, name)
        digest = folder_sha256({name.removeprefix(f"{image.path}/"): files[name].sha256 for name in names})
        return _hashed(study, image, digest)

    def _name(self, study: Study, path: str) -> str:
        try:
            return relative_name(self.root, path)
        except DataError as error:
            raise DataError(f"study {study.id!r}: {error}") from None

    def _described(self, study: Study, name: str) -> MediaFile:
        try:
            return self.media.describe(name)
        except DataError as error:
            raise DataError(f"study {study.id!r}: {error}") from None


def _hashed(study: Study, image: Image, found: str) -> Image:
    if image.sha256 and image.sha256 != found:
        raise DataError(
            f"study {study.id!r}: file {image.path!r} has SHA-256 {found}, the record says {image.sha256}"
        )
    return replace(image, sha256=found)


def finish(root: str | Path) -> Manifest:
    """Gather the shards of all workers into few, refuse an id given twice, and write `corpus.json`.

    Safe to repeat, and safe to kill: studies that two shards hold in the same form are counted once.

    Raises:
        DataError: no study was written, a worker still writes, or one id stands for two different studies.
    """
    root = Path(root)
    lock = Lock(root / _LOCKS / "finish")
    lock.acquire(wait=True)
    try:
        if _others_write(root):
            raise DataError(f"corpus {root} cannot be finished: a worker still writes")
        with not_full(root, kept=_KEPT):
            manifest = _finish(root)
        shutil.rmtree(root / SCRATCH, ignore_errors=True)
        for left in root.glob(".*.tmp"):
            left.unlink(missing_ok=True)
        return manifest
    finally:
        lock.release()
        _remove_empty(root / _LOCKS)


def _finish(root: Path) -> Manifest:
    folder, shards = root / "studies", _shards(root)
    if not shards:
        raise DataError(f"corpus {root} has no studies: nothing was written")
    facts = json.loads(pq.read_schema(folder / shards[0].file).metadata[_METADATA_KEY])
    kept = _compact(folder, shards, repeated=_repeated(folder, shards), facts=facts)
    counts, content_hash = summarise(ShardReader(folder, kept))
    splits = Manifest.read(root).splits if (root / "corpus.json").exists() else {}
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=facts["name"],
        content_hash=content_hash,
        counts=counts,
        splits=splits,
        virtual=facts["virtual"],
        licence=facts["licence"],
        shards=tuple(kept),
    )
    manifest.write(root)
    for shard in set(shards) - set(kept):
        (folder / shard.file).unlink()
    return manifest


def _repeated(folder: Path, shards: list[Shard]) -> Keys:
    """Return the row numbers that repeat an earlier study word for word; memory is 40 bytes a study."""
    reader = ShardReader(folder, shards)
    keys = np.empty(len(reader), np.int64)
    digests = np.empty((len(reader), 32), np.uint8)
    for start, table in reader.scan(["study_key", "digest"]):
        keys[start : start + len(table)] = table["study_key"].to_numpy()
        digests[start : start + len(table)] = digests_of(table["digest"])
    later, differing = repeated_rows(keys, digests)
    if len(differing):
        names = sorted({reader.row(int(row))["study_id"][0].as_py() for row in differing[:10]})
        raise DataError(
            f"corpus {folder.parent}: {len(differing)} study ids stand for two different studies, such as "
            f"{', '.join(map(repr, names))}: ids must be unique"
        )
    return later


def repeated_rows(keys: Keys, digests: np.ndarray[Any, np.dtype[np.uint8]]) -> tuple[Keys, Keys]:
    """Return the rows that repeat an earlier key, and those of them whose digest differs.

    Args:
        keys: one a study, (n,).
        digests: one a study, (n, 32).
    """
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    earlier, later = order[same], order[same + 1]
    return np.sort(later), np.sort(later[(digests[earlier] != digests[later]).any(axis=1)])


def _compact(
    folder: Path,
    shards: list[Shard],
    *,
    repeated: Keys,
    facts: Mapping[str, Any],
) -> list[Shard]:
    """Write small shards and shards with repeated rows into new ones; the caller removes the old ones."""
    starts = ShardReader(folder, shards).starts
    dropped = np.zeros(starts[-1], bool)
    dropped[repeated] = True
    whole: list[Shard] = []
    rest: list[tuple[Shard, int]] = []
    for shard, start in zip(shards, starts, strict=False):
        clean = not _PENDING.fullmatch(shard.file) and not dropped[start : start + shard.rows].any()
        if clean and shard.rows * 2 >= ROWS_PER_SHARD:
            whole.append(shard)
        else:
            rest.append((shard, start))
    if len(rest) == 1 and not _PENDING.fullmatch(rest[0][0].file) and not len(repeated):
        return shards
    sink = ShardSink(folder, names=_free_names(folder), metadata=_metadata(facts))
    for shard, start in rest:
        kept = np.flatnonzero(~dropped[start : start + shard.rows])
        for table in ShardReader(folder, [shard]).groups(rows=kept):
            sink.add(table)
    sink.flush()
    return sorted(whole + sink.written)


def _free_names(folder: Path) -> Iterator[str]:
    for number in count():
        if not (folder / f"part-{number:05d}.parquet").exists():
            yield f"part-{number:05d}.parquet"


def _metadata(facts: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {_METADATA_KEY: json.dumps(facts).encode("utf-8")}


def _shards(root: Path) -> list[Shard]:
    """Return all whole shards on the disk, sorted by name."""
    files = sorted((root / "studies").glob("part-*.parquet"))
    return [Shard(file.name, pq.read_metadata(file).num_rows) for file in files]


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _others_write(root: Path) -> bool:
    for path in (root / _LOCKS).glob("worker-*"):
        lock = Lock(path)
        if not lock.acquire():
            return True
        lock.release()
    return False
