"""What writers of twins take from a virtual study: pixels, masks, who is in which part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.records import Image, Region, Study

__all__ = [
    "image_of", "label_map", "masks", "patient_numbers", "pixels", "present", "studies_of", "union",
]  # fmt: skip


def present(study: Study) -> list[str]:
    """Return the concepts that a study states as present, without "no_finding", sorted."""
    return sorted({part.concept for part in study.findings if part.status == "present"} - {"no_finding"})


def image_of(study: Study, *, modality: str = "", sequence: str = "", name: str = "") -> Image | None:
    """Return the first image of a kind, or None."""
    for image in study.images:
        found = ((modality, image.modality), (sequence, image.sequence), (name, image.id))
        if all(wanted in ("", there) for wanted, there in found):
            return image
    return None


def pixels(corpus: Corpus, image: Image) -> NDArray[Any]:
    """Return the samples of an image of the corpus."""
    return readers.read(corpus.path(image.path)).array


def masks(
    study: Study, *, image: str = "", concepts: Sequence[str] = (), anatomy: Sequence[str] = (),
    frame: int | None = None,
) -> Iterator[Region]:  # fmt: skip
    """Yield the masks of any of the concepts or structures; of a frame where one is named."""
    for region in study.regions:
        wanted = region.concept in concepts or region.anatomy in anatomy
        if region.kind == "mask" and wanted and image in ("", region.image) and frame in (None, region.frame):
            yield region


def union(
    corpus: Corpus, regions: Iterable[Region], shape: Sequence[int], *, files: dict[str, NDArray[Any]] | None = None
) -> NDArray[np.bool_]:
    """Return where any of the masks is, on a grid of the given shape; `files` keeps what was read."""
    found = np.zeros(tuple(shape), np.bool_)
    files = {} if files is None else files
    for region in regions:
        if region.mask not in files:
            files[region.mask] = readers.read(corpus.path(region.mask)).array
        found |= files[region.mask] == region.mask_value
    return found


def label_map(
    corpus: Corpus, study: Study, values: Mapping[int, Sequence[str]], *, image: Image
) -> NDArray[np.uint8]:
    """Return a label map; a value stands for concepts or structures, and later values lie over earlier ones."""
    labels = np.zeros(image.shape, np.uint8)
    files: dict[str, NDArray[Any]] = {}
    for value, names in values.items():
        wanted = masks(study, image=image.id, concepts=names, anatomy=names)
        labels[union(corpus, wanted, image.shape, files=files)] = value
    return labels


def patient_numbers(corpus: Corpus) -> dict[str, int]:
    """Number the patients from 1 in the order of their first study."""
    return {name: number for number, name in enumerate(dict.fromkeys(corpus.patients), start=1)}


def studies_of(corpus: Corpus, *parts: str) -> set[str]:
    """Return the ids of the studies in any of the parts; a part that few patients leave empty has none."""
    return {name for name, part in corpus.parts().items() if part in parts}
