"""Controls: what a number would be if the model had learnt nothing, saw nothing, or saw the wrong patient.

Letters: N items, F features, D joint width, C concepts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.errors import CapabilityError, DataError
from vesalius.inference.predictor import BasePredictor, ImageEmbeddings, Predictor, unit_rows
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.base import Encoded

if TYPE_CHECKING:
    from vesalius.data.readers import Pixels

__all__ = [
    "CONTROLS",
    "MajorityPredictor",
    "RandomPredictor",
    "SayingPredictor",
    "blind",
    "derangement",
    "frequencies",
    "shuffled",
    "stating_frequencies",
    "untrained",
]

CONTROLS: Mapping[str, str] = {
    "untrained": "the same architecture with random weights: what preprocessing and architecture alone give",
    "majority": "every image replaced by one and the same: what can be had without looking, from texts and "
    "frequencies alone",
    "shuffled": "each study gets the image of another patient: what is left when image and patient do not "
    "belong together",
}
"""The controls of every evaluation and what each one shows."""

_WIDTH = 64


class RandomPredictor(BasePredictor):
    """Random embeddings that depend only on the seed and on the content of an image or text."""

    name = "control:random"
    capabilities = frozenset({"embed_image", "embed_text", "score", "generate"})

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, seed and width."""
        return {
            "kind": "control",
            "name": self.name,
            "seed": self.seed,
            "width": _WIDTH,
            "weights_sha256": "none",
        }

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        """Random features and joint embeddings of N images, the same for equal pixels, (N, D)."""
        rows = unit_rows(np.stack([self._draw(np.ascontiguousarray(image.array).tobytes()) for image in images]))
        return ImageEmbeddings(rows, rows)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Random joint embeddings of N texts, the same for equal texts, (N, D)."""
        return unit_rows(np.stack([self._draw(text.encode()) for text in texts]))

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Pick one of the choices, or of the stated options, by the digest of the request; without any, fail."""
        if "generate" not in self.capabilities:
            raise self.cannot("generate")
        return self._picks(requests)

    def _picks(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in requests:
            choices = request.choices or tuple(request.option_texts)
            if not choices:
                yield Reply(
                    id=request.id, finish="error", error="nothing to pick from: the request states no choices"
                )
                continue
            digest = hashlib.sha256(self.seed.to_bytes(8, "big") + bytes.fromhex(request.key)).digest()
            yield Reply(id=request.id, text=choices[int.from_bytes(digest[:8], "big") * len(choices) >> 64])

    def _draw(self, content: bytes) -> NDArray[np.float64]:
        digest = hashlib.sha256(self.seed.to_bytes(8, "big") + content).digest()
        return np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(_WIDTH)


class MajorityPredictor(RandomPredictor):
    """The same embedding for every image: only texts and frequencies are left to predict from."""

    name = "control:majority"
    capabilities = frozenset({"embed_image", "embed_text", "score"})

    def encode_image(self, images: Sequence[Pixels]) -> ImageEmbeddings:
        """One fixed row for each of N images, (N, D)."""
        rows = np.repeat(unit_rows(self._draw(b"every image")[None]), len(images), axis=0)
        return ImageEmbeddings(rows, rows)


class SayingPredictor(BasePredictor):
    """Says the same of everything, or what was said last in the conversation."""

    capabilities = frozenset({"generate"})

    def __init__(self, text: str | None = None) -> None:
        """Hold the text; None repeats the last answer of the conversation, such as that of a demonstration."""
        self._text = text
        self.name = "control:copy-last" if text is None else "control:constant"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind, and what is said."""
        said = {} if self._text is None else {"says": self._text}
        return {"kind": "control", "name": self.name, "weights_sha256": "none", **said}

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Answer each request at once; without an answer in the conversation there is nothing to repeat."""
        for request in requests:
            said = [message.text for message in request.messages if message.role == "assistant"]
            if self._text is None and not said:
                yield Reply(id=request.id, finish="error", error="no answer in the conversation to repeat")
            else:
                yield Reply(id=request.id, text=said[-1] if self._text is None else self._text)


def untrained(predictor: Predictor, *, seed: int) -> Predictor:
    """Return the architecture of `predictor` with random weights of `seed`.

    Raises:
        CapabilityError: the model's weights are not in this process, such as behind an endpoint.
    """
    make = getattr(predictor, "untrained", None)
    if make is None:
        raise CapabilityError(f"model {predictor.name!r} has no architecture here that could be built untrained")
    twin: Predictor = make(seed)
    return twin


def blind(encoded: Encoded, *, like: Encoded | None = None) -> Encoded:
    """Replace every image embedding by the mean one, of the split `like` (training) where it is given.

    Where images are matched with texts, the first image of the split stands for all.
    """
    source = encoded if like is None else like
    features = np.repeat(source.features.mean(axis=0, keepdims=True), len(encoded), axis=0)
    joint = np.repeat(unit_rows(source.joint.mean(axis=0, keepdims=True)), len(encoded), axis=0)
    one = (0,) * len(encoded)
    return replace(encoded, features=features.astype(np.float32), joint=joint, image_of=one)


def frequencies(encoded: Encoded) -> dict[str, float]:
    """Return the share of known items in which each concept is present; without a known item it is left out."""
    known = np.isfinite(encoded.labels)
    counts = known.sum(axis=0)
    present = np.where(known, encoded.labels, 0).sum(axis=0)
    return {
        name: float(total / count)
        for name, total, count in zip(encoded.concepts, present, counts, strict=True)
        if count
    }


def stating_frequencies(table: pa.Table, shares: Mapping[str, float]) -> pa.Table:
    """Answer by the share of each finding where a probability is stated: the best guess of one who does not look.

    Score and probability become the share and the threshold a half, so that the decision is the majority's.
    """
    told = np.array([shares.get(label, np.nan) for label in table["label"].to_pylist()])
    replaced = np.isfinite(table["probability"].to_numpy()) & np.isfinite(told)
    for name, values in (("score", told), ("probability", told), ("threshold", np.full(len(told), 0.5))):
        place = table.schema.get_field_index(name)
        kept = np.where(replaced, values, table[name].to_numpy())
        table = table.set_column(place, table.schema.field(place), pa.array(kept))
    return table


def shuffled(encoded: Encoded, *, seed: int) -> Encoded:
    """Give each item the image embeddings of an item of another patient; texts and labels stay.

    Patients are deranged: nobody keeps the own images; a patient's new images come from one other patient.
    """
    partner = derangement(sorted(set(encoded.patients)), seed=seed)
    rows: dict[str, list[int]] = {}
    for row, patient in enumerate(encoded.patients):
        rows.setdefault(patient, []).append(row)
    seen: dict[str, int] = {}
    source = np.empty(len(encoded), dtype=np.int64)
    for row, patient in enumerate(encoded.patients):
        theirs = rows[partner[patient]]
        source[row] = theirs[seen.get(patient, 0) % len(theirs)]
        seen[patient] = seen.get(patient, 0) + 1
    return replace(
        encoded,
        features=encoded.features[source],
        joint=encoded.joint[source],
        image_of=tuple(source.tolist()),
    )


def derangement(names: Sequence[str], *, seed: int) -> dict[str, str]:
    """Pair each name with another one, each used once: one random cycle through all of them (Sattolo).

    Raises:
        DataError: fewer than two names.
    """
    if len(names) < 2:
        raise DataError("images cannot be shuffled among patients: there is only one patient")
    order = np.random.default_rng(seed).permutation(len(names))
    return {names[a]: names[b] for a, b in zip(order, np.roll(order, -1), strict=True)}
