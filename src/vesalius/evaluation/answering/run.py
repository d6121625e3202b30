"""Evaluate a model on a benchmark of questions: ask, keep, judge, mark, and the same for the controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.benchmarks.base import Benchmark, benchmark
from vesalius.config import validate
from vesalius.data.disk import not_full
from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.evaluation import results
from vesalius.evaluation.answering.access import require_permission
from vesalius.evaluation.answering.controls import CHANGED, KNOWING
from vesalius.evaluation.answering.facts import FAMILY, document_of, passport_of
from vesalius.evaluation.answering.job import Job, System
from vesalius.evaluation.answering.marking import Record, marked
from vesalius.evaluation.answering.seen import seen_marker
from vesalius.evaluation.answering.settings import AnsweringSettings
from vesalius.evaluation.answering.stored import name_of, stored_predictor
from vesalius.evaluation.answering.survey import survey, twin_of
from vesalius.evaluation.answering.told import (
    changed_release,
    lost_parts,
    never_answered,
    replies_revision,
    unanswered,
    unsure,
    unused_verdicts,
)
from vesalius.evaluation.plan import run_folder
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.scoring import Answers, advancing, score_answers
from vesalius.inference.predictor import Predictor, Progress

__all__ = ["answer_benchmark"]


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
    job = Job(survey=asked, settings=chosen, rules=_rules(bench, chosen), progress=progress)
    exam = job.exam()
    predictor, folder = _opened(job, control, spec, out=out)
    folder.mkdir(parents=True, exist_ok=True)
    revision = replies_revision(folder, asked)
    if chosen.prompt_search and control not in KNOWING:
        exam = job.searched(exam, predictor, folder)
    systems = [System(name="", predictor=predictor, exam=job.changed(exam, control))]
    if chosen.controls and not control:
        systems += job.controls(exam, predictor)
    record = job.record(systems[0], folder)
    answers = _answers(job, systems, folder, record=record)
    systems = [one for one in systems if (one.name, FAMILY) in answers.tables]
    scored = score_answers(answers, resamples=chosen.resamples, seed=chosen.seed, progress=progress)
    sheet = job.safety(systems[0], answers.tables["", FAMILY], folder) if not control else None
    document = document_of(job, systems, scored) | {"skipped": answers.skipped, "replies_revision": revision}
    table = answers.tables["", FAMILY]
    document["warnings"] += changed_release(folder, asked, revision=revision) + unanswered(table) + lost_parts(table)
    document["warnings"] += unused_verdicts(folder, judge=chosen.judge) + unsure(table, confidence=chosen.confidence)
    evaluation = Evaluation(folder, {**document, "safety": sheet})
    with not_full(folder, kept="the replies are kept"):
        results.write_predictions(folder, answers.tables)
        results.write_json(folder / results.SCORES_FILE, evaluation.document)
        if chosen.report:
            _write_page(job, evaluation, record)
    return evaluation


def _answers(job: Job, systems: Sequence[System], folder: Path, *, record: Record) -> Answers:
    """Ask and mark the controls, mark the model; a control that got no answer at all is skipped."""
    answers = Answers()
    for system in systems:
        table = job.answered(system, folder) if system.name else marked(record, conventions=job.rules)
        if system.name and (reason := never_answered(table)):
            answers.skipped.append({"control": system.name, "reason": reason})
            continue
        answers.tables[system.name, FAMILY] = table
        answers.passports[system.name, FAMILY] = passport_of(job, system)
    return answers


def _opened(
    job: Job, control: str, spec: str | Path | Predictor, *, out: str | Path | None
) -> tuple[Predictor, Path]:
    """Open the model, and say where its evaluation lies; for marking again it stays shut where it is known."""
    bench = job.survey.benchmark
    if job.settings.rescore and isinstance(spec, str | Path) and control not in KNOWING:
        folder = Path(out) if out is not None else _folder(spec, name_of(spec), control, bench)
        if (held := stored_predictor(folder)) is not None:
            return held, folder
    predictor = job.predictor(control, spec)
    if not job.settings.rescore:
        require_permission(job.survey, predictor, allowed=job.settings.allow_upload)
    return predictor, Path(out) if out is not None else _folder(spec, predictor.name, control, bench)


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


def _folder(spec: str | Path | Predictor, name: str, control: str, bench: Benchmark) -> Path:
    """Return where an evaluation goes: into the run, else into ./evaluations; that of a control apart from both."""
    run = run_folder(spec)
    if run is not None and control not in CHANGED:
        return run / "evaluations" / bench.name
    whole = f"control-{control}-{name}" if control in CHANGED else name
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in whole)
    return Path("evaluations") / f"{safe}-{bench.name}"


def _write_page(job: Job, evaluation: Evaluation, record: Record) -> None:
    """Write report.html with every item of the model."""
    from vesalius.evaluation.report.answers import write_answers_page

    bar = advancing(job.progress, "Write the page", record.exam.count)
    write_answers_page(evaluation, record, rules=job.rules, bar=bar)
