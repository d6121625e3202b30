"""Encode a split once: images and texts to embeddings, kept on disk in blocks so that a killed run goes on.

A block is named by a hash of everything that its numbers depend on (model, corpus, preprocessing, items), so
it is found again by whoever asks for the same thing and is never taken for another one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vesalius.data.disk import not_full
from vesalius.errors import DataError
from vesalius.inference.predictor import Predictor, Progress
from vesalius.tasks.base import Encoded

if TYPE_CHECKING:
    from vesalius.data.corpus import Corpus
    from vesalius.data.readers import Pixels
    from vesalius.data.records import Image, Study

__all__ = ["REPORT_ROLES", "BlockStore", "Encoder", "read_image", "report_text"]

BLOCK = 64
"""Studies or texts in a block: at most so many are encoded again after a kill."""

REPORT_ROLES = ("findings", "impression", "report", "caption", "note")
"""Roles that make the text of a study, in this order, where no others are asked for."""


class BlockStore:
    """Named arrays on disk, one safetensors file a block; a file that cannot be read is made again."""

    def __init__(self, folder: Path, *, reuse: bool = True) -> None:
        self.folder = folder
        self.reuse = reuse
        self.hits = 0
        self.made = 0

    def get(self, key: str, make: Callable[[], Mapping[str, NDArray[np.float32]]]) -> dict[str, NDArray[np.float32]]:
        """Return the block named `key`, made and stored where it is not there yet."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file, save

        path = self.folder / f"{key}.safetensors"
        if self.reuse and path.is_file():
            try:
                arrays: dict[str, NDArray[np.float32]] = load_file(path)
            except SafetensorError:
                path.unlink()
            else:
                self.hits += 1
                return arrays
        arrays = {name: np.ascontiguousarray(values, dtype=np.float32) for name, values in make().items()}
        with not_full(self.folder, kept="what was encoded before is kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            unfinished.write_bytes(save(arrays))
            unfinished.replace(path)
        self.made += 1
        return arrays


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A model, where its embeddings are kept, and what counts as the text of a study."""

    predictor: Predictor
    store: BlockStore
    roles: tuple[str, ...] = REPORT_ROLES
    progress: Progress | None = None

    def split(self, corpus: Corpus, *, concepts: Sequence[str], title: str) -> Encoded:
        """Encode every study of a corpus or view that has an image, in the order of the corpus.

        Returns:
            One row a study: features (N, F), joint (N, D), text_joint (N, D), labels (N, C).

        Raises:
            DataError: no study has an image, or an image cannot be read; names the study.
        """
        rows, ids, patients, texts, images = self._items(corpus)
        if not ids:
            raise DataError(f"{title}: no study with an image; there is nothing to evaluate")
        with self._advance(f"Encode {title}", len(ids)) as advance:
            features, joint = self._images(corpus, ids, images, advance)
        can_embed_text = "embed_text" in self.predictor.capabilities and any(texts)
        text_joint = self.texts(texts) if can_embed_text else np.zeros_like(joint)
        return Encoded(
            ids=tuple(ids),
            patients=tuple(patients),
            features=features,
            joint=joint,
            texts=tuple(texts),
            text_joint=text_joint,
            labels=corpus.labels(tuple(concepts))[rows],
            concepts=tuple(concepts),
        )

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit-norm embeddings of N texts, each distinct text encoded once, (N, D)."""
        unique = list(dict.fromkeys(texts))
        parts = []
        for start in range(0, len(unique), BLOCK):
            block = unique[start : start + BLOCK]
            parts.append(self.store.get(self.key("text", block), partial(self._text_block, block))["joint"])
        rows = {text: row for row, text in enumerate(unique)}
        return np.concatenate(parts)[[rows[text] for text in texts]]

    def _items(self, corpus: Corpus) -> tuple[list[int], list[str], list[str], list[str], list[Image]]:
        rows, ids, patients, texts, images = [], [], [], [], []
        for row, study in enumerate(corpus):
            if study.images:
                rows.append(row)
                ids.append(study.id)
                patients.append(study.patient)
                texts.append(report_text(study, self.roles))
                images.append(study.main_image)
        return rows, ids, patients, texts, images

    def _images(
        self, corpus: Corpus, ids: Sequence[str], images: Sequence[Image], advance: Callable[[int], None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        features, joint = [], []
        for start in range(0, len(ids), BLOCK):
            names, block = ids[start : start + BLOCK], images[start : start + BLOCK]
            key = self.key(
                "image", [corpus.content_hash, *(f"{a}/{b.id}" for a, b in zip(names, block, strict=True))]
            )
            arrays = self.store.get(key, partial(self._image_block, corpus, names, block))
            features.append(arrays["features"])
            joint.append(arrays["joint"])
            advance(len(names))
        return np.concatenate(features), np.concatenate(joint)

    def _image_block(
        self, corpus: Corpus, ids: Sequence[str], images: Sequence[Image]
    ) -> dict[str, NDArray[np.float32]]:
        pixels = [read_image(corpus, image, study=name) for name, image in zip(ids, images, strict=True)]
        encoded = self.predictor.encode_image(pixels)
        return {"features": encoded.features, "joint": encoded.joint}

    def _text_block(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return {"joint": self.predictor.embed_text(texts)}

    def key(self, kind: str, content: Sequence[str]) -> str:
        """Name a block by all that its numbers depend on: kind, model and content."""
        document = json.dumps([kind, self.predictor.identity, list(content)], sort_keys=True, default=str)
        return f"{kind}-{hashlib.sha256(document.encode()).hexdigest()[:24]}"

    def _advance(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        if self.progress is None:
            return _silent()
        shown: AbstractContextManager[Callable[[int], None]] = self.progress(title, total)
        return shown


def read_image(corpus: Corpus, image: Image, *, study: str) -> Pixels:
    """Open an image of a corpus.

    Raises:
        DataError: names the study and why its image cannot be read.
    """
    try:
        return corpus.read(image)
    except (DataError, OSError) as error:
        raise DataError(
            f"study {study!r}, image {image.id!r}: {error}; mend the file or leave the study out, "
            "an evaluation never drops an item silently"
        ) from None


def report_text(study: Study, roles: Sequence[str]) -> str:
    """Join the texts of a study in the order of `roles`; empty where there is none.

    One language is taken: English where a text of the roles is in English, else that of the first one.
    """
    texts = [text for role in roles for text in study.texts if text.role == role and text.text.strip()]
    if not texts:
        return ""
    languages = [text.language for text in texts]
    language = "en" if "en" in languages else languages[0]
    return " ".join(text.text.strip() for text in texts if text.language == language)


@contextmanager
def _silent() -> Iterator[Callable[[int], None]]:
    yield lambda count: None
