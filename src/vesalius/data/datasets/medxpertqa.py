"""MedXpertQA: 2,000 questions with one to six pictures and five options, and 2,450 in text with ten.

The text of a question ends with its options; that end is left out, so that no prompt shows them twice. The copy of
the hub keeps options as a struct whose unused letters are empty. Options of questions with pictures may be mere
letters in the picture. The twin asks about virtual chest radiographs: it tests plumbing and not medicine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Provenance
from vesalius.data.releases.exams import examined, letter_options, padded_options, right_of, stated
from vesalius.data.releases.pictures import picture, stem
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_lines
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, save_picture, write_json_lines

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MedXpertQA", slug="medxpertqa", licence="MIT",
    access="It is open: download MM, Text and images.zip from the hub and unpack the pictures",
    home="https://huggingface.co/datasets/TsinghuaC3I/MedXpertQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=4.0, families=QUESTION_FAMILIES)

_SUBSETS = {"MM": "ABCDE", "Text": "ABCDEFGHIJ"}
_PARTS = ("dev", "test")
_CHOICES = re.compile(r"\s*Answer Choices:.*$", re.DOTALL)


def read(root: Path, *, subset: str = "") -> Iterator[Sample]:
    """Yield one study for each question, in "dev" (five examples) or "test".

    `Dialogue.source` is ``medxpertqa/<subset>/<question_type>/<medical_task>/<body_system>``.

    Args:
        root: folder with ``MM``, ``Text`` and ``images``.
        subset: "MM" or "Text"; both where none is given.
    """
    root = root.absolute()
    subsets = [subset] if subset else list(_SUBSETS)
    files = {(name, part): root / name / f"{part}.jsonl" for name in subsets for part in _PARTS}
    require_files(root, [path.relative_to(root).as_posix() for path in files.values()], ABOUT)
    rows = ((name, part, row) for (name, part), path in files.items() for row in json_lines(path))
    yield from _samples(rows, root, provenance(root, ABOUT))


def _samples(rows: Iterable[tuple[str, str, Row]], root: Path, origin: Provenance) -> Iterator[Sample]:
    for subset, part, row in rows:
        options = letter_options(row, "options")
        files = [str(file) for file in row.items("images")]
        kind = "/".join([subset, *(row.optional(name) for name in ("question_type", "medical_task", "body_system"))])
        dialogue = asked(
            row.text("id"), _CHOICES.sub("", row.text("question")), right_of(row, options, row.text("label")),
            images=[stem(file) for file in files], options=[*options.values()], answer_type="choice",
            source=f"medxpertqa/{kind}",
        )  # fmt: skip
        images = [image for file in files if (image := picture(root / "images" / file, id=stem(file)))]
        yield examined(row.text("id"), dialogue, part, origin, images=images)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write both subsets; every third question has two pictures, and one row the hub's empty letters."""
    root = root.absolute()
    found = [(number, study, asked) for number, study in identity(corpus) for asked in asked_of(study)]
    everything = [question for _, _, question in found]
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {(a, b): [] for a in _SUBSETS for b in _PARTS}
    for place, (number, study, question) in enumerate(found):
        subset = "Text" if place % 2 else "MM"
        table = rows[subset, "dev" if len(rows[subset, "dev"]) < 2 else "test"]
        letters = _SUBSETS[subset]
        options = dict(zip(letters, padded_options(question, everything, len(letters), seed=str(place)), strict=True))
        text = f"{stated(study)} {question.question}" if subset == "Text" else question.question
        shown = " ".join(f"({letter}) {option}" for letter, option in options.items())
        row = {
            "id": f"{subset}-{len(rows[subset, 'dev']) + len(rows[subset, 'test'])}",
            "question": f"{text}\nAnswer Choices: {shown}", "options": options,
            "label": next(letter for letter, option in options.items() if option == question.answer),
            "medical_task": "Diagnosis", "body_system": "Respiratory",
            "question_type": "Reasoning" if place % 3 else "Understanding",
        }  # fmt: skip
        if subset == "MM":
            names = [f"virtual-{number}-{letter}.jpeg" for letter in ("ab" if place % 3 == 2 else "a")]
            for name in names:
                save_picture(corpus, study, root / "images" / name)
            row["images"] = names
        if place == 0:
            row["options"] = {**options, "F": None}
        table.append(row)
    for (subset, part), table in rows.items():
        write_json_lines(root / subset / f"{part}.jsonl", table)
    pairs = ((subset, part, Row(row, "row")) for (subset, part), table in rows.items() for row in table)
    return list(_samples(pairs, root, virtual_origin(ABOUT)))
