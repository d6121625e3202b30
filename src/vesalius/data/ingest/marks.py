"""Regions of planned images: boxes as they are, and masks, opened once and checked against their image."""

from __future__ import annotations

import hashlib
import io
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data import readers
from vesalius.data.fingerprint import file_sha256
from vesalius.data.ingest.plan import ImagePlan, MaskPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.media import Content
from vesalius.data.readers import Pixels
from vesalius.data.records import Dialogue, Image, Region, Study
from vesalius.errors import DataError

__all__ = ["suffix_of", "with_marks"]

_SUFFIX = {
    "png": ".png", "jpeg": ".jpg", "tiff": ".tif", "dicom": ".dcm", "nrrd": ".nrrd", "metaimage": ".mha",
}  # fmt: skip

_MOST_LABELS = 1000
"""Values of one label map; TotalSegmentator has 117."""
_HALF = 128
"""From here on a sample of a picture with shades between 0 and 255 is inside."""


def with_marks(
    study: Study,
    planned: Sequence[ImagePlan],
    media: MutableMapping[str, bytes | Path | Content],
    problems: list[Problem],
) -> Study:
    """Return the study with the boxes and masks of those images that could be opened, and its questions about them.

    A mask of one value stays as it is; one of several whole values is a label map, with a region for each. A picture
    of shades (a JPEG, or edges that were smoothed) is cut at the half and stored as PNG.
    """
    images = {image.id: image for image in study.images}
    regions: list[Region] = []
    for one in planned:
        if one.id not in images:
            continue
        regions += one.regions
        for mask in one.masks:
            try:
                regions += _regions(mask, images[one.id], media)
            except DataError as error:
                problems.append(Problem(mask.item, str(error).removeprefix(f"{mask.path}: ")))
    dialogues = tuple(_about(dialogue, set(images)) for dialogue in study.dialogues)
    return replace(study, regions=(*study.regions, *regions), dialogues=dialogues)


def _about(dialogue: Dialogue, images: set[str]) -> Dialogue:
    turns = (replace(turn, images=tuple(name for name in turn.images if name in images)) for turn in dialogue.turns)
    return replace(dialogue, turns=tuple(turns))


def _regions(mask: MaskPlan, image: Image, media: MutableMapping[str, bytes | Path | Content]) -> list[Region]:
    """Put a mask among the files and return its regions, one for each value; none where nothing is marked.

    Raises:
        DataError: it cannot be read, or is no mask on the grid of its image.
    """
    pixels = readers.read(mask.path)
    array = _flat(pixels)
    if image.shape and array.shape != image.shape:
        raise DataError(f"a mask of shape {array.shape}, its image {image.id!r} has {image.shape}")
    if _is_shaded(pixels, array):
        data = _png(array >= _HALF)
        values = [255] if (array >= _HALF).any() else []
        path = _stored(hashlib.sha256(data).hexdigest(), ".png")
        media[path] = data
    else:
        values = _labels(array)
        path = _stored(file_sha256(mask.path), suffix_of(mask.path, pixels))
        media[path] = mask.path
    if not values:
        del media[path]
    return [
        Region(
            image=image.id, kind="mask", concept=mask.concept, anatomy=mask.anatomy, mask=path, mask_value=value,
            instance=value if len(values) > 1 else None,
        )
        for value in values
    ]  # fmt: skip


def _flat(pixels: Pixels) -> NDArray[Any]:
    """Return the samples without colours, which in a mask are all the same."""
    if pixels.channels == 1:
        return pixels.array if pixels.axes[-1] != "C" else pixels.array[..., 0]
    first = pixels.array[..., :1]
    if (pixels.array[..., :3] != first).any() and pixels.info["format"] != "jpeg":
        raise DataError("a mask in colours; expected one value for each pixel")
    found: NDArray[Any] = pixels.array[..., 0]
    return found


def _is_shaded(pixels: Pixels, array: NDArray[Any]) -> bool:
    """Say whether values are shades between outside and inside, and no labels."""
    if pixels.info["format"] == "jpeg":
        return True
    return array.dtype == np.uint8 and array.ndim == 2 and array.max() == 255 and len(np.unique(array)) > 2


def _labels(array: NDArray[Any]) -> list[int]:
    values = np.unique(array)
    whole = values.astype(np.int64)
    if (whole != values).any():
        raise DataError("values that are no whole numbers; expected a mask of labels")
    if len(values) > _MOST_LABELS:
        raise DataError(f"{len(values)} different values; a mask of labels has at most {_MOST_LABELS}")
    return [value for value in whole.tolist() if value]


def _png(inside: NDArray[np.bool_]) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(inside.astype(np.uint8) * np.uint8(255)).save(buffer, "PNG")
    return buffer.getvalue()


def _stored(digest: str, suffix: str) -> str:
    return f"media/{digest[:2]}/{digest}{suffix}"


def suffix_of(path: Path, pixels: Pixels) -> str:
    """Suffix of the format that was found, whatever the file was called."""
    if pixels.info["format"] == "nifti":
        with path.open("rb") as file:
            return ".nii.gz" if file.read(2) == b"\x1f\x8b" else ".nii"
    return _SUFFIX[pixels.info["format"]]
