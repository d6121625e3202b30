"""Evaluate a model on a split: encode, ask, score, and do the same for the controls."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.config import validate
from vesalius.data.corpus import Corpus
from vesalius.data.disk import not_full
from vesalius.evaluation import results
from vesalius.evaluation.passport import Passport, from_document, ids_fingerprint, prompts_of
from vesalius.evaluation.plan import (
    MOST_CONCEPTS,
    able_tasks,
    choose_tasks,
    choose_views,
    contamination_warnings,
    default_folder,
    run_folder,
    warnings_of,
)
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.scoring import ask, score_answers, scoring_facts, stored_answers
from vesalius.evaluation.settings import EvaluationSettings
from vesalius.evaluation.systems import System, build_systems
from vesalius.inference.controls import CONTROLS
from vesalius.inference.encode import REPORT_ROLES, BlockStore, Encoder
from vesalius.inference.predictor import Predictor, Progress, open_predictor
from vesalius.tasks.base import Encoded, Task

__all__ = ["EvaluationSettings", "evaluate", "rescore"]


def evaluate(
    model: str | Path | Predictor,
    *,
    on: str | Path | Corpus,
    split: str = "test",
    tasks: Sequence[str] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Evaluation:
    """Evaluate a model and its controls, and write predictions.parquet, scores.json and report.html.

    Args:
        model: a spec as `open_predictor` reads it, or a predictor.
        on: a corpus or its folder.
        split: "train", "val" or "test" as stored in the corpus, or "all".
        tasks: names of tasks; None for every task that the model and the data allow.
        out: folder of the evaluation; None for RUN/evaluations/<corpus>-<split>.
        progress: ``progress(title, total)``, such as `vesalius.cli.console.progress`.
        settings: fields of `EvaluationSettings`.

    Raises:
        ConfigError: unknown split, task or setting; offers the nearest name.
        DataError: nothing to evaluate, or an image that cannot be read.
        CapabilityError: the model cannot do what the tasks need.
    """
    chosen = validate(EvaluationSettings, settings, where="evaluate")
    wished = choose_tasks(tasks)
    predictor = open_predictor(model, device=chosen.device)
    corpus = on if isinstance(on, Corpus) else Corpus.open(on)
    views = choose_views(corpus, split)
    touched = contamination_warnings(chosen.contamination, corpus, views["test"])
    fitting, skipped = able_tasks(wished, predictor, views, required=tasks is not None)
    folder = Path(out) if out is not None else default_folder(model, predictor, corpus=corpus.name, split=split)
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(corpus=corpus, split=split, views=views, folder=folder, settings=chosen, progress=progress,
        touched=touched,
    )  # fmt: skip
    systems, without = job.systems(predictor, fitting)
    answers = ask(systems, fitting, passport=job.passport, required=tasks is not None, progress=progress)
    scored = score_answers(answers, resamples=chosen.resamples, seed=chosen.seed, progress=progress)
    document = job.document(predictor, scored, [*skipped, *without, *answers.skipped])
    evaluation = Evaluation(folder, document)
    with not_full(folder, kept="the embeddings are kept"):
        results.write_predictions(folder, answers.tables)
        results.write_json(folder / results.SCORES_FILE, document)
        if chosen.report:
            from vesalius.evaluation.report import write_report

            write_report(evaluation, corpus=corpus, system=systems[0], run=run_folder(model))
    return evaluation


def rescore(
    evaluation: str | Path,
    *,
    resamples: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Compute every score again from the stored predictions, without the model, and write scores.json.

    Args:
        evaluation: folder of an evaluation, or a run that has one.
        resamples: bootstrap resamples; None for those of the evaluation.
        seed: seed of the resampling; None for that of the evaluation.
        progress: ``progress(title, total)``.

    Raises:
        DataError: predictions or passports are missing or corrupt.
    """
    old = results.open_evaluation(evaluation)
    settings = dict(old.document["settings"])
    settings["resamples"] = settings["resamples"] if resamples is None else resamples
    settings["seed"] = settings["seed"] if seed is None else seed
    where = str(old.folder / results.SCORES_FILE)
    passports = {name: from_document(one, where=where) for name, one in old.document["passports"].items()}
    answers = stored_answers(results.read_predictions(old.folder), passports, where=where)
    facts = scoring_facts(resamples=settings["resamples"])
    answers.passports = {
        key: replace(
            one,
            scoring={**facts, "unit": one.scoring["unit"]},
            resampling_seed=settings["seed"],
            code={"vesalius": __version__},
        )
        for key, one in answers.passports.items()
    }
    scored = score_answers(answers, resamples=settings["resamples"], seed=settings["seed"], progress=progress)
    document = {**old.document, **scored, "settings": settings}
    results.write_json(old.folder / results.SCORES_FILE, document)
    return Evaluation(old.folder, document)


def _settings(task: Task) -> dict[str, Any]:
    """What a task can be set to, beside its name and what it needs."""
    values = {name: getattr(task, name) for name in getattr(task, "__dataclass_fields__", {})}
    return {name: value for name, value in values.items() if name not in ("name", "needs", "splits")}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """The fixed facts of one evaluation."""

    corpus: Corpus
    split: str
    views: Mapping[str, Corpus]
    folder: Path
    settings: EvaluationSettings
    progress: Progress | None
    touched: tuple[str, ...] = ()
    """What an audit says of the test studies."""

    def systems(self, predictor: Predictor, tasks: Sequence[Task]) -> tuple[list[System], list[dict[str, str]]]:
        store = BlockStore(self.folder / "embeddings", reuse=self.settings.resume)
        encoder = Encoder(predictor=predictor, store=store, roles=self.roles(predictor), progress=self.progress)
        learnt_from = frozenset().union(*(task.splits for task in tasks)) | {"test", "val"}
        names = [name for name in self.views if name in learnt_from]
        concepts = self.concepts()

        def encode(encoder: Encoder) -> dict[str, Encoded]:
            title = encoder.predictor.name
            return {
                name: encoder.split(self.views[name], concepts=concepts, title=f"{name}, {title}") for name in names
            }

        return build_systems(
            encoder, encode, views=self.views, seed=self.settings.seed, with_controls=self.settings.controls
        )

    def concepts(self) -> tuple[str, ...]:
        """The concepts that the corpus states most often, at most `MOST_CONCEPTS`, in alphabetical order."""
        return tuple(sorted(list(self.corpus.concepts())[:MOST_CONCEPTS]))

    def roles(self, predictor: Predictor) -> tuple[str, ...]:
        """Roles of the texts: asked for, else those that the model was trained with, else all reports."""
        trained = getattr(predictor, "text_roles", ())
        return tuple(self.settings.text_roles or trained or REPORT_ROLES)

    def passport(self, system: System, task: Task, prompts: Sequence[str]) -> Passport:
        identity = {name: value for name, value in system.identity.items() if name != "preprocessing"}
        return Passport(
            dataset=self.dataset(system),
            task={"name": task.name, "settings": _settings(task), "prompts": prompts_of(prompts)},
            scoring=scoring_facts(resamples=self.settings.resamples),
            model={**identity, "temperature": system.encoder.predictor.temperature, "precision": "float32"},
            preprocessing=dict(system.identity.get("preprocessing", {})),
            control=system.control,
            seed=self.settings.seed,
            resampling_seed=self.settings.seed,
            command=self.settings.command,
        )

    def dataset(self, system: System) -> dict[str, Any]:
        """What a passport says of the data: the corpus and the items of every split that was used."""
        parts = {
            name: {"n": len(part), "n_patients": len(set(part.patients)), "ids": ids_fingerprint(part.ids)}
            for name, part in system.encoded.items()
        }
        return {
            "name": self.corpus.name,
            "revision": self.corpus.content_hash,
            "split": self.split,
            "items": parts.pop("test"),
            "learnt_from": parts,
            "texts": list(system.encoder.roles),
            "images": "first frontal image of a study, else its first",
            "virtual": self.corpus.manifest.virtual,
        }

    def document(
        self, predictor: Predictor, scored: Mapping[str, Any], skipped: Sequence[Mapping[str, str]]
    ) -> dict[str, Any]:
        any_passport = next(iter(scored["passports"].values()))
        made = {row["control"] for row in scored["controls"]}
        return {
            "schema_version": results.SCHEMA_VERSION,
            **scored,
            "control_notes": {name: words for name, words in CONTROLS.items() if name in made},
            "model": dict(predictor.identity),
            "corpus": any_passport["dataset"],
            "settings": {"resamples": self.settings.resamples, "seed": self.settings.seed},
            "skipped": [dict(row) for row in skipped],
            "warnings": [*warnings_of(predictor, self.corpus, self.split), *self.touched],
            "concepts": list(self.concepts()),
            "command": self.settings.command,
            "code": {"vesalius": __version__},
            "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }
