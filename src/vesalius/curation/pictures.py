"""Pictures as the checks of curation see them: grey, as shown, small; and the hash of their exact pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data import readers
from vesalius.data.readers import Pixels
from vesalius.data.records import Image

__all__ = ["Grey", "grey", "opened", "pixel_hash", "reduced"]

Grey = NDArray[np.float32]
"""Values 0 black to 1 white, (rows, columns)."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in ITU-R BT.601."""


def opened(path: Path, image: Image) -> Pixels:
    """Read the file of an image, or the frame of it that the record names."""
    return readers.read(path, frame=image.frame)


def grey(pixels: Pixels) -> Grey:
    """Return a picture as a viewer shows it, in grey; of a volume or clip the middle slice or frame."""
    shown, axes = pixels.display(), pixels.axes
    while axes[0] in "TZ":
        shown, axes = shown[len(shown) // 2], axes[1:]  # type: ignore[assignment]
    if shown.ndim == 2:
        return shown
    if shown.shape[-1] < 3:
        return shown[..., 0]
    return np.asarray(shown[..., :3] @ _LUMA, dtype=np.float32)


def pixel_hash(pixels: Pixels) -> str:
    """Return a hash of the decoded samples with their shape, whatever the format and the tags of the file."""
    array: NDArray[Any] = pixels.array
    hasher = hashlib.sha256(repr(array.shape).encode())
    for part in _pieces(array):
        hasher.update(part)
    return hasher.hexdigest()


def _pieces(array: NDArray[Any]) -> Iterator[bytes]:
    """Yield the samples as 64-bit numbers, so that the width of the type makes no difference; one slice in memory."""
    wide = np.int64 if array.dtype.kind in "iub" else np.float64
    for row in array:
        yield np.ascontiguousarray(row, wide).tobytes()


def reduced(picture: Grey, rows: int, columns: int) -> Grey:
    """Shrink (or enlarge) a picture by exact area averages: an output pixel is the mean of the area that it covers.

    Areas that cut an input pixel take it by the share that they cover, so the result does not depend on a filter of
    some library.
    """
    down = _weights(picture.shape[0], rows)
    across = _weights(picture.shape[1], columns)
    return np.asarray(down @ picture @ across.T, dtype=np.float32)


def _weights(size: int, target: int) -> NDArray[np.float32]:
    """Return the share of each input pixel in each output pixel, (target, size); rows sum to 1."""
    edges = np.linspace(0.0, size, target + 1)
    places = np.arange(size)
    low = np.maximum(edges[:-1, None], places[None])
    high = np.minimum(edges[1:, None], places[None] + 1)
    return np.asarray(np.clip(high - low, 0.0, None) * (target / size), dtype=np.float32)
