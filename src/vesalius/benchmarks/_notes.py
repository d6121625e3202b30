"""Closed questions about clinical notes, in the layouts that the limited-impact study makes of credentialed sets.

Source: taekb/eval-medical-dapt at 908bb86, src/dataset.py and notebooks: MedNLI as released; EHRNoteQA in one file of
JSON Lines, of which the notes up to 3,000 tokens count (level1); comorbidities of the 2008 i2b2 obesity challenge and
senses of acronyms in CASI and MIMIC-III as folders of Arrow files by split. A note longer than `MOST_WORDS` is cut at
its end, so that question and options stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vesalius.benchmarks._suite import Part, studies
from vesalius.benchmarks.base import Item
from vesalius.data.releases.rows import Row, json_lines, json_value
from vesalius.errors import DataError

__all__ = ["DISEASES", "MOST_WORDS", "NOTE_PARTS", "folder_of", "note_items"]

DISEASES = ("asthma", "cad", "diabetes", "obesity")
_SENSES = {"casi_sense": "casi-sense-preprocessed", "mimic_iii_sense": "mimic-iii-sense-preprocessed"}
NOTE_PARTS = ("mednli", "ehrnoteqa", *(f"obesity_{name}" for name in DISEASES), *_SENSES)
MOST_WORDS = 4000
_SEED = 42
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_JUDGED = {"Y": "Yes", "N": "No", "Q": "Questionable"}
_RELATIONS = ("entailment", "contradiction", "neutral")
_EXPANSION = 'What is the correct expansion for the acronym "{}" in the above clinical note snippet?'
_EHR = "EHRNoteQA_processed.jsonl"
_GET = "It is credentialed: get it from its keeper and run the preprocessing of taekb/eval-medical-dapt"


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A question before it has letters."""

    name: str
    cluster: str
    question: str
    options: Sequence[str]
    answer: str
    note: str = ""
    where: str = ""


def folder_of(part: str) -> str:
    """Return the name of the folder of a part below the root."""
    return f"n2c2_2008-{part}" if part.startswith("obesity_") else _SENSES.get(part, part)


def note_items(part: str, root: Path, *, split: str) -> Iterator[Item]:
    """Yield the questions of a part, one of `NOTE_PARTS`.

    Raises:
        DataError: a file is missing, or an answer is none of the options.
    """
    reader = {"mednli": _mednli, "ehrnoteqa": _ehrnoteqa}.get(part) or (_senses if part in _SENSES else _obesity)
    for asked in reader(part, root.absolute(), split):
        yield _item(part, asked)


def _item(part: str, asked: _Asked) -> Item:
    if asked.answer not in asked.options or len(asked.options) > len(_LETTERS):
        raise DataError(
            f"{asked.where}: the answer {asked.answer!r} is none of {len(asked.options)} options; mend it"
        )
    words = asked.note.split(" ")
    cut = len(words) > MOST_WORDS
    note = " ".join(words[:MOST_WORDS]) if cut else asked.note
    options = dict(zip(_LETTERS, asked.options, strict=False))
    return Item(
        id=f"{part}-{asked.name}".replace("/", "_"),
        part=part,
        kind="choice",
        question=f"{note}{asked.question}",
        truth=_LETTERS[list(asked.options).index(asked.answer)],
        options=options,
        cluster=asked.cluster,
        fields={"note": "cut" if cut else "whole"},
    )


def _mednli(part: str, root: Path, split: str) -> Iterator[_Asked]:
    for study in studies(Part(name=part, dataset=part), root, split=split):
        premise, hypothesis = (text.text.strip() for text in study.texts)
        question = f'Premise: "{premise}"\nHypothesis: "{hypothesis}".'
        yield _Asked(name=study.id, cluster=f"mednli-{study.patient}", question=question, options=_RELATIONS,
                     answer=study.dialogues[0].answer, where=study.id)  # fmt: skip


def _ehrnoteqa(part: str, root: Path, split: str) -> Iterator[_Asked]:
    path = _there(root / part / _EHR)
    level = [number for number, row in enumerate(json_lines(path)) if row.text("category") == "level1"]
    chosen = set(np.array(level, dtype=np.int64)[_thirds(len(level))[split]].tolist()) if level else set()
    for number, row in enumerate(json_lines(path)):
        if number in chosen:
            notes = [note for place in range(1, 4) if (note := row.optional(f"note_{place}"))]
            yield _Asked(
                name=str(number), cluster=f"ehrnoteqa-{row.optional('patient_id') or number}",
                note="\n" + "\n\n".join(notes), question=f"\n\n\n{row.text('question')}",
                options=[row.text(f"choice_{letter}") for letter in "ABCDE"],
                answer=row.text(f"choice_{row.text('answer')}"), where=row.where,
            )  # fmt: skip


def _obesity(part: str, root: Path, split: str) -> Iterator[_Asked]:
    disease = part.partition("_")[2]
    rows = list(_arrow(root / folder_of(part), "train" if split == "val" else split))
    if split in ("train", "val"):
        order = np.random.default_rng(_SEED).permutation(len(rows))
        held = math.ceil(0.2 * len(rows))
        rows = [rows[place] for place in (order[:held] if split == "val" else order[held:])]
    name = disease.upper() if disease == "cad" else disease
    for row in rows:
        label = row.text("label")
        yield _Asked(
            name=row.text("id"), cluster=f"obesity-{row.text('id')}", note=row.text("text"),
            question=f"\n\nDoes this patient have {name}?", options=[*_JUDGED.values()],
            answer=_JUDGED.get(label, label), where=row.where,
        )  # fmt: skip


def _senses(part: str, root: Path, split: str) -> Iterator[_Asked]:
    folder = root / folder_of(part)
    senses: Mapping[str, Any] = json_value(_there(folder / "sf_lf_map.json"))
    for number, row in enumerate(_arrow(folder, split)):
        short = row.text("sf")
        if short not in senses:
            raise row.fault(f"sf_lf_map.json has no senses of {short!r}")
        question = f'"{row.text("context")}"\n\n{_EXPANSION.format(short)}'
        options = [_sense(str(one)) for one in senses[short]]
        yield _Asked(name=f"{split}-{number}", cluster=f"{part}-{split}-{number}", question=question, options=options,
                     answer=_sense(row.text("target_lf_sense")), where=row.where)  # fmt: skip


def _sense(text: str) -> str:
    """Return the spellings of a sense once each, in their order; the release has them in an order of chance."""
    if ";" not in text:
        return text
    return " / ".join(dict.fromkeys(part.lower() for part in text.split(";")))


def _arrow(folder: Path, split: str) -> Iterator[Row]:
    """Yield the rows of a split that the library datasets saved: streams of Arrow, in the order of their names."""
    paths = sorted((folder / split).glob("data-*.arrow"))
    if not paths:
        raise DataError(f"{folder / split} holds no data-*.arrow. {_GET}")
    for path in paths:
        try:
            with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
                for batch in stream:
                    yield from (Row(row, f"{path}, a row") for row in batch.to_pylist())
        except pa.ArrowInvalid as error:
            raise DataError(f"{path} is no stream of Arrow ({error}); save it again") from None


def _thirds(count: int) -> dict[str, Any]:
    """Return the places of test and val, a fifth each, and train, as scikit-learn draws them by seed 42."""
    size = int(count * 0.2)
    order = np.random.RandomState(_SEED).permutation(count)
    test, rest = order[:size], order[size:]
    again = np.random.RandomState(_SEED).permutation(len(rest))
    return {"test": test, "val": rest[again[:size]], "train": rest[again[size:]]}


def _there(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"{path} is missing. {_GET}")
    return path
