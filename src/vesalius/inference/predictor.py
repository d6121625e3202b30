"""What a trained or foreign model can do, behind one set of names.

A predictor is made from a spec: a run folder, a model folder, a hub id, ``openai:URL#model`` or
``control:NAME``. Each kind of model is one file in ``inference/backends``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vesalius import registry
from vesalius.errors import CapabilityError, ConfigError

if TYPE_CHECKING:
    from vesalius.data.readers import Pixels
    from vesalius.inference.requests import Reply, Request

__all__ = [
    "CAPABILITIES",
    "Backend",
    "BasePredictor",
    "ImageEmbeddings",
    "Predictor",
    "Progress",
    "open_predictor",
    "unit_rows",
]

FloatArray = NDArray[np.float32]
Progress = Any
"""``progress(title, total)``: a context manager that yields a function counting further items as done."""

CAPABILITIES: Mapping[str, str] = {
    "embed_image": "a dual encoder turns images into vectors: train one, or adapt this one's vision encoder",
    "embed_text": "a dual encoder turns texts into vectors beside images: train one on image-text pairs",
    "score": "a dual encoder scores images against texts: train one on image-text pairs",
    "similarity_map": "a dual encoder with joint token features shows where a text applies",
    "match": "a method that reads image and text together says whether they belong together: train one such as m3ae",
    "answer": "a head that learnt answers takes questions: vesalius finetune MODEL --protocol vqa --on CORPUS",
    "classify": "a head that learnt these labels says which of them hold: vesalius finetune MODEL --on CORPUS",
    "generate": "a model that writes answers to messages: a vision-language model of the hub, or openai:URL#model",
    "detect": "a head that learnt boxes finds findings: vesalius finetune MODEL --protocol detection --on CORPUS",
    "report": "a decoder that learnt reports writes one: vesalius finetune MODEL --protocol report --on CORPUS",
    "segment": "a decoder that learnt masks outlines findings: vesalius finetune MODEL --protocol segmentation",
}
"""Every capability, and what to do about a model that lacks it."""


class ImageEmbeddings(NamedTuple):
    """What an image encoder gives for N images."""

    features: FloatArray
    """Before the projection, as probes use them, (N, F)."""
    joint: FloatArray
    """Beside the texts, unit-norm rows, (N, D)."""


@runtime_checkable
class Predictor(Protocol):
    """A model that can be evaluated; N images or texts, F features, D joint width, (h, w) patch grid."""

    name: str
    capabilities: frozenset[str]
    temperature: float
    """Softmax temperature of the model (1 / logit scale); turns cosines into probabilities."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of it: kind, architecture, sha256 of the weights, preprocessing, pooling."""

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        """Features and joint embeddings of N images from one pass."""

    def embed_image(self, images: Sequence[Pixels]) -> FloatArray:
        """Unit-norm joint embeddings of N images, (N, D)."""

    def image_features(self, images: Sequence[Pixels]) -> FloatArray:
        """Features of N images before the projection, (N, F)."""

    def embed_text(self, texts: Sequence[str]) -> FloatArray:
        """Unit-norm joint embeddings of N texts, (N, D)."""

    def similarity_map(self, image: Pixels, text: str) -> FloatArray:
        """Cosine of each patch of one image with one text, (h, w), in the frame of the model's input."""

    def match(self, images: Sequence[Pixels], texts: Sequence[str]) -> FloatArray:
        """Logit that each of N images shows what each of M texts says, (N, M); 0 is undecided."""

    def match_pairs(
        self, images: Sequence[Pixels], texts: Sequence[str], *, pairs: Sequence[tuple[int, int]]
    ) -> FloatArray:
        """The same for pairs of numbers of images and texts, (K,)."""

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests, which are taken one by one as there is room, in the order in which answers come."""

    def stream(self, request: Request) -> Iterator[str | Reply]:
        """Answer one request: pieces of its text as they are written, at last the whole reply."""


class BasePredictor:
    """What predictors share: everything that a model does not bring is refused in the same words."""

    name: str = ""
    capabilities: frozenset[str] = frozenset()
    temperature: float = 0.07

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a passport says of the model."""
        return {"name": self.name}

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        """Features (N, F) and unit-norm joint embeddings (N, D) of N images."""
        raise self.cannot("embed_image")

    def embed_image(self, images: Sequence[Pixels]) -> FloatArray:
        """Unit-norm joint embeddings of N images, (N, D)."""
        return self.encode_image(images).joint

    def image_features(self, images: Sequence[Pixels]) -> FloatArray:
        """Features of N images before the projection, (N, F)."""
        return self.encode_image(images).features

    def embed_text(self, texts: Sequence[str]) -> FloatArray:
        """Unit-norm joint embeddings of N texts, (N, D)."""
        raise self.cannot("embed_text")

    def similarity_map(self, image: Pixels, text: str) -> FloatArray:
        """Cosine of each patch of one image with one text, (h, w)."""
        raise self.cannot("similarity_map")

    def match(self, images: Sequence[Pixels], texts: Sequence[str]) -> FloatArray:
        """Logit that each of N images shows what each of M texts says, (N, M); 0 is undecided."""
        every = [(row, column) for row in range(len(images)) for column in range(len(texts))]
        return self.match_pairs(images, texts, pairs=every).reshape(len(images), len(texts))

    def match_pairs(
        self, images: Sequence[Pixels], texts: Sequence[str], *, pairs: Sequence[tuple[int, int]]
    ) -> FloatArray:
        """The same for pairs of numbers of images and texts, (K,)."""
        raise self.cannot("match")

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer requests, which are taken one by one as there is room, in the order in which answers come.

        A request that fails gives a reply with `finish` "error" and the reason; the others go on. A model that
        cannot be asked at all (no such address, no key) raises `EndpointError`.
        """
        raise self.cannot("generate")

    def stream(self, request: Request) -> Iterator[str | Reply]:
        """Answer one request: pieces of its text as they are written, at last the whole reply.

        The pieces add up to the text of the reply. A model that cannot give pieces gives the text as one.
        """
        for reply in self.generate([request]):
            if reply.text:
                yield reply.text
            yield reply

    def cannot(self, capability: str) -> CapabilityError:
        """Return the error for a capability that this model lacks, with what it has and what to adapt."""
        able = ", ".join(sorted(self.capabilities)) or "nothing that a task can use yet"
        return CapabilityError(
            f"model {self.name!r} cannot {capability} (it can: {able}); {CAPABILITIES[capability]}"
        )


class Backend(Protocol):
    """What a file in ``inference/backends`` offers."""

    def claims(self, spec: str) -> bool:
        """Say whether the spec is of this kind, without importing anything heavy."""

    def open_model(self, spec: str, *, device: str) -> Predictor:
        """Open the model that the spec names."""


def open_predictor(spec: str | Path | Predictor, *, device: str = "auto") -> Predictor:
    """Open a model by its spec; a predictor is returned as it is.

    Args:
        spec: a run folder (its best model, else its last), a folder with `vesalius.json`, a Hugging Face
            folder or hub id of a dual encoder or of a model that writes, ``openai:URL#model``, or ``control:NAME``.
        device: "cpu", "cuda", or "auto" for the accelerator where there is one.

    Raises:
        ConfigError: the spec is of no known kind.
        CheckpointError: the model is missing, corrupt or unsafe.
    """
    if not isinstance(spec, str | Path):
        return spec
    text = str(spec)
    package = "vesalius.inference.backends"
    for name in registry.names(package):
        backend: Any = import_module(f"{package}.{name}")
        if backend.claims(text):
            opened: Predictor = backend.open_model(text, device=device)
            return opened
    raise ConfigError(
        f"model {text!r} is of no known kind; expected a run folder, a folder with vesalius.json or "
        "config.json, a hub id such as 'openai/clip-vit-base-patch32', openai:URL#model or control:NAME"
    )


def unit_rows(values: NDArray[Any]) -> FloatArray:
    """Scale each row of (N, D) to length one in float32; a row of zeros stays zero."""
    rows = np.asarray(values, dtype=np.float32)
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0), dtype=np.float32)
