"""PNG, JPEG and TIFF: values as stored, with 8 or 16 bits kept, palette colours looked up, alpha named and
dropped.

An EXIF or TIFF orientation flag is stated in `info["orientation"]` and not applied, because boxes and masks
speak of the pixels of the original file. No geometry is read: a resolution in dots per inch is a printing
hint, not a spacing in the patient.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.pixels import Axes, Pixels, Presentation
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError
from vesalius.optional import require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["read"]

_NO_GEOMETRY = "{} files state no spacing in the patient"
_EXIF_ORIENTATION = 0x0112
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "LA": 2, "PA": 2, "I;16": 2, "I;16B": 2, "I": 4, "F": 4, "RGB": 3}


def read(path: Path, *, kind: str, frame: int | None = None) -> Pixels:
    """Read a raster file of the given kind: "png", "jpeg" or "tiff".

    A TIFF of several equal pages has the axes TYX or TYXC; `frame` picks a page.

    Raises:
        DataError: truncated or broken file, no such frame, or a size that only a bomb would have.
    """
    if kind == "tiff":
        return _read_tiff(path, frame)
    if frame not in (None, 0):
        raise DataError(f"{path}: frame {frame} asked for, a {kind.upper()} file has frame 0 only")
    info = {"format": kind, "geometry_missing": _NO_GEOMETRY.format(kind.upper())}
    return _pixels(path, _decode(path, kind, info), info)


def _decode(path: Path, kind: str, info: dict[str, str]) -> NDArray[Any]:
    """Decode a PNG or JPEG and state in `info` what was found besides the samples."""
    from PIL import JpegImagePlugin, PngImagePlugin

    opener = PngImagePlugin.PngImageFile if kind == "png" else JpegImagePlugin.JpegImageFile
    try:
        with quiet(), path.open("rb") as file, opener(file) as image:
            width, height = image.size
            deep = kind == "png" and _png_depth(path) == 16 and image.mode in ("RGB", "RGBA", "LA")
            sample = 2 * len(image.mode) if deep else _BYTES_OF_MODE.get(image.mode, 4)
            check_size(str(path), width * height * sample, path.stat().st_size)
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
            array = _deep_png(path) if deep else _samples(image, info)
    except DECODER_FAULTS as error:
        raise DataError(f"{path}: broken or truncated {kind.upper()}: {_reason(error)}; copy it again") from None
    if orientation != 1:
        info["orientation"] = f"EXIF {orientation}, not applied"
    return array


def _samples(image: Image, info: dict[str, str]) -> NDArray[Any]:
    """Return grey (rows, columns) or colour (rows, columns, 3 or 4) samples of a picture."""
    if image.mode in ("P", "PA"):
        info["palette"] = "looked up"
        return np.array(image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB"))
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        info["colour"] = f"converted from {image.mode} to RGB"
        return np.array(image.convert("RGB"))
    array = np.array(image)
    if image.mode == "1":
        return array.astype(np.uint8) * 255
    if image.mode == "I":
        return array.astype(np.uint16)
    return array.astype(array.dtype.newbyteorder("="))


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]


def _deep_png(path: Path) -> NDArray[Any]:
    """Decode a PNG with 16 bits a colour channel, which Pillow would cut to 8."""
    codecs = require("imagecodecs", purpose=f"{path}: reading a PNG with 16 bits a colour channel")
    array: NDArray[Any] = codecs.png_decode(path.read_bytes())
    return array


def _read_tiff(path: Path, frame: int | None) -> Pixels:
    tifffile = require("tifffile", purpose=f"{path}: reading TIFF")
    info = {"format": "tiff", "geometry_missing": _NO_GEOMETRY.format("TIFF")}
    try:
        with quiet(), tifffile.TiffFile(path) as file:
            pages = _equal_pages(path, file, frame)
            info["pages"] = str(len(file.pages))
            first = pages[0]
            check_size(str(path), first.nbytes * len(pages), path.stat().st_size)
            if int(first.tags.valueof("Orientation", 1)) != 1:
                info["orientation"] = f"TIFF {int(first.tags.valueof('Orientation', 1))}, not applied"
            arrays = [_tiff_samples(page, info) for page in pages]
            inverted = first.photometric == 0
    except DECODER_FAULTS as error:
        raise DataError(f"{path}: broken or truncated TIFF: {_reason(error)}; copy it again") from None
    array = arrays[0] if len(arrays) == 1 else np.stack(arrays)
    return _pixels(path, array, info, inverted=inverted, frames=len(arrays) > 1)


def _equal_pages(path: Path, file: Any, frame: int | None) -> list[Any]:
    """Return the page asked for, or all pages where they form one stack."""
    total = len(file.pages)
    if frame is not None:
        if frame >= total:
            raise DataError(f"{path}: frame {frame} asked for, the TIFF has {total} pages")
        return [file.pages[frame]]
    pages = [file.pages[number] for number in range(total)]
    if not pages:
        raise DataError(f"{path}: a TIFF without pages; copy it again from its source")
    shapes = {(page.shape, str(page.dtype)) for page in pages}
    if len(shapes) > 1:
        raise DataError(f"{path}: a TIFF with pages of {len(shapes)} different sizes; ask for one page with frame=")
    return pages


def _tiff_samples(page: Any, info: dict[str, str]) -> NDArray[Any]:
    array: NDArray[Any] = page.asarray()
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if page.colormap is not None:
        info["palette"] = "looked up"
        return np.moveaxis(page.colormap[:, array], 0, -1)
    if page.planarconfig == 2 and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    if page.photometric in (5, 6, 8) and array.shape[-1] in (3, 4):
        info["colour"] = f"stored as {page.photometric.name}"
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _pixels(
    path: Path, array: NDArray[Any], info: dict[str, str], *, inverted: bool = False, frames: bool = False
) -> Pixels:
    """Drop alpha, choose the axes and state the units."""
    spatial = 3 if frames else 2
    if array.ndim == spatial + 1:
        array = _without_alpha(path, array, info)
    colour = array.ndim == spatial + 1
    if array.ndim not in (spatial, spatial + 1):
        raise DataError(f"{path}: samples of shape {array.shape}; expected grey or colour pictures")
    axes: Axes = ("TYXC" if colour else "TYX") if frames else ("YXC" if colour else "YX")
    whole = array.dtype.kind == "u"
    white = float(np.iinfo(array.dtype).max) if whole else None
    if not whole:
        info["units_reason"] = f"{array.dtype} samples have no stated black and white"
    units = "stored" if not whole else "rgb" if colour else "display"
    return Pixels(
        array=np.ascontiguousarray(array),
        axes=axes,
        units=units,  # type: ignore[arg-type]
        info=info,
        source=str(path),
        presentation=Presentation(white=white, inverted=inverted),
    )


def _without_alpha(path: Path, array: NDArray[Any], info: dict[str, str]) -> NDArray[Any]:
    channels = array.shape[-1]
    if channels not in (1, 2, 3, 4):
        raise DataError(
            f"{path}: {channels} samples a pixel; expected 1 (grey), 2 (grey, alpha), 3 or 4 (RGB, alpha)"
        )
    if channels in (2, 4):
        opaque = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1.0
        share = float((array[..., -1] < opaque).mean())
        info["alpha"] = "opaque, dropped" if share == 0 else f"dropped; {share:.1%} of the pixels are not opaque"
        array = array[..., :-1]
    return array[..., 0] if array.shape[-1] == 1 else array


def _reason(error: BaseException) -> str:
    """First line of a decoder's message, which is all that a reader of the report needs."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
