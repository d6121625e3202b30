"""What is to be evaluated: the items of each split, the tasks that fit, and where the results go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vesalius.curation.leakage import Contamination
from vesalius.data.corpus import Corpus
from vesalius.errors import CapabilityError, ConfigError, DataError, did_you_mean
from vesalius.inference.predictor import Predictor
from vesalius.tasks.base import Task, make_task, task_names

__all__ = [
    "MOST_CONCEPTS",
    "WHOLE",
    "able_tasks",
    "choose_tasks",
    "choose_views",
    "contamination_warnings",
    "default_folder",
    "run_folder",
    "seen_warnings",
    "warnings_of",
]

MOST_CONCEPTS = 200
"""Findings that are scored; a corpus with an open vocabulary can state thousands."""
WHOLE = "all"
"""Name of the split that is the whole corpus."""


def choose_tasks(names: Sequence[str] | None) -> list[Task]:
    """Return the named tasks, or all of them.

    Raises:
        ConfigError: an unknown name (offers the nearest), or an empty list.
    """
    if names is not None and not names:
        raise ConfigError(f"no task is named; known: {', '.join(task_names())}")
    return [make_task(name) for name in dict.fromkeys(names or task_names())]


def choose_views(corpus: Corpus, split: str) -> dict[str, Corpus]:
    """Return the items to evaluate as "test", and the other splits that a task may learn from.

    Raises:
        DataError: the corpus has no stored split, no such part (offers the nearest name), or nothing in it.
    """
    if split == WHOLE:
        return {"test": _filled(corpus, corpus, split)}
    if not corpus.has_split:
        raise DataError(
            f"corpus {corpus.name!r} has no stored split; write one with corpus.make_split(), or evaluate on "
            f"everything with the split {WHOLE!r} (then nothing may have been trained on it)"
        )
    parts = _parts(corpus)
    if split not in parts:
        raise DataError(f"corpus {corpus.name!r} has no split {split!r}{did_you_mean(split, (*parts, WHOLE))}")
    views = {"test": _filled(corpus.split(split), corpus, split)}
    others = {name: corpus.split(name) for name in ("train", "val") if name != split and name in parts}
    return views | {name: view for name, view in others.items() if len(view)}


def able_tasks(
    tasks: Sequence[Task], predictor: Predictor, views: Mapping[str, Corpus], *, required: bool
) -> tuple[list[Task], list[dict[str, str]]]:
    """Return the tasks that model and splits allow, and the others with the reason.

    Args:
        tasks: what is wished for.
        predictor: the model.
        views: the splits that are there.
        required: the tasks were asked for by name, so that one that does not fit is an error.

    Raises:
        CapabilityError: no task fits the model, or a required one does not.
        DataError: a required task lacks a split.
    """
    fitting, skipped = [], []
    for task in tasks:
        lacking = sorted(task.needs - predictor.capabilities)
        absent = sorted(task.splits - set(views))
        if lacking and required:
            raise CapabilityError(f"task {task.name}: {_refusal(predictor, lacking[0])}")
        reason = f"the model cannot {' and '.join(lacking)}" if lacking else ""
        if absent and not reason:
            reason = f"there is no {' and no '.join(absent)} split to learn from"
            if required:
                raise DataError(f"task {task.name}: {reason}")
        if reason:
            skipped.append({"task": task.name, "reason": reason})
        else:
            fitting.append(task)
    if not fitting:
        lacking = sorted(frozenset().union(*(task.needs for task in tasks)) - predictor.capabilities)
        if lacking:
            raise CapabilityError(_refusal(predictor, lacking[0]))
        raise DataError("; ".join(f"{row['task']}: {row['reason']}" for row in skipped))
    return fitting, skipped


def default_folder(model: str | Path | Predictor, predictor: Predictor, *, corpus: str, split: str) -> Path:
    """Return RUN/evaluations/<corpus>-<split>, or ./evaluations/<model>-<corpus>-<split> outside a run."""
    name = f"{_file_name(corpus)}-{split}"
    run = run_folder(model)
    if run is not None:
        return run / "evaluations" / name
    return Path("evaluations") / f"{_file_name(predictor.name)}-{name}"


def run_folder(model: str | Path | Predictor) -> Path | None:
    """Return the folder of a local model: the run that it is of, or else its own; None for all others."""
    folder = Path(model) if isinstance(model, str | Path) else None
    if folder is None or not folder.is_dir():
        return None
    of_run = folder.name in ("best", "last") and (folder.parent / "recipe.yaml").is_file()
    return folder.parent if of_run else folder


def seen_warnings(trained_on: Mapping[str, Any], corpus: Corpus, split: str) -> list[str]:
    """Return a warning where a model has seen the patients of a split; `trained_on` is what it says of itself."""
    learnt = trained_on.get("split") or WHOLE
    if trained_on.get("content_hash") != corpus.content_hash or not (WHOLE in (learnt, split) or learnt == split):
        return []
    seen = f"The model was trained on the {learnt} split of this very corpus and is evaluated on {split}"
    return [f"{seen}: it has seen these patients, and the scores say nothing of new ones."]


def warnings_of(predictor: Predictor, corpus: Corpus, split: str) -> list[str]:
    """Return what makes the scores less than they seem: patients seen in training, findings left out."""
    warnings = seen_warnings(predictor.identity.get("trained_on") or {}, corpus, split)
    stated = len(corpus.concepts())
    if stated > MOST_CONCEPTS:
        warnings.append(f"The corpus states {stated} findings; the {MOST_CONCEPTS} most frequent ones are scored.")
    return warnings


def contamination_warnings(path: str, corpus: Corpus, view: Corpus) -> tuple[str, ...]:
    """Return what the marks of `vesalius audit` say of the studies that are evaluated; nothing without marks.

    Raises:
        DataError: no such marks, or they are of another corpus.
    """
    if not path:
        return ()
    marks = Contamination.read(path)
    if marks.test_hash != corpus.content_hash:
        raise DataError(
            f"{path}: marks of the corpus {marks.test!r}, not of {corpus.name!r} as it is: audit it again"
        )
    inside = set(view.ids)
    counts = Counter(kind for name, kinds in marks.kinds.items() if name in inside for kind in kinds)
    touched = len(marks.studies() & inside)
    if not touched:
        return (f"None of the {len(inside)} studies was found in {marks.train} by the audit of {Path(path).name}.",)
    listed = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
    return (
        f"{touched} of the {len(inside)} studies were found in {marks.train} ({listed}): the scores are too high.",
    )


def _filled(view: Corpus, corpus: Corpus, split: str) -> Corpus:
    if len(view):
        return view
    sizes = {name: len(corpus.split(name)) for name in _parts(corpus)} if corpus.has_split else {}
    counts = ", ".join(f"{name} {size}" for name, size in sizes.items()) or "no splits"
    raise DataError(f"corpus {corpus.name!r}: split {split!r} holds no study ({counts}); nothing to evaluate")


def _parts(corpus: Corpus) -> tuple[str, ...]:
    return tuple(corpus.manifest.splits["default"].patients)


def _refusal(predictor: Predictor, capability: str) -> str:
    cannot = getattr(predictor, "cannot", None)
    if cannot is not None:
        return str(cannot(capability))
    return f"model {predictor.name!r} cannot {capability}"


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name).strip(".-") or "model"
