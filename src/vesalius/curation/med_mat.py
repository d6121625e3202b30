"""Med-MAT: data sets as triplets of modality, area and task, and the choice questions made of their labels.

Paper: Cai et al., ACL 2025, arXiv 2412.20070. Code: FreedomIntelligence/Med-MAT, data and README only; no licence
file.
New: every data set gets a triplet (M, A, T); a target is covered when other triplets together have each of its
three elements, and training on these is compared with unrelated data of the same size.
Differs here: the data half alone: triplets, covers, items. Triplets of a study come from its images and from a
table of tasks by finding; training, the synthetic experiment of the card and its curves need a model and are not in
this file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from vesalius.curation.base import Decision, Outcome, Stage, Step, chance
from vesalius.curation.terms import body_part_name, concept_names, modality_name
from vesalius.data.records import Dialogue, Study, Turn
from vesalius.errors import DataError
from vesalius.paper import Paper

__all__ = [
    "INSTRUCTIONS", "PAPER", "STEP", "Item", "MedMat", "Triplet", "covers", "item", "minimal_covers", "related",
    "triplets_of", "unrelated",
]  # fmt: skip

PAPER = Paper(
    slug="med-mat",
    title="On the Compositional Generalization of Multimodal LLMs for Medical Imaging",
    year=2025,
    arxiv="2412.20070",
    venue="ACL",
    code="FreedomIntelligence/Med-MAT: data and README, no code, no licence file",
)

_LETTERS = "ABCD"
_ASK_LETTER = "Answer with the option's letter from the given choices directly."
INSTRUCTIONS = (
    "Which {task} does this {picture} of the {area} show?",
    "Look at the {picture} and name the {task}.",
    "What is the {task} in this image of the {area}?",
    "Choose the {task} that fits the {picture}.",
    "Based on the {picture}, which {task} is present?",
    "Identify the {task} of the {area} in this {picture}.",
)
"""Six for every subset, as in the paper; these are our words."""


class Triplet(NamedTuple):
    """What kind of picture, of what, and what is asked."""

    modality: str
    area: str
    task: str


class Item(NamedTuple):
    """A single-choice question."""

    question: str
    options: tuple[str, ...]
    answer: str
    letter: str

    @property
    def choice(self) -> str:
        """Question, options with letters, and the request for a letter, as the release words it."""
        lines = [f"{letter}: {option}" for letter, option in zip(_LETTERS, self.options, strict=False)]
        return "\n".join([self.question, *lines, _ASK_LETTER])


def covers(target: Triplet, known: Collection[Triplet]) -> bool:
    """Say whether each element of a target stands in some known triplet, and the target itself does not."""
    if target in known:
        return False
    return all(any(one[place] == target[place] for one in known) for place in range(3))


def minimal_covers(target: Triplet, known: Iterable[Triplet], *, most: int = 3) -> list[tuple[Triplet, ...]]:
    """Return the sets of at most `most` triplets that cover a target and from which none can be left out, sorted."""
    candidates = sorted({one for one in known if one != target and _shares(one, target)})
    found: list[tuple[Triplet, ...]] = []
    for size in range(1, most + 1):
        for chosen in combinations(candidates, size):
            if covers(target, chosen) and not any(set(smaller) < set(chosen) for smaller in found):
                found.append(chosen)
    return sorted(found, key=lambda chosen: (len(chosen), chosen))


def related(target: Triplet, known: Iterable[Triplet]) -> tuple[Triplet, ...]:
    """Return the triplets that share an element with the target, without the target."""
    return tuple(sorted(one for one in set(known) if one != target and _shares(one, target)))


def unrelated(target: Triplet, known: Iterable[Triplet]) -> tuple[Triplet, ...]:
    """Return the triplets that share no element with the target, for the control of equal size."""
    return tuple(sorted(one for one in set(known) if not _shares(one, target)))


def _shares(one: Triplet, other: Triplet) -> bool:
    return any(mine == theirs for mine, theirs in zip(one, other, strict=True))


def item(question: str, gold: str, labels: Sequence[str], rng: np.random.Generator, *, most: int = 4) -> Item:
    """Build a choice of at most `most` options: the gold label once, at a place drawn evenly, and others at random.

    Args:
        question: as asked.
        gold: the right label.
        labels: all labels of the subset, from which alone the wrong ones come.
        rng: draws the wrong options and the order.
        most: options, 2 to 4.

    Raises:
        DataError: the gold is no label of the subset, or there is no other.
    """
    others = sorted(set(labels) - {gold})
    if gold not in labels or not others:
        raise DataError(f"label {gold!r} among {sorted(set(labels))}: a choice needs it and at least one other")
    drawn = [others[place] for place in rng.permutation(len(others))[: most - 1]]
    options = drawn
    options.insert(int(rng.integers(len(drawn) + 1)), gold)
    return Item(question, tuple(options), gold, _LETTERS[options.index(gold)])


@dataclass(frozen=True, kw_only=True)
class MedMat(Step):
    """Choice questions by subset: of every study one for each of its triplets that has at least two labels.

    A subset is all studies of one triplet. Its labels are the findings of the task that occur in it; a study with
    several of them is not asked, for only one option may be right, and one with none is asked for "no …".
    """

    tasks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Findings by task, such as ``{"cancer": ["lung_mass", "lung_nodule"]}``; one task "finding" with all findings of
    the corpus where none is named."""
    per_subset: int | None = None
    """Studies of a subset that are asked at most: the paper trains on equal numbers."""

    def prepare(self, stage: Stage) -> Decision:
        """Gather the subsets and their labels."""
        members: dict[Triplet, list[str]] = defaultdict(list)
        labels: dict[Triplet, set[str]] = defaultdict(set)
        tasks = self.tasks or {"finding": tuple(_concepts(stage.studies))}
        for study in stage.studies:
            for triplet in triplets_of(study, tasks):
                label = _label(study, tasks[triplet.task])
                if label is not None:
                    members[triplet].append(study.id)
                    labels[triplet].add(label)
        asked = {triplet: self._drawn(triplet, found, stage.seed) for triplet, found in members.items()}
        numbers = {triplet: number for number, triplet in enumerate(sorted(members), start=1)}

        def decide(study: Study) -> Outcome:
            made = []
            for triplet in triplets_of(study, tasks):
                label = _label(study, tasks[triplet.task])
                if label is None or study.id not in asked[triplet] or len(labels[triplet]) < 2:
                    continue
                rng = chance(stage.seed, study.id, f"med-mat/{triplet}")
                made.append(_dialogue(study, triplet, numbers[triplet], label, sorted(labels[triplet]), rng))
            return replace(study, dialogues=(*study.dialogues, *made)) if made else study

        return decide

    def _drawn(self, triplet: Triplet, found: Sequence[str], seed: int) -> set[str]:
        order = sorted(found, key=lambda name: (float(chance(seed, name, f"subset/{triplet}").random()), name))
        return set(order[: self.per_subset])


def triplets_of(study: Study, tasks: Collection[str]) -> Iterator[Triplet]:
    """Yield the triplets of a study: those of its first image's modality and area with each task."""
    if study.images:
        image = study.images[0]
        area = body_part_name(image) or "body"
        yield from (Triplet(modality_name(image), area, task) for task in sorted(tasks))


def _concepts(studies: Iterable[Study]) -> list[str]:
    return sorted({finding.concept for study in studies for finding in study.findings} - {"no_finding"})


def _label(study: Study, concepts: Sequence[str]) -> str | None:
    """Return the study's only finding of a task, "no finding" where all are absent, None where it cannot be asked."""
    stated = {concept: study.status(concept) for concept in concepts}
    present = [concept for concept, status in stated.items() if status == "present"]
    if len(present) == 1 and "uncertain" not in stated.values():
        return concept_names(present[0])[0]
    if not present and any(status == "absent" for status in stated.values()) and "uncertain" not in stated.values():
        return "no finding"
    return None


def _dialogue(
    study: Study, triplet: Triplet, number: int, label: str, labels: Sequence[str], rng: np.random.Generator
) -> Dialogue:
    wording = INSTRUCTIONS[int(rng.integers(len(INSTRUCTIONS)))]
    question = wording.format(task=triplet.task, picture=triplet.modality, area=triplet.area)
    made = item(question, label, labels, rng)
    turns = (
        Turn(role="user", text=made.choice, images=(study.images[0].id,)),
        Turn(role="assistant", text=made.letter),
    )
    return Dialogue(
        id=f"med-mat-{number:02d}", turns=turns, answer=made.answer, options=made.options, answer_type="choice",
        source=f"med-mat/Subset--{number:02d}/{'/'.join(triplet)}",
    )  # fmt: skip


STEP = MedMat
