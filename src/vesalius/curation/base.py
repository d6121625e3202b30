"""What a step of curation is: a frozen setting that keeps, changes or drops studies, and says why.

A step sees the corpus once (`prepare`) and gives back a decision for each study. Most need no look at the whole and
derive from `StudyStep`. A step never changes a study in place, reads no clock, and draws chance from the stage's seed
and the study's id, so that its outcome depends on neither the order nor the number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import tee
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from vesalius.config import Config
from vesalius.data.fingerprint import study_key
from vesalius.data.records import Study

__all__ = [
    "Decision",
    "Dropped",
    "Files",
    "Outcome",
    "Spread",
    "Stage",
    "Step",
    "StudyStep",
    "Tally",
    "chance",
    "run_step",
]


class Files(Protocol):
    """Where the files are that records name; a `Corpus` is one."""

    def path(self, relative: str) -> Path:
        """Return the place of a file."""
        ...


@dataclass(frozen=True)
class Dropped:
    """A study that does not go on."""

    reason: str
    """A few words that are the same for all studies dropped for it."""
    detail: str = ""
    """What is particular to this study, such as the study that it repeats."""


Outcome = Study | Dropped
Decision = Callable[[Study], Outcome]
R = TypeVar("R")


class Spread(Protocol):
    """Applies a function to each of many studies, and gives the results in their order."""

    def __call__(self, function: Callable[[Study], R], studies: Iterable[Study], /) -> Iterator[R]:
        """Apply the function."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The studies before a step, which may be gone through more than once, and their files."""

    studies: Iterable[Study]
    files: Files
    seed: int = 0
    spread: Spread = map
    """How a decision is taken on all studies: `map` in this process, or as `ordered_map` in several."""


@dataclass(frozen=True, kw_only=True)
class Step(Config, ABC):
    """Base of every step; its fields are the settings that a recipe may give."""

    @abstractmethod
    def prepare(self, stage: Stage) -> Decision:
        """Look at the whole and return what to do with each study of it."""


@dataclass(frozen=True, kw_only=True)
class StudyStep(Step):
    """A step that decides on each study by itself."""

    def prepare(self, stage: Stage) -> Decision:
        """Return `apply` with the stage in place; it may be run in another process, and knows no other study."""
        return partial(self.apply, stage=replace(stage, studies=(), spread=map))

    @abstractmethod
    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Return the study as it goes on, or why it does not."""


@dataclass(kw_only=True)
class Tally:
    """Counts of a step."""

    studies_in: int = 0
    studies_out: int = 0
    changed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Studies by the reason for which they were dropped."""
    before: Counter[str] = field(default_factory=Counter)
    """Images, texts, regions and so on of all studies that came in."""
    after: Counter[str] = field(default_factory=Counter)

    def count(self, study: Study, outcome: Outcome) -> None:
        """Count one study."""
        self.studies_in += 1
        self.before.update(_records(study))
        if isinstance(outcome, Dropped):
            self.dropped[outcome.reason] += 1
            return
        self.studies_out += 1
        self.changed += outcome != study
        self.after.update(_records(outcome))

    def as_dict(self) -> dict[str, object]:
        """Return plain values, reasons in order of their names."""
        return {
            **asdict(self),
            "dropped": dict(sorted(self.dropped.items())),
            "before": dict(sorted(self.before.items())),
            "after": dict(sorted(self.after.items())),
        }


def _records(study: Study) -> dict[str, int]:
    lists = ("images", "texts", "findings", "regions", "measurements", "dialogues")
    return {name: len(getattr(study, name)) for name in lists}


def run_step(step: Step, stage: Stage, *, name: str) -> Iterator[tuple[Study, Outcome]]:
    """Yield every study of the stage with what became of it; a changed study says so in its provenance.

    Args:
        step: what to do.
        stage: the studies before it.
        name: how the step is called in `Provenance.made_by`.
    """
    decide = step.prepare(stage)
    spread = stage.spread if isinstance(step, StudyStep) else map
    studies, asked = tee(stage.studies)
    for study, outcome in zip(studies, spread(decide, asked), strict=True):
        if isinstance(outcome, Study) and outcome != study:
            origin = outcome.provenance
            chain = f"{origin.made_by} → {name}" if origin.made_by else name
            outcome = replace(outcome, provenance=replace(origin, made_by=chain))
        yield study, outcome


def chance(seed: int, study: str, purpose: str) -> np.random.Generator:
    """Return the stream of random numbers that belongs to a study and a purpose."""
    return np.random.default_rng([seed, study_key(study) % 2**64, study_key(purpose) % 2**64])
