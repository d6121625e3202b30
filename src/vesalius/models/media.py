"""The pictures that a model is shown for a `Media`: read, windowed as a viewer would, edited, eight bits a colour.

Letters: H rows, W columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vesalius.data.messages import Media
from vesalius.data.readers import read
from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = ["EDITS", "as_png", "edited", "shown"]

Picture = NDArray[np.uint8]
MOST_PLANES = 64
"""No request shows more slices or frames of one file than this."""


def shown(media: Media, *, planes: int = 8) -> list[Picture]:
    """Return what is seen of a file, each (H, W, 3): one picture, or slices of a volume or frames of a clip.

    Args:
        media: the file and what is done to it.
        planes: slices or frames, evenly spread with both ends inside; fewer where there are not so many.

    Raises:
        DataError: the file cannot be read; or `planes` is beyond `MOST_PLANES`.
        ConfigError: an edit of no known name.
    """
    if not 1 <= planes <= MOST_PLANES:
        raise DataError(f"{planes} slices or frames of one file; from 1 to {MOST_PLANES} can be shown")
    if media.kind == "video" and media.frame is None:
        pictures = _frames(media, planes)
    else:
        one = media.frame if media.kind == "volume" else None
        pixels = read(media.path, frame=None if one is not None else media.frame)
        display = (pixels.display() * 255).round().astype(np.uint8)
        pictures = _planes(display, colour=pixels.axes.endswith("C"), count=planes, one=one)
    for edit in media.edits:
        pictures = [edited(picture, edit) for picture in pictures]
    return pictures


def as_png(picture: Picture) -> bytes:
    """Return (H, W, 3) as the bytes of a PNG file."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _frames(media: Media, count: int) -> list[Picture]:
    from vesalius.data.readers.video import open_clip

    clip = open_clip(media.path)
    places = _spread(len(clip), count)
    return [_rgb(np.asarray(frame, dtype=np.uint8)) for frame in clip.frames(places)]


def _planes(display: Picture, *, colour: bool, count: int, one: int | None) -> list[Picture]:
    """Cut (…, H, W) or (…, H, W, 3) into pictures, `count` of them along the first axes, or the `one` of them."""
    flat = display.reshape(-1, *display.shape[-3 if colour else -2 :])
    if one is not None:
        if not 0 <= one < len(flat):
            raise DataError(f"slice {one} asked for; the volume has {len(flat)}, counted from 0")
        return [_rgb(flat[one])]
    return [_rgb(flat[place]) for place in _spread(len(flat), count)]


def _spread(total: int, count: int) -> list[int]:
    """Return `count` places among `total`, evenly spread, each once."""
    if total <= count:
        return list(range(total))
    if count == 1:
        return [total // 2]
    return [round(place) for place in np.linspace(0, total - 1, count)]


def _rgb(picture: NDArray[np.uint8]) -> Picture:
    if picture.ndim == 2:
        return np.repeat(picture[:, :, None], 3, axis=2)
    return np.ascontiguousarray(picture[:, :, :3])


def edited(picture: Picture, edit: str) -> Picture:
    """Return a picture (H, W, 3) after one edit, in the same size.

    Raises:
        ConfigError: an edit of no known name.
    """
    name, _, words = edit.partition(":")
    if name not in EDITS:
        raise ConfigError(f"unknown edit of a picture {name!r}{did_you_mean(name, EDITS)}")
    return EDITS[name](picture, words)


def _blank(picture: Picture, words: str) -> Picture:
    """Middle grey in the picture's size."""
    return np.full_like(picture, 128)


def _noise(picture: Picture, words: str) -> Picture:
    """Grey noise, the same for the same words and size."""
    seed = int.from_bytes(hashlib.sha256(f"{words}/{picture.shape}".encode()).digest()[:8], "big")
    grey = np.random.default_rng(seed).integers(0, 256, picture.shape[:2], dtype=np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _degraded(picture: Picture, words: str) -> Picture:
    """``NAME:STRENGTH:SEED``: a degradation of virtual pictures, such as ``defocus:0.5:0``."""
    from vesalius.virtual.degradation import degrade
    from vesalius.virtual.picture import Picture as Shown

    name, strength, seed = words.split(":")
    grey = bool((picture == picture[:, :, :1]).all())
    pixels = picture[:, :, 0] if grey else picture
    source = Shown(
        name="shown", modality="DX", pixels=pixels, axes="YX" if grey else "YXC", units="display" if grey else "rgb"
    )
    done = degrade(source, name, rng=np.random.default_rng(int(seed)), strength=float(strength))
    return _rgb(done.picture.pixels.astype(np.uint8))


def _blurred(picture: Picture, words: str) -> Picture:
    """``gaussian-blur:SIZE``: a Gaussian window of odd size, its width by the size, mirrored at the edge.

    Source: OpenCV, getGaussianKernel with sigma 0: .3 ((size - 1) / 2 - 1) + .8, binomial-like windows up to 7.
    """
    size = int(words)
    distance = np.arange(size) - size // 2
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
    window = np.array(_WINDOWS.get(size) or np.exp(-(distance**2) / (2 * sigma**2)))
    window /= window.sum()
    blurred: NDArray[np.float64] = picture.astype(np.float64)
    for axis in (0, 1):
        edges = [(size // 2, size // 2) if one == axis else (0, 0) for one in range(3)]
        padded = np.pad(blurred, edges, mode="reflect" if picture.shape[axis] > size // 2 else "edge")
        length = picture.shape[axis]
        blurred = np.zeros_like(blurred)
        for start, weight in enumerate(window):
            blurred += weight * padded.take(range(start, start + length), axis=axis)
    return _eight_bits(np.rint(blurred))


def _brightened(picture: Picture, words: str) -> Picture:
    """``brightness:FACTOR``: every value times a factor, white where it goes beyond."""
    return _eight_bits(np.rint(picture * float(words)))


def _noisy(picture: Picture, words: str) -> Picture:
    """``gaussian-noise:MEAN:SEED``: grey Gaussian noise of variance .01 and a mean, white being 1."""
    mean, _, seed = words.partition(":")
    digest = hashlib.sha256(f"{seed}/{picture.shape}".encode()).digest()
    grey = np.random.default_rng(int.from_bytes(digest[:8], "big")).normal(float(mean), 0.1, picture.shape[:2])
    return _eight_bits(picture + 255 * grey[:, :, None])


def _eight_bits(values: NDArray[np.float64]) -> Picture:
    """Cut values to 0 … 255 and leave their fractions out."""
    return np.clip(values, 0, 255).astype(np.uint8)


_WINDOWS = {
    3: (0.25, 0.5, 0.25), 5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
}  # fmt: skip
EDITS: Mapping[str, Callable[[Picture, str], Picture]] = MappingProxyType(
    {
        "blank": _blank, "noise": _noise, "degrade": _degraded, "gaussian-blur": _blurred,
        "brightness": _brightened, "gaussian-noise": _noisy,
    }
)  # fmt: skip
"""What can be done to a picture (H, W, 3): ``name`` or ``name:words`` in `Media.edits`."""
