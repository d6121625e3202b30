"""The systems of an evaluation: the model, and the controls that answer the same tasks beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vesalius.data.corpus import Corpus
from vesalius.errors import CapabilityError, DataError
from vesalius.inference import controls
from vesalius.inference.encode import Encoder
from vesalius.inference.grounding import Grounder
from vesalius.inference.matching import Matcher
from vesalius.inference.predictor import Predictor
from vesalius.tasks.base import Encoded, Task, TaskData

__all__ = ["PromptRecorder", "System", "build_systems"]

Encode = Callable[[Encoder], Mapping[str, Encoded]]


@dataclass
class PromptRecorder:
    """An `embed_text` for a task that remembers what it was asked, for the passport."""

    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit-norm embeddings of N texts, (N, D)."""
        self.asked.extend(texts)
        return self.embed(texts)


@dataclass(frozen=True, kw_only=True)
class System:
    """A model or a control, encoded and ready to be asked."""

    control: str
    """Name of the control, or empty for the model."""
    identity: Mapping[str, Any]
    encoded: Mapping[str, Encoded]
    """"test", and "train" and "val" where they are there."""
    encoder: Encoder
    seed: int
    views: Mapping[str, Corpus] = field(default_factory=dict)
    """Corpus of each split, for tasks that match images with texts."""
    frequencies: Mapping[str, float] | None = None
    """Share of each finding, for a control that states nothing else as a probability."""

    def answer(self, task: Task) -> tuple[pa.Table, list[str]]:
        """Let a task be answered, and return the answers and the prompts that were embedded."""
        data, asked = self.task_data()
        table = task.predict(data)
        if self.frequencies is not None:
            table = controls.stating_frequencies(table, self.frequencies)
        return table, asked()

    def task_data(self) -> tuple[TaskData, Callable[[], list[str]]]:
        """Return what a task may use, and what tells the prompts that it embedded and matched."""
        predictor = self.encoder.predictor
        recorder = PromptRecorder(self.encoder.texts)
        matcher = Matcher(encoder=self.encoder, views=self.views, encoded=self.encoded)
        grounder = Grounder(encoder=self.encoder, view=self.views["test"], encoded=self.encoded["test"])
        data = TaskData(
            test=self.encoded["test"],
            train=self.encoded.get("train"),
            val=self.encoded.get("val"),
            embed_text=recorder if "embed_text" in predictor.capabilities else None,
            match=matcher if "match" in predictor.capabilities else None,
            ground=grounder if "similarity_map" in predictor.capabilities else None,
            temperature=predictor.temperature,
            seed=self.seed,
        )
        return data, lambda: [*recorder.asked, *matcher.asked, *grounder.asked]


def build_systems(
    encoder: Encoder, encode: Encode, *, views: Mapping[str, Corpus], seed: int, with_controls: bool
) -> tuple[list[System], list[dict[str, str]]]:
    """Encode the model and build its controls.

    Args:
        encoder: the model and its store.
        encode: encodes all splits with an encoder.
        views: corpus of each split.
        seed: seed of the random weights and of the shuffle.
        with_controls: also build the controls.

    Returns:
        The systems, the model first, and the controls that could not be built with the reason.
    """
    identity = dict(encoder.predictor.identity)
    model = System(control="", identity=identity, encoded=encode(encoder), encoder=encoder, seed=seed, views=views)
    if not with_controls:
        return [model], []
    builders: dict[str, Callable[[System, Encode], System]] = {
        "untrained": _untrained,
        "majority": _majority,
        "shuffled": _shuffled,
    }
    systems, skipped = [model], []
    for name in controls.CONTROLS:
        try:
            systems.append(builders[name](model, encode))
        except (CapabilityError, DataError) as error:
            skipped.append({"control": name, "reason": str(error)})
    return systems, skipped


def _untrained(model: System, encode: Encode) -> System:
    twin: Predictor = controls.untrained(model.encoder.predictor, seed=model.seed)
    encoder = replace(model.encoder, predictor=twin)
    identity = dict(twin.identity)
    return replace(model, control="untrained", identity=identity, encoder=encoder, encoded=encode(encoder))


def _majority(model: System, encode: Encode) -> System:
    train = model.encoded.get("train")
    blinded = {name: controls.blind(split, like=train) for name, split in model.encoded.items()}
    learnt = model.encoded.get("train") or model.encoded.get("val")
    shares = controls.frequencies(learnt) if learnt is not None else None
    return replace(model, control="majority", encoded=blinded, frequencies=shares)


def _shuffled(model: System, encode: Encode) -> System:
    test = controls.shuffled(model.encoded["test"], seed=model.seed)
    return replace(model, control="shuffled", encoded={**model.encoded, "test": test})
