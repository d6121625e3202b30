"""What every protocol is: examples of a corpus, a head on a trunk, its loss, its outputs and its validation score.

A protocol's module holds SETTINGS, a class of `FitSettings` with the numbers of its source, and PROTOCOL.
Legend: B batch, C channels, K concepts, N examples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vesalius import registry
from vesalius.adaptation.examples import Example, Examples, Subset, Target
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.data.views import ViewConfig, view

__all__ = ["Outputs", "Protocol", "load", "names"]

Outputs = Mapping[str, NDArray[Any]]
"""What a head answers, by name, one row an example."""


class Protocol(nn.Module, ABC):
    """A head on a trunk."""

    task: ClassVar[str]
    """Task that scores the outputs."""
    capability: ClassVar[str]
    """What a model with this head can do."""
    unit: ClassVar[str] = "studies"
    """What the examples are."""
    by_concept: ClassVar[bool] = True
    """Whether concepts of the corpus are what is learnt; else `facts_of` finds it."""
    reads_validation: ClassVar[bool] = False
    """Whether the task takes something from the validation split, such as thresholds."""
    controls: ClassVar[Mapping[str, str]] = {}
    """Words on what `blind` answers by, by the name of the control."""
    facts: Mapping[str, Any] = {}
    """What `facts_of` found for this head; kept with it."""

    def __init__(self, settings: FitSettings, trunk: Trunk, concepts: Sequence[str]) -> None:
        super().__init__()
        self.settings = settings
        self.trunk = trunk
        self.concepts = tuple(concepts)

    @classmethod
    def concepts_of(cls, corpus: Corpus, *, at_least: int) -> tuple[str, ...]:
        """Return the concepts that a training split can teach: so many studies with each, and so many without."""
        names = tuple(sorted(corpus.concepts()))
        labels = corpus.labels(names)
        enough = ((labels == 1).sum(axis=0) >= at_least) & ((labels == 0).sum(axis=0) >= at_least)
        return tuple(name for name, fits in zip(names, enough, strict=True) if fits)

    @classmethod
    def facts_of(cls, views: Mapping[str, Corpus], settings: FitSettings) -> Mapping[str, Any]:
        """Return what else the head is built on, plain values that are keywords of the class.

        Args:
            views: by part: train, val, test.
            settings: of the fit.

        Raises:
            DataError: there is nothing to learn.
        """
        del views, settings
        return {}

    @classmethod
    def choose(cls, corpus: Corpus, concepts: Sequence[str]) -> list[Example]:
        """Return the examples of a split: every study with an image, its first frontal one."""
        labels = corpus.labels(tuple(concepts))
        return [
            Example(study=study.id, patient=study.patient, image=study.main_image, labels=labels[row], known=study)
            for row, study in enumerate(corpus)
            if study.images and cls.fits(study)
        ]

    @classmethod
    def fits(cls, study: Study) -> bool:
        """Say whether a study with an image can be an example."""
        del study
        return True

    def begin(self, train: Corpus) -> None:
        """Take in what the head starts from, such as vectors of words; a fitted head is opened without."""
        del train

    @abstractmethod
    def target(self, example: Example, corpus: Corpus) -> Target:
        """Make what is to be answered of an example."""

    @abstractmethod
    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of a batch: `pixel_values` (B, C, …) normalised, and the targets."""

    @abstractmethod
    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Answer for a batch, one row an example; targets in it are not looked at."""

    @abstractmethod
    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """Score outputs of a validation split; larger is better, NaN where it cannot be told."""

    def measured(self, examples: Examples, outputs: Outputs) -> Outputs:
        """Return what the task reads: the outputs, or how they compare with a truth that is no label."""
        del examples
        return outputs

    def blind(self, train: Subset, examples: Examples, *, batch: int) -> Mapping[str, Outputs]:
        """Return what the task reads for answers that never look at the picture, by the names of `controls`.

        Args:
            train: what this head learnt from.
            examples: of the split that is tested.
            batch: examples at once.
        """
        del train, examples, batch
        return {}

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of a batch."""
        return self.loss(batch)

    def encoder_parts(self) -> list[nn.Module]:
        """Modules of the trunk that are fitted where the encoder is tuned."""
        return self.trunk.vision_parts()

    def head_parts(self) -> list[nn.Module]:
        """Modules that the head adds."""
        return [module for name, module in self.named_children() if name != "trunk"]

    def augmented(
        self, picture: NDArray[np.float32], target: Target, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Target]:
        """Draw a view of a picture (C, …) of training; targets that lie in it are moved along by the protocol."""
        return view(picture, self.settings.view, rng=rng), target

    def batch(self, examples: Examples, numbers: Sequence[int], *, seeds: Sequence[Any] = ()) -> dict[str, Tensor]:
        """Make a batch of examples; `seeds`, one an example, draw its view, and none leaves it as it is."""
        pictures, targets = [], []
        for place, number in enumerate(numbers):
            picture, target = examples.picture(number), examples.target(number)
            if len(seeds):
                picture, target = self.augmented(picture, target, np.random.default_rng(seeds[place]))
            pictures.append(picture)
            targets.append(target)
        made = {"pixel_values": torch.from_numpy(examples.processor.normalise(np.stack(pictures)))}
        for name in targets[0]:
            value = np.stack([target[name] for target in targets])
            made[name] = torch.from_numpy(value.astype(np.float32) if value.dtype.kind in "fb" else value)
        return made


def moved(config: ViewConfig) -> ViewConfig:
    """Return the part of a view that moves pixels."""
    return replace(config, brightness=None, contrast=None, blur=None)


def shaded(config: ViewConfig) -> ViewConfig:
    """Return the part of a view that changes values alone."""
    return ViewConfig(brightness=config.brightness, contrast=config.contrast, blur=config.blur)


def names() -> tuple[str, ...]:
    """Return the names of the protocols, without importing them."""
    return registry.names("vesalius.adaptation.protocols")


def load(name: str) -> ModuleType:
    """Return the module of a protocol.

    Raises:
        ConfigError: no such protocol; offers the nearest.
    """
    return registry.load("vesalius.adaptation.protocols", name)
