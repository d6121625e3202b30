"""MMMU, its health part: college examination questions in five subjects with one to seven pictures.

``<image 1>`` in question and options says where a picture stands, and stays. Options are the text of a Python list,
read as a literal and never run. Test answers are hidden ("?"). Some answers are open: a text, or the text of a list
of accepted ones, kept as it is. The twin asks about virtual chest radiographs: it tests plumbing and not medicine.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance
from vesalius.data.releases.exams import examined, padded_options
from vesalius.data.releases.pictures import picture_in
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, parquet_rows
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, picture_bytes
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["ABOUT", "SUBJECTS", "TWIN", "read", "write"]

ABOUT = About(
    title="MMMU, health part", slug="mmmu_med", licence="Apache-2.0",
    access="It is open: download the folders of the five subjects from the hub",
    home="https://huggingface.co/datasets/MMMU/MMMU",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=4.0, families=QUESTION_FAMILIES)

SUBJECTS = (
    "Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy", "Public_Health",
)  # fmt: skip
_PARTS = {"dev": "dev", "validation": "val", "test": "test"}
_PICTURES = tuple(f"image_{number}" for number in range(1, 8))
_COLUMNS = ("id", "question", "options", "answer", "question_type")
_LETTERS = "ABCDEFGHIJ"
_MARK = re.compile(r"<image (\d)>")
_HIDDEN = "?"
_LONGEST_OPTIONS = 100_000


def read(root: Path, *, subjects: Sequence[str] = SUBJECTS) -> Iterator[Sample]:
    """Yield one study for each question, in "dev", "val" or "test", subject by subject.

    `Dialogue.source` is ``mmmu_med/<subject>/<subfield>/<topic_difficulty>``.

    Args:
        root: folder with a folder for each subject.
        subjects: which.
    """
    for name in subjects:
        if name not in SUBJECTS:
            raise ConfigError(f"no health subject {name!r}{did_you_mean(name, SUBJECTS)}")
    root = root.absolute()
    require_files(root, [*subjects], ABOUT)
    for subject in subjects:
        for theirs, part in _PARTS.items():
            rows = parquet_rows(sorted((root / subject).glob(f"{theirs}-*.parquet")), _COLUMNS)
            yield from _samples(rows, root, subject, part, provenance(root, ABOUT))


def _samples(rows: Iterable[Row], root: Path, subject: str, part: str, origin: Provenance) -> Iterator[Sample]:
    for row in rows:
        name = row.text("id")
        options = _options(row)
        answer = row.optional("answer")
        closed = row.text("question_type") == "multiple-choice"
        if closed and answer != _HIDDEN:
            if answer not in _LETTERS[: len(options)]:
                raise row.fault(f"answer {answer!r}, expected one of {', '.join(_LETTERS[: len(options)])}")
            answer = options[_LETTERS.index(answer)]
        images = _images(row, root, name)
        marks = _MARK.findall(" ".join([row.text("question"), *options]))
        shown = [f"{name}-{number}" for number in dict.fromkeys(marks)] or [image.id for image in images]
        dialogue = asked(
            name, row.text("question"), "" if answer == _HIDDEN else answer, images=shown, options=options,
            answer_type="choice" if closed else "open",
            source=f"mmmu_med/{subject}/{row.optional('subfield')}/{row.optional('topic_difficulty')}",
        )  # fmt: skip
        yield examined(name, dialogue, part, origin, images=images)


def _images(row: Row, root: Path, name: str) -> list[Image]:
    found = (
        picture_in(root, row, column, id=f"{name}-{number}", folder="pictures", sequence=row.optional("img_type"))
        for number, column in enumerate(_PICTURES, start=1)
    )
    return [image for image in found if image]


def _options(row: Row) -> list[str]:
    text = row.text("options")
    if len(text) > _LONGEST_OPTIONS:
        raise row.fault(f"options have {len(text)} characters, expected the text of a short list")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise row.fault(f"options are {text[:40]!r}, expected the text of a list") from None
    if not isinstance(value, list):
        raise row.fault(f"options are {text[:40]!r}, expected the text of a list")
    return [str(option) for option in value]


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write five subjects; there are two pictures in a question, one in an option, and open questions."""
    root = root.absolute()
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {(a, b): [] for a in SUBJECTS for b in _PARTS}
    studies = [study for _, study in identity(corpus)]
    pictures = [picture_bytes(corpus, study, kind="PNG") for study in studies]
    everything = [question for study in studies for question in asked_of(study)]
    place = 0
    for number, study in enumerate(studies):
        for question in asked_of(study):
            subject = SUBJECTS[place % len(SUBJECTS)]
            part = [*_PARTS][place // len(SUBJECTS) % 3]
            options = list(padded_options(question, everything, 4, seed=str(place)))
            letter = _LETTERS[options.index(question.answer)]
            row: dict[str, Any] = dict.fromkeys(_PICTURES)
            row["image_1"] = {"bytes": pictures[number], "path": None}
            row |= {
                "id": f"{part}_{subject}_{place}", "question": f"<image 1> {question.question}",
                "options": repr(options), "answer": _HIDDEN if part == "test" else letter, "explanation": "",
                "img_type": "['Medical Images']", "topic_difficulty": "Easy", "question_type": "multiple-choice",
                "subfield": "Imaging",
            }  # fmt: skip
            _make_odd(row, place, pictures[0], question.answer)
            tables[subject, part].append(row)
            place += 1
    made: list[Sample] = []
    for (subject, part), rows in tables.items():
        (root / subject).mkdir(exist_ok=True)
        if rows:
            pq.write_table(pa.Table.from_pylist(rows), root / subject / f"{part}-00000-of-00001.parquet")
        found = (Row(row, "row") for row in rows)
        made += _samples(found, root, subject, _PARTS[part], virtual_origin(ABOUT))
    return made


def _make_odd(row: dict[str, Any], place: int, other: bytes, answer: str) -> None:
    if place == 1:
        row |= {"image_2": {"bytes": other, "path": None}, "question": f"{row['question']} Compare <image 2>."}
    if place == 2:
        row |= {"image_2": {"bytes": other, "path": None}, "options": row["options"].replace("']", " <image 2>']")}
    if place == 3:
        row |= {"question_type": "open", "options": "[]", "answer": f"['{answer}', '{answer}.']"}
