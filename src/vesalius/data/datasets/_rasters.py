"""Pictures as records and as files of twins, and masks that no reader opens, converted once.

Readers know PNG, JPEG and TIFF. A GIF or BMP, and a mask whose values lie about as JPEG leaves them, is written once
below ``unpacked/`` of the release as a PNG of the same size.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from vesalius.data.datasets._paths import below, relative
from vesalius.data.datasets.base import unpacked
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.records import Image
from vesalius.errors import DataError

__all__ = [
    "as_png", "binary_mask", "convert_once", "described", "label_mask", "pixels_of", "png_bytes", "save_picture",
]  # fmt: skip

_UNPACKED = "unpacked"
_NOTE = "rendered virtual patient, not a person"
_COLOUR = {"RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB"}
_HALF = 128
"""JPEG leaves a mask of 0 and 255 with values near both; half-way parts them."""


def described(path: Path, *, like: Image) -> Image:
    """Return `like` with the path, size, channels and units that the header of a picture states.

    Raises:
        DataError: no such file, or no picture.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such picture, though the release names it; download it, or drop its row")
    try:
        with Pillow.open(path) as picture:
            (width, height), colour = picture.size, picture.mode in _COLOUR
    except (*DECODER_FAULTS, Pillow.DecompressionBombError) as error:
        raise DataError(f"{path}: no picture that opens ({error}); download it again") from None
    units = "rgb" if colour else "display"
    return replace(like, path=str(path), shape=(height, width), channels=3 if colour else 1, units=units)


def pixels_of(path: Path) -> NDArray[np.uint8]:
    """Return a picture of 8 bits as grey (H, W) or colours (H, W, 3); a palette of greys becomes grey."""
    try:
        with Pillow.open(path) as picture:
            width, height = picture.size
            check_size(str(path), 4 * width * height, path.stat().st_size)
            grey = picture.mode in ("1", "L", "LA") or (picture.mode == "P" and _grey_palette(picture))
            return np.asarray(picture.convert("L" if grey else "RGB"))
    except (*DECODER_FAULTS, Pillow.DecompressionBombError) as error:
        raise DataError(f"{path}: no picture that opens ({error}); download it again") from None


def _grey_palette(picture: Any) -> bool:
    palette = np.array(picture.getpalette() or [], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def convert_once(root: Path, name: str, make: Callable[[], bytes]) -> Path:
    """Return ``unpacked/<name>`` below the release, made on first use; the file is whole or not there.

    Raises:
        DataError: the name leaves the release.
    """
    path = below(root, f"{_UNPACKED}/{name}")
    return path if path.exists() else below(root, relative(unpacked(root, name, make()), root.resolve()))


def as_png(root: Path, source: Path, *, name: str = "") -> Path:
    """Return a picture as PNG below ``unpacked/``, for what readers do not open, such as BMP and GIF."""
    return convert_once(root, name or _png_name(root, source), lambda: png_bytes(pixels_of(source)))


def binary_mask(root: Path, source: Path, *, name: str = "") -> Path:
    """Return a mask of 0 and 255 from one with values about 0 and 255, such as a JPEG or a GIF."""

    def make() -> bytes:
        values = pixels_of(source)
        grey = values if values.ndim == 2 else values.max(axis=2)
        return png_bytes(np.where(grey >= _HALF, 255, 0).astype(np.uint8))

    return convert_once(root, name or _png_name(root, source), make)


def label_mask(root: Path, source: Path, colours: Mapping[tuple[int, int, int], int], *, name: str = "") -> Path:
    """Return a label map from one that tells its classes by colour.

    Raises:
        DataError: a colour that is none of `colours` (red, green, blue).
    """

    def make() -> bytes:
        values = pixels_of(source)
        colour = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
        packed = colour.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
        labels = np.zeros(packed.shape, np.uint8)
        known = np.zeros(packed.shape, bool)
        for (red, green, blue), label in colours.items():
            hit = packed == red * 65536 + green * 256 + blue
            labels[hit], known[hit] = label, True
        if not known.all():
            found = int(packed[~known][0])
            raise DataError(
                f"{source}: colour {(found >> 16, found >> 8 & 255, found & 255)} stands for no class; expected one "
                f"of {', '.join(map(str, colours))} (red, green, blue)"
            )
        return png_bytes(labels)

    return convert_once(root, name or _png_name(root, source), make)


def _png_name(root: Path, source: Path) -> str:
    return source.relative_to(root).with_suffix(".png").as_posix()


def png_bytes(values: NDArray[np.uint8]) -> bytes:
    """Return 8 bit grey (H, W) or colours (H, W, 3) as a PNG."""
    buffer = io.BytesIO()
    Pillow.fromarray(values).save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def save_picture(path: Path, values: NDArray[np.uint8], *, size: tuple[int, int] | None = None) -> None:
    """Write a picture of a twin in the format of its ending, with a note that it is virtual where the format has one.

    Args:
        path: .png, .jpg, .jpeg, .tif, .bmp or .gif; folders are made.
        values: grey (H, W) or colours (H, W, 3).
        size: (width, height) to scale to; masks (two values at most) by nearest neighbour.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Pillow.fromarray(np.ascontiguousarray(values))
    if size is not None:
        mask = values.ndim == 2 and len(np.unique(values)) <= 2
        picture = picture.resize(size, Pillow.Resampling.NEAREST if mask else Pillow.Resampling.BILINEAR)
    kind = path.suffix.lower()
    options: dict[str, Any] = {}
    if kind == ".png":
        notes = PngInfo()
        notes.add_text("VIRTUAL", _NOTE)
        options = {"pnginfo": notes}
    elif kind in (".jpg", ".jpeg"):
        options = {"quality": 92, "comment": f"VIRTUAL: {_NOTE}".encode()}
    elif kind in (".tif", ".tiff"):
        options = {"tiffinfo": {270: f"VIRTUAL: {_NOTE}"}}
    picture.save(path, **options)
