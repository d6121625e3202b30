"""A corpus whose pictures show their findings as bright patches, and a model in numpy that can see them."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage

from vesalius.data.corpus import Corpus, from_studies
from vesalius.data.readers import Pixels
from vesalius.data.records import Finding, Image, Provenance, Study, Text
from vesalius.inference.predictor import BasePredictor, ImageEmbeddings, unit_rows

CONCEPTS = ("cardiomegaly", "pleural_effusion", "pneumothorax")
SIDE = 12


def png(levels: Sequence[float], rng: np.random.Generator) -> bytes:
    """A picture of three vertical bands; a band is bright where its finding is present."""
    bands = np.repeat(np.asarray(levels), SIDE // len(levels))
    picture = np.clip(80 * bands[None, :] + 60 + rng.normal(0, 25, (SIDE, SIDE)), 0, 255)
    file = io.BytesIO()
    PilImage.fromarray(picture.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def sentence(labels: Mapping[str, bool]) -> str:
    words = [f"{'' if present else 'no '}{name.replace('_', ' ')}" for name, present in labels.items()]
    return ". ".join(words) + "."


def make_corpus(
    root: Path,
    *,
    patients: int = 60,
    texts: bool = True,
    concepts: Sequence[str] = CONCEPTS,
    prevalence: float = 0.4,
    seed: int = 0,
    name: str = "bands",
) -> Corpus:
    """Every third patient has two studies; the split is stored."""
    rng = np.random.default_rng(seed)
    studies, media = [], {}
    for number in range(patients):
        for visit in range(2 if number % 3 == 0 else 1):
            labels = {concept: bool(rng.random() < prevalence) for concept in concepts}
            study_id = f"s{number:03d}-{visit}"
            path = f"media/{study_id}.png"
            media[path] = png([float(value) for value in labels.values()], rng)
            studies.append(
                Study(
                    id=study_id,
                    patient=f"p{number:03d}",
                    images=(Image(id="cxr", path=path, modality="DX", view="PA", shape=(SIDE, SIDE)),),
                    texts=(Text(text=sentence(labels), role="findings"),) if texts else (),
                    findings=tuple(
                        Finding(concept=concept, status="present" if present else "absent")
                        for concept, present in labels.items()
                    ),
                    provenance=Provenance(source="test", virtual=True),
                )
            )
    corpus = from_studies(studies, root, name=name, media=media, virtual=True)
    return corpus.make_split({"train": 0.4, "val": 0.2, "test": 0.4}, seed=0)


@dataclass
class BandModel(BasePredictor):
    """Sees the brightness of each band; reads "no NAME" as absent. `noise` blurs what it sees."""

    name: str = "bands"
    noise: float = 0.0
    capabilities: frozenset[str] = frozenset({"embed_image", "embed_text", "score", "similarity_map", "match"})
    temperature: float = 0.1
    calls: list[int] = field(default_factory=list)
    seed: int | None = None
    """Seed of the random projection of the untrained twin; None for the model itself."""

    @property
    def identity(self) -> Mapping[str, Any]:
        weights = hashlib.sha256(f"{self.noise} {self.seed}".encode()).hexdigest()
        return {
            "kind": "fake",
            "name": self.name,
            "weights_sha256": weights,
            "preprocessing": {"image": {"bands": len(CONCEPTS)}},
        }

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        self.calls.append(len(images))
        seen = np.stack([self._bands(image) for image in images])
        features = seen if self.seed is None else seen @ self._projection(seen.shape[1], side=0)
        return ImageEmbeddings(features.astype(np.float32), unit_rows(features))

    def embed_text(self, texts: Sequence[str]) -> np.ndarray:
        if "embed_text" not in self.capabilities:
            raise self.cannot("embed_text")
        rows = unit_rows(np.stack([self._words(text) for text in texts]))
        return rows if self.seed is None else unit_rows(rows @ self._projection(rows.shape[1], side=1))

    def similarity_map(self, image: Pixels, text: str) -> np.ndarray:
        return np.tile(self._bands(image) * self.embed_text([text])[0], (len(CONCEPTS), 1)).astype(np.float32)

    def match_pairs(
        self, images: Sequence[Pixels], texts: Sequence[str], *, pairs: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        self.calls.append(len(images))
        cosine = self.encode_image(images).joint @ self.embed_text(texts).T
        return np.array([10 * cosine[pair] for pair in pairs], np.float32)

    def untrained(self, seed: int) -> BandModel:
        return BandModel(name=f"{self.name}, untrained", seed=seed, calls=self.calls, capabilities=self.capabilities)

    def _bands(self, image: Pixels) -> np.ndarray:
        shown = image.display()
        means = shown.reshape(SIDE, len(CONCEPTS), -1).mean(axis=(0, 2))
        content = int.from_bytes(hashlib.sha256(np.ascontiguousarray(image.array).tobytes()).digest()[:8], "big")
        blur = np.random.default_rng(content).normal(0, 1, len(CONCEPTS)) * self.noise
        return (means - 0.39) * 6 + blur

    def _words(self, text: str) -> np.ndarray:
        text = text.lower().replace("_", " ")
        values = []
        for concept in CONCEPTS:
            words = concept.replace("_", " ")
            found = re.search(rf"(\bno (?:evidence of )?)?{words}", text)
            values.append(0.05 if not found else -1.0 if found.group(1) else 1.0)
        return np.array(values)

    def _projection(self, width: int, *, side: int) -> np.ndarray:
        return np.random.default_rng([self.seed or 0, side]).normal(size=(width, width))


@pytest.fixture(scope="session")
def make_bands() -> Callable[..., Corpus]:
    """Write a corpus of band pictures; see `make_corpus`."""
    return make_corpus


@pytest.fixture(scope="session")
def band_model() -> type[BandModel]:
    return BandModel


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("corpora") / "bands")


@pytest.fixture
def model() -> BandModel:
    return BandModel(noise=0.5)
