"""The volumes of a corpus put into a store, with the masks that its regions name as label maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.readers import read
from vesalius.data.records import Image, Study
from vesalius.data.store.item import Labels
from vesalius.data.store.volumes import VolumeStore
from vesalius.errors import DataError

__all__ = ["StoreReport", "store_corpus", "volume_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreReport:
    """What became of the volumes of a corpus."""

    stored: int
    already: int
    """Volumes that were in the store before."""
    failed: tuple[tuple[str, str], ...]
    """Name and reason of what could not be read."""


def volume_name(study: Study, image: Image) -> str:
    """Name of an image in the store."""
    return f"{study.id}/{image.id}"


def store_corpus(
    corpus: Corpus, out: str | Path, *, chunk: int = 64, advance: Callable[[int], None] | None = None
) -> StoreReport:
    """Put every volume of a corpus, or of a view, into the store at `out`; what is there already is passed over.

    A volume that cannot be read is counted with its reason and the rest goes on; the same call again resumes.

    Raises:
        DataError: the corpus has no volume.
    """
    store = VolumeStore.create(out, chunk=chunk)
    stored = already = 0
    failed: list[tuple[str, str]] = []
    for study in corpus:
        for image in study.images:
            if image.kind != "volume":
                continue
            name = volume_name(study, image)
            if name in store:
                already += 1
            else:
                try:
                    _store(store, corpus, study, image)
                    stored += 1
                except DataError as error:
                    failed.append((name, str(error).replace(f"{corpus.root.resolve()}/", "")))
        if advance is not None:
            advance(1)
    if not stored + already + len(failed):
        raise DataError(f"corpus {corpus.name!r} has no image of kind 'volume'")
    return StoreReport(stored=stored, already=already, failed=tuple(failed))


def _store(store: VolumeStore, corpus: Corpus, study: Study, image: Image) -> None:
    pixels = corpus.read(image)
    store.add(volume_name(study, image), pixels, labels=_labels(corpus, study, image))


def _labels(corpus: Corpus, study: Study, image: Image) -> dict[str, Labels]:
    """Read the mask files of an image, one label map a file, in the order in which the study names them."""
    names: dict[str, dict[int, str]] = {}
    for region in study.regions:
        if region.image == image.id and region.kind == "mask":
            names.setdefault(region.mask, {})[region.mask_value] = region.concept or region.anatomy
    labels = {}
    for number, (path, values) in enumerate(names.items(), start=1):
        array = read(corpus.path(path)).array
        if array.dtype.kind == "f":
            whole = np.rint(array)
            if not np.array_equal(whole, array):
                raise DataError(f"mask {path!r} of image {image.id!r} holds fractions; expected whole numbers")
            array = whole.astype(np.int32)
        labels["mask" if number == 1 else f"mask-{number}"] = Labels(array=array, names=values)
    return labels
