"""Decoded images kept for a run in a memory-mapped file: each image is decoded once, and all processes share it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["PixelCache"]

_EMPTY, _KEPT, _UNREADABLE = 0, 1, 2


class PixelCache:
    """Processed images in 8 or 16 bits, at most `bound_bytes` of them.

    Images are numbered; those below `slots` are kept, the others never (nothing is evicted, so what is kept does not
    depend on the order of reading). Processes that open the same folder and key see each other's images. Disk space
    is reserved at the start; where there is not enough, `slots` is 0 and `note` says so.
    """

    def __init__(
        self, folder: Path, *, key: str, num_images: int, shape: tuple[int, ...], bits: int, bound_bytes: int
    ) -> None:
        self._rows_path, self._states_path = folder / f"{key}.pixels", folder / f"{key}.states"
        self._dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        self._top = 255 if bits == 8 else 65535
        self._shape = shape
        self._num_images = num_images
        self.row_bytes = int(np.prod(shape)) * self._dtype.itemsize
        """Bytes of one kept image."""
        self.slots = min(num_images, bound_bytes // self.row_bytes)
        """Images that can be kept."""
        self.note = ""
        """What the user should know, such as that not all images fit; empty where all fit."""
        if self.slots < num_images:
            self.note = (
                f"the image cache holds {self.slots} of {num_images} images in {bound_bytes / 2**30:.2f} GiB; others "
                "are decoded again in every epoch (raise data.cache_gib to keep more)"
            )
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _reserve(self._states_path, num_images)
            _reserve(self._rows_path, self.slots * self.row_bytes)
        except OSError as error:
            self._rows_path.unlink(missing_ok=True)
            _reserve(self._states_path, num_images)
            self.slots = 0
            self.note = f"no image cache, every image is decoded in every epoch: {error}"
        self._open()

    def get(self, number: int) -> np.ndarray | None:
        """Return a kept image as float32 in 0..1, or None."""
        if number >= self.slots or self._states[number] != _KEPT:
            return None
        assert self._rows is not None
        return np.asarray(self._rows[number], dtype=np.float32) * np.float32(1.0 / self._top)

    def put(self, number: int, image: np.ndarray) -> np.ndarray:
        """Keep an image of 0..1 if it has a slot; return it rounded to the cache's depth whether kept or not.

        The rounding is done always, so that an image beyond the bound has the same values as a kept one.
        """
        rounded = np.rint(image * np.float32(self._top)).astype(self._dtype)
        if number < self.slots:
            assert self._rows is not None
            self._rows[number] = rounded
            self._states[number] = _KEPT
        return rounded.astype(np.float32) * np.float32(1.0 / self._top)

    def mark_unreadable(self, number: int) -> int:
        """Remember that an image cannot be read; return how many cannot."""
        self._states[number] = _UNREADABLE
        return int((self._states == _UNREADABLE).sum())

    def is_unreadable(self, number: int) -> bool:
        """Say whether the image was found unreadable before."""
        return bool(self._states[number] == _UNREADABLE)

    @property
    def num_kept(self) -> int:
        """Images that are kept now."""
        return int((self._states == _KEPT).sum())

    def remove(self) -> None:
        """Delete the files; the cache is of no use afterwards."""
        self._rows_path.unlink(missing_ok=True)
        self._states_path.unlink(missing_ok=True)

    def _open(self) -> None:
        self._states = np.memmap(self._states_path, dtype=np.uint8, mode="r+", shape=(self._num_images,))
        self._rows = None
        if self.slots:
            self._rows = np.memmap(self._rows_path, dtype=self._dtype, mode="r+", shape=(self.slots, *self._shape))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_states", "_rows")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _reserve(path: Path, size: int) -> None:
    """Make the file `size` bytes long and reserve its blocks, so that a full disk is found now and not as a crash."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.fstat(descriptor).st_size == size:
            return
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
