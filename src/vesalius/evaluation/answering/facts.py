"""What is written down of an evaluation: the passport of each system and the content of scores.json."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from vesalius import __version__
from vesalius.benchmarks.base import Benchmark, Item
from vesalius.data.messages import text_of
from vesalius.evaluation import results
from vesalius.evaluation.answering.controls import NOTES
from vesalius.evaluation.answering.job import Job, System
from vesalius.evaluation.answering.replies import Exam
from vesalius.evaluation.answering.told import left_out
from vesalius.evaluation.passport import Passport, prompts_of
from vesalius.evaluation.scoring import scoring_facts

__all__ = ["FAMILY", "document_of", "headlines_of", "passport_of"]

FAMILY = "questions"
"""Name of the task's file that scores the marks."""


def passport_of(job: Job, system: System) -> Passport:
    """Return what made the numbers of a system."""
    settings, exam = job.settings, system.exam
    identity = {name: value for name, value in system.predictor.identity.items() if name != "preprocessing"}
    search = {"arms": dict(exam.arm_of), "search": dict(exam.search)} if exam.search else {}
    return Passport(
        dataset=job.survey.document(),
        task={
            "name": FAMILY,
            "benchmark": job.survey.benchmark.name,
            "arm": exam.arm,
            **search,
            "shots": [shot.id for shot in exam.shots],
            "rules": list(job.rules),
            "judge": settings.judge,
            **({"confidence": settings.confidence} if settings.confidence else {}),
            **({"judge_order": "both"} if settings.judge_swap else {}),
            **({"wordnet": {"version": words.version, "sha256": words.sha256}} if (words := job.wordnet) else {}),
            "prompts": prompts_of(_prompts(exam, job.first_items)),
        },
        scoring={**scoring_facts(resamples=settings.resamples), "unit": "cluster of the benchmark"},
        model={**identity, "decoding": _decoding(exam, job.first_items[0])},
        preprocessing=dict(system.predictor.identity.get("preprocessing", {})),
        control=system.name,
        seed=settings.seed,
        resampling_seed=settings.seed,
        command=settings.command,
    )


def document_of(job: Job, systems: Sequence[System], scored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of scores.json."""
    survey, settings = job.survey, job.settings
    bench, data = survey.benchmark, survey.document()
    return {
        "schema_version": results.SCHEMA_VERSION,
        **scored,
        "control_notes": {one.name: NOTES[one.name] for one in systems[1:]},
        "model": dict(systems[0].predictor.identity),
        "corpus": {**data, "root": str(survey.root), "items": {**data["items"], "unit": "questions"}},
        "settings": {
            "resamples": settings.resamples,
            "seed": settings.seed,
            **({"confidence": settings.confidence} if settings.confidence else {}),
        },
        "headlines": [
            {"task": task, "metric": metric, "label": label, "words": words}
            for task, metric, label, words in headlines_of(bench, survey.parts)
        ],
        "conventions": {name: bench.conventions[name] for name in job.rules},
        "published": [vars(one) for one in bench.published if one.part in survey.parts],
        "requests": {one.name or "model": one.made.get("requests", 0) for one in systems},
        "warnings": left_out(survey, parts=settings.parts),
        "command": settings.command,
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
