"""A recipe run over a corpus: every step counted, everything that stayed out listed, the result a corpus.

What stands after each step is kept in ``.curation`` below the output until the end, named by a hash of the source,
the steps so far and their settings. The same call after a kill goes on there; changed settings redo what follows.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vesalius import __version__
from vesalius.curation.base import Dropped, Files, Spread, Stage, Tally, run_step
from vesalius.curation.page import funnel_page
from vesalius.curation.recipe import NamedStep, Recipe
from vesalius.curation.stages import LEDGER, StoredStudies, store_step
from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.readers import metaimage
from vesalius.data.records import Study
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

__all__ = ["DROPPED_FILE", "PAGE_FILE", "REPORT_FILE", "CurationReport", "StepReport", "curate", "curate_studies"]

REPORT_FILE, DROPPED_FILE, PAGE_FILE = "curation.json", "curation-dropped.jsonl", "curation.html"
_SCRATCH = ".curation"
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """A step with its settings and counts."""

    name: str
    settings: Mapping[str, Any]
    tally: Tally
    resumed: bool = False
    """True where an earlier, interrupted run had done it."""


@dataclass(frozen=True, kw_only=True)
class CurationReport:
    """What became of a corpus."""

    recipe: str
    seed: int
    source: str
    source_hash: str
    corpus: str
    content_hash: str
    steps: tuple[StepReport, ...]
    virtual: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        steps = [{"step": step.name, "settings": dict(step.settings), **step.tally.as_dict()} for step in self.steps]
        return {**{key: value for key, value in vars(self).items() if key != "steps"}, "steps": steps}

    def text(self) -> str:
        """Return a table for people: one row a step, and why studies were dropped."""
        lines = [f"{'step':24} {'in':>8} {'out':>8} {'changed':>8}"]
        for step in self.steps:
            tally = step.tally
            lines.append(f"{step.name:24} {tally.studies_in:8} {tally.studies_out:8} {tally.changed:8}")
            lines += [f"    {reason}: {number}" for reason, number in sorted(tally.dropped.items())]
        return "\n".join([*lines, f"{self.corpus}: {self.steps[-1].tally.studies_out} studies"])


def curate(
    source: Corpus, recipe: Recipe, out: str | Path, *, progress: Progress | None = None, spread: Spread = map
) -> CurationReport:
    """Run a recipe over a corpus (or view) and write the result as a corpus, with its files and split.

    Also written into `out`: ``curation.json`` (the report), ``curation-dropped.jsonl`` (one line for each study that
    stayed out) and ``curation.html``.

    Args:
        source: corpus or view.
        recipe: steps in order.
        out: folder of the result.
        progress: takes a title and a total, gives a context that yields a function that counts studies.
        spread: how steps that look at one study at a time go over all of them; `vesalius.data.ordered.ordered_map`
            with a backend runs them in processes or on Ray, with the same result.

    Raises:
        DataError: `out` holds something else, or no study is left.
    """
    root = Path(out)
    if (root / "corpus.json").exists() and not (root / _SCRATCH).exists():
        raise DataError(f"{root} holds a corpus already: choose a new folder for --out")
    if root.resolve() == source.root.resolve():
        raise DataError(f"{root} is the corpus to be curated itself: choose another folder for --out")
    steps, folders, studies = _run(source, recipe, root, progress or _silent, spread)
    content_hash = _write(source, studies, root, name=recipe.name, progress=progress or _silent)
    report = CurationReport(
        recipe=recipe.name,
        seed=recipe.seed,
        source=source.name,
        source_hash=source.content_hash,
        corpus=str(root),
        content_hash=content_hash,
        steps=tuple(steps),
        virtual=source.manifest.virtual,
    )
    _publish(report, root, folders)
    return report


def _run(
    source: Corpus, recipe: Recipe, root: Path, progress: Progress, spread: Spread
) -> tuple[list[StepReport], list[Path], StoredStudies]:
    """Run the steps one after the other; return their reports, their folders, and the studies after the last."""
    studies: Iterable[Study] = source
    steps: list[StepReport] = []
    folders = list(_folders(source, recipe, root))
    number_in = len(source)
    for folder, step in zip(folders, recipe.steps, strict=True):
        with progress(step.name, number_in) as advance:
            stage = Stage(studies=studies, files=source, seed=recipe.seed, spread=spread)
            stored = store_step(step, stage, folder, advance=advance)
        steps.append(_report_of(step, stored.tally, resumed=stored.resumed))
        studies, number_in = stored.studies, len(stored.studies)
        if not number_in:
            raise DataError(_nothing_left(steps))
    return steps, folders, stored.studies


def curate_studies(
    studies: Sequence[Study], steps: Sequence[NamedStep], *, files: Files, seed: int = 0
) -> tuple[list[Study], list[StepReport]]:
    """Run steps over studies in memory and return what is left, with the counts; nothing is written."""
    current, reports = list(studies), []
    for step in steps:
        tally, kept = Tally(), []
        for study, outcome in run_step(step.step, Stage(studies=current, files=files, seed=seed), name=step.label):
            tally.count(study, outcome)
            if not isinstance(outcome, Dropped):
                kept.append(outcome)
        reports.append(_report_of(step, tally))
        current = kept
    return current, reports


def _report_of(step: NamedStep, tally: Tally, *, resumed: bool = False) -> StepReport:
    return StepReport(name=step.name, settings=step.settings, tally=tally, resumed=resumed)


def _folders(source: Corpus, recipe: Recipe, root: Path) -> Iterator[Path]:
    """Name the folder of each step by all that its result depends on."""
    hasher = hashlib.sha256(f"{__version__}/{source.content_hash}/{recipe.seed}".encode())
    for study in source.ids:
        hasher.update(f"\n{study}".encode())
    for number, step in enumerate(recipe.steps, start=1):
        hasher.update(f"\n{step.label}".encode())
        yield root / _SCRATCH / f"{number:02d}-{step.name}-{hasher.hexdigest()[:12]}"


def _nothing_left(steps: Sequence[StepReport]) -> str:
    last = steps[-1]
    reasons = ", ".join(f"{reason} ({number})" for reason, number in last.tally.dropped.most_common(3))
    return (
        f"step {len(steps)} ({last.name}) dropped the last {last.tally.studies_in} studies: {reasons}; "
        "loosen its settings or leave it out"
    )


def _write(source: Corpus, studies: StoredStudies, root: Path, *, name: str, progress: Progress) -> str:
    facts = source.manifest
    with (
        progress("writing", len(studies)) as advance,
        CorpusWriter(root, name=f"{source.name}-{name}", licence=facts.licence, virtual=facts.virtual) as writer,
    ):
        for study in studies:
            if study.id not in writer:
                writer.add(study, media=_media(source, study))
            advance(1)
    written = Corpus.open(root)
    if source.has_split:
        kept = set(written.ids)
        parts = {study: part for study, part in source.parts().items() if study in kept}
        if parts:
            written.set_split(parts, shared=bool(source.manifest.splits["default"].shared_patients))
    return Corpus.open(root).content_hash


def _media(source: Corpus, study: Study) -> dict[str, Path]:
    """Files of a study that are there, with the samples of a detached header; others stay away."""
    names = [image.path for image in study.images] + [region.mask for region in study.regions if region.mask]
    paths = {name: source.path(name) for name in dict.fromkeys(names)}
    media = {name: path for name, path in paths.items() if path.exists()}
    for name, path in tuple(media.items()):
        if path.suffix.lower() == ".mhd":
            samples = metaimage.describe(path).block.path
            media[(PurePosixPath(name).parent / samples.name).as_posix()] = samples
    return media


def _publish(report: CurationReport, root: Path, folders: Sequence[Path]) -> None:
    with replacing(root / DROPPED_FILE, scratch=root / _SCRATCH) as file:
        for folder in folders:
            file.write((folder / LEDGER).read_bytes())
    with replacing(root / REPORT_FILE, scratch=root / _SCRATCH) as file:
        file.write((json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
    with replacing(root / PAGE_FILE, scratch=root / _SCRATCH) as file:
        file.write(funnel_page(report).encode("utf-8"))
    shutil.rmtree(root / _SCRATCH, ignore_errors=True)


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    del title, total
    return nullcontext(lambda count: None)
