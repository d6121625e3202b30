"""What a benchmark is: stages of fine-tuning that are the same for every method, or questions with their own rules.

A benchmark of questions is one file with the object `BENCHMARK`. It reads the release (or its twin), says what a
model is asked, and marks what it said, under its own rule and under the named conventions of published scorers. It
never sees a model: asking, storing, resuming, intervals, controls and pages are the harness's
(`vesalius.evaluation.answering`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from vesalius import registry
from vesalius.data.messages import Media
from vesalius.errors import ConfigError, did_you_mean
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.answers.evidence import Evidence

__all__ = [
    "Arm",
    "Benchmark",
    "Headline",
    "Item",
    "Mark",
    "Published",
    "Ratio",
    "Stage",
    "Status",
    "benchmark",
    "question_benchmarks",
]

Status = Literal["answered", "unparsed", "ambiguous", "refused", "empty", "failed", "unreadable"]
"""What became of an answer; `unreadable` failed because a picture of the item cannot be read: the harness sees it."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One downstream protocol with its shares of the labels and its tuning budget."""

    protocol: str
    """Name of a file in `vesalius.adaptation.protocols`."""
    metric: str
    """Score that is compared; the mean over concepts."""
    fractions: tuple[float, ...]
    draws: int
    rates: tuple[float, ...]
    """Multiples of the protocol's learning rate; validation chooses."""
    fit: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Settings laid over those of the protocol."""
    words: str = ""
    """Heading of its columns."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question of a benchmark with its truth."""

    id: str
    """Unique in the benchmark."""
    part: str
    """The data set, configuration or task of the benchmark that it is scored in."""
    kind: str
    """closed, choice, multi_choice, open, number, box, points, mask, order, report, caption, summary."""
    question: str
    truth: Any
    """The right answer in the form that the benchmark's rule compares with."""
    cluster: str
    """Patient, picture or family of permutations: the unit of resampling."""
    media: tuple[Media, ...] = ()
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Letter to text, in the order in which they are shown."""
    language: str = "en"
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What subgroups are made of: modality, organ, question type."""
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What only this benchmark knows: demonstrations, stages, the other picture of a pair."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a rule makes of one answer, or of several that are marked together."""

    values: Mapping[str, float]
    """Metric to value; NaN where the rule leaves the item out. The harness averages and counts them."""
    status: Status = "answered"
    said: str = ""
    """What was read out of the reply, for the page."""
    rule: str = ""
    """Which rule read it."""
    confidence: float | None = None
    """Probability, 0 to 1, that the model gives its answer; None where it says none. The harness fills in that of
    weighed choices."""
    written: str | None = None
    """Words that text metrics of the whole part compare with `references`; None where there are none."""
    references: tuple[str, ...] = ()
    boxes: tuple[tuple[Literal["truth", "said"], tuple[float, float, float, float]], ...] = ()
    """Left, top, right and bottom in shares of the first picture, to be drawn on it."""
    ids: tuple[str, ...] = ()
    """Items that are marked together; empty for the one item itself."""
    evidence: tuple[Evidence, ...] = ()
    """What scores over all answers of the part are made of, one of each kind and metric. The harness adds how
    probable each option of a choice is."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A way to put the questions: prompt, decoding, demonstrations."""

    name: str
    words: str
    """What it does, in a sentence, with its source."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A number that the benchmark's table prints."""

    metric: str
    part: str = ""
    """Empty for every part."""
    over: str = ""
    """Field of the items over whose values a plain mean is taken (macro); empty for the mean over all items."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A score of its own: the mean of a metric in one part over that in another, such as a relative robustness."""

    name: str
    """In the place of the part in the score's name."""
    metric: str
    over: str
    """Part above the line."""
    under: str
    """Part below it."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A number that somebody published, with its place."""

    model: str
    metric: str
    part: str
    value: float
    source: str
    arm: str = ""


class Benchmark(ABC):
    """A benchmark of questions; without more it has one arm, one rule, no judge, and each item stands for itself."""

    name: str
    parts: tuple[str, ...]
    arms: tuple[Arm, ...] = (Arm(name="direct", words="the question, and how to answer"),)
    """Ways to put the questions, the paper's first."""
    conventions: Mapping[str, str] = MappingProxyType({"strict": "one parser, no guess: unparsed answers are wrong"})
    """Rules of marking, ours first; every other is a published scorer's, with what it changes."""
    headlines: tuple[Headline, ...] = (Headline(metric="accuracy"),)
    text_metrics: tuple[str, ...] = ()
    """Names of `vesalius.metrics.lexical` that are taken over all written texts of a part."""
    ratios: tuple[Ratio, ...] = ()
    published: tuple[Published, ...] = ()
    credentialed: tuple[str, ...] = ()
    """Parts whose files may be had after a training and an agreement only, and may not be handed on."""
    turns: int = 1
    """Most messages that a model writes about one item."""

    @abstractmethod
    def items(self, root: Path, *, parts: Sequence[str], split: str) -> Iterator[Item]:
        """Yield the questions of a release at `root`, part by part, in the order of its files.

        Splits that the release does not have give nothing. Raises a `DataError` that names what is missing.
        """

    def arm(self, name: str) -> Arm | None:
        """Return a way to put the questions by its name, also one that a seed makes and `arms` does not list."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def searched_arms(self, part: str, arm: str, count: int) -> tuple[str, ...]:
        """Return the arms that validation chooses from; where seeds make them, `count` of each kind like `arm`."""
        return tuple(arm.name for arm in self.arms)

    def parts_at(self, root: Path) -> tuple[str, ...]:
        """Return the parts that a release at `root` has: what is asked where no part is named."""
        return self.parts

    @abstractmethod
    def write_twin(self, root: Path, *, patients: int, seed: int) -> None:
        """Write the layout of the release filled with virtual patients into an empty folder."""

    @abstractmethod
    def ask(self, item: Item, said: Sequence[Reply], *, arm: str, shots: Sequence[Item]) -> Request | None:
        """Return what is asked next, after the replies `said`; None where the item is done."""

    @abstractmethod
    def right(self, item: Item, said: Sequence[Reply]) -> str:
        """Return the reply that nobody could better, after the replies `said`: what controls are made of."""

    @abstractmethod
    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark the replies to one item by a convention."""

    def group(self, item: Item) -> str:
        """Return a name that items share which `gather` marks together; a drawn sample never parts them."""
        return item.id

    def gather(self, marks: Iterable[tuple[Item, Mark]], *, convention: str) -> Iterator[tuple[Item, Mark]]:
        """Turn marks of items into those that are averaged, such as of pairs; each item for itself by default."""
        yield from marks

    def judge(self, item: Item, said: Sequence[Reply]) -> Request | None:
        """Return what a judge is asked about the replies; None where no judge is needed."""
        return None

    def judged(self, item: Item, mark: Mark, verdict: Reply) -> Mark:
        """Add what the judge said to a mark."""
        return mark

    def turned(self, item: Item, said: Sequence[Reply]) -> tuple[Item, Sequence[Reply]] | None:
        """Return item and replies as a judge sees them with the two answers in each other's place.

        Options stand in the other order; the right answer and the reply to an open or closed question change places.
        None where a verdict would not mean the same, such as of reports by a rubric.
        """
        if item.options and item.truth in item.options:
            letters = list(item.options)
            options = dict(zip(letters, list(item.options.values())[::-1], strict=True))
            return replace(item, options=options, truth=letters[-1 - letters.index(item.truth)]), said
        if item.kind in ("open", "closed") and isinstance(item.truth, str) and said[-1].text.strip():
            return replace(item, truth=said[-1].text), (*said[:-1], replace(said[-1], text=item.truth))
        return None

    def judges(self, item: Item, said: Sequence[Reply]) -> tuple[Request, ...]:
        """Return all that a judge is asked about the replies: the one request of `judge`, or several of a rubric."""
        asked = self.judge(item, said)
        return () if asked is None else (asked,)

    def judged_by(self, item: Item, mark: Mark, verdicts: Sequence[Reply]) -> Mark:
        """Add what the judge said to each of `judges` to a mark; no verdicts where none was asked for."""
        return self.judged(item, mark, verdicts[0]) if verdicts else mark


@cache
def question_benchmarks() -> tuple[str, ...]:
    """Return the names of all benchmarks of questions."""
    package = "vesalius.benchmarks"
    return tuple(name for name in registry.names(package) if hasattr(registry.load(package, name), "BENCHMARK"))


def benchmark(name: str) -> Benchmark:
    """Return a benchmark of questions by its name; ``sure-vqa`` and ``sure_vqa`` are the same.

    Raises:
        ConfigError: no such benchmark; offers the nearest names.
    """
    stem = name.replace("-", "_")
    if stem not in question_benchmarks():
        raise ConfigError(f"no benchmark of questions {name!r}{did_you_mean(stem, question_benchmarks())}")
    found: Benchmark = registry.load("vesalius.benchmarks", stem).BENCHMARK
    return found
