"""What a head learns from and is tried on: pictures of a corpus with what is known of them, in a fixed order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.data.cache import PixelCache
from vesalius.data.corpus import Corpus
from vesalius.data.records import Dialogue, Image, Study
from vesalius.data.transforms import ImageProcessor
from vesalius.errors import DataError

__all__ = ["Example", "Examples", "Subset", "Target"]

Target = Mapping[str, NDArray[Any]]
"""What is to be answered, by name, without a batch axis."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One picture with what is asked and known of it."""

    study: str
    patient: str
    image: Image
    labels: NDArray[np.float64]
    """1 present, 0 absent, NaN not known, one a concept, (K,)."""
    known: Study
    """The record that targets are made of: its regions, dialogues and texts."""
    question: Dialogue | None = None
    """What is asked, where an example is a question about the picture."""

    @property
    def id(self) -> str:
        """Name of the study, or ``study/dialogue`` of a question."""
        return self.study if self.question is None else f"{self.study}/{self.question.id}"


class Examples:
    """Examples of one split; each picture is decoded once however often it is asked about, each target made once.

    Letters: C channels, H rows, W columns, K concepts.
    """

    def __init__(
        self,
        corpus: Corpus,
        chosen: Sequence[Example],
        processor: ImageProcessor,
        *,
        target: Callable[[Example], Target],
        folder: Path,
        cache_gib: float = 2.0,
    ) -> None:
        """Hold the examples; nothing is decoded yet.

        Args:
            corpus: where pictures and masks are.
            chosen: the examples, in their order.
            processor: prepares pictures for the encoder.
            target: makes what is to be answered of an example.
            folder: keeps decoded pictures.
            cache_gib: bound of these.
        """
        if not chosen:
            raise DataError(f"corpus {corpus.name!r}: no study has what this protocol learns from")
        self.corpus = corpus
        self.chosen = tuple(chosen)
        self.processor = processor
        self._target = target
        self._targets: dict[int, Target] = {}
        names = [f"{example.study}/{example.image.id}" for example in chosen]
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self._places = [places[name] for name in names]
        joined = "\n".join(places)
        key = hashlib.sha256(f"{corpus.content_hash}\n{processor!r}\n{joined}".encode()).hexdigest()[:16]
        self._cache = PixelCache(
            folder,
            key=key,
            num_images=len(places),
            shape=processor.shape,
            bits=8 if all(example.image.units in ("display", "rgb") for example in chosen) else 16,
            bound_bytes=int(cache_gib * 2**30),
        )

    def __len__(self) -> int:
        return len(self.chosen)

    def picture(self, number: int) -> NDArray[np.float32]:
        """Return a picture before normalisation, 0 to 1, (C, H, W).

        Raises:
            DataError: it cannot be read; names the study.
        """
        kept = self._cache.get(self._places[number])
        if kept is not None:
            return kept
        example = self.chosen[number]
        try:
            pixels = self.corpus.read(example.image)
        except (DataError, OSError) as error:
            raise DataError(f"study {example.study!r}, image {example.image.id!r}: {error}") from None
        return self._cache.put(self._places[number], self.processor(pixels))

    def target(self, number: int) -> Target:
        """Return what is to be answered; masks are kept as bits."""
        if number not in self._targets:
            made = self._target(self.chosen[number])
            self._targets[number] = {name: _packed(value) for name, value in made.items()}
        return {name: _unpacked(value) for name, value in self._targets[number].items()}

    def labels(self) -> NDArray[np.float64]:
        """Return what is known of the concepts, (N, K)."""
        return np.stack([example.labels for example in self.chosen])

    def part(self, rows: Sequence[int] | NDArray[np.intp]) -> Subset:
        """Return some of the examples; they share what is decoded."""
        return Subset(self, np.asarray(rows, dtype=np.intp))

    def close(self) -> None:
        """Delete the decoded pictures."""
        self._cache.remove()


@dataclass(frozen=True)
class Subset:
    """Some of the examples, by their numbers."""

    whole: Examples
    rows: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class _Bits:
    """A mask as bits."""

    bits: NDArray[np.uint8]
    shape: tuple[int, ...]


def _packed(value: NDArray[Any]) -> Any:
    return _Bits(np.packbits(value), value.shape) if value.dtype == bool else value


def _unpacked(value: Any) -> NDArray[Any]:
    if not isinstance(value, _Bits):
        return np.asarray(value)
    count = int(np.prod(value.shape))
    return np.unpackbits(value.bits, count=count).astype(bool).reshape(value.shape)
