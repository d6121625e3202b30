"""Embeddings of a whole corpus in a file, computed here, in several processes or on Ray, with one result.

The file is what the step ``near_duplicate_embeddings`` of curation reads. Blocks are kept beside it until it is
written, so that a stopped run goes on.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
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
from vesalius.inference.encode import BlockStore, Encoder, read_image
from vesalius.inference.predictor import Predictor, Progress, open_predictor

__all__ = ["embed_corpus"]

_BLOCK = 64
"""Images encoded at once; a block is the same whatever the backend, so that its numbers are, too."""
Item = tuple[str, Image]


def embed_corpus(
    corpus: Corpus, model: str, out: str | Path, *, backend: Backend = "local", workers: int = 2,
    device: str = "auto", progress: Progress | None = None,
) -> int:  # fmt: skip
    """Write the unit-norm joint embedding of the main image of every study; return how many there are.

    The same call again goes on where a stopped one was: blocks that are done lie in ``OUT.blocks`` until the end.

    Args:
        corpus: corpus or view; studies without an image are left out.
        model: spec of `open_predictor`; every process opens it once.
        out: the .npz file, with `ids` (n,) and `vectors` (n, D) in float32, in the order of the corpus; on several
            machines in a folder that all share.
        backend: "local", "processes" or "ray", see `ordered_map`.
        workers: processes of the backend.
        device: of the model in every process.
        progress: shows how far it is.

    Raises:
        DataError: no study has an image, or an image cannot be read; names the study.
        CapabilityError: the model has no image embeddings.
    """
    path = Path(out)
    blocks = path.with_name(f"{path.name}.blocks")
    embed = _Embed(corpus, model, device, blocks)
    ids: list[str] = []
    vectors: list[NDArray[np.float32]] = []
    with nullcontext(_untold) if progress is None else progress("embed", len(corpus)) as advance:
        for names, found in ordered_map(embed, _blocks(corpus), backend=backend, workers=workers):
            ids += names
            vectors.append(found)
            advance(len(names))
        advance(len(corpus) - len(ids))
    if not ids:
        raise DataError(f"{corpus.root}: no study with an image; there is nothing to embed")
    with replacing(path, scratch=path.parent) as file:
        np.savez(file, ids=np.array(ids), vectors=np.concatenate(vectors))
    shutil.rmtree(blocks)
    return len(ids)


def _untold(count: int) -> None:
    """Show nothing."""


def _blocks(corpus: Corpus) -> Iterator[list[Item]]:
    rest = ((study.id, study.main_image) for study in corpus if study.images)
    while block := list(islice(rest, _BLOCK)):
        yield block


@dataclass(frozen=True)
class _Embed:
    """What a process needs for a block."""

    corpus: Corpus
    model: str
    device: str
    blocks: Path
    """Folder of what is done."""

    def __call__(self, block: list[Item]) -> tuple[list[str], NDArray[np.float32]]:
        encoder = Encoder(predictor=_predictor(self.model, self.device), store=BlockStore(self.blocks))
        content = [self.corpus.content_hash, *(f"{name}/{image.id}" for name, image in block)]
        made = encoder.store.get(encoder.key("vectors", content), partial(self._vectors, block))
        return [name for name, _ in block], made["joint"]

    def _vectors(self, block: list[Item]) -> dict[str, NDArray[np.float32]]:
        pixels = [read_image(self.corpus, image, study=name) for name, image in block]
        return {"joint": _predictor(self.model, self.device).embed_image(pixels)}


@cache
def _predictor(model: str, device: str) -> Predictor:
    return open_predictor(model, device=device)
