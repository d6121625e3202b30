"""OVQA: 19,020 questions about 2,001 orthopaedic pictures of 2,212 records.

Many rows are marked CLOSED though their answer is neither yes nor no: the mark is kept in `Dialogue.answer_type` and
papers differ in what they drop. The split is not by picture. The twin's pictures are chest radiographs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image
from vesalius.data.releases.pictures import picture, stem
from vesalius.data.releases.questions import answer_kind, asked
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, save_picture, write_json

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="OVQA", slug="ovqa", licence="by agreement with its authors",
    access="Ask its authors by the form of its page, with the certificate of a course on privacy",
    home="https://github.com/emmali808/OVQA",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_FILES = {"train": "trainset.json", "val": "valset.json", "test": "testset.json"}
_TYPES = {
    "modality": "Modality", "view": "Plane", "site": "Organ System", "where": "Organ System",
    "presence": "Condition Presence", "any_abnormality": "Condition Presence", "which_finding": "Abnormality",
    "what": "Abnormality",
}  # fmt: skip


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each picture and part, "train", "val" or "test".

    `Dialogue.source` is ``ovqa/<question_type>``; the body part is the release's organ.
    """
    origin = provenance(root, ABOUT)
    root = root.absolute()
    root = root / "OVQA_publish" if (root / "OVQA_publish").is_dir() else root
    require_files(root, [*_FILES.values(), "img"], ABOUT)
    rows = ((part, row) for part, name in _FILES.items() for row in json_list(root / name))
    yield from by_picture((_item(row, part, root) for part, row in rows), _described, origin)


def _item(row: Row, part: str, root: Path) -> Item:
    file = row.text("image_name")
    dialogue = asked(
        f"{part}-{row.text('qid')}", row.text("question"), row.text("answer"), images=(stem(file),),
        answer_type=answer_kind(row.text("answer_type")), source=f"ovqa/{row.text('question_type')}",
    )  # fmt: skip
    return Item(
        part=part, path=root / "img" / file, dialogue=dialogue, name=stem(file),
        facts=(("body_part", row.optional("image_organ")),),
    )  # fmt: skip


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name, **dict(item.facts))


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write three parts that share pictures; every third open answer is marked CLOSED."""
    base = root.absolute() / "OVQA_publish"
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _FILES}
    number = 0
    for place, study in identity(corpus):
        name = f"virtual_{place}.jpg"
        save_picture(corpus, study, base / "img" / name)
        for question in asked_of(study):
            closed = question.closed or number % 3 == 0
            rows[("train", "train", "val", "test")[number % 4]].append({
                "qid": number, "image_name": name, "image_organ": "CHEST", "question": question.question,
                "question_type": _TYPES.get(question.family, "Attribute Other"), "question_rephrase": "NULL",
                "answer": question.answer, "answer_type": "CLOSED" if closed else "OPEN",
            })  # fmt: skip
            number += 1
    for part, name in _FILES.items():
        write_json(base / name, rows[part])
    items: Iterable[Item] = (_item(Row(row, "row"), part, base) for part, table in rows.items() for row in table)
    return list(by_picture(items, _described, virtual_origin(ABOUT)))
