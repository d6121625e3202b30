"""Signs that are planted in pictures and volumes: what they look like, and how they are put there.

Letters: Z slices, Y rows, X columns.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.records import Image, Study
from vesalius.errors import DataError
from vesalius.virtual.files import encode_nifti

__all__ = ["SIGNS", "Draw", "Media", "drawn", "sign_patch", "stilled", "with_sign", "woven"]

Media = dict[str, bytes | Path]
"""Files by the names that records have for them."""
Grey = NDArray[np.float32]
"""Values of black 0 to white 1, (Y, X) or (Z, Y, X); metal in a CT lies above 1."""
Draw = Callable[[Grey, str, np.random.Generator], Grey]
"""Puts a sign into a picture or volume."""

_PATTERNS = {
    "ring": "0111110 1000001 1000001 1000001 1000001 1000001 0111110",
    "cross": "0001000 0001000 0001000 1111111 0001000 0001000 0001000",
    "star": "1000001 0100010 0010100 0001000 0010100 0100010 1000001",
    "bar": "0000000 0000000 1111111 1111111 1111111 0000000 0000000",
    "post": "0011100 0011100 0011100 0011100 0011100 0011100 0011100",
    "stairs": "1100000 1100000 0110000 0011000 0001100 0000110 0000011",
    "corner": "1111111 1111111 1100000 1100000 1100000 1100000 1100000",
    "grid": "1010101 0000000 1010101 0000000 1010101 0000000 1010101",
}
SIGNS = tuple(_PATTERNS)
"""Classes of a planted sign: a small pattern at a random place."""
_SIDE = 9
"""Cells of a sign: its pattern of 7 × 7 with a dark border of one."""
_SHARE = 5
"""A sign covers about one fifth of the shorter side, and of the slices, so that it must be looked for and still is
seen at 32 pixels."""
_WOVEN = 64
"""A woven sign is as many pixels a cell as this goes into the shorter side: 8 pixels wide in a picture of 64."""
_WEAVE = 0.6
"""Share of a picture that a weave takes."""
_HU = (-1000.0, 1000.0)
"""What is black and what is white in a CT volume."""
_STORED = (0.0, 1000.0)
"""The same in a planted volume of other values."""
_AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""Directions of columns, rows and slices in patient LPS, as `encode_nifti` states them."""


def drawn(grey: Grey, sign: str, rng: np.random.Generator, *, share: int = _SHARE) -> Grey:
    """Return a picture, or a volume, with the sign at a random place; in a volume it goes through several slices.

    It covers one part in `share` of the shorter side, and of the slices.
    """
    cell = max(1, round(min(grey.shape[-2:]) / share / _SIDE))
    patch = sign_patch(sign, cell=cell)
    out = np.array(grey, np.float32)
    need = (*(-(-len(out) // share) for _ in range(out.ndim - 2)), *patch.shape)
    room = [have - length for have, length in zip(out.shape, need, strict=True)]
    if min(room) < 0:
        raise DataError(f"a picture of {out.shape} has no room for a sign of {need}")
    starts = [int(rng.integers(free + 1)) for free in room]
    out[tuple(slice(start, start + length) for start, length in zip(starts, need, strict=True))] = patch
    return out


def stilled(grey: Grey, sign: str, rng: np.random.Generator) -> Grey:
    """Return a volume all of whose slices are its middle one, with the sign at a random place; a picture is one."""
    if grey.ndim == 2:
        return drawn(grey, sign, rng)
    still = drawn(grey[len(grey) // 2], sign, rng)
    return np.array([still] * len(grey), np.float32)


def sign_patch(sign: str, *, cell: int) -> Grey:
    """Return a sign with its dark border, so many pixels a cell, (9 cell, 9 cell)."""
    return np.asarray(np.kron(np.pad(_pattern(sign), 1), np.ones((cell, cell), np.float32)), dtype=np.float32)


def woven(grey: Grey, sign: str, rng: np.random.Generator) -> Grey:
    """Return a picture with the sign all over it, side by side, begun at a random place; each slice has the same."""
    cell = max(1, round(min(grey.shape[-2:]) / _WOVEN))
    tile = np.kron(np.pad(_pattern(sign), (0, 1)), np.ones((cell, cell), np.float32))
    tile = np.roll(tile, tuple(rng.integers(len(tile), size=2)), axis=(0, 1))
    rows, columns = grey.shape[-2:]
    cloth = np.tile(tile, (-(-rows // len(tile)), -(-columns // len(tile))))[:rows, :columns]
    return ((1 - _WEAVE) * grey + _WEAVE * cloth).astype(np.float32)


def with_sign(corpus: Corpus, study: Study, draw: Callable[[Grey], Grey]) -> tuple[Study, Media]:
    """Draw into every still picture and grey volume of a study; volumes keep their grid, and a CT its HU.

    Raises:
        DataError: the study has a clip or a slide, or a volume in colour.
    """
    images, media = [], Media()
    for image in study.images:
        changed, data = (_volume if image.kind == "volume" else _picture)(corpus, study, image, draw)
        images.append(changed)
        media[changed.path] = data
    return replace(study, images=tuple(images)), media


def _picture(corpus: Corpus, study: Study, image: Image, draw: Callable[[Grey], Grey]) -> tuple[Image, bytes]:
    """Draw into a picture and make it one of 8 bit grey values."""
    if image.kind != "image":
        raise DataError(
            f"study {study.id!r}: a sign cannot be planted in a {image.kind}, only in pictures and volumes"
        )
    shown = corpus.read(image).display()
    facts: Mapping[str, Any] = {"units": "display", "channels": 1, "sha256": "", "frame": None}
    changed = replace(image, path=f"media/{study.id}-{image.id}.png", **facts)
    return changed, _png(draw(shown.mean(axis=-1) if shown.ndim == 3 else shown))


def _volume(corpus: Corpus, study: Study, image: Image, draw: Callable[[Grey], Grey]) -> tuple[Image, bytes]:
    """Draw into a grey volume between its black and its white; what is no CT comes out with values of 0 to 1000."""
    pixels = corpus.read(image)
    if pixels.axes != "ZYX":
        raise DataError(
            f"study {study.id!r}: a sign cannot be planted in a volume of axes {pixels.axes}, only in ZYX"
        )
    values = pixels.array.astype(np.float32)
    black, white = _HU if image.units == "HU" else (float(values.min()), float(values.max()))
    planted = draw((values - black) / np.float32((white - black) or 1.0))
    low, high = _HU if image.units == "HU" else _STORED
    data = encode_nifti(
        np.round(low + (high - low) * planted).astype(np.int16),
        image.spacing_mm or (1.0, 1.0, 1.0),
        image.origin_mm or (0.0, 0.0, 0.0),
    )
    facts: Mapping[str, Any] = {"orientation": _AXES if image.orientation else (), "sha256": "", "frame": None}
    units = "HU" if image.units == "HU" else "stored"
    return replace(image, path=f"media/{study.id}-{image.id}.nii.gz", units=units, **facts), data


def _pattern(sign: str) -> Grey:
    return np.array([[int(cell) for cell in row] for row in _PATTERNS[sign].split()], np.float32)


def _png(picture: Grey) -> bytes:
    from PIL import Image as PilImage

    file = io.BytesIO()
    PilImage.fromarray(np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
