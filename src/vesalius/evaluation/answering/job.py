"""One evaluation at work: which systems are asked, what is changed before, and where their replies lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from vesalius.benchmarks.base import Item
from vesalius.benchmarks.prompts import prompts
from vesalius.errors import CapabilityError, ConfigError, DataError, did_you_mean
from vesalius.evaluation.answering.access import require_permission
from vesalius.evaluation.answering.controls import CHANGED, KNOWING, Known, change_of, knowing, right_answers
from vesalius.evaluation.answering.marking import Record, Sample, judge_requests, marked
from vesalius.evaluation.answering.prompt_search import SearchTerms, searched
from vesalius.evaluation.answering.replies import Exam, Replies, collect
from vesalius.evaluation.answering.safety import probes, safety_row, wording_spread
from vesalius.evaluation.answering.seen import NOT_CHECKED
from vesalius.evaluation.answering.settings import AnsweringSettings
from vesalius.evaluation.answering.survey import Survey, shots_of
from vesalius.inference.controls import SayingPredictor
from vesalius.inference.predictor import CAPABILITIES, Predictor, Progress, open_predictor
from vesalius.metrics.wordnet import WordNet
from vesalius.tasks.base import column

__all__ = ["Job", "System", "replies_file"]

_SHOWN_PROMPTS = 20


@dataclass(frozen=True, kw_only=True)
class System:
    """Who is asked, and what is changed before."""

    name: str
    """Of the control; empty for the model."""
    predictor: Predictor
    exam: Exam
    made: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Job:
    """The fixed facts of one evaluation."""

    survey: Survey
    settings: AnsweringSettings
    rules: tuple[str, ...]
    progress: Progress | None

    def exam(self) -> Exam:
        """Return what all systems are asked alike."""
        bench, settings = self.survey.benchmark, self.settings
        arms = [arm.name for arm in bench.arms]
        arm = settings.arm or arms[0]
        if bench.arm(arm) is None:
            raise ConfigError(f"{bench.name} has no arm {arm!r}{did_you_mean(arm, arms)}")
        shots = shots_of(bench, self.survey.root, settings.shots, parts=self.survey.parts, seed=settings.seed)
        return Exam(
            benchmark=bench,
            items=self.survey.items,
            count=len(self.survey.ids),
            arm=arm,
            shots=shots,
            decoding=settings.decoding,
            closing=prompts("confidence")["stated"] if settings.confidence == "stated" else "",
            weighs=settings.confidence == "likelihood",
        )

    def searched(self, exam: Exam, predictor: Predictor, folder: Path) -> Exam:
        """Return the exam with each part's prompt chosen on validation items."""
        settings = self.settings
        terms = SearchTerms(count=settings.prompt_search, shots=settings.shots, seed=settings.seed)
        store = folder / "prompt-search"
        return searched(
            exam, predictor, self.survey, terms, folder=store, progress=self.progress, ask=not settings.rescore
        )

    def predictor(self, control: str, spec: str | Path | Predictor) -> Predictor:
        """Open the model; a control that answers from truths is built."""
        if control in KNOWING:
            return self.knowing(control)
        found = open_predictor(spec, device=self.settings.device)
        if "generate" not in found.capabilities:
            raise CapabilityError(
                f"model {found.name!r} cannot generate the answers that {self.survey.benchmark.name} asks for; "
                f"{CAPABILITIES['generate']}"
            )
        return found

    @cached_property
    def judge(self) -> Predictor:
        """Open the judge, once for all systems."""
        found = open_predictor(self.settings.judge, device=self.settings.device)
        require_permission(self.survey, found, allowed=self.settings.allow_upload)
        return found

    @cached_property
    def wordnet(self) -> WordNet | None:
        """Read the WordNet, once for all systems."""
        return WordNet(self.settings.wordnet) if self.settings.wordnet else None

    def knowing(self, name: str) -> Predictor:
        """Build a control that answers from truths, those of the training part where the release has one."""
        return knowing(name, self.survey.benchmark, self.survey.items, self.known_answers, seed=self.settings.seed)

    @cached_property
    def known_answers(self) -> tuple[Known, tuple[str, ...]]:
        """Count right answers, once for all controls that say them."""
        bench, survey = self.survey.benchmark, self.survey
        pool = partial(bench.items, survey.root, parts=survey.parts, split="train")
        return right_answers(bench, survey.items, pool)

    def changed(self, exam: Exam, control: str) -> Exam:
        """Return the exam of a control that sees other pictures, or the exam itself."""
        if control not in CHANGED:
            return exam
        return replace(exam, change=change_of(control, self.survey.items(), seed=self.settings.seed))

    def controls(self, exam: Exam, predictor: Predictor) -> list[System]:
        """Return the controls that stand beside the model."""
        shows = any(item.media for item in self.survey.items())
        found = [System(name=name, predictor=self.knowing(name), exam=exam) for name in ("majority", "random")]
        if exam.shots:
            found.append(System(name="copy-last", predictor=SayingPredictor(), exam=exam))
        for name in self.settings.control_names if shows else ():
            if name == "other" and self.survey.clusters < 2:
                continue
            found.append(System(name=name, predictor=predictor, exam=self.changed(exam, name)))
        return found

    def record(self, system: System, folder: Path) -> Record:
        """Ask one system, and the judge about it; return all that came back."""
        wordnet, replies = self.wordnet, Replies(folder / replies_file("replies", system.name))
        title = f"Ask {system.predictor.name}" + (f", {system.name}" if system.name else "")
        if not self.settings.rescore:
            system.made["requests"] = collect(
                system.exam, system.predictor, replies, title=title, progress=self.progress
            )
        elif not len(replies):
            raise DataError(f"{replies.path} holds no reply to mark again; evaluate without --rescore first")
        orders = (False, True) if self.settings.judge_swap else (False,)
        verdicts = [self.judged(system, replies, folder, turned=turned) for turned in orders if self.settings.judge]
        return Record(
            exam=system.exam,
            replies=replies,
            verdicts=verdicts[0] if verdicts else None,
            turned=verdicts[1] if len(verdicts) > 1 else None,
            samples=self.samples(system, folder),
            wordnet=wordnet,
        )

    def answered(self, system: System, folder: Path) -> pa.Table:
        """Ask and mark one system; return its table."""
        return marked(self.record(system, folder), conventions=self.rules)

    def samples(self, system: System, folder: Path) -> list[Sample]:
        """Draw further answers of the model by chance, where its confidence is their agreement."""
        if self.settings.confidence != "agreement" or system.name:
            return []
        seeds = range(1, self.settings.samples + 1)
        files = [folder / replies_file("replies", f"drawn-{seed}") for seed in seeds]
        found = [(replace(system.exam, drawn=n), Replies(file)) for n, file in zip(seeds, files, strict=True)]
        for seed, (exam, replies) in zip(seeds, found if not self.settings.rescore else (), strict=False):
            collect(exam, system.predictor, replies, title=f"Draw answer {seed}", progress=self.progress)
        return found

    def judged(self, system: System, replies: Replies, folder: Path, *, turned: bool) -> Replies:
        """Let the judge read the replies, with the two answers in each other's place or not; opened where it must."""
        kind = "verdicts-turned" if turned else "verdicts"
        verdicts = Replies(folder / replies_file(kind, system.name))
        asked = judge_requests(system.exam, replies, turned=turned)
        waiting = {one.id: one for one in asked if not verdicts.done(one)}
        for verdict in self.judge.generate(waiting.values()) if waiting else ():
            verdicts.add(waiting[verdict.id], verdict)
        return verdicts

    def safety(self, system: System, table: pa.Table, folder: Path) -> dict[str, Any] | None:
        """Ask the probes on a sample of the items; None where the sheet is left out or nothing is to be compared."""
        settings = self.settings
        metric = self.survey.benchmark.headlines[0].metric
        if not settings.safety_items or metric not in set(column(table, "label")):
            return None
        sample = list(self.survey.sample(settings.safety_items, seed=settings.seed).items())
        rows = []
        for probe in probes(seed=settings.seed):
            fitting = tuple(item for item in sample if probe.fits(item))
            if not fitting:
                continue
            exam = replace(system.exam, items=partial(iter, fitting), count=len(fitting), change=probe.change)
            changed = self.answered(replace(system, name=f"probe-{probe.name}", exam=exam), folder)
            row = safety_row(probe, table, changed, metric=metric, resamples=settings.resamples, seed=settings.seed)
            rows += [] if row is None else [row]
        return {
            "metric": metric,
            "items": len(sample),
            "rows": [row.document() for row in rows],
            "wording": wording_spread(rows),
            "contamination": "" if settings.contamination else NOT_CHECKED,
        }

    @cached_property
    def first_items(self) -> list[Item]:
        """Return a few items of every part, whose prompts a passport shows, from one pass over the release."""
        found: dict[str, list[Item]] = {}
        for item in self.survey.items():
            of_part = found.setdefault(item.part, [])
            if len(of_part) < _SHOWN_PROMPTS:
                of_part.append(item)
        return [item for of_part in found.values() for item in of_part]


def replies_file(kind: str, control: str) -> str:
    """Return the name of a file of replies or verdicts of a system."""
    return f"{kind}-{control}.jsonl" if control else f"{kind}.jsonl"
