"""Small pictures of a sample of images, and what is wrong with those that were opened."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from vesalius.data.corpus import Corpus
from vesalius.data.readers import Pixels
from vesalius.data.records import Image, Study
from vesalius.errors import VesaliusError

__all__ = ["Draw", "Sample", "Sheet", "open_images", "thumbnail"]

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


class Draw:
    """Images drawn evenly while studies pass: reservoirs, one a modality."""

    def __init__(self, *, each: int, seed: int = 0) -> None:
        self._each = each
        self._rng = np.random.default_rng(seed)
        self._kept: dict[str, list[tuple[int, Study, Image]]] = defaultdict(list)
        self._seen: dict[str, int] = defaultdict(int)
        self._studies = 0

    def add(self, study: Study) -> None:
        """Draw from the pictures and volumes of a study."""
        self._studies += 1
        for image in study.images:
            if image.kind not in _KINDS:
                continue
            self._seen[image.modality] += 1
            reservoir = self._kept[image.modality]
            if len(reservoir) < self._each:
                reservoir.append((self._studies, study, image))
            elif (place := int(self._rng.integers(self._seen[image.modality]))) < self._each:
                reservoir[place] = (self._studies, study, image)

    @property
    def images(self) -> list[tuple[Study, Image]]:
        """What was drawn, by modality, in the order of the studies."""
        reservoirs = (sorted(reservoir, key=lambda entry: entry[0]) for reservoir in self._kept.values())
        return [(study, image) for reservoir in reservoirs for _, study, image in reservoir]


def open_images(corpus: Corpus, chosen: Sequence[tuple[Study, Image]], *, advance: Callable[[int], None]) -> Sample:
    """Open images of a corpus and judge them; `advance` is told of every image."""
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
        advance(1)
    return Sample(
        sheets=tuple(Sheet(modality=name, pictures=tuple(found)) for name, found in sorted(sheets.items())),
        opened=len(chosen), unreadable=tuple(faults["unreadable"]), constant=tuple(faults["constant"]),
        broken=tuple(faults["broken"]),
    )  # fmt: skip


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
