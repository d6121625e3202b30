"""PathVQA: 32,795 questions about 4,998 pictures of pathology, made by rules from captions of textbooks.

The release stores its tables as pickles, which are read without running them; the copy of the hub (Parquet, cleaned,
without picture names) is read too. An answer that the release's vocabulary lacks is empty in its table; it is taken
from the list beside it where that is there. Some pictures are CMYK. The twin's pictures are virtual tissue sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Image
from vesalius.data.releases.pictures import picture
from vesalius.data.releases.plain_pickle import dump_plain, load_plain
from vesalius.data.releases.questions import answer_kind, asked
from vesalius.data.releases.rows import Row
from vesalius.data.releases.studies import Item, by_picture, hub_files, hub_questions
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, part_of, save_picture
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write", "write_hub"]

ABOUT = About(
    title="PathVQA", slug="path_vqa", licence="MIT for the questions; pictures remain with their publishers",
    access="It is open: download pvqa.zip from its repository, or the Parquet files of the hub",
    home="https://github.com/UCSD-AI4H/PathVQA",
)  # fmt: skip
TWIN = Twin(preset="pathology", image_size=128, questions=5.0, families=QUESTION_FAMILIES)

_PARTS = ("train", "val", "test")
_HUB = {"train": "train", "val": "validation", "test": "test"}


def read(root: Path) -> Iterator[Sample]:
    """Yield one study for each picture, in "train", "val" or "test".

    A closed question is one whose answer type is "yes/no"; a picture's name is its id in the tables, and
    `Dialogue.source` is ``path_vqa/<question_type>``.
    """
    root = root.absolute()
    if hub_files(root) and not (root / "qas").exists():
        items = hub_questions(root, ABOUT)
    else:
        require_files(root, ["images", *(f"qas/{part}_vqa.pkl" for part in _PARTS)], ABOUT)
        tables = ((part, root / "qas" / f"{part}_vqa.pkl") for part in _PARTS)
        items = (item for part, path in tables for item in _items(path, load_plain(path), root, part))
    yield from by_picture(items, _described, provenance(root, ABOUT))


def _items(path: Path, rows: Any, root: Path, part: str) -> Iterator[Item]:
    if not isinstance(rows, list):
        raise DataError(f"{path}: a {type(rows).__name__}, expected a list of questions")
    answers = _answers(root / "qas" / part / f"{part}_qa.pkl")
    for number, cells in enumerate(rows, start=1):
        row = Row({}, f"{path}, item {number}").inside("question", cells)
        name, question = row.text("img_id"), row.text("sent")
        answer = next(iter(row.part("label").cells), None)
        dialogue = asked(
            row.text("question_id"), question, answer or answers.get((name, question), ""), images=(name,),
            answer_type=answer_kind(row.text("answer_type")), source=f"path_vqa/{row.optional('question_type')}",
        )  # fmt: skip
        yield Item(part=part, path=root / "images" / part / f"{name}.jpg", dialogue=dialogue, name=name)


def _answers(path: Path) -> dict[tuple[str, str], str]:
    """Read the answers in words by picture and question; nothing where the list is not there."""
    if not path.exists():
        return {}
    rows = [
        Row({}, f"{path}, item {number}").inside("row", cells) for number, cells in enumerate(load_plain(path), 1)
    ]
    return {(row.text("image"), row.text("question")): row.text("answer") for row in rows}


def _described(item: Item) -> Image | None:
    return picture(item.path, id=item.name)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the release's layout; the second picture is CMYK, and one answer is empty."""
    root = root.absolute()
    rows: dict[str, list[dict[str, Any]]] = {part: [] for part in _PARTS}
    parts = part_of(corpus)
    for number, study in identity(corpus):
        part = parts[study.id]
        name = f"{part}_9{number:04d}"
        path = root / "images" / part / f"{name}.jpg"
        save_picture(corpus, study, path, mode="CMYK" if number == 1 else "RGB")
        for place, question in enumerate(asked_of(study)):
            rows[part].append({
                "answer_type": "yes/no" if question.closed else "other", "img_id": name,
                "label": {question.answer: 1}, "question_id": 1_000_000_000 + number * 1000 + place,
                "question_type": question.question.split()[0].lower(), "sent": question.question,
            })  # fmt: skip
    if rows["train"]:
        rows["train"][-1]["label"] = {}
    for part, found in rows.items():
        path = root / "qas" / f"{part}_vqa.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dump_plain(found))
    items = (item for part in _PARTS for item in _items(Path(part), rows[part], root, part))
    return list(by_picture(items, _described, virtual_origin(ABOUT)))


def write_hub(samples: Iterable[Sample], root: Path) -> None:
    """Write studies in the form of the copy on the hub: Parquet with the columns image, question and answer."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for study, part in samples:
        for dialogue in study.dialogues if study.images else ():
            content = Path(study.images[0].path).read_bytes()
            tables.setdefault(part, []).append({
                "image": {"bytes": content, "path": None}, "question": dialogue.turns[0].text,
                "answer": dialogue.answer,
            })  # fmt: skip
    (root / "data").mkdir(parents=True, exist_ok=True)
    for part, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows), root / "data" / f"{_HUB[part]}-00000-of-00001.parquet")
