"""Evaluate a model on a benchmark of questions: ask, keep, judge, mark, and the same for the controls."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from vesalius import __version__
from vesalius.benchmarks.base import Benchmark, Item, benchmark
from vesalius.benchmarks.prompts import prompts
from vesalius.config import validate
from vesalius.data.disk import not_full
from vesalius.data.messages import text_of
from vesalius.errors import CapabilityError, ConfigError, DataError, did_you_mean
from vesalius.evaluation import results
from vesalius.evaluation.answering.access import require_permission
from vesalius.evaluation.answering.controls import CHANGED, KNOWING, NOTES, change_of, knowing
from vesalius.evaluation.answering.marking import judge_requests, marked
from vesalius.evaluation.answering.prompt_search import SearchTerms, searched
from vesalius.evaluation.answering.replies import Exam, Replies, collect
from vesalius.evaluation.answering.safety import probes, safety_row, wording_spread
from vesalius.evaluation.answering.seen import NOT_CHECKED, seen_marker
from vesalius.evaluation.answering.settings import AnsweringSettings
from vesalius.evaluation.answering.survey import Survey, shots_of, survey, twin_of
from vesalius.evaluation.answering.told import left_out, never_answered, unanswered, unused_verdicts
from vesalius.evaluation.passport import Passport, prompts_of
from vesalius.evaluation.plan import run_folder
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.scoring import Answers, advancing, score_answers, scoring_facts
from vesalius.inference.predictor import CAPABILITIES, Predictor, Progress, open_predictor
from vesalius.tasks.base import column

__all__ = ["answer_benchmark"]

FAMILY = "questions"
"""Name of the task's file that scores the marks."""
_SHOWN_PROMPTS = 20


def answer_benchmark(
    model: str | Path | Predictor,
    *,
    on: str | Benchmark,
    data: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Evaluate a model and its controls on a benchmark, and write replies, predictions.parquet and scores.json.

    A second call with the same folder asks only what is not answered yet; with `rescore` it asks nothing.

    Args:
        model: a spec as `open_predictor` reads it, a predictor, ``control:NAME`` for majority, random and oracle, or
            ``control:NAME:MODEL`` for question-only, blank, noise and other.
        on: a benchmark or its name.
        data: folder of the release; or where the twin is or shall be, with the setting `twin`.
        out: folder of the evaluation; None for RUN/evaluations/<benchmark> or ./evaluations/<model>-<benchmark>.
        progress: ``progress(title, total)``.
        settings: fields of `AnsweringSettings`.

    Raises:
        ConfigError: an unknown benchmark, part, arm, convention or setting; offers the nearest name.
        DataError: nothing to ask, files missing; or replies missing where nothing may be asked.
        CapabilityError: the model cannot write answers.
        EndpointError: the model cannot be asked; what was answered is kept.
    """
    chosen = validate(AnsweringSettings, settings, where="evaluate")
    bench = benchmark(on) if isinstance(on, str) else on
    root = _root(bench, data, chosen)
    asked = survey(bench, root, parts=chosen.parts, split=chosen.split, limit=chosen.limit, seed=chosen.seed)
    if chosen.contamination:
        asked = replace(asked, mark=seen_marker(chosen.contamination))
    control, spec = _control(model)
    job = _Job(survey=asked, settings=chosen, rules=_rules(bench, chosen), progress=progress)
    exam = job.exam()
    predictor = job.predictor(control, spec)
    require_permission(asked, predictor, allowed=chosen.allow_upload)
    folder = Path(out) if out is not None else _folder(model, predictor, bench)
    folder.mkdir(parents=True, exist_ok=True)
    if chosen.prompt_search and control not in KNOWING:
        exam = job.searched(exam, predictor, folder)
    systems = [_System(name="", predictor=predictor, exam=job.changed(exam, control))]
    if chosen.controls and not control:
        systems += job.controls(exam, predictor)
    answers, skipped = Answers(), []
    for system in tuple(systems):
        table = job.answered(system, folder)
        if system.name and (reason := never_answered(table)):
            skipped.append({"control": system.name, "reason": reason})
            systems.remove(system)
            continue
        answers.tables[system.name, FAMILY] = table
        answers.passports[system.name, FAMILY] = job.passport(system)
    scored = score_answers(answers, resamples=chosen.resamples, seed=chosen.seed, progress=progress)
    sheet = job.safety(systems[0], answers.tables["", FAMILY], folder) if not control else None
    document = job.document(systems, scored) | {"skipped": skipped}
    document["warnings"] += unanswered(answers.tables["", FAMILY]) + unused_verdicts(folder, judge=chosen.judge)
    evaluation = Evaluation(folder, {**document, "safety": sheet})
    with not_full(folder, kept="the replies are kept"):
        results.write_predictions(folder, answers.tables)
        results.write_json(folder / results.SCORES_FILE, evaluation.document)
        if chosen.report:
            job.write_page(evaluation, systems[0])
    return evaluation


@dataclass(frozen=True, kw_only=True)
class _System:
    """Who is asked, and what is changed before."""

    name: str
    """Of the control; empty for the model."""
    predictor: Predictor
    exam: Exam
    made: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Job:
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

    def knowing(self, name: str) -> Predictor:
        """Build a control that answers from truths, those of the training part where the release has one."""
        pool = list(self.survey.benchmark.items(self.survey.root, parts=self.survey.parts, split="train"))
        return knowing(name, self.survey.benchmark, self.survey.items, pool, seed=self.settings.seed)

    def changed(self, exam: Exam, control: str) -> Exam:
        """Return the exam of a control that sees other pictures, or the exam itself."""
        if control not in CHANGED:
            return exam
        return replace(exam, change=change_of(control, self.survey.items(), seed=self.settings.seed))

    def controls(self, exam: Exam, predictor: Predictor) -> list[_System]:
        """Return the controls that stand beside the model."""
        shows = any(item.media for item in self.survey.items())
        found = [_System(name=name, predictor=self.knowing(name), exam=exam) for name in ("majority", "random")]
        for name in self.settings.control_names if shows else ():
            if name == "other" and self.survey.clusters < 2:
                continue
            found.append(_System(name=name, predictor=predictor, exam=self.changed(exam, name)))
        return found

    def answered(self, system: _System, folder: Path) -> pa.Table:
        """Ask and mark one system; return its table."""
        replies = Replies(folder / _file("replies", system.name))
        title = f"Ask {system.predictor.name}" + (f", {system.name}" if system.name else "")
        if not self.settings.rescore:
            system.made["requests"] = collect(
                system.exam, system.predictor, replies, title=title, progress=self.progress
            )
        elif not len(replies):
            raise DataError(f"{replies.path} holds no reply to mark again; evaluate without --rescore first")
        verdicts = self.judged(system, replies, folder)
        samples = self.samples(system, folder)
        return marked(system.exam, replies, conventions=self.rules, verdicts=verdicts, samples=samples)

    def samples(self, system: _System, folder: Path) -> list[tuple[Exam, Replies]]:
        """Draw further answers of the model by chance, where its confidence is their agreement."""
        if self.settings.confidence != "agreement" or system.name:
            return []
        seeds = range(1, self.settings.samples + 1)
        found = [(replace(system.exam, drawn=n), Replies(folder / _file("replies", f"drawn-{n}"))) for n in seeds]
        for seed, (exam, replies) in zip(seeds, found if not self.settings.rescore else (), strict=False):
            collect(exam, system.predictor, replies, title=f"Draw answer {seed}", progress=self.progress)
        return found

    def judged(self, system: _System, replies: Replies, folder: Path) -> Replies | None:
        """Let the judge read the replies, where one is named and the benchmark asks for one."""
        if not self.settings.judge:
            return None
        verdicts = Replies(folder / _file("verdicts", system.name))
        waiting = {one.id: one for one in judge_requests(system.exam, replies) if not verdicts.done(one)}
        for verdict in self.judge.generate(waiting.values()):
            verdicts.add(waiting[verdict.id], verdict)
        return verdicts

    def safety(self, system: _System, table: pa.Table, folder: Path) -> dict[str, Any] | None:
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

    def passport(self, system: _System) -> Passport:
        """Return what made the numbers of a system."""
        bench, settings = self.survey.benchmark, self.settings
        identity = {name: value for name, value in system.predictor.identity.items() if name != "preprocessing"}
        return Passport(
            dataset=self.survey.document(),
            task={
                "name": FAMILY,
                "benchmark": bench.name,
                "arm": system.exam.arm,
                **(
                    {"arms": dict(system.exam.arm_of), "search": dict(system.exam.search)}
                    if system.exam.search
                    else {}
                ),
                "shots": [shot.id for shot in system.exam.shots],
                "rules": list(self.rules),
                "judge": settings.judge,
                "prompts": prompts_of(_prompts(system.exam, self.first_items)),
            },
            scoring={**scoring_facts(resamples=settings.resamples), "unit": "cluster of the benchmark"},
            model={**identity, "decoding": _decoding(system.exam, self.first_items[0])},
            preprocessing=dict(system.predictor.identity.get("preprocessing", {})),
            control=system.name,
            seed=settings.seed,
            resampling_seed=settings.seed,
            command=settings.command,
        )

    def write_page(self, evaluation: Evaluation, system: _System) -> None:
        """Write report.html with every item of the model."""
        from vesalius.evaluation.report.answers import write_answers_page

        replies = Replies(evaluation.folder / _file("replies", system.name))
        bar = advancing(self.progress, "Write the page", system.exam.count)
        write_answers_page(evaluation, system.exam, replies, rules=self.rules, bar=bar)

    def document(self, systems: Sequence[_System], scored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the content of scores.json."""
        bench, data = self.survey.benchmark, self.survey.document()
        return {
            "schema_version": results.SCHEMA_VERSION,
            **scored,
            "control_notes": {one.name: NOTES[one.name] for one in systems[1:]},
            "model": dict(systems[0].predictor.identity),
            "corpus": {**data, "root": str(self.survey.root), "items": {**data["items"], "unit": "questions"}},
            "settings": {"resamples": self.settings.resamples, "seed": self.settings.seed},
            "headlines": [
                {"task": task, "metric": metric, "label": label, "words": words}
                for task, metric, label, words in headlines_of(bench, self.survey.parts)
            ],
            "conventions": {name: bench.conventions[name] for name in self.rules},
            "published": [vars(one) for one in bench.published if one.part in self.survey.parts],
            "requests": {one.name or "model": one.made.get("requests", 0) for one in systems},
            "warnings": left_out(self.survey, parts=self.settings.parts),
            "command": self.settings.command,
            "code": {"vesalius": __version__},
            "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }


def headlines_of(bench: Benchmark, parts: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Return task, metric, label and words of what the benchmark's table prints."""
    rows = []
    for headline in bench.headlines:
        label = f"mean over {headline.over}" if headline.over else "all"
        for part in [headline.part] if headline.part else parts:
            if part in parts:
                words = f"{part}, {headline.metric}" + (f", {label}" if headline.over else "")
                rows.append((f"{bench.name}.{part}", headline.metric, label, words))
    return rows


def _root(bench: Benchmark, data: str | Path | None, settings: AnsweringSettings) -> Path:
    if settings.twin:
        root = Path(data) if data is not None else Path("twins") / bench.name
        return twin_of(bench, root, patients=settings.patients, seed=settings.twin_seed)
    if data is None:
        raise ConfigError(f"{bench.name}: give the folder of the release by --data, or --twin for virtual patients")
    if not Path(data).exists():
        raise DataError(f"{data} does not exist; give the folder of the release of {bench.name}, or --twin")
    return Path(data)


def _rules(bench: Benchmark, settings: AnsweringSettings) -> tuple[str, ...]:
    known = list(bench.conventions)
    for name in settings.conventions:
        if name not in known and name != "all":
            raise ConfigError(f"{bench.name} has no convention {name!r}{did_you_mean(name, known)}")
    wished = known if "all" in settings.conventions else [known[0], *settings.conventions]
    return tuple(dict.fromkeys(wished))


def _control(model: str | Path | Predictor) -> tuple[str, str | Path | Predictor]:
    """Take ``control:NAME`` or ``control:NAME:MODEL`` apart; every other model is no control of ours."""
    if isinstance(model, str) and model.startswith("control:"):
        name, _, inner = model.removeprefix("control:").partition(":")
        if name in KNOWING:
            return name, model
        if name in CHANGED and inner:
            return name, inner
        if name in CHANGED:
            raise ConfigError(f"{model} needs the model that is asked: control:{name}:MODEL")
    return "", model


def _folder(model: str | Path | Predictor, predictor: Predictor, bench: Benchmark) -> Path:
    run = run_folder(model)
    if run is not None:
        return run / "evaluations" / bench.name
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in predictor.name)
    return Path("evaluations") / f"{safe}-{bench.name}"


def _file(kind: str, control: str) -> str:
    return f"{kind}-{control}.jsonl" if control else f"{kind}.jsonl"


def _prompts(exam: Exam, items: Sequence[Item]) -> list[str]:
    """Return the first messages of some items as they are put."""
    asked = (exam.request(item, ()) for item in items)
    return [text_of(request.messages) for request in asked if request is not None]


def _decoding(exam: Exam, item: Item) -> dict[str, Any]:
    """Return how the answer to an item is drawn."""
    request = exam.request(item, ())
    if request is None:
        return {}
    drawn = {name: getattr(request.decoding, name) for name in request.decoding.__dataclass_fields__}
    return {**drawn, "by_likelihood": request.by_likelihood}
