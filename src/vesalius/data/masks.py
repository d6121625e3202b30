"""What a corpus marks in a picture, as masks by concept.

Legend: K concepts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.data.readers import read
from vesalius.data.records import Box, Image, Study
from vesalius.errors import DataError

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus

__all__ = ["concept_masks", "marked_masks", "masked_concepts"]

Mask = NDArray[np.bool_]


def concept_masks(study: Study, image: Image, corpus: Corpus, concepts: Sequence[str]) -> Mask:
    """Return where each concept is outlined by a mask in a picture, on its own grid, (K, rows, columns).

    Raises:
        DataError: a mask of another size than its picture.
    """
    found = marked_masks(study, image, corpus)
    nothing = np.zeros(tuple(image.shape), dtype=bool)
    return np.stack([found.get(concept, nothing) for concept in concepts])


def marked_masks(study: Study, image: Image, corpus: Corpus, *, boxes: bool = False) -> Mapping[str, Mask]:
    """Return what is marked in a picture, by concept, each (rows, columns).

    Args:
        study: record of the picture.
        image: a picture of the study with its size stated.
        corpus: where masks are.
        boxes: a concept that has boxes alone gets them filled.

    Raises:
        DataError: a mask of another size than its picture.
    """
    found: dict[str, Mask] = {}
    boxed: dict[str, Mask] = {}
    files: dict[str, NDArray[np.generic]] = {}
    for region in study.regions:
        if region.image != image.id or not region.concept:
            continue
        if region.kind == "mask":
            if region.mask not in files:
                files[region.mask] = np.asarray(read(corpus.path(region.mask)).array)
            mask = files[region.mask] == region.mask_value
            if mask.shape != tuple(image.shape):
                raise DataError(
                    f"study {study.id!r}: mask {region.mask} is {mask.shape}, its picture {tuple(image.shape)}"
                )
            found[region.concept] = found.get(region.concept, False) | mask
        elif boxes and region.box is not None:
            filled = _filled(region.box, tuple(image.shape))
            boxed[region.concept] = boxed.get(region.concept, False) | filled
    return {**boxed, **found}


def masked_concepts(corpus: Corpus, *, at_least: int = 5) -> tuple[str, ...]:
    """Return the concepts that are outlined by a mask in at least so many studies, in alphabetical order."""
    counts: Counter[str] = Counter()
    for study in corpus:
        counts.update({region.concept for region in study.regions if region.kind == "mask" and region.concept})
    return tuple(sorted(concept for concept, count in counts.items() if count >= at_least))


def _filled(box: Box, shape: tuple[int, ...]) -> Mask:
    """Pixels whose centre lies in a box."""
    rows, columns = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None] + 0.5
    inside: Mask = (rows > box.y_min) & (rows < box.y_max) & (columns > box.x_min) & (columns < box.x_max)
    return inside
