"""Small pictures of a sample of images, and what is wrong with those that were opened."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.readers import Pixels
from vesalius.data.records import Image, Study
from vesalius.errors import VesaliusError

__all__ = ["Sample", "Sheet", "sample_images", "thumbnail"]

_SIDE = 144
_KINDS = ("image", "volume")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Pictures of one modality."""

    modality: str
    pictures: tuple[tuple[str, str], ...]
    """Name and data address of each."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was opened."""

    sheets: tuple[Sheet, ...]
    opened: int
    unreadable: tuple[str, ...]
    """Name and reason."""
    constant: tuple[str, ...]
    broken: tuple[str, ...]
    """Images with values that are no numbers."""


def sample_images(
    corpus: Corpus, *, each: int, seed: int = 0, advance: Callable[[int], None] | None = None
) -> Sample:
    """Open up to `each` images of every modality, drawn evenly.

    Args:
        corpus: or a view of one.
        each: pictures of a modality.
        seed: another seed draws others.
        advance: is told of every image.
    """
    chosen = _drawn(corpus, each=each, seed=seed)
    sheets: dict[str, list[tuple[str, str]]] = defaultdict(list)
    faults: dict[str, list[str]] = defaultdict(list)
    for study, image in chosen:
        name = f"{study.id}/{image.id}"
        try:
            pixels = corpus.read(image)
        except VesaliusError as error:
            faults["unreadable"].append(f"{name}: {error}")
        else:
            _judge(name, pixels.array, faults)
            sheets[image.modality].append((name, thumbnail(pixels)))
        if advance:
            advance(1)
    return Sample(
        sheets=tuple(Sheet(modality=name, pictures=tuple(found)) for name, found in sorted(sheets.items())),
        opened=len(chosen), unreadable=tuple(faults["unreadable"]), constant=tuple(faults["constant"]),
        broken=tuple(faults["broken"]),
    )  # fmt: skip


def _drawn(corpus: Iterable[Study], *, each: int, seed: int) -> list[tuple[Study, Image]]:
    """Draw images by reservoirs, one a modality, in the order of the corpus."""
    rng = np.random.default_rng(seed)
    kept: dict[str, list[tuple[int, Study, Image]]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for order, study in enumerate(corpus):
        for image in study.images:
            if image.kind not in _KINDS:
                continue
            seen[image.modality] += 1
            reservoir = kept[image.modality]
            if len(reservoir) < each:
                reservoir.append((order, study, image))
            elif (place := int(rng.integers(seen[image.modality]))) < each:
                reservoir[place] = (order, study, image)
    found = [entry for reservoir in kept.values() for entry in sorted(reservoir, key=lambda entry: entry[0])]
    return [(study, image) for _, study, image in found]


def _judge(name: str, array: NDArray[np.generic], faults: dict[str, list[str]]) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        faults["broken"].append(name)
    elif array.min() == array.max():
        faults["constant"].append(name)


def thumbnail(pixels: Pixels) -> str:
    """Return a small JPEG of a picture, or of the middle slice or frame, as a data address."""
    shown = pixels.display()
    plane = shown
    colour = pixels.axes.endswith("C")
    while plane.ndim > (3 if colour else 2):
        plane = plane[len(plane) // 2]
    eight = Picture.fromarray(np.asarray(np.rint(255 * np.clip(plane, 0, 1)), np.uint8)).convert("RGB")
    eight.thumbnail((_SIDE, _SIDE), Picture.Resampling.LANCZOS)
    packed = io.BytesIO()
    eight.save(packed, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(packed.getvalue()).decode()}"
