"""PNG, JPEG and TIFF: pixels looked at, and every note, EXIF, XMP and profile left behind."""

from __future__ import annotations

import io
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.codestreams import without_notes
from vesalius.data.deidentify.masking import NO_LOOK, Look, Palette, boxes_of, doubts_of, finder, mask_all
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.deidentify.strokes import Box
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["TreatedRaster", "shown", "treat_raster"]

_KEPT_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"}
_PLAIN = {"LA": "RGBA", "La": "RGBA", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"}
"""Modes whose channels are not brightnesses, or hold transparency beside one, and what they are looked at as."""
_EXPECTED = Expectation(likely=False, kept=())
"""No tag tells anything of a picture."""
_PNG = b"\x89PNG\r\n\x1a\n"


class TreatedRaster(NamedTuple):
    """What was done to a picture, and its copy."""

    counts: Counter[str]
    held: str
    """Why it is held back; empty where it is not."""
    data: bytes
    """Of the new file."""
    look: Look = NO_LOOK


def treat_raster(path: Path, *, kind: str, options: Options) -> TreatedRaster:
    """Treat a picture.

    Where no text is found the samples keep their very code, without notes; a TIFF is written anew in any case.

    Args:
        path: the file.
        kind: "png", "jpeg" or "tiff".
        options: of the run.

    Raises:
        DataError: broken, or with animation frames that no rule covers.
    """
    data = path.read_bytes()
    stack, mode, colours = _opened(path, data)
    find, palette = finder(options.detector), None if colours is None else partial(np.take, _table(colours), axis=0)
    counts = Counter({"notes removed": 1})
    held = options.pixels in ("drop", "review")
    if held and boxes_of(shown(stack), _EXPECTED, find=find, palette=palette):
        why = "text in its pixels" if options.pixels == "drop" else "for review: its pixels may hold text"
        return TreatedRaster(counts, why, b"")
    boxes: tuple[Box, ...] = ()
    look = NO_LOOK
    if options.pixels == "mask":
        masked, boxes = mask_all(shown(stack), _EXPECTED, find=find, palette=palette)
        look = _look(masked, boxes, palette)
        stack = _like(masked, stack) if boxes else stack
        counts["boxes masked"] = len(boxes)
    if not boxes and kind == "png" and len(stack) == 1:
        return TreatedRaster(counts, "", _bare_png(path, data), look)
    if not boxes and kind == "jpeg":
        return TreatedRaster(counts, "", _bare_jpeg(path, data), look)
    return TreatedRaster(counts, "", _encoded(stack, mode, colours, kind), look)


def _table(colours: list[int]) -> NDArray[np.uint8]:
    """Return the colours (256, 3) of a palette, black where it ends early."""
    table = np.zeros((256, 3), np.uint8)
    table.reshape(-1)[: len(colours)] = colours
    return table


def _look(frames: NDArray[Any], boxes: tuple[Box, ...], palette: Palette | None) -> Look:
    doubts = doubts_of(frames, _EXPECTED, boxes, palette=palette)
    if boxes:
        return Look("text was found and masked in a picture of which no tag tells anything", boxes, doubts)
    return Look("something may be text and was not masked", (), doubts) if doubts else NO_LOOK


def _opened(path: Path, data: bytes) -> tuple[NDArray[Any], str, list[int] | None]:
    """Return all pages as one array, the mode, and the palette where they are indices."""
    from PIL import Image, ImageSequence

    try:
        with quiet(), Image.open(io.BytesIO(data)) as image:
            pages = getattr(image, "n_frames", 1)
            check_size(str(path), image.width * image.height * 4 * pages, len(data))
            # Every page may have a palette of its own.
            wanted = "RGB" if image.mode == "P" and pages > 1 else _PLAIN.get(image.mode, image.mode)
            frames = [np.asarray(page.convert(wanted)) for page in ImageSequence.Iterator(image)]
            mode, palette = wanted, image.getpalette() if wanted == "P" else None
    except Image.DecompressionBombError:
        raise DataError(
            f"{path}: its header announces more pixels than a picture is opened with; tile it, if it is sound"
        ) from None
    except DECODER_FAULTS as error:
        raise DataError(
            f"{path}: cannot be decoded ({type(error).__name__}); copy it again from its source"
        ) from None
    if len({frame.shape for frame in frames}) > 1:
        raise DataError(f"{path}: pages of several sizes; part it into one file a page")
    return np.stack(frames), mode, palette


def shown(stack: NDArray[Any]) -> NDArray[Any]:
    """Return pages as grey values or colours, without transparency."""
    if stack.dtype == bool:
        return stack.astype(np.uint8) * 255
    return stack[..., :3] if stack.ndim == 4 else stack


def _like(masked: NDArray[Any], stack: NDArray[Any]) -> NDArray[Any]:
    """Return masked pages in the form in which they came; transparency goes to full."""
    if stack.dtype == bool:
        return masked > 127
    if stack.ndim == 4 and stack.shape[-1] > 3:
        return np.concatenate([masked, np.full((*masked.shape[:3], 1), 255, dtype=masked.dtype)], axis=-1)
    return masked


def _bare_png(path: Path, data: bytes) -> bytes:
    pieces, at = [_PNG], len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name in _KEPT_CHUNKS:
            pieces.append(data[at : at + 12 + length])
        at += 12 + length
        if name == b"IEND":
            return b"".join(pieces)
    raise DataError(f"{path}: a PNG without its end; copy it again from its source")


def _bare_jpeg(path: Path, data: bytes) -> bytes:
    try:
        return without_notes(data)
    except ValueError as error:
        raise DataError(f"{path}: {error}; copy it again from its source") from None


def _encoded(stack: Any, mode: str, palette: list[int] | None, kind: str) -> bytes:
    """Write pixels anew: PNG and TIFF without loss, JPEG at quality 95."""
    from PIL import Image

    pages = []
    for frame in stack:
        page = Image.fromarray(frame)
        if palette is not None:
            page.putpalette(palette)
        pages.append(page.convert(mode) if page.mode != mode and mode in ("1", "L", "RGB") else page)
    buffer = io.BytesIO()
    if kind == "tiff":
        pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    elif kind == "jpeg":
        pages[0].save(buffer, "JPEG", quality=95)
    else:
        pages[0].save(buffer, "PNG")
    return buffer.getvalue()
