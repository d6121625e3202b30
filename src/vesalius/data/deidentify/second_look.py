"""Text in the pixels of a written file, looked for without the code that masked it.

Files are opened by other libraries' own decoding, brought to another size, and looked at in two directions, so that a
fault in the first way (frames forgotten, samples misread, boxes shifted) shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.bands import find_text_in_bands
from vesalius.data.deidentify.ocr import find_text_by_network
from vesalius.data.deidentify.strokes import grey
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["frames_of", "shows_text"]

_ENLARGED = 1.5
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
    """Say whether lines that are text beyond doubt stand in the pixels, level or upright.

    Args:
        path: of a written file.
        kind: "dicom" or of a picture.
        network: ask the network of rapidocr-onnxruntime, too.
    """
    frames = frames_of(path, kind)
    for index in np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _FRAMES)).astype(int)):
        if any(find_text_in_bands(view) for view in _views(frames[index])):
            return True
        if network and find_text_by_network(frames[index]):
            return True
    return False


def _views(frame: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield a frame enlarged, and turned by a quarter."""
    from PIL import Image

    plain = Image.fromarray(grey(frame))
    if max(plain.size) * _ENLARGED <= _LARGEST:
        plain = plain.resize(
            (round(plain.width * _ENLARGED), round(plain.height * _ENLARGED)), Image.Resampling.BICUBIC
        )
    enlarged = np.asarray(plain)
    yield enlarged
    yield np.rot90(enlarged)
