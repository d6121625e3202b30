"""A small encoded world in which images of a finding lie near the sentences that state it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from vesalius.tasks.base import Encoded, TaskData
from vesalius.tasks.prompts import load_prompts

WIDTH = 24
CONCEPTS = ("cardiomegaly", "edema", "no_finding", "gas_gangrene")


def embed(texts: Sequence[str]) -> np.ndarray:
    """Random unit vectors, the same for the same sentence, (N, D)."""
    rows = []
    for text in texts:
        seed = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
        rows.append(np.random.default_rng(seed).normal(size=WIDTH))
    return unit(np.array(rows))


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def encoded(n: int, *, seed: int, noise: float = 0.25, unknown: float = 0.1) -> Encoded:
    stream = np.random.default_rng(seed)
    labels = (stream.random((n, len(CONCEPTS))) < 0.3).astype(float)
    prompts = load_prompts("convirt")
    image = stream.normal(size=(n, WIDTH)) * noise
    for place, concept in enumerate(CONCEPTS):
        direction = embed(prompts.positive(concept)).mean(0) - embed(prompts.negative(concept)).mean(0)
        image += labels[:, place : place + 1] * direction
    labels[stream.random(labels.shape) < unknown] = np.nan
    image = unit(image)
    texts = ["Normal chest." if place % 5 == 0 else f"Report {place}." for place in range(n)]
    text = unit(image + stream.normal(size=image.shape) * 0.1)
    text[::5] = text[0]
    return Encoded(
        ids=tuple(f"study-{seed}-{place}" for place in range(n)),
        patients=tuple(f"patient-{seed}-{place // 2}" for place in range(n)),
        features=image * 3 + 1,
        joint=image,
        texts=tuple(texts),
        text_joint=text,
        labels=labels,
        concepts=CONCEPTS,
    )


@dataclass(frozen=True)
class CosineMatch:
    """Ten times the cosine of an image with its report, or with a sentence."""

    splits: Mapping[str, Encoded]

    def __call__(self, split: str, rows: Sequence[int], texts: Sequence[str]) -> np.ndarray:
        found = self.splits[split]
        vectors = dict(zip(found.texts, found.text_joint, strict=True))
        vectors |= {text: embed([text])[0] for text in set(texts) - set(vectors)}
        return np.array([10 * found.joint[row] @ vectors[text] for row, text in zip(rows, texts, strict=True)])


@pytest.fixture(scope="session")
def data() -> TaskData:
    splits = {"test": encoded(80, seed=1), "val": encoded(60, seed=2), "train": encoded(160, seed=3)}

    return TaskData(**splits, embed_text=embed, match=CosineMatch(splits))
