"""Masks of a study as a corpus stores them, by concept.

Legend: K concepts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.readers import read
from vesalius.data.records import Image, Study
from vesalius.errors import DataError

__all__ = ["concept_masks", "masked_concepts"]


def concept_masks(study: Study, image: Image, corpus: Corpus, concepts: Sequence[str]) -> NDArray[np.bool_]:
    """Return where each concept is in a picture, on its own grid, (K, rows, columns).

    Raises:
        DataError: a mask of another size than its picture.
    """
    shape = tuple(image.shape)
    found = np.zeros((len(concepts), *shape), dtype=bool)
    files: dict[str, NDArray[np.generic]] = {}
    for region in study.regions:
        if region.kind != "mask" or region.image != image.id or region.concept not in concepts:
            continue
        if region.mask not in files:
            files[region.mask] = np.asarray(read(corpus.path(region.mask)).array)
        mask = files[region.mask] == region.mask_value
        if mask.shape != shape:
            raise DataError(f"study {study.id!r}: mask {region.mask} has {mask.shape}, its picture {shape}")
        found[list(concepts).index(region.concept)] |= mask
    return found


def masked_concepts(corpus: Corpus, *, at_least: int = 5) -> tuple[str, ...]:
    """Return the concepts that are outlined by a mask in at least so many studies, in alphabetical order."""
    counts: dict[str, int] = {}
    for study in corpus:
        named = {region.concept for region in study.regions if region.kind == "mask" and region.concept}
        for concept in named:
            counts[concept] = counts.get(concept, 0) + 1
    return tuple(sorted(concept for concept, count in counts.items() if count >= at_least))
