"""A corpus in an object store, or at any address of fsspec, opened like one on the local disk.

`corpus.json` and the splits are copied once, Parquet row groups are read where they are, and a media file is fetched
when its path is asked for, into a folder that holds at most `cache_bytes`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Self
from weakref import finalize

import pyarrow.parquet as pq

from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.manifest import Manifest
from vesalius.data.media import inside
from vesalius.data.place import Place, is_url
from vesalius.data.shards import Shard, ShardReader
from vesalius.data.splits import read_split
from vesalius.errors import DataError

__all__ = ["Mirror", "RemoteCorpus", "open_corpus"]

_CACHE_BYTES = 2 * 2**30


class Mirror:
    """Local copies of files of a place, those asked for longest ago removed when there are too many bytes.

    Every process keeps copies of its own, so that none removes what another is about to open.
    """

    def __init__(self, place: Place, folder: Path, *, bound_bytes: int) -> None:
        self.place = place
        self.folder = folder
        self.bound_bytes = bound_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._process = os.getpid()

    def fetch(self, name: str) -> Path:
        """Return a local copy of a file, or of a folder with all of its files.

        Raises:
            DataError: it is not there, or cannot be read.
        """
        if self._process != os.getpid():
            self._process, self._sizes = os.getpid(), OrderedDict()
        target = inside(self.folder / f"media-{self._process}", name)
        if name not in self._sizes:
            self._sizes[name] = self._copy(name, target)
        self._sizes.move_to_end(name)
        self._evict(keep=name)
        return target

    def _copy(self, name: str, target: Path) -> int:
        remote = self.place.filesystem
        path = self.place.path(name)
        files = [path]
        try:
            if remote.isdir(path):
                files = remote.find(path)
        except OSError as error:
            raise DataError(f"{self.place.url}/{name} cannot be read: {error}") from None
        size = 0
        for file in files:
            rest = str(file).removeprefix(str(path)).lstrip("/")
            try:
                data = self.place.read(f"{name}/{rest}" if rest else name)
            except FileNotFoundError:
                raise DataError(f"media file {name!r} is not in {self.place.url}") from None
            with replacing(target / rest if rest else target, scratch=self.folder, durable=False) as copy:
                copy.write(data)
            size += len(data)
        return size

    def _evict(self, *, keep: str) -> None:
        while sum(self._sizes.values()) > self.bound_bytes and next(iter(self._sizes)) != keep:
            name, _ = self._sizes.popitem(last=False)
            target = inside(self.folder / f"media-{self._process}", name)
            for path in sorted(target.rglob("*"), reverse=True) if target.is_dir() else [target]:
                with suppress(OSError):
                    path.unlink()


class _RemoteShards(ShardReader):
    """Shards read where they are; only the bytes of the row groups and columns in question are asked for."""

    def __init__(self, mirror: Mirror, shards: Sequence[Shard], *, version: int) -> None:
        super().__init__(mirror.folder / "studies", shards, version=version)
        self.mirror = mirror
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"mirror": self.mirror, "_process": self._process}

    def _place_of(self, file: str) -> str:
        return f"{self.mirror.place.url}/studies/{file}"

    def _parquet(self, file: str) -> pq.ParquetFile:
        place = self.mirror.place
        return pq.ParquetFile(place.filesystem.open(place.path(f"studies/{file}"), "rb"), pre_buffer=True)

    def _open(self, number: int) -> tuple[pq.ParquetFile, list[int]]:
        with self._lock:
            if self._process != os.getpid():
                # Connections and file positions of the parent process are not ours.
                self._process = os.getpid()
                self._files.clear()
            return super()._open(number)


class _TemporaryFolder:
    """A folder that goes when nobody holds it any more; a forked process never removes that of its parent."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="vesalius-"))
        finalize(self, _remove, self.path, os.getpid())


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


class RemoteCorpus(Corpus):
    """A corpus at an address of fsspec, to read from; views, filters, labels and tables are those of `Corpus`."""

    @classmethod
    def open(cls, path: str | Path, *, cache: Path | None = None, cache_bytes: int = _CACHE_BYTES) -> Self:
        """Open the corpus at an address such as ``s3://bucket/corpus``.

        Args:
            path: the address.
            cache: folder for copies; a temporary one, removed when the corpus is let go, where none is given.
            cache_bytes: most bytes of media files that are kept; one file that is larger is kept alone.
        """
        place = Place.of(path)
        owner = None
        if cache is None:
            owner = _TemporaryFolder()
            cache = owner.path
        for name in ("corpus.json", *(f"splits/{file}" for file in place.names("splits"))):
            try:
                data = place.read(name)
            except FileNotFoundError:
                raise DataError(f"{place.url} is not a corpus: it has no {name}") from None
            with replacing(cache / name, scratch=cache, durable=False) as copy:
                copy.write(data)
        manifest = Manifest.read(cache)
        for split in sorted((cache / "splits").glob("*.parquet")):
            read_split(cache, split.stem)
        mirror = Mirror(place, cache, bound_bytes=cache_bytes)
        corpus = cls(cache, manifest, reader=_RemoteShards(mirror, manifest.shards, version=manifest.schema_version))
        corpus._owner = owner
        return corpus

    _owner: _TemporaryFolder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_owner"}

    def __repr__(self) -> str:
        return f"RemoteCorpus({self.name!r}, {len(self)} of {len(self._reader)} studies, {self.address!r})"

    @property
    def address(self) -> str:
        """Address of the corpus; `root` is the folder with the local copies."""
        return self._mirror.place.url

    def path(self, relative: str) -> Path:
        """Fetch a file of the corpus and return where its copy is; see `Mirror`."""
        return self._mirror.fetch(relative)

    def make_split(self, fractions: Mapping[str, float] | None = None, **how: Any) -> NoReturn:
        """Refuse: a split of a corpus that is only read cannot be stored."""
        raise DataError(f"{self.address} is opened for reading: make its split before it is copied there")

    def set_split(self, split_of_study: Mapping[str, str], **how: Any) -> NoReturn:
        """Refuse: a split of a corpus that is only read cannot be stored."""
        self.make_split()

    @property
    def _mirror(self) -> Mirror:
        assert isinstance(self._reader, _RemoteShards)
        return self._reader.mirror

    def _view(self, rows: Any) -> Self:
        view = type(self)(self.root, self._manifest, reader=self._reader, rows=rows)
        view._owner = self._owner
        return view


def open_corpus(place: str | Path) -> Corpus:
    """Open a corpus in a folder or at any address of fsspec."""
    if is_url(place):
        local = Place.of(place).local
        return Corpus.open(local) if local is not None else RemoteCorpus.open(place)
    return Corpus.open(place)
