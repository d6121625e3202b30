"""PNG, JPEG and TIFF: pixels looked at, and every note, EXIF, XMP and profile left behind."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.data.deidentify.codestreams import without_notes
from vesalius.data.deidentify.masking import boxes_of, finder, mask
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.pixel_rules import Expectation
from vesalius.data.readers.limits import DECODER_FAULTS, check_size
from vesalius.data.readers.quiet import quiet
from vesalius.errors import DataError

__all__ = ["treat_raster"]

_KEPT_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"}
_PNG = b"\x89PNG\r\n\x1a\n"


def treat_raster(path: Path, *, kind: str, options: Options, likely: bool = True) -> tuple[Counter[str], str, bytes]:
    """Treat a picture.

    Where no text is found the samples keep their very code, without notes; a TIFF is written anew in any case.

    Args:
        path: the file.
        kind: "png", "jpeg" or "tiff".
        options: of the run.
        likely: look for faint text too; nothing in the file tells what kind of image it is.

    Returns:
        Counts, why it is held back (empty where it is not), and the bytes of the new file.

    Raises:
        DataError: broken, or with animation frames that no rule covers.
    """
    from PIL import Image, ImageSequence

    data = path.read_bytes()
    try:
        with quiet(), Image.open(io.BytesIO(data)) as image:
            pages = getattr(image, "n_frames", 1)
            check_size(str(path), image.width * image.height * 4 * pages, len(data))
            frames = [np.asarray(page) for page in ImageSequence.Iterator(image)]
            mode, palette = image.mode, image.getpalette() if image.mode == "P" else None
    except DECODER_FAULTS as error:
        raise DataError(
            f"{path}: cannot be decoded ({type(error).__name__}); copy it again from its source"
        ) from None
    if len({frame.shape for frame in frames}) > 1:
        raise DataError(f"{path}: pages of several sizes; part it into one file a page")
    stack = np.stack(frames)
    shown = stack.astype(np.uint8) * 255 if stack.dtype == bool else stack[..., :3] if stack.ndim == 4 else stack
    boxes = (
        [] if options.pixels == "keep" else boxes_of(shown, Expectation(likely, ()), find=finder(options.detector))
    )
    counts = Counter({"notes removed": 1, "boxes masked": len(boxes)})
    if boxes and options.pixels in ("drop", "review"):
        return counts, f"{len(boxes)} places in its pixels may be text", b""
    if not boxes and kind == "png" and pages == 1:
        return counts, "", _bare_png(path, data)
    if not boxes and kind == "jpeg":
        return counts, "", _bare_jpeg(path, data)
    return counts, "", _encoded(mask(stack, boxes, indexed=mode == "P"), mode, palette, kind)


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
