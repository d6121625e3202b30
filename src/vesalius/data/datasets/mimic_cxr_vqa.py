"""MIMIC-CXR-VQA: 378,000 questions from templates about radiographs of MIMIC-CXR, with lists as answers.

The pictures are those of MIMIC-CXR-JPG, of which ``files`` must lie (or be linked) in the folder. An answer is a
list; it is joined by "; ", and an empty list, which means none, is an empty answer. The files without credentials
hold no answers and are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Image
from vesalius.data.releases.pictures import first_of, picture
from vesalius.data.releases.questions import asked
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.studies import Item, by_picture
from vesalius.data.releases.twins import (
    QUESTION_FAMILIES,
    Asked,
    asked_of,
    digest,
    identity,
    part_of,
    save_picture,
    write_json,
)

__all__ = ["ABOUT", "TWIN", "answers", "read", "write"]

ABOUT = About(
    title="MIMIC-CXR-VQA", slug="mimic_cxr_vqa", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="Credentialed: complete the training, sign the agreements on PhysioNet, download it and MIMIC-CXR-JPG",
    home="https://physionet.org/content/mimic-ext-mimic-cxr-vqa/",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_FILES = {"train": "train.json", "val": "valid.json", "test": "test.json"}
_FOLDERS = ("files", "images", ".")
_TYPES = {"verify": "closed", "choose": "choice", "query": "multi_choice"}
_SEPARATOR = "; "
_FIRST_PATIENT = 90_000_000


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each radiograph and part, "train", "val" or "test"; `patient` is the subject.

    `Dialogue.source` is ``mimic_cxr_vqa/<semantic_type>/<content_type>``.
    """
    root = root.absolute()
    base = next((folder for folder in (root / "dataset", root) if (folder / _FILES["train"]).exists()), root)
    require_files(base, [*_FILES.values()], ABOUT)
    rows = ((part, row) for part, name in _FILES.items() for row in json_list(base / name))
    yield from by_picture((_item(row, part, root) for part, row in rows), _described, provenance(root, ABOUT))


def answers(dialogue: Dialogue) -> tuple[str, ...]:
    """Return the answer as the list that the release has."""
    return tuple(dialogue.answer.split(_SEPARATOR)) if dialogue.answer else ()


def _item(row: Row, part: str, root: Path) -> Item:
    if "answer" not in row.cells:
        raise row.fault("no answer: this is the file without credentials; build the whole one or download it")
    semantic = row.text("semantic_type")
    if semantic not in _TYPES:
        raise row.fault(f"semantic_type {semantic!r}, expected one of {', '.join(_TYPES)}")
    name = row.text("image_id")
    dialogue = asked(
        f"{part}-{row.text('idx')}", row.text("question"), _SEPARATOR.join(map(str, row.items("answer"))),
        images=(name,), answer_type=_TYPES[semantic],
        source=f"mimic_cxr_vqa/{semantic}/{row.text('content_type')}",
    )  # fmt: skip
    return Item(
        part=part, path=first_of([root / folder for folder in _FOLDERS], row.text("image_path")), dialogue=dialogue,
        name=name, patient=row.text("subject_id"),
    )  # fmt: skip


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name, modality="DX", body_part="CHEST")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the three files with all semantic types; one list is empty and one has two answers."""
    root = root.absolute()
    parts = part_of(corpus)
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _FILES}
    number = 0
    for place, study in identity(corpus):
        subject = str(_FIRST_PATIENT + place)
        name = digest("virtual image", place, length=40)
        path = f"p{subject[:2]}/p{subject}/s{subject}/{name}.jpg"
        save_picture(corpus, study, root / "files" / path, mode="L")
        for question in asked_of(study):
            part = parts[study.id]
            rows[part].append(_row(question, part, number) | {
                "image_id": name, "subject_id": subject, "study_id": subject, "image_path": path,
            })  # fmt: skip
            number += 1
    for found in rows.values():
        if len(found) > 2:
            found[-1] |= {"semantic_type": "query", "answer": []}
            found[-2] |= {"semantic_type": "query", "answer": ["left lung", "right lung"]}
    for part, name in _FILES.items():
        write_json(root / "dataset" / name, rows[part])
    items: Iterable[Item] = (_item(Row(row, "row"), part, root) for part, table in rows.items() for row in table)
    return list(by_picture(items, _described, virtual_origin(ABOUT)))


def _row(question: Asked, part: str, number: int) -> dict[str, Any]:
    semantic = "verify" if question.closed else "choose" if question.options else "query"
    return {
        "split": part, "idx": number, "question": question.question, "content_type": "presence",
        "semantic_type": semantic, "template": "", "template_program": "program_1", "template_arguments": {},
        "answer": [question.answer],
    }  # fmt: skip
