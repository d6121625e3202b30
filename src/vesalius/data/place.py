"""A folder on the local disk or in an object store: small files read, listed, and written whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vesalius.data.disk import replacing
from vesalius.errors import DataError
from vesalius.optional import require

__all__ = ["Place", "is_url"]

_SCRATCH = ".scratch"


def is_url(place: str | Path) -> bool:
    """Say whether a place is an address such as ``s3://bucket/corpus`` and no local path."""
    return isinstance(place, str) and "://" in place


@dataclass(frozen=True)
class Place:
    """A folder by its local path or by any address that fsspec knows, such as ``s3://``, ``gs://``, ``memory://``."""

    url: str

    @classmethod
    def of(cls, place: str | Path | Place) -> Place:
        """Make a place of a path or address."""
        return place if isinstance(place, Place) else cls(str(place))

    @cached_property
    def local(self) -> Path | None:
        """Path on the local disk, None for an object store."""
        if not is_url(self.url):
            return Path(self.url)
        return Path(self._located[1]) if self.url.startswith(("file://", "local://")) else None

    @property
    def filesystem(self) -> Any:
        """The file system of fsspec."""
        return self._located[0]

    def path(self, name: str = "") -> str:
        """Return where a file is, as the file system calls it.

        Raises:
            DataError: the name leaves the folder.
        """
        if name.startswith("/") or ".." in name.split("/"):
            raise DataError(f"path {name!r} escapes {self.url}: paths are relative to it")
        root = str(self._located[1]).rstrip("/")
        return f"{root}/{name}" if name else root

    def exists(self, name: str = "") -> bool:
        """Say whether a file or folder is there."""
        return bool(self.filesystem.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: it is not there.
            DataError: it cannot be read.
        """
        try:
            return bytes(self.filesystem.cat_file(self.path(name)))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DataError(f"{self.url}/{name} cannot be read: {error}; check address and permissions") from None

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; other writers and readers never see half of it."""
        if self.local is not None:
            with replacing(self.local / name, scratch=self.local / _SCRATCH) as file:
                file.write(data)
            return
        self.filesystem.pipe_file(self.path(name), data)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of what a folder holds; none where it is not there."""
        try:
            found = self.filesystem.ls(self.path(folder), detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in found)

    def remove(self, name: str) -> None:
        """Remove a file or folder with what is in it; nothing happens where it is not there."""
        if self.exists(name):
            self.filesystem.rm(self.path(name), recursive=True)

    @cached_property
    def _located(self) -> tuple[Any, str]:
        fsspec = require("fsspec", purpose=f"reading {self.url}")
        try:
            filesystem, path = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise DataError(f"{self.url}: this kind of address cannot be opened: {error}") from None
        return filesystem, str(path)
