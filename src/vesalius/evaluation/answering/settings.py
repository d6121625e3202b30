"""How a benchmark of questions is put to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vesalius.config import Config
from vesalius.errors import ConfigError
from vesalius.inference.requests import Decoding

__all__ = ["AnsweringSettings"]


@dataclass(frozen=True, kw_only=True)
class AnsweringSettings(Config):
    """Settings of `answer_benchmark`; an unknown one is an error."""

    twin: bool = False
    """Ask about virtual patients in the release's layout, written where they are not there yet."""
    patients: int = 40
    """Virtual patients of a twin."""
    twin_seed: int = 0
    split: str = "test"
    parts: tuple[str, ...] = ()
    """Parts of the benchmark; all where none is named."""
    arm: str = ""
    """Way to put the questions; the benchmark's first where none is named."""
    shots: int = 0
    """Demonstrations before every question, drawn from the training part."""
    prompt_search: int = 0
    """Choose each part's arm on validation items, with so many arms of each kind made from seeds; 0 chooses none."""
    limit: int = 0
    """Ask so many items only, drawn by the seed; 0 asks all."""
    conventions: tuple[str, ...] = ()
    """Rules beside the benchmark's first; "all" for all of them."""
    rescore: bool = False
    """Mark the stored replies again and ask nothing."""
    judge: str = ""
    """Model that judges what a rule cannot, by its spec."""
    judge_swap: bool = False
    """Ask the judge a second time with the two answers in each other's place; the mean of both verdicts counts."""
    confidence: Literal["", "stated", "agreement", "likelihood"] = ""
    """How sure the model is: it says so in words, by how many drawn answers agree with the greedy one, or by the mean
    log-probability of the tokens of its answer."""
    samples: int = 5
    """Drawn answers of an item, for the agreement."""
    wordnet: str = ""
    """Folder of a WordNet: texts in English are also compared by METEOR with its synonyms."""
    decoding: Decoding | None = None
    """Laid over what the benchmark asks for."""
    controls: bool = True
    """Also ask the controls."""
    control_names: tuple[str, ...] = ("question-only", "blank", "other")
    """Controls that ask the model itself again, beside majority and random."""
    safety_items: int = 100
    """Items that the probes of the safety sheet ask again, drawn by the seed; 0 leaves the sheet out."""
    contamination: str = ""
    """Marks that `vesalius audit --mark` wrote; seen and unseen items are then scored apart, too."""
    allow_upload: bool = False
    """Send parts that may not be handed on to an endpoint elsewhere, too."""
    report: bool = True
    """Write report.html."""
    resamples: int = 1000
    seed: int = 0
    """Of the drawn items, demonstrations, controls and resamples."""
    device: str = "auto"
    command: str = ""

    def __post_init__(self) -> None:
        for name in ("resamples", "limit", "shots", "prompt_search", "safety_items"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if self.judge_swap and not self.judge:
            raise ConfigError("judge_swap needs a judge; name a model by --judge")
        if self.samples < 1:
            raise ConfigError(f"samples is {self.samples}; an agreement needs at least 1 drawn answer")
        if self.patients < 1:
            raise ConfigError(f"patients is {self.patients}; a twin needs at least 1")
