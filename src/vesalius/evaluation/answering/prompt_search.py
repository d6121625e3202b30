"""The prompt of a model, chosen on validation items: each part of a benchmark gets the arm that it answers best by.

Source: taekb/eval-medical-dapt (arXiv 2411.04118, 2411.08870): at most 500 validation items a data set, every arm and
draw of demonstrations tried, the best accuracy wins, the first of equal ones. Test items are never read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vesalius.errors import DataError
from vesalius.evaluation.answering.marking import Record, marks_of
from vesalius.evaluation.answering.replies import Exam, Replies, collect
from vesalius.evaluation.answering.survey import Survey, shots_of, survey
from vesalius.inference.predictor import Predictor, Progress

__all__ = ["PromptSearch", "SearchTerms", "Trial", "search_prompts", "searched"]

_SPLIT = "val"
_MOST_ITEMS = 500
_MOST_DRAWS = 10


@dataclass(frozen=True, kw_only=True)
class SearchTerms:
    """How prompts are searched; the same for every model, so that each has the same budget."""

    count: int
    """Arms that are made from seeds, of each kind; and draws of demonstrations, ten at most."""
    shots: int = 0
    """Demonstrations before each question."""
    seed: int = 0
    """Of the validation items that are asked, and of the demonstrations where there is one draw."""
    items: int = _MOST_ITEMS
    """Validation items of a part at most."""

    @property
    def draws(self) -> tuple[int, ...]:
        """Seeds of the demonstrations that are tried."""
        return tuple(range(min(self.count, _MOST_DRAWS))) if self.shots else (self.seed,)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way to ask the validation items of a part, and how well it did."""

    part: str
    arm: str
    draw: int
    """Seed of the demonstrations."""
    accuracy: float
    n: int


@dataclass(frozen=True, kw_only=True)
class PromptSearch:
    """What was tried, on what, and what won in each part."""

    chosen: Mapping[str, Trial]
    """Part to its best trial."""
    trials: tuple[Trial, ...]
    validation: Mapping[str, str]
    """Part to the hash of its validation items."""

    def document(self) -> dict[str, Any]:
        """Return what a passport says of the search."""
        return {
            "chosen": {part: asdict(trial) for part, trial in self.chosen.items()},
            "trials_a_part": len(self.trials) // len(self.chosen),
            "arms": list(dict.fromkeys(trial.arm for trial in self.trials)),
            "draws": sorted({trial.draw for trial in self.trials}),
            "validation": dict(self.validation),
            "rule": "best accuracy on validation items, the first of equal ones",
        }


def searched(
    exam: Exam, predictor: Predictor, asked: Survey, terms: SearchTerms, *, folder: Path,
    progress: Progress | None = None, ask: bool = True,
) -> Exam:  # fmt: skip
    """Return the exam with each part's arm and demonstrations as `search_prompts` chose them."""
    found = search_prompts(exam, predictor, asked, terms, folder=folder, progress=progress, ask=ask)
    shots = [
        shot
        for part, trial in found.chosen.items()
        for shot in shots_of(asked.benchmark, asked.root, terms.shots, parts=(part,), seed=trial.draw)
    ]
    arms = {part: trial.arm for part, trial in found.chosen.items()}
    return replace(exam, arm_of=arms, shots=tuple(shots), search=found.document())


def search_prompts(
    exam: Exam, predictor: Predictor, asked: Survey, terms: SearchTerms, *, folder: Path,
    progress: Progress | None = None, ask: bool = True,
) -> PromptSearch:  # fmt: skip
    """Ask the validation items of every part in every way, and choose.

    Args:
        exam: what is the same in all trials: decoding, and what a control does to items.
        predictor: the model.
        asked: the parts and the release; its items are not read.
        terms: how many ways.
        folder: where the replies are kept, a file a trial; what is there is not asked again.
        progress: ``progress(title, total)``.
        ask: whether anything may be asked; else the stored replies decide.

    Raises:
        DataError: a part has no validation items, or none of them has a reply.
    """
    found = []
    for part in asked.parts:
        held = survey(asked.benchmark, asked.root, parts=(part,), split=_SPLIT, limit=terms.items, seed=terms.seed)
        found.append((held, _trials(exam, predictor, held, terms, folder=folder, progress=progress, ask=ask)))
    return PromptSearch(
        chosen={held.parts[0]: max(trials, key=lambda trial: trial.accuracy) for held, trials in found},
        trials=tuple(trial for _, trials in found for trial in trials),
        validation={held.parts[0]: held.revision for held, _ in found},
    )


def _trials(
    exam: Exam, predictor: Predictor, held: Survey, terms: SearchTerms, *, folder: Path, progress: Progress | None,
    ask: bool,
) -> list[Trial]:  # fmt: skip
    """Ask the validation items of one part, held in memory, in every way."""
    bench, (part,) = held.benchmark, held.parts
    items = list(held.items())
    shots = {draw: shots_of(bench, held.root, terms.shots, parts=(part,), seed=draw) for draw in terms.draws}
    ways = [(arm, draw) for arm in bench.searched_arms(part, exam.arm, terms.count) for draw in terms.draws]
    trials = []
    for number, (arm, draw) in enumerate(ways):
        trial = replace(exam, items=lambda: items, count=len(items), arm=arm, shots=shots[draw])
        replies = Replies(folder / f"{part}-{number}.jsonl")
        if ask:
            folder.mkdir(parents=True, exist_ok=True)
            collect(trial, predictor, replies, title=f"Try {part}, {arm}", progress=progress)
        accuracy, n = _accuracy(trial, replies)
        trials.append(Trial(part=part, arm=arm, draw=draw, accuracy=accuracy, n=n))
    return trials


def _accuracy(exam: Exam, replies: Replies) -> tuple[float, int]:
    convention = next(iter(exam.benchmark.conventions))
    found = marks_of(Record(exam=exam, replies=replies), convention=convention)
    marks = [mark.values.get("accuracy", math.nan) for _, mark in found]
    values = [value for value in marks if not math.isnan(value)]
    if not values:
        raise DataError(
            f"{replies.path}: no reply to a validation item that has an accuracy; search the prompts anew"
        )
    return math.fsum(values) / len(values), len(values)
