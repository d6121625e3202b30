"""Pixels and overlays of a DICOM file: text found, masked, and written back without loss."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.deidentify.codestreams import without_notes
from vesalius.data.deidentify.masking import NO_LOOK, Look, Palette, boxes_of, doubts_of, finder, mask_all
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.pixel_rules import Expectation, expectation
from vesalius.data.deidentify.strokes import Box, find_text
from vesalius.data.readers.dicom import stored
from vesalius.data.readers.dicom_tags import has, text, whole
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["NO_PICTURE", "CleanedPixels", "clean_overlays", "clean_pixels"]

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
NO_PICTURE = {"SEG", "RTDOSE"}
"""Modalities whose pixels are masks or doses that a program made; so are all of floating point."""


class CleanedPixels(NamedTuple):
    """What was done to the pixels."""

    looked_at: bool = False
    blanked: bool = False
    """Everything outside the regions of the image proper was masked by rule, whatever a finder says."""
    likely: bool = False
    masked: int = 0
    rewritten: bool = False
    """The pixels are native now, whatever they were."""
    held: str = ""
    """Why the image is left out; empty where it is not."""
    look: Look = NO_LOOK


def clean_pixels(path: Path, dataset: Dataset, options: Options) -> CleanedPixels:
    """Mask text in place, or tell that the policy leaves the image out.

    Raises:
        DataError: the pixels cannot be decoded, so that nobody knows what is in them.
    """
    if not any(has(dataset, keyword) for keyword in _PIXELS):
        return CleanedPixels()
    computed = text(dataset, "Modality") in NO_PICTURE or not has(dataset, "PixelData")
    if options.pixels == "keep" or computed:
        return _kept_as_is(path, dataset, looked_at=False)
    array = stored(path)
    colour = whole(dataset, "SamplesPerPixel") != 1
    frames = array[None] if array.ndim == (3 if colour else 2) else array
    find, expected = finder(options.detector), expectation(dataset, border=options.border)
    palette = _palette(dataset)
    if options.pixels in ("drop", "review"):
        found = len(boxes_of(frames, expected, find=find, palette=palette))
        if found:
            why = "text in its pixels" if options.pixels == "drop" else "for review: its pixels may hold text"
            return CleanedPixels(looked_at=True, held=why)
        return _kept_as_is(path, dataset, looked_at=True)
    masked, boxes = mask_all(frames, expected, find=find, palette=palette)
    facts = CleanedPixels(
        looked_at=True, blanked=bool(expected.kept), likely=expected.likely, masked=len(boxes),
        rewritten=bool(boxes), look=_look(masked, expected, boxes, palette),
    )  # fmt: skip
    if boxes:
        _write_back(dataset, masked, colour=colour)
    else:
        _kept_as_is(path, dataset, looked_at=True)
    return facts


def _palette(dataset: Dataset) -> Palette | None:
    """Return the colours of the indices of a palette image (PS3.3 C.7.6.3.1.5), or None for another."""
    if text(dataset, "PhotometricInterpretation") != "PALETTE COLOR":
        return None
    from pydicom.pixels import apply_color_lut

    return partial(apply_color_lut, ds=dataset)


def _look(
    frames: NDArray[Any], expected: Expectation, boxes: tuple[Box, ...], palette: Palette | None
) -> Look:  # fmt: skip
    """Return what to look at: all that was masked by a finder alone, and what may have been overlooked."""
    doubts = doubts_of(frames, expected, boxes, palette=palette)
    if expected.kept:
        return NO_LOOK
    if expected.likely:
        return Look("text is likely by its tags, and only what was found is masked", boxes, doubts)
    if boxes:
        return Look("text was found and masked where the tags did not announce it", boxes, doubts)
    return Look("something may be text and was not masked", (), doubts) if doubts else NO_LOOK


def _write_back(dataset: Dataset, frames: NDArray[Any], *, colour: bool) -> None:
    """Store samples natively; colour as RGB, which is what decoding has made of it."""
    from pydicom.dataelem import DataElement

    bits = whole(dataset, "BitsAllocated") or 8
    if bits == 1:
        data = np.packbits(frames.astype(np.uint8).ravel(), bitorder="little").tobytes()
    else:
        wanted = np.dtype(f"<{'i' if whole(dataset, 'PixelRepresentation') else 'u'}{max(bits, 8) // 8}")
        # Words of big endian files stay so, as other tables in them do.
        big = dataset.file_meta.TransferSyntaxUID == _BIG_ENDIAN
        data = frames.astype(wanted.newbyteorder(">") if big else wanted).tobytes()
    data += b"\0" * (len(data) % 2)
    if colour:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset[0x7FE00010] = DataElement(0x7FE00010, "OB" if bits <= 8 else "OW", data)
    for tag in (0x7FE00001, 0x7FE00002):
        if tag in dataset:
            del dataset[tag]


def _kept_as_is(path: Path, dataset: Dataset, *, looked_at: bool) -> CleanedPixels:
    """Keep the samples, without notes inside compressed frames and without bytes beyond native ones."""
    element = dataset.get_item(next(tag for tag in (0x7FE00010, 0x7FE00008, 0x7FE00009) if tag in dataset))
    value = bytes(element.value)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _strip_frames(path, dataset, value)
        return CleanedPixels(looked_at=looked_at)
    samples, frames = whole(dataset, "SamplesPerPixel") or 1, int(dataset.get("NumberOfFrames") or 1)
    bits = (
        (whole(dataset, "BitsAllocated") or 8)
        * samples
        * frames
        * (whole(dataset, "Rows") or 0)
        * (whole(dataset, "Columns") or 0)
    )
    if text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits // 3 * 2
    length = (bits + 7) // 8
    length += length % 2
    if 0 < length < len(value):
        dataset[element.tag].value = value[:length]
    _clear_unused_bits(dataset)
    return CleanedPixels(looked_at=looked_at)


def _clear_unused_bits(dataset: Dataset) -> None:
    """Clear what lies in the bits above the stored ones: older overlays live there."""
    bits, used = whole(dataset, "BitsAllocated") or 0, whole(dataset, "BitsStored") or 0
    high = whole(dataset, "HighBit")
    if bits != 16 or not 0 < used < 16 or whole(dataset, "PixelRepresentation") or high != used - 1:
        return
    element = dataset[0x7FE00010]
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    data = bytes(element.value)
    words = np.frombuffer(data[: len(data) // 2 * 2], dtype=f"{order}u2")
    most = (1 << used) - 1
    if words.size and int(words.max()) > most:
        element.value = (words & most).astype(f"{order}u2").tobytes()


def _strip_frames(path: Path, dataset: Dataset, value: bytes) -> None:
    from pydicom.encaps import encapsulate, generate_frames

    total = int(dataset.get("NumberOfFrames") or 1)
    frames = list(generate_frames(value, number_of_frames=total))
    try:
        cleaned = [without_notes(frame) for frame in frames]
    except ValueError as error:
        raise DataError(f"{path}: {error} in its compressed pixels; decompress it first") from None
    if cleaned != frames or len(frames) != total:
        dataset[0x7FE00010].value = encapsulate(cleaned)
        for tag in (0x7FE00001, 0x7FE00002):
            if tag in dataset:
                del dataset[tag]


def clean_overlays(dataset: Dataset) -> int:
    """Clear text in the planes of overlays that an option has kept; returns how many planes were changed."""
    changed = 0
    for group in range(0x6000, 0x6100, 2):
        if (group, 0x3000) not in dataset:
            continue
        rows, columns = int(dataset[group, 0x0010].value), int(dataset[group, 0x0011].value)
        planes = int(dataset[group, 0x0015].value) if (group, 0x0015) in dataset else 1
        data = np.frombuffer(bytes(dataset[group, 0x3000].value), dtype=np.uint8)
        bits = np.unpackbits(data, bitorder="little")[: rows * columns * planes].reshape(planes, rows, columns).copy()
        boxes = [(plane, box) for plane in range(planes) for box in find_text(bits[plane] * 255, sensitive=True)]
        for plane, box in boxes:
            bits[plane, box.top : box.bottom, box.left : box.right] = 0
        packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
        dataset[group, 0x3000].value = packed + b"\0" * (len(packed) % 2)
        changed += bool(boxes)
    return changed
