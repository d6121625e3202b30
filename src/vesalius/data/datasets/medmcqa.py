"""MedMCQA: 193,155 questions of Indian entrance examinations with four options, as text.

The number of the right option counts from 1 in the original files and from 0 in the copy of the hub, where -1 stands
for none; which of the two it is follows from the numbers that occur. The test part has no answers, so that papers
score "val". The twin asks about described virtual patients: it tests plumbing and not medicine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, padded_options, text_questions
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.twins import QUESTION_FAMILIES, digest, part_of, write_json_lines

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedMCQA", slug="medmcqa", licence="Apache-2.0",
    access="It is open: download data.zip by the link of its repository", home="https://github.com/medmcqa/medmcqa",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=64, questions=4.0, families=QUESTION_FAMILIES)

_FILES = {"train": "train.json", "val": "dev.json", "test": "test.json"}
_OPTIONS = ("opa", "opb", "opc", "opd")


def read(root: Path) -> Iterator[Sample]:
    """Yield one study without pictures for each question, in "train", "val" (dev.json) or "test" (without answers).

    `Dialogue.source` is ``medmcqa/<choice_type>/<subject_name>``; questions of type "multi" have one right option,
    too. The explanation is the rationale.
    """
    require_files(root, [*_FILES.values()], ABOUT)
    first = _first_number(row for name in ("dev.json", "train.json") for row in json_lines(root / name))
    rows = ((part, row) for part, name in _FILES.items() for row in json_lines(root / name))
    yield from _samples(rows, first, provenance(root, ABOUT))


def _first_number(rows: Iterable[Row]) -> int:
    """Return 0 or 1, the number of the first option, from the first row that tells them apart."""
    for row in rows:
        number = row.whole("cop") if row.has("cop") else 1
        if number in (0, len(_OPTIONS)):
            return 1 if number else 0
    return 1


def _samples(rows: Iterable[tuple[str, Row]], first: int, origin: Provenance) -> Iterator[Sample]:
    for part, row in rows:
        options = [row.text(name) for name in _OPTIONS]
        number = row.whole("cop") - first if row.has("cop") and row.whole("cop") != -1 else -1
        if number >= len(_OPTIONS) or (number < 0 and row.has("cop") and row.whole("cop") != -1):
            raise row.fault(f"cop is {row.whole('cop')}, expected {first} to {first + 3}, or -1 for none")
        dialogue = asked(
            row.text("id"), row.text("question"), options[number] if number >= 0 else "", options=options,
            answer_type="choice", source=f"medmcqa/{row.text('choice_type')}/{row.optional('subject_name')}",
        )  # fmt: skip
        dialogue = replace(dialogue, rationale=row.optional("exp"))
        yield examined(row.text("id"), dialogue, part, origin)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the original files, counted from 1; one explanation is missing and one option is "All of the above"."""
    parts, found = part_of(corpus), list(text_questions(corpus))
    questions = [question for _, _, question in found]
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _FILES}
    for place, (study, text, question) in enumerate(found):
        options = list(padded_options(question, questions, 4, seed=text))
        if place % 4 == 3:
            wrong = next(number for number, option in enumerate(options) if option != question.answer)
            options[wrong] = "All of the above"
        row: dict[str, Any] = {"id": f"virtual-{digest(text, question.question)}-{place}", "question": text}
        row |= dict(zip(_OPTIONS, options, strict=True))
        row |= {
            "choice_type": "multi" if place % 3 == 2 else "single",
            "subject_name": "Radiology",
            "topic_name": None,
        }
        if parts[study.id] != "test":
            explained = None if place == 0 else f"The description says so: {question.answer}."
            row |= {"cop": options.index(question.answer) + 1, "exp": explained}
        rows[parts[study.id]].append(row)
    for part, name in _FILES.items():
        write_json_lines(root / name, rows[part])
    pairs = ((part, Row(row, "row")) for part, table in rows.items() for row in table)
    return list(_samples(pairs, 1, virtual_origin(ABOUT)))
