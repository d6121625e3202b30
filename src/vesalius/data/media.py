"""The files of a corpus: placed once, whole, inside the root, and found again by a relative path."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from vesalius.data.disk import replacing, sync
from vesalius.data.fingerprint import file_sha256
from vesalius.data.schema import MediaFile
from vesalius.errors import DataError

__all__ = ["SCRATCH", "Content", "Media", "MediaStore", "files_below", "inside", "relative_name"]

SCRATCH = ".scratch"
"""Folder below the root for files that are not whole yet; removed when a corpus is finished."""
_SYNCS = 8
"""Files forced onto the disk at a time: the disk is waited for, not the processor."""
_RESERVED = {"studies", "splits", "corpus.json", SCRATCH, ".locks"}


def inside(root: Path, relative: str | Path) -> Path:
    """Return the absolute path of `relative` below `root`; links are followed before the check.

    Raises:
        DataError: the path leaves the root.
    """
    try:
        base = root.resolve()
        path = (base / relative).resolve()
    except (ValueError, OSError) as error:
        raise DataError(f"path {str(relative)!r} is not usable in the corpus {root}: {error}") from None
    if not path.is_relative_to(base):
        raise DataError(
            f"path {str(relative)!r} escapes the corpus {root}: paths are relative to the root; "
            "hand the file to the writer as media to have it copied in"
        )
    return path


def relative_name(root: Path, name: str) -> str:
    """Return the path as stored: relative, with forward slashes, outside the folders of the corpus itself.

    Raises:
        DataError: the path leaves the root, is empty, or lies in a folder that the corpus keeps for itself.
    """
    path = inside(root, name).relative_to(root.resolve())
    if not path.parts or path.parts[0] in _RESERVED:
        raise DataError(
            f"path {name!r} cannot be a media file of {root}: give one such as 'media/{path.name or 'x.png'}'"
        )
    return path.as_posix()


def files_below(root: Path, name: str) -> list[str]:
    """Return the names, relative to the root, of all files of a folder of the corpus, sorted."""
    base = root.resolve()
    return sorted(path.relative_to(base).as_posix() for path in inside(root, name).rglob("*") if path.is_file())


class Content(NamedTuple):
    """What was just read from a file, or a second name of that file, with its hash: it is not hashed again."""

    source: bytes | Path
    """The bytes; or the path of a file, which counts where it is in place under a second name (a link)."""
    sha256: str
    size: int
    """Bytes."""


Media = Mapping[str, bytes | Path | Content]
"""Files by the relative paths under which records name them."""


class MediaStore:
    """Places files below a corpus root; a file under its final name is always whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unsynced: list[Path] = []
        self._base: Path | None = None
        self._plain: set[str] = set()

    def store(self, data: bytes | Path, *, suffix: str = "") -> str:
        """Place a file under the name of its content and return the path relative to the root.

        `suffix`, such as ".png", is taken from `data` where that is a path.
        """
        suffix = suffix or (data.suffix.lower() if isinstance(data, Path) else "")
        digest = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else file_sha256(data)
        name = f"media/{digest[:2]}/{digest}{suffix}"
        self.place(data, name=name)
        return name

    def place(self, data: bytes | Path | Content, *, name: str) -> MediaFile:
        """Place a file under a given path; the same content again is fine, other content is an error."""
        name, target, taken = self._target(name)
        source = data.source if isinstance(data, Content) else data
        if isinstance(source, Path) and not source.is_file():
            raise DataError(f"media file {source} does not exist")
        if taken:
            return self._same(name, target, data)
        known = data.sha256 if isinstance(data, Content) and isinstance(source, bytes) else ""
        hasher = hashlib.sha256()
        with replacing(target, scratch=self.root / SCRATCH, durable=False) as file:
            for piece in _pieces(source):
                if not known:
                    hasher.update(piece)
                file.write(piece)
            size = file.tell()
        self._unsynced.append(target)
        return MediaFile(name, known or hasher.hexdigest(), size)

    def place_all(self, media: Media) -> dict[str, MediaFile]:
        """Place files, and folders with all their files, under given paths; return what was placed by path."""
        placed = {}
        for name, data in media.items():
            if isinstance(data, Path) and data.is_dir():
                parts = {f"{name}/{path.relative_to(data).as_posix()}": path for path in data.rglob("*")}
                placed.update(self.place_all({part: path for part, path in parts.items() if path.is_file()}))
            else:
                file = self.place(data, name=name)
                placed[file.path] = file
        return placed

    def describe(self, name: str) -> MediaFile:
        """Return path, hash and size of a file that is in place."""
        target = inside(self.root, name)
        if not target.is_file():
            raise DataError(f"media file {name!r} is not in {self.root}: hand it to the writer as media")
        return MediaFile(name, file_sha256(target), target.stat().st_size)

    def sync(self) -> None:
        """Force the files placed since the last call onto the disk."""
        with ThreadPoolExecutor(_SYNCS) as pool:
            list(pool.map(sync, self._unsynced))
            list(pool.map(sync, {path.parent for path in self._unsynced}))
        self._unsynced.clear()

    def _target(self, name: str) -> tuple[str, Path, bool]:
        """Return name, path, and whether there is a file; the links of a folder are followed once."""
        folder, _, last = name.rpartition("/")
        if self._base is not None and folder in self._plain and last not in ("", ".", "..") and "\0" not in last:
            target = self._base / folder / last
            try:
                if not stat.S_ISLNK(os.lstat(target).st_mode):
                    return name, target, True
            except FileNotFoundError:
                return name, target, False
        relative = relative_name(self.root, name)
        target = inside(self.root, relative)
        if relative == name and folder:
            self._base = self.root.resolve()
            self._plain.add(folder)
        return relative, target, target.exists()

    def _same(self, name: str, target: Path, data: bytes | Path | Content) -> MediaFile:
        if isinstance(data, Content):
            if isinstance(data.source, Path) and data.source.samefile(target):
                return MediaFile(name, data.sha256, data.size)
            data = data.source
        found = self.describe(name)
        if isinstance(data, Path) and data.samefile(target):
            return found
        given = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else file_sha256(data)
        if given != found.sha256:
            raise DataError(f"media file {name!r} exists in {self.root} with other content; give it another name")
        return found


def _pieces(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as source:
        while piece := source.read(1 << 20):
            yield piece
