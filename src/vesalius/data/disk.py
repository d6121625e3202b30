"""Writing that survives: a file under its final name is whole, and a full disk is said, not guessed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from vesalius.errors import DataError

__all__ = ["Lock", "not_full", "replacing", "sync"]


@contextmanager
def replacing(path: Path, *, scratch: Path, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file in the folder `scratch` that takes the place of `path` at the end.

    After an error nothing is left; after a kill a temporary file is left in `scratch`, which must lie on the
    same file system. With `durable` the content and the name are forced onto the disk before this returns.
    """
    for folder in (path.parent, scratch):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
    temporary = scratch / f".{uuid4().hex}.tmp"
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, onto the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def not_full(root: Path, *, kept: str) -> Iterator[None]:
    """Turn "no space left" into a `DataError` that says what is safe (`kept`) and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DataError(f"disk full while writing {root}: {kept}; free some space and run the same again") from error


class Lock:
    """An exclusive lock on a file that the system lets go when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, *, wait: bool = False) -> bool:
        """Take the lock; False where someone else holds it and `wait` is off."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                os.close(handle)
                return False
            if self._is_current(handle):
                self._handle = handle
                return True
            os.close(handle)

    def release(self) -> None:
        """Let the lock go and remove its file."""
        if self._handle is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def _is_current(self, handle: int) -> bool:
        """Say whether the locked file still bears the name: its holder may have removed it meanwhile."""
        try:
            return os.stat(self.path).st_ino == os.fstat(handle).st_ino
        except FileNotFoundError:
            return False
