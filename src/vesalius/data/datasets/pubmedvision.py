"""PubMedVision: 1.3 million conversations about figures of articles, written by a model from their captions.

One row is one study; about a fifth have several pictures, and a few name pictures that the archives lack. The two
tables speak of the same figures. What a split must not part is the article, the number in the picture's name. The
twin's pictures are chest radiographs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vesalius.data.corpus import Corpus
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files, virtual_origin
from vesalius.data.records import Dialogue, Image, Provenance, Study, Text
from vesalius.data.releases.pictures import first_of, modality_of, picture, stem
from vesalius.data.releases.questions import conversation
from vesalius.data.releases.rows import Row, json_list
from vesalius.data.releases.twins import QUESTION_FAMILIES, asked_of, identity, save_picture, spoken, write_json
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="PubMedVision", slug="pubmedvision", licence="Apache-2.0, each figure under its article's licence",
    access="It is open: download the tables and images_*.zip from the hub and unpack them in one folder",
    home="https://huggingface.co/datasets/FreedomIntelligence/PubMedVision",
)  # fmt: skip
TWIN = Twin(preset="chest", image_size=128, questions=4.0, families=QUESTION_FAMILIES)

_TABLES = ("PubMedVision_Alignment_VQA.json", "PubMedVision_InstructionTuning_VQA.json")
_CAPTIONS = "PubMedVision_Original_Caption.json"
_FOLDERS = (".", "images")
"""The archives repeat the folder ``images`` inside."""
_ARTICLE = re.compile(r"^(.+_\d+)_\d+$")


def read(root: Path, *, captions: bool = False) -> Iterator[Sample]:
    """Yield one study a row, without a split; of the tables of conversations those that are there.

    `Dialogue.source` is ``pubmedvision/<the row's kind>``, such as "Alignment_VQA".

    Args:
        root: folder with the tables and ``images``.
        captions: the table of original captions instead.
    """
    root = root.absolute()
    names = [name for name in ((_CAPTIONS,) if captions else _TABLES) if (root / name).exists()]
    if not names:
        require_files(root, [_CAPTIONS] if captions else list(_TABLES), ABOUT)
    for name in names:
        yield from _samples(json_list(root / name), root, provenance(root, ABOUT))


def _samples(rows: Iterable[Row], root: Path, origin: Provenance) -> Iterator[Sample]:
    folders = [root / name for name in _FOLDERS]
    for number, row in enumerate(rows):
        files = [row.text("image")] if isinstance(row.cells.get("image"), str) else list(map(str, row.items("image")))
        if not files:
            raise row.fault("it names no picture; expected a list of paths")
        images = tuple(image for file in files if (image := _image(row, file, folders)))
        name = row.optional("id") or f"Original_Caption_{number}"
        study = Study(
            id=name, patient=_article(files[0]), images=images, provenance=origin,
            texts=_texts(row), dialogues=(_dialogue(row, name, files),) if row.has("conversations") else (),
        )  # fmt: skip
        yield Sample(study, "")


def _image(row: Row, file: str, folders: list[Path]) -> Image | None:
    words = row.optional("modality")
    return picture(
        first_of(folders, file), id=stem(file), modality=modality_of(words) if words else "", sequence=words,
        body_part=row.optional("body_part"),
    )  # fmt: skip


def _texts(row: Row) -> tuple[Text, ...]:
    found = [Text(text=row.optional("caption"), role="caption"), Text(text=row.optional("context"), role="note")]
    return tuple(text for text in found if text.text)


def _dialogue(row: Row, name: str, files: list[str]) -> Dialogue:
    turns = [(turn.text("from"), turn.text("value")) for turn in row.parts("conversations")]
    try:
        kind = name.rpartition("_")[0]
        return conversation(name, turns, images=[stem(file) for file in files], source=f"pubmedvision/{kind}")
    except DataError as error:
        raise row.fault(str(error)) from None


def _article(file: str) -> str:
    found = _ARTICLE.match(stem(file))
    return found[1] if found else stem(file)


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write the three tables; one row has two pictures and one names a picture that is not there."""
    root = root.absolute()
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in (*_TABLES, _CAPTIONS)}
    previous: list[str] = []
    for number, study in identity(corpus):
        file = f"images/pmc_9{number // 2:06d}_{number % 2}.jpg"
        if number != 2:
            save_picture(corpus, study, root / "images" / file)
        files = [*previous, file] if number % 2 and number < 2 else [file]
        previous = [file]
        facts = {"image": files, "modality": "Digital Radiography", "body_part": "Chest"}
        turns = [("Describe what is shown.", spoken(study))]
        tables[_TABLES[0]].append({"id": f"Alignment_VQA_{number}", **facts, "conversations": _turns(turns)})
        questions = [(asked.question, asked.answer) for asked in asked_of(study)] or turns
        tables[_TABLES[1]].append(
            {"id": f"InstructionTuning_VQA_{number}", **facts, "conversations": _turns(questions)}
        )
        tables[_CAPTIONS].append({"image": files, "caption": spoken(study)})
    for name, rows in tables.items():
        write_json(root / name, rows)
    found = [Row(row, "row") for name in _TABLES for row in tables[name]]
    return list(_samples(found, root, virtual_origin(ABOUT)))


def _turns(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"from": name, "value": text} for pair in pairs for name, text in zip(("human", "gpt"), pair, strict=True)
    ]
