"""VQA-RAD: 2,248 questions and answers about 315 radiology pictures, asked and answered by clinicians.

Three layouts are read, by what lies at the root: the release ("VQA_RAD Dataset Public.json"), the re-split of the
MEVF code (trainset.json, testset.json) and the copy of the hub (Parquet). The test part is that of the phrases and
not of the pictures: nearly every picture of it is also in the training part, and so are a few whole questions. The
twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image, Provenance
from vesalius.data.releases.pictures import picture, stem
from vesalius.data.releases.questions import answer_kind, asked
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.studies import Item, by_picture, hub_files, hub_questions
from vesalius.data.releases.twins import (
    QUESTION_FAMILIES,
    Asked,
    asked_of,
    digest,
    identity,
    save_picture,
    write_json,
)

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="VQA-RAD", slug="vqa_rad", licence="CC0 1.0",
    access="It is open: download the JSON file and the folder of pictures from the Open Science Framework",
    home="https://osf.io/89kps/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_TABLE, _FOLDER = "VQA_RAD Dataset Public.json", "VQA_RAD Image Folder"
_RESPLIT = {"train": "trainset.json", "test": "testset.json"}
_BODY_PARTS = {"ABD": "ABDOMEN"}
_TYPES = {
    "presence": "PRES", "any_abnormality": "ABN", "in_place": "POS", "side": "POS", "site": "POS", "where": "POS",
    "which_finding": "ABN", "severity": "ATTRIB", "appearance": "ATTRIB", "count": "COUNT", "modality": "MODALITY",
    "view": "PLANE",
}  # fmt: skip
_FIRST_NUMBER = 9_000_000
"""Pictures of the twin are numbered from here; those of the release have five digits."""


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each picture and part, "train" or "test"; each question keeps its spelling and types.

    `Dialogue.source` is ``vqa_rad/<phrase_type>/<question_type>`` as the row says, also where a row holds two types
    or misspells one.
    """
    root = root.absolute()
    if hub_files(root) and not (root / _TABLE).exists():
        yield from by_picture(hub_questions(root, ABOUT), _described, provenance(root, ABOUT))
        return
    if (root / _RESPLIT["train"]).exists():
        require_files(root, [*_RESPLIT.values(), "images"], ABOUT)
        rows = [(part, json_list(root / name)) for part, name in _RESPLIT.items()]
        folder = root / "images"
    else:
        require_files(root, [_TABLE, _FOLDER], ABOUT)
        rows, folder = [("", json_list(root / _TABLE))], root / _FOLDER
    items = (item for part, found in rows for item in _items(found, folder, part))
    yield from by_picture(items, _described, provenance(root, ABOUT))


def _items(rows: Iterable[Row], folder: Path, part: str) -> Iterator[Item]:
    """Turn rows into questions; where no part is given, the phrase type tells it."""
    taken: set[str] = set()
    for row in rows:
        name = row.text("image_name")
        phrase = row.optional("phrase_type")
        number = row.text("qid")
        while number in taken:
            number += "+"
        taken.add(number)
        dialogue = asked(
            number, row.text("question"), row.text("answer"), images=(stem(name),),
            answer_type=answer_kind(row.text("answer_type")),
            source=f"vqa_rad/{phrase}/{row.text('question_type')}",
        )  # fmt: skip
        organ = row.optional("image_organ").strip()
        yield Item(
            part=part or ("test" if phrase.startswith("test_") else "train"), path=folder / name, dialogue=dialogue,
            name=stem(name), facts=(("body_part", _BODY_PARTS.get(organ, organ)),),
        )  # fmt: skip


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name, **dict(item.facts))


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the release's layout; both parts share pictures, and its odd rows occur where there are enough rows."""
    rows: list[dict[str, Any]] = []
    for number, study in identity(corpus):
        name = f"synpic{_FIRST_NUMBER + number}.jpg"
        save_picture(corpus, study, root.absolute() / _FOLDER / name, mode="L" if number % 2 else "RGB")
        questions = asked_of(study)
        for place, question in enumerate(questions):
            rows.append(_row(len(rows), name, question, test=len(questions) > 1 and place == len(questions) - 1))
    _make_odd(rows)
    write_json(root / _TABLE, rows)
    return _kept(rows, root.absolute(), virtual_origin(ABOUT))


def _kept(rows: list[Mapping[str, Any]] | list[dict[str, Any]], root: Path, origin: Provenance) -> list[Sample]:
    found = (Row(row, f"row {number}") for number, row in enumerate(rows))
    return list(by_picture(_items(found, root / _FOLDER, ""), _described, origin))


def _row(number: int, name: str, question: Asked, *, test: bool) -> dict[str, Any]:
    return {
        "qid": str(number), "phrase_type": "test_freeform" if test else "freeform", "qid_linked_id": digest(number),
        "image_case_url": f"virtual case {stem(name)}", "image_name": name, "image_organ": "CHEST",
        "evaluation": "not evaluated", "question": question.question, "question_rephrase": "NULL",
        "question_relation": "NULL", "question_frame": "NULL",
        "question_type": _TYPES.get(question.family, "OTHER"),
        "answer": int(question.answer) if question.answer.isdecimal() else question.answer,
        "answer_type": "CLOSED" if question.closed or question.options else "OPEN",
    }  # fmt: skip


def _make_odd(rows: list[dict[str, Any]]) -> None:
    """Put in what the release has: a paraphrase, a space after CLOSED, two types in a row, a field left out."""
    closed = [row for row in rows if row["answer_type"] == "CLOSED"]
    if closed:
        closed[-1]["answer_type"] = "CLOSED "
    if len(rows) > 3:
        rows[1]["question_type"] = "POS, PRES"
        del rows[2]["question_rephrase"]
        first = rows[0]
        first["question_rephrase"] = f"In this picture: {first['question']}"
        test = first["phrase_type"].startswith("test_")
        rows.append(first | {
            "qid": str(len(rows)), "phrase_type": "test_para" if test else "para",
            "question": first["question_rephrase"], "question_rephrase": first["question"],
        })  # fmt: skip
