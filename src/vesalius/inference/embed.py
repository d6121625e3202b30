"""Embeddings of a whole corpus in a file, computed here, in several processes or on Ray, with one result.

The file is what the step ``near_duplicate_embeddings`` of curation reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.ordered import Backend, ordered_map
from vesalius.data.records import Image
from vesalius.errors import DataError
from vesalius.inference.encode import read_image
from vesalius.inference.predictor import Predictor, open_predictor

__all__ = ["embed_corpus"]

_BLOCK = 64
"""Images encoded at once; a block is the same whatever the backend, so that its numbers are, too."""
Item = tuple[str, Image]


def embed_corpus(
    corpus: Corpus, model: str, out: str | Path, *, backend: Backend = "local", workers: int = 2, device: str = "auto"
) -> int:
    """Write the unit-norm joint embedding of the main image of every study; return how many there are.

    Args:
        corpus: corpus or view; studies without an image are left out.
        model: spec of `open_predictor`; every process opens it once.
        out: the .npz file, with `ids` (n,) and `vectors` (n, D) in float32, in the order of the corpus.
        backend: "local", "processes" or "ray", see `ordered_map`.
        workers: processes of the backend.
        device: of the model in every process.

    Raises:
        DataError: no study has an image, or an image cannot be read; names the study.
    """
    ids: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    for names, found in ordered_map(
        partial(_embedded, corpus, model, device), _blocks(corpus), backend=backend, workers=workers
    ):
        ids += names
        vectors.append(found)
    if not ids:
        raise DataError(f"{corpus.root}: no study with an image; there is nothing to embed")
    path = Path(out)
    with replacing(path, scratch=path.parent) as file:
        np.savez(file, ids=np.array(ids), vectors=np.concatenate(vectors))
    return len(ids)


def _blocks(corpus: Corpus) -> Iterator[list[Item]]:
    rest = ((study.id, study.main_image) for study in corpus if study.images)
    while block := list(islice(rest, _BLOCK)):
        yield block


def _embedded(corpus: Corpus, model: str, device: str, block: list[Item]) -> tuple[list[str], NDArray[np.float32]]:
    pixels = [read_image(corpus, image, study=name) for name, image in block]
    return [name for name, _ in block], _predictor(model, device).embed_image(pixels)


@cache
def _predictor(model: str, device: str) -> Predictor:
    return open_predictor(model, device=device)
