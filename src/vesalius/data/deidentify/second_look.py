"""Text in the pixels of a written file, looked for without the code that masked it.

Files are opened by the libraries' own decoding and brought to another size, so that a fault in the first way (frames
forgotten, samples misread, boxes shifted) shows. Upright text is not looked for: edges of anatomy pass for it.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.bands import find_text_in_bands
from vesalius.data.deidentify.ocr import find_text_by_network
from vesalius.data.deidentify.strokes import Box, grey
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["frames_of", "shows_text"]

_ENLARGED = 1.5
_LONGEST_PIECE = 4.0
"""Length of a line by its height, margins and all, below which edges of anatomy pass for it: about four letters."""
_FRAMES = 24
"""Of a clip as many are looked at, evenly over it."""
_LARGEST = 4096
"""Pixels a side; a larger picture is not enlarged."""


def frames_of(path: Path, kind: str) -> NDArray[Any]:
    """Return frames (T, H, W) or (T, H, W, 3) of a DICOM file or a picture, decoded by pydicom or Pillow alone.

    Raises:
        DataError: it holds no pixels, or they cannot be decoded.
    """
    try:
        with quiet():
            return _of_dicom(path) if kind == "dicom" else _of_picture(path)
    except (*DECODER_FAULTS, AttributeError) as error:
        raise DataError(f"{path.name}: its pixels cannot be looked at ({type(error).__name__})") from None


def _of_dicom(path: Path) -> NDArray[Any]:
    from pydicom import dcmread

    dataset = dcmread(path)
    array: NDArray[Any] = dataset.pixel_array
    flat = array.ndim == (3 if int(dataset.SamplesPerPixel) > 1 else 2)
    return array[None] if flat else array


def _of_picture(path: Path) -> NDArray[Any]:
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        deep = image.mode.startswith(("I", "F"))
        pages = [np.asarray(page if deep else page.convert("RGB")) for page in ImageSequence.Iterator(image)]
    return np.stack(pages)


def shows_text(path: Path, kind: str, *, network: bool) -> bool:
    """Say whether lines that are text beyond doubt stand in the pixels.

    Args:
        path: of a written file.
        kind: "dicom" or of a picture.
        network: ask the network of rapidocr-onnxruntime, too.
    """
    frames = frames_of(path, kind)
    for index in np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _FRAMES)).astype(int)):
        if _is_a_line(find_text_in_bands(_enlarged(frames[index]))):
            return True
        if network and find_text_by_network(frames[index]):
            return True
    return False


def _is_a_line(found: list[Box]) -> bool:
    """Say whether one piece is long, or two follow each other; an edge of anatomy makes a short one alone."""
    if any(box.right - box.left >= _LONGEST_PIECE * (box.bottom - box.top) for box in found):
        return True
    return any(
        min(one.bottom, other.bottom) - max(one.top, other.top) > (one.bottom - one.top) / 2
        and max(one.left, other.left) - min(one.right, other.right) < one.bottom - one.top
        for one, other in combinations(found, 2)
    )


def _enlarged(frame: NDArray[Any]) -> NDArray[Any]:
    """Return a frame as brightness at half as many pixels again, or as it is where that is too large."""
    from PIL import Image

    plain = Image.fromarray(grey(frame))
    if max(plain.size) * _ENLARGED > _LARGEST:
        return np.asarray(plain)
    size = round(plain.width * _ENLARGED), round(plain.height * _ENLARGED)
    return np.asarray(plain.resize(size, Image.Resampling.BICUBIC))
