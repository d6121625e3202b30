"""Questions of existing data sets, gathered into one benchmark: each part is a folder read by its own reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from vesalius.benchmarks.base import Item
from vesalius.data.datasets.base import dataset
from vesalius.data.messages import Media
from vesalius.data.records import Dialogue, Study
from vesalius.errors import DataError
from vesalius.virtual.twin import virtual_patients

__all__ = [
    "Part",
    "dialogues",
    "folders_at",
    "media_of_study",
    "question_item",
    "questions",
    "studies",
    "write_suite",
]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SIDE = 64
"""Rows and columns of a twin's pictures."""
_QUESTIONS = 3.0
"""Mean number of a twin's questions about a patient."""
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a suite: which data set it reads, and which of its own parts is asked."""

    name: str
    dataset: str
    """Name in `vesalius.data.datasets`, and of the folder below the suite's root."""
    splits: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """The data set's part that stands for one of ours, where it is another: ``{"test": "val"}``; "" for none."""
    settings: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """Further arguments of the data set's ``read``."""
    fields: tuple[str, ...] = ()
    """Names of what stands in `Dialogue.source` behind the data set's name, between slashes."""


def write_suite(root: Path, names: Sequence[str], *, patients: int, seed: int) -> None:
    """Write the layout of each data set named, all the same virtual patients for those that ask alike.

    Unlike `vesalius.virtual.twin.write_twin`, which makes patients for each, nothing is read back here.
    """
    asked: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in names:
        twin = dataset(name).TWIN
        asked.setdefault((twin.preset, twin.families), []).append(name)
    for (preset, families), found in asked.items():
        with virtual_patients(
            preset, patients=patients, seed=seed, image_size=_SIDE, questions=_QUESTIONS, families=families
        ) as corpus:
            for name in found:
                (root / name).mkdir(parents=True)
                dataset(name).write(corpus, root / name)


def folders_at(root: Path, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return the names of the parts whose folder lies below a root."""
    return tuple(part.name for part in parts if (root / part.dataset).is_dir())


def studies(part: Part, root: Path, *, split: str) -> Iterator[Study]:
    """Yield the studies of a part of a suite that are asked in a split.

    Raises:
        DataError: the folder or a file of the data set is missing; says how to get it.
    """
    theirs = part.splits.get(split, split)
    if not theirs:
        return
    module = cast(Any, dataset(part.dataset))
    for study, held in module.read(root.absolute() / part.dataset, **part.settings):
        if held == theirs:
            yield study


def questions(part: Part, root: Path, *, split: str) -> Iterator[Item]:
    """Yield the questions of a part of a suite; those without an answer, such as hidden ones, are left out."""
    for study, dialogue in dialogues(part, root, split=split):
        yield question_item(part, study, dialogue)


def dialogues(part: Part, root: Path, *, split: str) -> Iterator[tuple[Study, Dialogue]]:
    """Yield the answered questions of a part as the data set's reader has them."""
    for study in studies(part, root, split=split):
        for dialogue in study.dialogues:
            if dialogue.answer.strip():
                yield study, dialogue


def question_item(part: Part, study: Study, dialogue: Dialogue) -> Item:
    """Return a question as an item: a choice by its letter, any other by its words.

    The fields are those of the source, the kind of the answer, and modality and body part of the first picture.

    Raises:
        DataError: the right answer is none of the options.
    """
    options = dict(zip(_LETTERS, dialogue.options, strict=False)) if dialogue.answer_type == "choice" else {}
    truth = next((letter for letter, text in options.items() if text == dialogue.answer), dialogue.answer)
    if options and truth not in options:
        raise DataError(
            f"{part.dataset}, question {dialogue.id}: the answer is none of its {len(options)} options; mend the row"
        )
    said = dialogue.source.split("/")[1:]
    named = dict(zip(part.fields, said, strict=False)) | {"answer_type": dialogue.answer_type}
    for image in study.images[:1]:
        named |= {"modality": image.sequence or image.modality, "body_part": image.body_part}
    return Item(
        id=f"{part.name}-{dialogue.id}".replace("/", "_"),
        part=part.name,
        kind=dialogue.answer_type,
        question=dialogue.turns[-1].text,
        truth=truth,
        options=options,
        language=dialogue.language,
        cluster=f"{part.dataset}-{study.patient}",
        media=media_of_study(study, dialogue.turns[-1].images),
        fields={name: value for name, value in named.items() if value},
    )


def media_of_study(study: Study, shown: Sequence[str]) -> tuple[Media, ...]:
    """Return the pictures of a study by their ids; one whose file is missing gets a path that leads nowhere."""
    paths = {image.id: image.path for image in study.images}
    return tuple(Media(path=paths.get(name, f"/missing picture of {study.id}/{name}")) for name in shown)
