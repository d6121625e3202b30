"""A question before it is worded, and what other studies can lend to it: distractors, thresholds, sites.

Everything is read from records, so that questions can be asked of any corpus that states findings, regions and
measurements.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vesalius.data.records import Finding, Measurement, Region, Study

__all__ = ["AnswerType", "Item", "Pool", "View", "named", "pool_of"]

AnswerType = Literal["closed", "choice", "multi_choice", "open", "number", "box", "points", "mask", "order"]
_HIDDEN = "hardly visible"
_KEPT_VALUES = 400


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question about one study."""

    family: str
    key: str
    """What is asked, without the truth: over all studies each answer to one key is equally frequent."""
    kind: str
    """The answer as one of few kinds, for that balance; empty where answers are numbers or places."""
    kinds: tuple[str, ...] = ()
    """All kinds that must occur, or the key is dropped; empty where those that occur will do."""
    answer: str
    answer_type: AnswerType
    options: tuple[str, ...] = ()
    distractors: tuple[str, ...] = ()
    """All wrong options; three of those that are right elsewhere are offered beside the answer."""
    slots: tuple[tuple[str, str], ...] = ()
    images: tuple[str, ...] = ()
    evidence: tuple[int, ...] = ()
    """Indices into the study's regions."""
    rationale: str = ""
    steps: int = 1
    """Steps of reasoning: look, locate, measure, compare, apply a rule."""
    before: tuple[tuple[str, str], ...] = ()
    """Earlier questions and answers of the same conversation, worded."""


@dataclass
class Pool:
    """What the studies of one split hold: counts by concept, and values of measurements."""

    sites: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    severities: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    attributes: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    present: Counter[str] = field(default_factory=Counter)
    anatomies: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Structures that have boxes, by modality."""
    modalities: Counter[str] = field(default_factory=Counter)
    sequences: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    phases: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Labels of phases by modality and body part."""
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By `measure_key`; the first few hundred."""

    def add(self, study: Study) -> None:
        """Count a study."""
        for finding in study.findings:
            if finding.status == "present" and finding.concept != "no_finding":
                self.present[finding.concept] += 1
                self.sites[finding.concept][finding.anatomy] += bool(finding.anatomy)
                self.severities[finding.concept][finding.severity] += bool(finding.severity)
                for name, value in finding.attributes:
                    self.attributes[finding.concept, name][value] += 1
        modality = {image.id: image.modality for image in study.images}
        for region in study.regions:
            if region.kind == "box" and not region.concept and region.anatomy:
                self.anatomies[modality[region.image]][region.anatomy] += 1
        for image in study.images:
            self.modalities[image.modality] += 1
            self.sequences[image.modality][image.sequence or image.view] += bool(image.sequence or image.view)
        for event in study.events:
            if event.kind == "phase":
                self.phases[study.image(event.image).body_part][event.label] += 1
        for measured in study.measurements:
            values = self.values[measure_key(measured)]
            if len(values) < _KEPT_VALUES and np.isfinite(measured.value):
                values.append(measured.value)


def pool_of(studies: Iterable[Study]) -> Pool:
    """Collect what studies can lend to each other's questions."""
    pool = Pool()
    for study in studies:
        pool.add(study)
    return pool


def measure_key(measured: Measurement) -> str:
    """Name what is measured, so that values with the same name can be compared between people."""
    return "/".join((measured.name, measured.anatomy, measured.laterality, measured.unit))


@dataclass(frozen=True)
class View:
    """A study as families see it: what shows in it, what does not, what others lend, and its own stream."""

    study: Study
    pool: Pool
    rng: np.random.Generator
    prior: Study | None = None

    @property
    def seen(self) -> list[Finding]:
        """Present findings that a reader can see."""
        return [
            finding
            for finding in self.study.findings
            if finding.status == "present"
            and finding.concept != "no_finding"
            and dict(finding.attributes).get("visibility") != _HIDDEN
        ]

    @property
    def concepts(self) -> list[str]:
        """Concepts of the seen findings, each once."""
        return list(dict.fromkeys(finding.concept for finding in self.seen))

    @property
    def absent(self) -> list[str]:
        """Concepts that are not there."""
        return [
            finding.concept
            for finding in self.study.findings
            if finding.status == "absent" and finding.concept != "no_finding"
        ]

    @property
    def hidden(self) -> bool:
        """True where something is present that cannot be seen."""
        present = {finding.concept for finding in self.study.findings if finding.status == "present"} - {"no_finding"}
        return bool(present - set(self.concepts))

    def regions(self, *, concept: str = "", anatomy: str = "", kind: str = "") -> list[tuple[int, Region]]:
        """Regions with their indices, of a concept or of a normal structure."""
        return [
            (index, region)
            for index, region in enumerate(self.study.regions)
            if region.concept == concept
            and (not anatomy or region.anatomy == anatomy)
            and (not kind or region.kind == kind)
        ]

    def evidence(self, concept: str) -> tuple[int, ...]:
        """Indices of the masks of a concept, or of its boxes where it has no masks."""
        marked = self.regions(concept=concept)
        masks = tuple(index for index, region in marked if region.kind == "mask")
        return masks or tuple(index for index, _ in marked)

    def pick(self, options: Sequence[str], count: int) -> list[str]:
        """Draw different options, each as likely."""
        return [options[place] for place in self.rng.permutation(len(options))[:count]]

    def shuffled(self, options: Iterable[str]) -> tuple[str, ...]:
        """Return options in a drawn order."""
        listed = list(options)
        return tuple(listed[place] for place in self.rng.permutation(len(listed)))


def named(concept: str) -> str:
    """Name of a concept in plain words."""
    return concept.replace("_", " ")
