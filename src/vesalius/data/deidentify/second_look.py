"""Text in the pixels of a written file, looked for without the code that masked it.

Files are opened by the libraries' own decoding and looked at by `regions`, so that a fault in the first way (frames
forgotten, samples misread, boxes shifted, letters that its finders are blind to) shows.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.ocr import find_text_by_network
from vesalius.data.deidentify.regions import find_lines
from vesalius.data.readers.limits import DECODER_FAULTS
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["frames_of", "shows_text"]

_FRAMES = 24
"""Of a clip as many are looked at, evenly over it."""


def frames_of(path: Path, kind: str) -> NDArray[Any]:
    """Return frames (T, H, W) or (T, H, W, 3) of a DICOM file or a picture, decoded by pydicom or Pillow alone.

    Raises:
        DataError: it holds no pixels, or they cannot be decoded.
    """
    from PIL import Image

    try:
        with quiet():
            return _of_dicom(path) if kind == "dicom" else _of_picture(path)
    except (*DECODER_FAULTS, Image.DecompressionBombError) as error:
        raise DataError(f"{path.name}: its pixels cannot be looked at ({type(error).__name__})") from None


def _of_dicom(path: Path) -> NDArray[Any]:
    from pydicom import dcmread
    from pydicom.pixels import apply_color_lut

    dataset = dcmread(path)
    array: NDArray[Any] = dataset.pixel_array
    flat = array.ndim == (3 if int(dataset.SamplesPerPixel) > 1 else 2)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        with suppress(AttributeError):  # a table of one colour is missing: its indices are all that can be looked at
            array = apply_color_lut(array, dataset)
    return array[None] if flat else array


def _of_picture(path: Path) -> NDArray[Any]:
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        deep = image.mode.startswith(("I", "F"))
        pages = [np.asarray(page if deep else page.convert("RGB")) for page in ImageSequence.Iterator(image)]
    return np.stack(pages)


def shows_text(path: Path, kind: str, *, network: bool) -> bool:
    """Say whether lines of text stand in the pixels.

    Args:
        path: of a written file.
        kind: "dicom" or of a picture.
        network: ask the network of rapidocr-onnxruntime, too.
    """
    frames = frames_of(path, kind)
    for index in np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _FRAMES)).astype(int)):
        if find_lines(frames[index]) or (network and find_text_by_network(frames[index])):
            return True
    return False
